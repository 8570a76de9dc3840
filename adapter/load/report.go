package load

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/recordtest"
)

// Holdings is how many resources a server holds.
type Holdings struct {
	Tasks      int64
	Requests   int64      // ServiceRequests
	Deliveries Deliveries // nil when the operations port was not asked
	Outcomes   int64      // that our own record took
}

// PhaseResult is what one phase measured.
type PhaseResult struct {
	Phase   Phase
	Elapsed time.Duration
	Latency Histogram
	Errors  map[string]int // by kind
	NotSent int            // due, but the server was too slow for them to be sent in time

	// Exhausted says that the phase ended early because nothing was left to do
	// the work on.
	Exhausted bool

	Parts   map[Work]*PhaseResult // of a mix, by kind of work
	Samples []Sample              // what the server used meanwhile

	CPU  time.Duration // processor time of the server; 0: not measured
	RSS  int64         // memory of the server at the end, in bytes
	Peak int64         // highest memory of the server so far, in bytes

	counts [classes]int
}

func newResult(p Phase) *PhaseResult {
	return &PhaseResult{Phase: p, Errors: map[string]int{}, Parts: map[Work]*PhaseResult{}}
}

func (r *PhaseResult) add(v verdict, took time.Duration) {
	r.counts[v.class]++
	if v.kind != "" {
		r.Errors[v.kind]++
	}
	r.Latency.Add(took)
}

// Accepted is how many new referrals were taken.
func (r *PhaseResult) Accepted() int { return r.counts[accepted] }

// Duplicates is how many repeats got their first answer again.
func (r *PhaseResult) Duplicates() int { return r.counts[duplicate] }

// Refused is how many messages were refused with an answer.
func (r *PhaseResult) Refused() int { return r.counts[refused] }

// Done is how many reads, searches and moves went well.
func (r *PhaseResult) Done() int { return r.counts[done] }

// Failed is how many requests ended otherwise, Unknown included.
func (r *PhaseResult) Failed() int { return r.counts[failed] + r.counts[unknown] }

// Unknown is how many messages got no answer and may have been taken.
func (r *PhaseResult) Unknown() int { return r.counts[unknown] }

// Good is how many requests ended as they should.
func (r *PhaseResult) Good() int {
	good := r.counts[accepted] + r.counts[duplicate] + r.counts[done]
	return good + r.rightlyRefused()
}

// rightlyRefused is how many messages were refused that had to be.
func (r *PhaseResult) rightlyRefused() int {
	if r.Phase.Work == Bad {
		return r.counts[refused]
	}
	if part := r.Parts[Bad]; part != nil {
		return part.counts[refused]
	}
	return 0
}

// Throughput is good requests per second.
func (r *PhaseResult) Throughput() float64 {
	return float64(r.Good()) / max(r.Elapsed.Seconds(), 1e-9)
}

// PerCPUSecond is good requests per second of the server's processor time; 0
// when that was not measured.
func (r *PhaseResult) PerCPUSecond() float64 {
	if r.CPU <= 0 {
		return 0
	}
	return float64(r.Good()) / r.CPU.Seconds()
}

// Report is what a run measured and whether the server's books agree.
type Report struct {
	Target        string
	Run           string // part of every message id of this run
	Before, After Holdings
	Phases        []*PhaseResult

	Primed    int               // referrals that mixes began with
	Completed int64             // Tasks that were acknowledged as completed
	Doubtful  int64             // Tasks whose completion got no answer
	Drained   time.Duration     // how long was waited for what was owed
	Record    *recordtest.Tally // what our own record holds; nil when there is none

	Problems []string // what the server did wrong
}

// Sum adds up a count over the phases.
func (r Report) Sum(count func(*PhaseResult) int) int {
	n := 0
	for _, p := range r.Phases {
		n += count(p)
	}
	return n
}

