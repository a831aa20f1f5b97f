package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/reugn/go-streams"
	"github.com/reugn/go-streams/extension"
	"github.com/reugn/go-streams/flow"
)

// event is what windows/event.ts makes, from the same sequence of numbers.
type event struct {
	ID     string `json:"id"`
	User   string `json:"user"`
	Amount int64  `json:"amount"`
	Ts     int64  `json:"ts"`
	Type   string `json:"type"`
	Region string `json:"region"`
	Device string `json:"device"`
	Note   string `json:"note"`
}

const (
	minuteMs   = 60_000
	disorderMs = 5_000
	users      = 10_000
	startMs    = 1_700_000_040_000
)

func events(size int) []event {
	state := uint32(2_463_534_242)
	random := func(bound uint32) uint32 {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		return state % bound
	}
	all := make([]event, size)
	for i := range all {
		user := random(users)
		amount := int64(1 + random(10_000))
		ts := startMs + int64(i)*5/2 - int64(random(disorderMs))
		kind := "purchase"
		if random(10) == 0 {
			kind = "heartbeat"
		}
		all[i] = event{fmt.Sprintf("event-%010d", i), fmt.Sprintf("user-%06d", user), amount, ts, kind, "eu-central", "a1b2c3d4e5f6",
			"a line of free text that nobody reads but that has to be parsed all the same"}
	}
	return all
}

type sums struct{ count, sum int64 }

type result struct {
	key        string
	start      int64
	count, sum int64
}

// tumblingState is the hand-written window function: the windows of go-streams follow the wall clock and are not keyed.
type tumblingState struct {
	windows   map[int64]map[string]*sums
	watermark int64
}

func (s *tumblingState) add(e event) []result {
	start := e.Ts - e.Ts%minuteMs
	window := s.windows[start]
	if window == nil {
		window = map[string]*sums{}
		s.windows[start] = window
	}
	held := window[e.User]
	if held == nil {
		held = &sums{}
		window[e.User] = held
	}
	held.count++
	held.sum += e.Amount
	watermark := e.Ts - disorderMs - 1
	if watermark <= s.watermark {
		return nil
	}
	before := (s.watermark + 1) / minuteMs
	s.watermark = watermark
	if (watermark+1)/minuteMs == before {
		return nil
	}
	return s.fire(watermark)
}

func (s *tumblingState) fire(watermark int64) []result {
	var results []result
	for start, window := range s.windows {
		if watermark < start+minuteMs-1 {
			continue
		}
		for key, held := range window {
			results = append(results, result{key, start, held.count, held.sum})
		}
		delete(s.windows, start)
	}
	return results
}

func tumblingWindows(parse bool) workload {
	return func(size int) func() outcome {
		all := events(size)
		lines := make([]any, size)
		for i, e := range all {
			if !parse {
				lines[i] = e
				continue
			}
			line, err := json.Marshal(e)
			if err != nil {
				fail(err)
			}
			lines[i] = line
		}
		return func() outcome { return runTumbling(lines, parse) }
	}
}

func runTumbling(values []any, parse bool) outcome {
	in := make(chan any)
	go func() {
		for _, value := range values {
			in <- value
		}
		close(in)
	}()
	var parsed streams.Flow
	if parse {
		parsed = extension.NewChanSource(in).Via(one(parseEvent))
	} else {
		parsed = extension.NewChanSource(in).Via(flow.NewPassThrough())
	}
	state := tumblingState{map[int64]map[string]*sums{}, math.MinInt64 / 2}
	stream := parsed.
		Via(flow.NewFilter(func(e event) bool { return e.Type == "purchase" }, 1)).
		Via(flow.NewFlatMap(state.add, 1))
	var checksum int64
	add := func(r result) {
		user, _ := strconv.ParseInt(r.key[5:], 10, 64)
		checksum += user*31 + (r.start/minuteMs-startMs/minuteMs+10)*7 + r.count*13 + r.sum
	}
	each(stream, add)
	for _, r := range state.fire(math.MaxInt64) {
		add(r)
	}
	return outcome{checksum: checksum}
}

func parseEvent(line []byte) event {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		fail(err)
	}
	return e
}
