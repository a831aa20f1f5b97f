module millrace-benchmarks

go 1.22

require github.com/reugn/go-streams v0.13.0
