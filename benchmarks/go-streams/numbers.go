package main

import (
	"time"

	"github.com/reugn/go-streams"
	"github.com/reugn/go-streams/extension"
	"github.com/reugn/go-streams/flow"
)

// source sends the whole numbers from `first` in steps, as a channel source of go-streams.
func source(first, step, size int) streams.Source {
	in := make(chan any)
	go func() {
		for i := first; i < size; i += step {
			in <- i
		}
		close(in)
	}()
	return extension.NewChanSource(in)
}

// each calls fn with every value until the flow ends.
func each[T any](from streams.Flow, fn func(T)) {
	for value := range from.Out() {
		fn(value.(T))
	}
}

func one[T, R any](fn func(T) R) streams.Flow { return flow.NewMap(fn, 1) }

func sum(from streams.Flow) int64 {
	var total int64
	each(from, func(value int) { total += int64(value) })
	return total
}

func mapFilterReduce(size int) func() outcome {
	return func() outcome {
		stream := source(0, 1, size).
			Via(one(func(v int) int { return v + 1 })).
			Via(flow.NewFilter(func(v int) bool { return v%3 != 0 }, 1)).
			Via(one(func(v int) int { return v * 2 }))
		return outcome{checksum: sum(stream)}
	}
}

func twentyMaps(size int) func() outcome {
	return func() outcome {
		stream := source(0, 1, size).Via(one(steps[0]))
		for _, step := range steps[1:] {
			stream = stream.Via(one(step))
		}
		return outcome{checksum: sum(stream)}
	}
}

// The steps of w2-twenty-maps/input.ts.
var steps = []func(int) int{
	func(v int) int { return v + 1 },
	func(v int) int { return v - 1 },
	func(v int) int { return (v & 0xffffff) + 3 },
	func(v int) int { return v ^ 4 },
	func(v int) int { return v + 5 },
	func(v int) int { return v - 3 },
	func(v int) int { return (v & 0xffffff) + 7 },
	func(v int) int { return v ^ 8 },
	func(v int) int { return v + 9 },
	func(v int) int { return v - 5 },
	func(v int) int { return (v & 0xffffff) + 11 },
	func(v int) int { return v ^ 12 },
	func(v int) int { return v + 13 },
	func(v int) int { return v - 7 },
	func(v int) int { return (v & 0xffffff) + 15 },
	func(v int) int { return v ^ 16 },
	func(v int) int { return v + 17 },
	func(v int) int { return v - 9 },
	func(v int) int { return (v & 0xffffff) + 19 },
	func(v int) int { return v ^ 20 },
}

const batchSize = 100

func flatMapBatch(size int) func() outcome {
	return func() outcome {
		stream := source(0, 1, size).
			Via(flow.NewFlatMap(func(v int) []int { return []int{v, v + 1} }, 1)).
			Via(flow.NewBatch[int](batchSize, time.Minute)).
			Via(one(func(batch []int) int {
				total := 0
				for _, v := range batch {
					total += v
				}
				return total
			}))
		var hash int32
		each(stream, func(sum int) { hash = hash*31 + int32(sum) })
		return outcome{checksum: int64(hash)}
	}
}

const concurrency = 64

// asyncMap waits for `delay` in each call, 64 of them at a time.
func asyncMap(delay time.Duration) workload {
	return func(size int) func() outcome {
		return func() outcome {
			stream := source(0, 1, size).Via(flow.NewMap(func(v int) int {
				if delay > 0 {
					time.Sleep(delay)
				}
				return v + 1
			}, concurrency))
			return outcome{checksum: sum(stream)}
		}
	}
}

const inputs = 4

func mergeFanOut(size int) func() outcome {
	return func() outcome {
		var sources []streams.Flow
		for i := 0; i < inputs; i++ {
			sources = append(sources, source(i, inputs, size).Via(flow.NewPassThrough()))
		}
		branches := []func(int) int{
			func(v int) int { return v + 1 },
			func(v int) int { return v * 2 },
			func(v int) int { return v ^ 0x55 },
		}
		outs := flow.FanOut(flow.Merge(sources...), len(branches))
		sums := make([]chan int64, len(branches))
		for i, branch := range branches {
			sums[i] = make(chan int64, 1)
			go func() { sums[i] <- sum(outs[i].Via(one(branch))) }()
		}
		var total int64
		for i := range sums {
			total += <-sums[i] * int64(i+1)
		}
		return outcome{checksum: total}
	}
}
