package sqlite_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// filed opens a store of n referrals.
func filed(b *testing.B, n int) (s *sqlite.Store, place string) {
	place = b.TempDir()
	s = open(b, sqlite.Config{Path: place})
	rng := rand.New(rand.NewPCG(9, 9))
	for i := 0; i < n; {
		if err := s.Decide(context.Background(), func(tx store.Tx) error {
			for end := min(i+50, n); i < end; i++ {
				if err := newReferral(rng).file(tx); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return s, place
}

// beside files referrals, one after another, until stop; the times are those of
// the decisions.
func beside(b *testing.B, s *sqlite.Store, callers int, stop chan struct{}) (times func() []time.Duration) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for w := range callers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(10, uint64(w)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := newReferral(rng)
				began := time.Now()
				if err := s.Decide(context.Background(), r.file); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return func() []time.Duration {
		wg.Wait()
		slices.Sort(took)
		return took
	}
}

func reportTimes(b *testing.B, took []time.Duration) {
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "beside-p50-us")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "beside-p99-us")
		b.ReportMetric(float64(took[len(took)-1].Microseconds()), "beside-max-us")
	}
}

// BenchmarkBackup copies 10,000 referrals beside two callers that go on: with
// all that Backup does, and, to compare, what VACUUM INTO alone takes.
func BenchmarkBackup(b *testing.B) {
	for _, c := range []struct {
		name string
		run  func(s *sqlite.Store, folder string) error
	}{
		{"backup", func(s *sqlite.Store, folder string) error { return s.Backup(context.Background(), folder) }},
		{"vacuum-into", func(s *sqlite.Store, folder string) error { return s.VacuumInto(folder) }},
		{"nothing", func(*sqlite.Store, string) error { time.Sleep(2 * time.Second); return nil }},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, _ := filed(b, 10_000)
			defer s.Close()
			size := s.Stats().DataBytes
			stop := make(chan struct{})
			times := beside(b, s, 2, stop)
			b.ResetTimer()
			for range b.N {
				if err := c.run(s, filepath.Join(b.TempDir(), "backup")); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			close(stop)
			reportTimes(b, times())
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds()/(1<<20), "MB/s")
			b.ReportMetric(float64(s.Stats().LogBytes)/(1<<20), "wal-MB")
		})
	}
}

// BenchmarkPrune removes the messages and the audit of 10,000 referrals beside
// two callers that go on, with the pause between steps that the app makes.
func BenchmarkPrune(b *testing.B) {
	for range b.N {
		s, _ := filed(b, 10_000)
		old := time.Now()
		stop := make(chan struct{})
		times := beside(b, s, 2, stop)
		b.ResetTimer()
		removed, steps := 0, 0
		for more := true; more; steps++ {
			began := time.Now()
			n, again, err := s.Prune(context.Background(), store.Retention{Messages: old, Audit: old, Deliveries: old, History: old})
			if err != nil {
				b.Fatal(err)
			}
			removed, more = removed+n, again
			time.Sleep(time.Since(began))
		}
		b.StopTimer()
		close(stop)
		reportTimes(b, times())
		b.ReportMetric(float64(removed)/b.Elapsed().Seconds(), "rows/s")
		b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(steps), "step-us")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
