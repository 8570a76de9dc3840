package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Run puts the target under the load of c, phase by phase, and writes what
// happened to out as it goes. The error says that the load could not be made: a
// bad Config, a target that does not answer, a phase without the data it needs.
// What the server did wrong is in Report.Problems.
//
// When ctx ends, the phase in progress is cut short and the report is about what
// was done.
func Run(ctx context.Context, c Config, out io.Writer) (Report, error) {
	if err := c.Validate(); err != nil {
		return Report{}, err
	}
	s := newSession(c)
	defer s.client.http.CloseIdleConnections()
	before, err := s.holdings(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("%s does not answer as a linkloop: %w", s.client.base, err)
	}
	if c.Ops != "" {
		m, err := scrape(ctx, c.Ops)
		if err != nil {
			return Report{}, err
		}
		before.Deliveries = m.deliveries()
	}
	if c.Record != nil {
		before.Outcomes = int64(c.Record.Tally().Creating)
	}
	rep := Report{Target: s.client.base, Run: s.write.run, Before: before}
	p := printer{out}
	p.head(rep)
	for _, ph := range c.Phases {
		if ctx.Err() != nil {
			break
		}
		work, err := s.work(ctx, ph.Work)
		if err != nil {
			return rep, fmt.Errorf("phase %s: %w", ph, err)
		}
		res := runPhase(ctx, ph, probe{c.PID, c.Ops}, work)
		rep.Phases = append(rep.Phases, res)
		p.phase(res)
	}
	rep.Primed = int(s.primedAccepted.Load())
	rep.Completed, rep.Doubtful = s.completed.Load(), s.doubtful.Load()
	if c.Ops != "" {
		if err := rep.settle(context.WithoutCancel(ctx), c); err != nil {
			return rep, err
		}
	}
	// The counts are asked for even when ctx has ended: they are the proof. By now
	// nothing changes any more: what becomes of an outcome is written on its Task,
	// and a Task that changed between the parts of a count would count twice.
	last, cancel := soon(context.WithoutCancel(ctx))
	defer cancel()
	held, err := s.holdings(last)
	if err != nil {
		return rep, fmt.Errorf("the server does not say what it holds after the load: %w", err)
	}
	rep.After.Tasks, rep.After.Requests = held.Tasks, held.Requests
	rep.reconcile()
	p.end(rep)
	return rep, p.err()
}

// cutOff is the kind of a message that we gave up waiting for when the run was
// ended. It may have been taken, and is nothing the server did wrong.
const cutOff = "cut off"

// holdings asks what the server holds. It fails when it answers otherwise than
// a FHIR server does.
func (s *session) holdings(ctx context.Context) (Holdings, error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	var h Holdings
	var err error
	if h.Tasks, err = s.client.count(ctx, "Task"); err != nil {
		return h, err
	}
	h.Requests, err = s.client.count(ctx, "ServiceRequest")
	return h, err
}

// collector gathers the results of concurrent requests. One lock for all is
// cheap next to a request.
type collector struct {
	mu  sync.Mutex
	res *PhaseResult
}

func (c *collector) add(v verdict, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.res.add(v, took)
	if v.work == "" {
		return
	}
	part := c.res.Parts[v.work]
	if part == nil {
		part = newResult(Phase{Work: v.work})
		c.res.Parts[v.work] = part
	}
	part.add(v, took)
}

// runPhase does the work of a phase and measures it.
func runPhase(ctx context.Context, p Phase, look probe, do task) *PhaseResult {
	res := newResult(p)
	samples := look.watch(ctx, p.Duration)
	before, err := usageOf(look.pid)
	start := time.Now()
	sch := schedule{start: start, end: start.Add(p.Duration), rate: p.Rate}
	col := &collector{res: res}
	var wg sync.WaitGroup
	for range p.Clients {
		wg.Go(func() { sch.work(ctx, do, col) })
	}
	wg.Wait()
	res.Elapsed = time.Since(start)
	if p.Rate > 0 && ctx.Err() == nil && !sch.exhausted.Load() {
		res.NotSent = max(0, sch.total()-int(res.Latency.Count()))
	}
	res.Exhausted = sch.exhausted.Load()
	res.Samples = samples()
	for _, part := range res.Parts {
		part.Elapsed = res.Elapsed
	}
	if after, errAfter := usageOf(look.pid); look.pid > 0 && err == nil && errAfter == nil {
		res.CPU, res.RSS, res.Peak = after.CPU-before.CPU, after.RSS, after.Peak
	}
	return res
}

// schedule says when requests are due.
type schedule struct {
	start, end time.Time
	rate       float64 // 0: as soon as a client is free
	next       atomic.Int64
	exhausted  atomic.Bool
}

// total is the number of requests that are due in an open-loop phase.
func (s *schedule) total() int {
	return int(math.Ceil(s.rate * s.end.Sub(s.start).Seconds()))
}

// grace is how long after its end a phase still sends what was due before. What
// is left then is reported as not sent, so that a server that cannot keep up
// does not hold the phase open for ever.
const grace = 5 * time.Second

// work is one client or one place among the requests in flight.
func (s *schedule) work(ctx context.Context, do task, col *collector) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil && !s.exhausted.Load() {
		i := int(s.next.Add(1) - 1)
		due := time.Now()
		if s.rate > 0 {
			if i >= s.total() || time.Since(s.end) > grace {
				return
			}
			due = s.start.Add(time.Duration(float64(i) / s.rate * float64(time.Second)))
			if wait := time.Until(due); wait > 0 {
				timer.Reset(wait)
				select {
				case <-timer.C:
				case <-ctx.Done():
					return
				}
			}
		} else if !due.Before(s.end) {
			return
		}
		v := do(ctx, i)
		switch {
		case v.class == exhausted:
			s.exhausted.Store(true)
			return
		case ctx.Err() != nil && v.class == failed:
			return // cut off by us, not by the server
		case ctx.Err() != nil && v.class == unknown:
			v.kind = cutOff
		}
		col.add(v, time.Since(due))
	}
}

// Ready waits until the operations port of a server says that it serves, asking
// again every few milliseconds. It returns the last refusal when ctx ends first.
func Ready(ctx context.Context, ops string) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	last := errors.New("never asked")
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, ops+"/readyz", nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			last = errors.New(statusKind(res.StatusCode))
		} else if ctx.Err() == nil {
			last = plain(err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", last)
		}
	}
}