// reconcile compares what the server said with what it holds. A message
// without an answer may or may not have been taken; everything else must be
// exact. Nobody else may write to the server meanwhile.
func (r *Report) reconcile() {
	low := int64(r.Sum((*PhaseResult).Accepted) + r.Primed)
	high := low + int64(r.Sum((*PhaseResult).Unknown))
	for _, h := range []struct {
		name string
		made int64
	}{
		{"Tasks", r.After.Tasks - r.Before.Tasks},
		{"ServiceRequests", r.After.Requests - r.Before.Requests},
	} {
		switch {
		case h.made < low:
			r.Problems = append(r.Problems, fmt.Sprintf("LOST: %d referrals were accepted, the server holds %d more %s", low, h.made, h.name))
		case h.made > high:
			r.Problems = append(r.Problems, fmt.Sprintf("DOUBLED: at most %d referrals were accepted, the server holds %d more %s", high, h.made, h.name))
		}
	}
	r.reconcileDeliveries()
	for _, p := range r.Phases {
		if n := p.Refused() - p.rightlyRefused(); n > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%s: %d good messages were refused", p.Phase, n))
		}
		if n := p.Failed() - p.Errors[cutOff]; n > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%s: %d requests failed (%s)", p.Phase, n, p.kinds()))
		}
		if p.NotSent > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%s: %d requests could not be sent in time: the rate is more than the server takes", p.Phase, p.NotSent))
		}
	}
}

// settle waits until what is owed has been delivered, or nothing was for the time
// of c.Drain, then reads the deliveries and the record.
func (r *Report) settle(ctx context.Context, c Config) error {
	begun := time.Now()
	moved, least := begun, int64(math.MaxInt64)
	for {
		look, cancel := soon(ctx)
		m, err := scrape(look, c.Ops)
		cancel()
		if err != nil {
			return fmt.Errorf("the deliveries cannot be counted after the load: %w", err)
		}
		r.After.Deliveries = m.deliveries()
		if open := r.After.Deliveries.open(); open < least {
			moved, least = time.Now(), open
		}
		if least == 0 || time.Since(moved) > c.Drain {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.Drained = time.Since(begun)
	if c.Record != nil {
		t := c.Record.Tally()
		r.Record, r.After.Outcomes = &t, int64(t.Creating)
	}
	return nil
}

// reconcileDeliveries compares what was completed with what is owed because of
// it, and with what the record holds.
func (r *Report) reconcileDeliveries() {
	problem := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	if r.After.Deliveries == nil {
		return
	}
	owed := r.After.Deliveries.Total() - r.Before.Deliveries.Total()
	if owed < r.Completed || owed > r.Completed+r.Doubtful {
		problem("%d Tasks were completed and %d without an answer; the server holds %d more deliveries", r.Completed, r.Doubtful, owed)
	}
	if r.Record == nil {
		return
	}
	proven := r.After.Deliveries["proven"] - r.Before.Deliveries["proven"]
	if proven != owed {
		problem("%d of %d deliveries are proven to be in the record after %s (%s)", proven, owed, r.Drained.Round(time.Millisecond), r.After.Deliveries)
	}
	if took := r.After.Outcomes - r.Before.Outcomes; took != owed {
		problem("the record took %d outcomes, and %d were owed", took, owed)
	}
	if r.Record.Doubled > 0 {
		problem("DOUBLED: %d entries stand twice in the record", r.Record.Doubled)
	}
}

// kinds lists the errors, most frequent first.
func (r *PhaseResult) kinds() string {
	var names []string
	for k := range r.Errors {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		if r.Errors[a] != r.Errors[b] {
			return r.Errors[b] - r.Errors[a]
		}
		return strings.Compare(a, b)
	})
	for i, k := range names {
		names[i] = fmt.Sprintf("%s: %d", k, r.Errors[k])
	}
	return strings.Join(names, ", ")
}

// printer writes a report as it comes. The first write error stays.
type printer struct{ w io.Writer }

func (p *printer) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format, args...); err != nil {
		p.w = broken{err}
	}
}

// broken is where a printer writes after an error.
type broken struct{ cause error }

func (b broken) Write([]byte) (int, error) { return 0, b.cause }

func (p *printer) err() error {
	if b, ok := p.w.(broken); ok {
		return fmt.Errorf("write report: %w", b.cause)
	}
	return nil
}

const rowFormat = "%-16s %9s %9s %9s %9s %9s %9s %9s %9s %8s %9s %8s\n"

func (p *printer) head(r Report) {
	p.printf("load on %s, run %s\n", r.Target, r.Run)
	p.printf("@ open-loop, latency from the intended time; * closed-loop, latency from sending. Times in ms.\n")
	p.printf("In a mix, good/CPUs of a kind is by the processor time of the whole mix.\n\n")
	p.printf(rowFormat, "phase", "good", "good/s", "failed", "p50", "p90", "p99", "p99.9", "max", "CPU s", "good/CPUs", "RSS MB")
}

