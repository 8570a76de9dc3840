package load

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
)

// Fairness says how much a greedy sender is let loose beside modest ones. All
// send HL7 referrals.
type Fairness struct {
	Modest int     // how many others there are
	Rate   float64 // the share of each sender, per second
	Factor float64 // how many times its share the greedy one sends, and has connections
	Each   time.Duration
}

// DefaultFairness is one of eight senders at fifty times its share.
func DefaultFairness() Fairness {
	return Fairness{Modest: 7, Rate: 40, Factor: 50, Each: 20 * time.Second}
}

// Names of the senders in /intake/{sender}.
const (
	modestSender = "modest-"
	greedySender = "greedy"
)

// Env are the settings of a server that knows the senders.
func (f Fairness) Env() []string {
	senders := fmt.Sprintf("{name: %s, mapping: hl7v2-ref}", greedySender)
	for i := range f.Modest {
		senders += fmt.Sprintf(", {name: %s%d, mapping: hl7v2-ref}", modestSender, i+1)
	}
	return []string{"LINKLOOP_SENDERS=[" + senders + "]"}
}

// shareConnections is how many connections a sender within its share is taken
// to have; a greedy one has Factor times as many.
const shareConnections = 4

// Contest is what the modest senders saw together beside the greedy one.
type Contest struct {
	Modest, Greedy *PhaseResult
}

// FairnessReport is what a greedy sender cost the others.
type FairnessReport struct {
	Fair     Contest   // the greedy one within its share
	Contests []Contest // above it: at a rate, then with many connections
	Problems []string  // what does not add up, or was refused to the modest ones
}

// Ratio is the 99th percentile of the modest senders in a contest by that when
// all kept to their share.
func (r FairnessReport) Ratio(c Contest) float64 {
	fair := r.Fair.Modest.Latency.Quantile(.99)
	if fair <= 0 {
		return 0
	}
	return float64(c.Modest.Latency.Quantile(.99)) / float64(fair)
}

// RunFairness measures what a sender far above its share costs the others. The
// target of c must know the senders. What is refused to the greedy one is as it
// should be; what it was told was accepted must be there all the same. The error
// says that the load could not be made.
func RunFairness(ctx context.Context, c Config, f Fairness, out io.Writer) (FairnessReport, error) {
	modestly := Phase{Work: HL7, Rate: f.Rate * float64(f.Modest), Clients: openClients, Duration: f.Each}
	greed := []Phase{
		{Work: HL7, Rate: f.Rate, Clients: openClients, Duration: f.Each},
		{Work: HL7, Rate: f.Rate * f.Factor, Clients: openClients, Duration: f.Each},
		{Work: HL7, Clients: int(shareConnections * f.Factor), Duration: f.Each},
	}
	c.Phases = append([]Phase{modestly}, greed...)
	if err := c.Validate(); err != nil {
		return FairnessReport{}, err
	}
	greedy := c
	greedy.HL7Sender = greedySender
	greedy.Seed++
	m, g := newSession(c), newSession(greedy)
	g.write.run += "g"
	defer m.client.http.CloseIdleConnections()
	defer g.client.http.CloseIdleConnections()
	before, err := m.holdings(ctx)
	if err != nil {
		return FairnessReport{}, fmt.Errorf("%s does not answer as a linkloop: %w", m.client.base, err)
	}
	p := printer{out}
	p.head(Report{Target: m.client.base, Run: m.write.run})
	contest := func(phase Phase) (x Contest) {
		var wg sync.WaitGroup
		wg.Go(func() { x.Greedy = runPhase(ctx, phase, probe{}, g.sendHL7) })
		wg.Go(func() { x.Modest = runPhase(ctx, modestly, probe{c.PID, ""}, m.sendInTurn(f.Modest)) })
		wg.Wait()
		p.row("modest", x.Modest)
		p.row("greedy "+phase.String(), x.Greedy)
		return x
	}
	r := FairnessReport{Fair: contest(greed[0])}
	for _, phase := range greed[1:] {
		x := contest(phase)
		r.Contests = append(r.Contests, x)
		p.printf("  the modest ones' p99 is %s ms when all keep to their share, and %s ms now: %.1f times\n",
			ms(r.Fair.Modest.Latency.Quantile(.99)), ms(x.Modest.Latency.Quantile(.99)), r.Ratio(x))
	}
	last, cancel := soon(context.WithoutCancel(ctx))
	defer cancel()
	after, err := m.holdings(last)
	if err != nil {
		return r, fmt.Errorf("the server does not say what it holds after the load: %w", err)
	}
	r.reconcile(before, after)
	for _, s := range r.Problems {
		p.printf("PROBLEM %s\n", s)
	}
	return r, p.err()
}

// sendInTurn sends new referrals as one modest sender after the other.
func (s *session) sendInTurn(senders int) task {
	return func(ctx context.Context, i int) verdict {
		sender := modestSender + strconv.Itoa(i%senders+1)
		return hl7Verdict(s.post(ctx, sender, typeHL7, s.write.hl7(int(s.nextHL7.Add(1)-1))))
	}
}

// reconcile holds the books against what both were told.
func (r *FairnessReport) reconcile(before, after Holdings) {
	var all []*PhaseResult
	for _, x := range append([]Contest{r.Fair}, r.Contests...) {
		all = append(all, x.Modest, x.Greedy)
		if n := x.Modest.Failed() + x.Modest.Refused() + x.Modest.NotSent; n > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%d requests of the modest senders were not served (%s)", n, x.Modest.kinds()))
		}
	}
	books := Report{Phases: all}
	low, high := int64(books.Sum((*PhaseResult).Accepted)), int64(books.Sum((*PhaseResult).Unknown))
	high += low
	for _, made := range []int64{after.Tasks - before.Tasks, after.Requests - before.Requests} {
		if made < low || made > high {
			r.Problems = append(r.Problems, fmt.Sprintf("LOST or DOUBLED: %d to %d referrals were accepted, the server holds %d more", low, high, made))
		}
	}
}
