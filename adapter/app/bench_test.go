package app_test

import (
	"context"
	"flag"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The benchmarks of the server as a whole: requests over loopback HTTP with
// keep-alive, answers from disk. Clients and server share the processors, so
// that rates are below what load shows for the server alone; profiles tell them
// apart.

// benchReferrals is how many referrals there are before link workers begin.
var benchReferrals = flag.Int("referrals", 10_000, "referrals in the store in BenchmarkFilled")

// fill takes referrals in without HTTP, with many at once in each commit.
func (s *site) fill(m *messages, n int) {
	s.tb.Helper()
	var wg sync.WaitGroup
	work := make(chan struct{})
	for range 64 {
		wg.Go(func() {
			for range work {
				res, err := s.app.Accept(context.Background(), "hl7v2-ref", m.hl7())
				if err != nil || res.Kind != "accepted" {
					s.tb.Errorf("a referral ended as %q", res.Kind)
				}
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	if s.tb.Failed() {
		s.tb.FailNow()
	}
}

// processorTime is what this process has used, clients included.
func processorTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measure(b *testing.B, s *site, clients int, request func(l *line, i int) error) {
	b.ReportAllocs()
	b.ResetTimer()
	before, held := processorTime(b), s.app.Stats()
	t := s.drive(clients, b.N, request)
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
	if now := s.app.Stats(); now.Commits-held.Commits > int64(b.N/100) {
		b.ReportMetric(float64(now.Decisions-held.Decisions)/float64(now.Commits-held.Commits), "decisions/commit")
	}
	b.ReportMetric(t.rate, "req/s")
	b.ReportMetric(float64(t.p50.Microseconds()), "p50-us")
	b.ReportMetric(float64(t.p99.Microseconds()), "p99-us")
}

// BenchmarkIntakeHL7 takes referrals of 1.3 kB in, 16 clients.
func BenchmarkIntakeHL7(b *testing.B) {
	s, m := startSite(b, b.TempDir()), &messages{}
	defer s.stop()
	measure(b, s, 16, m.sendHL7)
}

// BenchmarkIntakeJSON does the same with JSON documents.
func BenchmarkIntakeJSON(b *testing.B) {
	s, m := startSite(b, b.TempDir()), &messages{}
	defer s.stop()
	measure(b, s, 16, m.sendJSON)
}

// BenchmarkFilled measures what link workers do, with -referrals in the store,
// each a Task of one of 200 services: every worklist has more than a page.
func BenchmarkFilled(b *testing.B) {
	s := startSite(b, b.TempDir())
	defer s.stop()
	s.fill(&messages{}, *benchReferrals)
	s.meet()
	all := s.tasks(min(*benchReferrals, 20_000))
	for _, c := range []struct {
		name    string
		clients int
		request func(l *line, i int) error
	}{
		{"WorklistSearch", 8, s.worklist},
		{"WorklistSearchAlone", 1, s.worklist},
		{"Read", 8, readOne(all)},
		{"TaskCreate", 8, createLike(all[:1000])},
	} {
		b.Run(c.name, func(b *testing.B) {
			measure(b, s, c.clients, c.request)
			b.ReportMetric(float64(s.app.Stats().DataBytes)/float64(*benchReferrals), "bytes/referral")
		})
	}
	b.Run("TaskUpdate", func(b *testing.B) { measure(b, s, 8, updateOne(s.tasks(b.N))) })
}
