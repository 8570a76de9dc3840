package load

import (
	"context"
	"os"
	"strconv"
	"sync"
	"time"
)

// probe looks at the server while a phase runs. The zero value sees nothing.
type probe struct {
	pid int    // 0: the process is not looked at
	ops string // empty: the metrics are not asked for
}

// Sample is what the server used at one moment. What was not measured is 0.
type Sample struct {
	At         time.Duration // since the phase began
	RSS        int64         // resident memory in bytes
	Files      int           // open file descriptors
	Threads    int
	Goroutines int
	Log        int64 // write-ahead log in bytes
	Waiting    int   // decisions that wait for the store
}

// Samples are taken at the same distances over a phase: a few, however long it
// is, and never so often that looking is part of the load.
const (
	samplesInPhase = 120
	sampleOften    = 250 * time.Millisecond
	sampleSeldom   = 5 * time.Second
)

// watch takes samples until the function it returns is called, which returns
// them.
func (p probe) watch(ctx context.Context, phase time.Duration) (end func() []Sample) {
	if p.pid == 0 && p.ops == "" {
		return func() []Sample { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	var out []Sample
	var wg sync.WaitGroup
	begun := time.Now()
	wg.Go(func() {
		tick := time.NewTicker(min(max(phase/samplesInPhase, sampleOften), sampleSeldom))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				out = append(out, p.sample(ctx, time.Since(begun)))
			}
		}
	})
	return func() []Sample {
		cancel()
		wg.Wait()
		return out
	}
}

// sample looks once. What cannot be seen stays 0: the process may be on another
// machine, or this system may have no /proc.
func (p probe) sample(ctx context.Context, at time.Duration) Sample {
	s := Sample{At: at}
	if p.pid > 0 {
		dir := "/proc/" + strconv.Itoa(p.pid)
		if b, err := os.ReadFile(dir + "/status"); err == nil {
			s.RSS, s.Threads = statusSize(b, "VmRSS:"), statusNumber(b, "Threads:")
		}
		if files, err := os.ReadDir(dir + "/fd"); err == nil {
			s.Files = len(files)
		}
	}
	if p.ops != "" {
		if m, err := scrape(ctx, p.ops); err == nil {
			s.Goroutines = int(m["go_goroutines"])
			s.Log = int64(m["linkloop_store_wal_bytes"])
			s.Waiting = int(m["linkloop_store_waiting"])
		}
	}
	return s
}

// Resource is one thing of which samples were taken.
type Resource struct {
	Name        string
	First, Last float64 // mean of the first and of the last third
	Highest     float64
}

// resources compares the beginning of a phase with its end, so that what grows
// is seen; nil when there are too few samples.
func resources(samples []Sample) []Resource {
	if len(samples) < 6 {
		return nil
	}
	third := len(samples) / 3
	var out []Resource
	for _, x := range []struct {
		name string
		of   func(Sample) float64
	}{
		{"memory MB", func(s Sample) float64 { return float64(s.RSS) / 1e6 }},
		{"open files", func(s Sample) float64 { return float64(s.Files) }},
		{"threads", func(s Sample) float64 { return float64(s.Threads) }},
		{"goroutines", func(s Sample) float64 { return float64(s.Goroutines) }},
		{"log MB", func(s Sample) float64 { return float64(s.Log) / 1e6 }},
		{"waiting decisions", func(s Sample) float64 { return float64(s.Waiting) }},
	} {
		r := Resource{Name: x.name}
		for i, s := range samples {
			v := x.of(s)
			r.Highest = max(r.Highest, v)
			if i < third {
				r.First += v / float64(third)
			}
			if i >= len(samples)-third {
				r.Last += v / float64(third)
			}
		}
		if r.Highest > 0 {
			out = append(out, r)
		}
	}
	return out
}