func (p *printer) phase(r *PhaseResult) { p.row(r.Phase.String(), r) }

// row writes a phase under a name.
func (p *printer) row(name string, r *PhaseResult) {
	cpu, per, rss := "-", "-", "-"
	if r.CPU > 0 {
		cpu = fmt.Sprintf("%.2f", r.CPU.Seconds())
		per = fmt.Sprintf("%.0f", r.PerCPUSecond())
	}
	if r.RSS > 0 {
		rss = fmt.Sprintf("%.0f", float64(r.RSS)/1e6)
	}
	h := &r.Latency
	p.printf(rowFormat, name, fmt.Sprint(r.Good()), fmt.Sprintf("%.0f", r.Throughput()), fmt.Sprint(r.Failed()),
		ms(h.Quantile(.5)), ms(h.Quantile(.9)), ms(h.Quantile(.99)), ms(h.Quantile(.999)), ms(h.Max()), cpu, per, rss)
	if len(r.Errors) > 0 {
		p.printf("  errors: %s\n", r.kinds())
	}
	p.parts(r)
	if r.NotSent > 0 {
		p.printf("  not sent in time: %d\n", r.NotSent)
	}
	if r.Exhausted {
		p.printf("  ended after %s: nothing was left to work on\n", r.Elapsed.Round(time.Millisecond))
	}
}

// parts writes the kinds of work of a mix, and what the server used.
func (p *printer) parts(r *PhaseResult) {
	if len(r.Parts) == 0 {
		return
	}
	for _, w := range Works() {
		part := r.Parts[w]
		if part == nil {
			continue
		}
		h, per := &part.Latency, "-"
		if r.CPU > 0 {
			per = fmt.Sprintf("%.0f", float64(part.Good())/r.CPU.Seconds())
		}
		p.printf(rowFormat, "  "+string(w), fmt.Sprint(part.Good()), fmt.Sprintf("%.0f", part.Throughput()), fmt.Sprint(part.Failed()),
			ms(h.Quantile(.5)), ms(h.Quantile(.9)), ms(h.Quantile(.99)), ms(h.Quantile(.999)), ms(h.Max()), "", per, "")
		if len(part.Errors) > 0 {
			p.printf("    errors: %s\n", part.kinds())
		}
	}
	used := resources(r.Samples)
	if len(used) == 0 {
		return
	}
	p.printf("  %-20s %12s %12s %12s\n", "of the server", "first third", "last third", "highest")
	for _, u := range used {
		p.printf("  %-20s %12.1f %12.1f %12.1f\n", u.Name, u.First, u.Last, u.Highest)
	}
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}

func (p *printer) end(r Report) {
	p.printf("\naccepted %d, repeats answered as before %d, refused %d, without an answer %d\n",
		r.Sum((*PhaseResult).Accepted)+r.Primed, r.Sum((*PhaseResult).Duplicates), r.Sum((*PhaseResult).Refused), r.Sum((*PhaseResult).Unknown))
	p.printf("the server holds %d more Tasks and %d more ServiceRequests than before\n",
		r.After.Tasks-r.Before.Tasks, r.After.Requests-r.Before.Requests)
	if r.Primed > 0 {
		p.printf("%d of them are referrals that mixes began with\n", r.Primed)
	}
	if r.After.Deliveries != nil {
		p.printf("Tasks completed %d, without an answer %d; deliveries before: %s; after %s of waiting: %s\n",
			r.Completed, r.Doubtful, r.Before.Deliveries, r.Drained.Round(time.Millisecond), r.After.Deliveries)
	}
	if r.Record != nil {
		p.printf("the record took %d outcomes and holds %s; doubled %d, sent again and recognised %d\n",
			r.After.Outcomes-r.Before.Outcomes, types(r.Record.ByType), r.Record.Doubled, r.Record.Repeats)
	}
	if len(r.Problems) == 0 {
		p.printf("the books agree: nothing lost, nothing doubled\n")
	}
	for _, s := range r.Problems {
		p.printf("PROBLEM %s\n", s)
	}
}

// types lists numbers of resources.
func types(by map[string]int) string {
	var words []string
	for _, typ := range slices.Sorted(maps.Keys(by)) {
		words = append(words, fmt.Sprintf("%d %s", by[typ], typ))
	}
	if words == nil {
		return "nothing"
	}
	return strings.Join(words, ", ")
}
