// Runs one workload on go-streams, told and answering as child.ts does: a task as JSON in the first argument, a report as JSON on
// the last line.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

type task struct {
	Workload   string  `json:"workload"`
	Size       int     `json:"size"`
	LeastCPUMs float64 `json:"leastCpuMs"`
}

type report struct {
	Checksum int64              `json:"checksum"`
	Rate     float64            `json:"rate"`
	Figures  map[string]float64 `json:"figures,omitempty"`
}

// outcome is what one run gives: a checksum, and latencies where the workload measures them.
type outcome struct {
	checksum int64
	figures  map[string]float64
}

// workload makes the input of a run, outside of the measured time, and returns the run.
type workload func(size int) func() outcome

var workloads = map[string]workload{
	"W1":      mapFilterReduce,
	"W2":      twentyMaps,
	"W3":      flatMapBatch,
	"W4micro": asyncMap(0),
	"W4timer": asyncMap(time.Millisecond),
	"W5":      tumblingWindows(true),
	"W5p":     tumblingWindows(false),
	"W7":      mergeFanOut,
	"W9":      latency,
}

const (
	warmUps    = 2
	warmUpPart = 5
)

func main() {
	var t task
	if err := json.Unmarshal([]byte(os.Args[1]), &t); err != nil {
		fail(err)
	}
	prepare, ok := workloads[t.Workload]
	if !ok {
		fail(fmt.Errorf("no workload %s", t.Workload))
	}
	for i := 0; i < warmUps; i++ {
		prepare(t.Size / warmUpPart)()
	}
	run := prepare(t.Size)
	runtime.GC()
	before := cpuMs()
	var result outcome
	runs, spent := 0, 0.0
	for {
		result = run()
		runs++
		spent = cpuMs() - before
		if spent >= t.LeastCPUMs {
			break
		}
	}
	rate := float64(t.Size*runs) / (spent / 1000)
	line, err := json.Marshal(report{result.checksum, rate, result.figures})
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

// cpuMs is the CPU time of all threads of this process.
func cpuMs() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	ms := func(t syscall.Timeval) float64 { return float64(t.Sec)*1000 + float64(t.Usec)/1000 }
	return ms(usage.Utime) + ms(usage.Stime)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
