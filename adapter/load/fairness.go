package load

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Fairness says how much a greedy sender is let loose beside a modest one. Both
// send HL7 referrals.
type Fairness struct {
	Modest string  // name in /intake/{sender} of the one that is measured
	Greedy string  // name of the one that sends too much
	Rate   float64 // of the modest one, per second
	Factor float64 // how many times that the greedy one sends, and has connections
	Each   time.Duration
}

// DefaultFairness is one sender at fifty times the share of another.
func DefaultFairness() Fairness {
	return Fairness{Modest: "modest", Greedy: "greedy", Rate: 50, Factor: 50, Each: 20 * time.Second}
}

// Env are the settings of a server that knows both senders.
func (f Fairness) Env() []string {
	return []string{fmt.Sprintf("LINKLOOP_SENDERS=[{name: %s, mapping: hl7v2-ref}, {name: %s, mapping: hl7v2-ref}]", f.Modest, f.Greedy)}
}

// modestConnections is how many connections a modest sender is taken to have;
// a greedy one has Factor times as many.
const modestConnections = 4

// Contest is what the modest sender saw beside the greedy one.
type Contest struct {
	Modest, Greedy *PhaseResult
}

// FairnessReport is what a greedy sender cost another one.
type FairnessReport struct {
	Alone    *PhaseResult // the modest one without the greedy one
	Contests []Contest    // with it: at a rate, then with many connections
	Problems []string     // what does not add up, or was refused to the modest one
}

// Ratio is the 99th percentile of the modest sender in a contest by that when it
// was alone.
func (r FairnessReport) Ratio(c Contest) float64 {
	alone := r.Alone.Latency.Quantile(.99)
	if alone <= 0 {
		return 0
	}
	return float64(c.Modest.Latency.Quantile(.99)) / float64(alone)
}

// RunFairness measures what a sender far above its share costs another one. The
// target of c must know both senders. What is refused to the greedy one is as it
// should be; what it was told was accepted must be there all the same. The error
// says that the load could not be made.
func RunFairness(ctx context.Context, c Config, f Fairness, out io.Writer) (FairnessReport, error) {
	alone := Phase{Work: HL7, Rate: f.Rate, Clients: openClients, Duration: f.Each}
	greed := []Phase{
		{Work: HL7, Rate: f.Rate * f.Factor, Clients: openClients, Duration: f.Each},
		{Work: HL7, Clients: int(modestConnections * f.Factor), Duration: f.Each},
	}
	c.Phases = append([]Phase{alone}, greed...)
	if err := c.Validate(); err != nil {
		return FairnessReport{}, err
	}
	modest, greedy := c, c
	modest.HL7Sender, greedy.HL7Sender = f.Modest, f.Greedy
	greedy.Seed++
	m, g := newSession(modest), newSession(greedy)
	g.write.run += "g"
	defer m.client.http.CloseIdleConnections()
	defer g.client.http.CloseIdleConnections()
	before, err := m.holdings(ctx)
	if err != nil {
		return FairnessReport{}, fmt.Errorf("%s does not answer as a linkloop: %w", m.client.base, err)
	}
	p := printer{out}
	p.head(Report{Target: m.client.base, Run: m.write.run})
	look := probe{c.PID, ""}
	r := FairnessReport{Alone: runPhase(ctx, alone, look, m.sendHL7)}
	p.row("modest, alone", r.Alone)
	for _, phase := range greed {
		var x Contest
		var wg sync.WaitGroup
		wg.Go(func() { x.Greedy = runPhase(ctx, phase, probe{}, g.sendHL7) })
		wg.Go(func() { x.Modest = runPhase(ctx, alone, look, m.sendHL7) })
		wg.Wait()
		r.Contests = append(r.Contests, x)
		p.row("modest, beside", x.Modest)
		p.row("greedy "+phase.String(), x.Greedy)
		p.printf("  the modest one's p99 is %s ms alone and %s ms beside: %.1f times\n",
			ms(r.Alone.Latency.Quantile(.99)), ms(x.Modest.Latency.Quantile(.99)), r.Ratio(x))
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

// reconcile holds the books against what both were told.
func (r *FairnessReport) reconcile(before, after Holdings) {
	all := []*PhaseResult{r.Alone}
	for _, x := range r.Contests {
		all = append(all, x.Modest, x.Greedy)
		if n := x.Modest.Failed() + x.Modest.Refused() + x.Modest.NotSent; n > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%d requests of the modest sender were not served beside the greedy one (%s)", n, x.Modest.kinds()))
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
