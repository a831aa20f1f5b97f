package main

import (
	"slices"
	"time"

	"github.com/reugn/go-streams/extension"
	"github.com/reugn/go-streams/flow"
)

// latency sends values one at a time through five stages, the next when the last has arrived.
func latency(size int) func() outcome {
	return func() outcome {
		in := make(chan any)
		stream := extension.NewChanSource(in).
			Via(one(func(v int) int { return v + 1 })).
			Via(flow.NewFilter(func(v int) bool { return v > 0 }, 1)).
			Via(one(func(v int) int { return v * 2 })).
			Via(flow.NewFilter(func(v int) bool { return v%2 == 0 }, 1)).
			Via(one(func(v int) int { return v / 2 }))
		times := make([]time.Duration, size)
		var checksum int64
		for i := range times {
			sent := time.Now()
			in <- i
			value := <-stream.Out()
			times[i] = time.Since(sent)
			checksum += int64(value.(int))
		}
		close(in)
		slices.Sort(times)
		us := func(q float64) float64 { return float64(times[int(float64(size-1)*q)].Nanoseconds()) / 1000 }
		return outcome{checksum, map[string]float64{"p50us": us(0.5), "p99us": us(0.99)}}
	}
}
