package routing

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/store"
)

// The switches of routing. A stop is "stop/" and the ODS code, or Any for
// everybody; that a practice does not take a channel is "not-taken/", the ODS
// code, "/" and the channel.
const (
	stopPrefix     = "stop/"
	notTakenPrefix = "not-taken/"
)

// Stop is the value of a stop.
type Stop struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// StopName is the switch that stops what goes to a practice, or to Any.
func StopName(ods string) string { return stopPrefix + ods }

// Begin stops what goes to a practice, or to Any, from the commit on, and writes down
// who did so and why: the stop itself is gone when it ends.
func Begin(tx store.Tx, ods, by, reason string) (Stop, error) {
	s := Stop{Since: tx.Time(), By: by, Reason: reason}
	value, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	if err := tx.Switches().Set(StopName(ods), value); err != nil {
		return s, err
	}
	return s, tx.Ledger().Audit(store.AuditEvent{At: s.Since, Agent: by, Action: "stop", Entity: "practice/" + ods, Outcome: "success: " + reason})
}

// Stops reads all stops, by ODS code or Any.
func Stops(r store.SwitchReader) (map[string]Stop, error) {
	all, err := r.List(stopPrefix)
	if err != nil {
		return nil, err
	}
	out := make(map[string]Stop, len(all))
	for name, value := range all {
		var s Stop
		// A stop that cannot be read stops all the same.
		_ = json.Unmarshal(value, &s)
		out[strings.TrimPrefix(name, stopPrefix)] = s
	}
	return out, nil
}

// Gate is the relay's gate over a table that may be replaced while it is used.
type Gate struct {
	table    atomic.Pointer[Table]
	Consents Consents
	// Outcome reports whether a delivery carries an outcome to a record: only
	// those have routes, shares and stops.
	Outcome func(d store.Delivery) bool
	// Wordless is the payload of a delivery that carries no outcome without what
	// somebody said in words about the person; nil: nobody does.
	Wordless func(d store.Delivery) []byte
	// Recheck is how long it is believed that a practice does not take a channel.
	Recheck time.Duration
	Now     func() time.Time
}

// Use puts a table in place.
func (g *Gate) Use(t *Table) { g.table.Store(t) }

// Open implements relay.Gate: stopped and quiet practices get nothing.
func (g *Gate) Open(r store.Reader, now time.Time) (func(lane string) time.Time, error) {
	stops, err := Stops(r.Switches())
	if err != nil {
		return nil, err
	}
	t := g.table.Load()
	_, everybody := stops[Any]
	return func(lane string) time.Time {
		if strings.Contains(lane, "/") {
			return time.Time{} // no practice: an answer to a sender, an alert
		}
		if _, one := stops[lane]; everybody || one {
			return now.Add(time.Hour)
		}
		return t.Quiet(lane, now)
	}, nil
}

// Plan implements relay.Gate.
func (g *Gate) Plan(r store.Reader, d store.Delivery, now time.Time) (outbound.Plan, error) {
	if !g.Outcome(d) {
		return g.answer(r, d)
	}
	closed, err := g.Open(r, now)
	if err != nil {
		return outbound.Plan{}, err
	}
	if until := closed(d.Lane); until.After(now) {
		return outbound.Plan{Do: outbound.Retry, Until: now.Add(5 * time.Second), Reason: "stopped, or at a quiet hour"}, nil
	}
	plan, err := g.Leaves(r, d)
	if err != nil || plan.Do != outbound.Sent || outbound.IsCorrection(d.Key) {
		return plan, err
	}
	plan.Channel, err = g.channel(r, g.table.Load().Of(d.Lane), d, now)
	return plan, err
}

// Outlook is by which channel a delivery goes next, and until when quiet hours keep
// it, the zero time when they do not: as things stand, for people to look at. That
// a practice does not take a channel is not looked up.
func (g *Gate) Outlook(d store.Delivery) (channel string, quiet time.Time) {
	if !g.Outcome(d) {
		return d.Channel, time.Time{}
	}
	t := g.table.Load()
	channel = d.Channel
	if p := t.Of(d.Lane); d.Attempts == 0 && len(p.Hops) > 0 && !outbound.IsCorrection(d.Key) {
		channel = p.Hops[0].Channel
	}
	return channel, t.Quiet(d.Lane, g.Now())
}

// Leaves is what may leave of a delivery now, by a channel or by the hand of a
// person: what the practice takes and whom it is about allows. A plan that is
// not Sent says why nothing does.
func (g *Gate) Leaves(r store.Reader, d store.Delivery) (outbound.Plan, error) {
	if !g.Outcome(d) {
		return g.answer(r, d)
	}
	t, bundle := g.table.Load(), read(d.Payload)
	if outbound.IsCorrection(d.Key) {
		// What puts a record right goes the way of what is wrong in it, whatever
		// the person or the practice allow since. It was made of what had left.
		return t.correction(d, bundle), nil
	}
	allowed, unclear, err := g.Consents.Of(r, d.Patient)
	if err != nil {
		return outbound.Plan{}, err
	}
	if allowed == Nothing && unclear {
		return outbound.Plan{Do: outbound.Withheld, Reason: "it is not clear whether the person allows that this leaves: their newest Consent is not decided; " +
			"record their answer as a Consent, then retry this delivery"}, nil
	}
	if allowed == Nothing {
		return outbound.Plan{Do: outbound.Withheld, Reason: "the person does not allow that this leaves"}, nil
	}
	p := t.Of(d.Lane)
	if p.CodesOnly {
		allowed = min(allowed, CodesOnly)
	}
	payload, kept := t.trim(bundle, d.Payload, p.GroupsOff, allowed)
	if kept == 0 {
		return outbound.Plan{Do: outbound.Withheld, Reason: "nothing is left of it that the person and the practice both allow"}, nil
	}
	// What is left of it in the Bundle is what would leave.
	if why := t.refusal(bundle); why != "" {
		return outbound.Plan{Do: outbound.Dead, Reason: outbound.NotSent + why}, nil
	}
	whole := len(payload) == len(d.Payload) && bytes.Equal(payload, d.Payload)
	return outbound.Plan{Do: outbound.Sent, Channel: d.Channel, Payload: payload, Marks: left(d.Key, bundle, allowed, whole)}, nil
}

// answer is what leaves of what is no outcome. A sender is told what became of its
// referral whatever the person allows, and why in words only where words may leave.
func (g *Gate) answer(r store.Reader, d store.Delivery) (outbound.Plan, error) {
	plan := outbound.Plan{Do: outbound.Sent, Channel: d.Channel, Payload: d.Payload}
	if g.Wordless == nil || d.Patient == "" {
		return plan, nil
	}
	without := g.Wordless(d)
	if bytes.Equal(without, d.Payload) {
		return plan, nil
	}
	allowed, _, err := g.Consents.Of(r, d.Patient)
	if err != nil {
		return outbound.Plan{}, err
	}
	if allowed < Summary {
		plan.Payload, plan.Reason = without, "sent without the reason in words, as the person chose"
	}
	return plan, nil
}

// correction is what leaves of a correction. What is taken back always does; what
// is said in its place only by the list as it is now, and of groups of codes that
// the practice takes. Where a code is not said, a letter that holds no document
// stays out too, because it tells what stands in place of what.
func (t *Table) correction(d store.Delivery, bundle *element.Value) outbound.Plan {
	plan := outbound.Plan{Do: outbound.Sent, Channel: d.Channel, Payload: d.Payload}
	off := t.Of(d.Lane).GroupsOff
	if bundle == nil || t.refusal(bundle) == "" && len(off) == 0 {
		plan.Marks = left(d.Key, bundle, All, true)
		return plan
	}
	var kept, letters []*element.Value
	back, claims, why := false, true, "" // claims: what the letters without a document say is so
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		if r.Str("status") == "entered-in-error" {
			kept, back = append(kept, e), true
			continue
		}
		if r.ResourceType() == "DocumentReference" {
			told := t.redrawn(r, off, false)
			if told == r {
				letters = append(letters, e)
				continue
			}
			if told != nil && !element.Equal(told, r) {
				claims, why = false, cmp.Or(why, "the practice does not take every code of the letter")
				e = e.Clone()
				e.Set("resource", told)
			}
			if r = told; r == nil {
				why = cmp.Or(why, "a letter cannot be read")
				continue
			}
		}
		if not := t.unsaid(r, off); not != "" {
			claims, why = claims && r.ResourceType() == "DocumentReference", cmp.Or(why, not)
			continue
		}
		kept = append(kept, e)
	}
	switch {
	case why == "":
		plan.Marks = left(d.Key, bundle, All, true)
		return plan
	case !back:
		return outbound.Plan{Do: outbound.Dead, Reason: outbound.NotSent + why}
	}
	if claims {
		kept = append(kept, letters...)
	}
	bundle.Set("entry", element.NewArray(kept...))
	plan.Payload, plan.Marks, plan.Reason = bundle.JSON(), left(d.Key, bundle, All, false), "sent without what stands in place of what is taken back: "+why
	return plan
}

// Unsaid says why a correction may not say a resource to a practice, as the codes
// are now and as the practice takes them; "" when it may.
func (g *Gate) Unsaid(practice string, r *element.Value) string {
	t := g.table.Load()
	return t.unsaid(r, t.Of(practice).GroupsOff)
}

// unsaid is Unsaid where groups of codes are off.
func (t *Table) unsaid(r *element.Value, off []string) string {
	for _, c := range outcome.Codings(r) {
		if group := t.groups[c.Str("code")]; slices.Contains(off, group) {
			return "the practice does not take codes of the group " + group
		}
	}
	return t.refusal(element.NewObject(element.S("resourceType", "Bundle"),
		element.F("entry", element.NewArray(element.NewObject(element.F("resource", r))))))
}

// left are the marks that say what of a delivery leaves.
func left(key string, bundle *element.Value, share Share, whole bool) []string {
	if whole {
		return []string{outbound.LeftMark(key, outbound.LeftWhole)}
	}
	out := []string{outbound.LeftMark(key, lefts[share])}
	for _, e := range bundle.List("entry") {
		if id := e.TextAt("resource.identifier.value"); id != "" {
			out = append(out, outbound.LeftEntryMark(key, id))
		}
		for _, c := range outcome.Contacts(e.Get("resource")) {
			out = append(out, outbound.LeftContactMark(key, c.Code))
		}
	}
	return out
}

// channel is the first of the route, from the one it stands at, that the
// practice is not known to refuse. Where all are refused the last one is tried.
func (g *Gate) channel(r store.Reader, p Practice, d store.Delivery, now time.Time) (string, error) {
	if len(p.Hops) == 0 {
		return d.Channel, nil
	}
	at := slices.IndexFunc(p.Hops, func(h Hop) bool { return h.Channel == d.Channel })
	if at < 0 || d.Attempts == 0 {
		at = 0
	}
	for ; at < len(p.Hops)-1; at++ {
		refused, err := g.refuses(r.Switches(), d.Lane, p.Hops[at].Channel, now)
		if err != nil {
			return "", err
		}
		if _, may := p.after(p.Hops[at].Channel, NotTaken); !refused || !may {
			break
		}
	}
	return p.Hops[at].Channel, nil
}

func notTaken(ods, channel string) string { return notTakenPrefix + ods + "/" + channel }

// refuses reports whether a practice said lately that it does not take a channel.
func (g *Gate) refuses(r store.SwitchReader, ods, channel string, now time.Time) (bool, error) {
	value, err := r.Get(notTaken(ods, channel))
	if err != nil || value == nil {
		return false, err
	}
	at, err := time.Parse(time.RFC3339, string(value))
	return err == nil && now.Sub(at) < g.Recheck, nil
}

// Next implements relay.Gate. What may have arrived by one channel is not sent
// by another: it would stand in the record twice.
func (g *Gate) Next(tx store.Tx, d store.Delivery, res outbound.Result, made []store.Attempt) (string, error) {
	if !g.Outcome(d) || outbound.IsCorrection(d.Key) {
		return "", nil
	}
	if res.State == outbound.Dead && (res.Arrived || strings.HasPrefix(res.Reason, outbound.NotSent)) {
		return "", nil // it was not the channel that refused it
	}
	reason := Refused
	switch res.State {
	case outbound.Elsewhere:
		reason = NotTaken
		if err := tx.Switches().Set(notTaken(d.Lane, d.Channel), []byte(g.Now().UTC().Format(time.RFC3339))); err != nil {
			return "", err
		}
	case outbound.Retry:
		reason = GivenUp
	}
	if reason == GivenUp && !res.Unsent {
		return "", nil
	}
	for _, a := range made {
		if a.Channel == d.Channel && a.State == string(outbound.Unknown) && reason != NotTaken {
			return "", nil
		}
	}
	next, may := g.table.Load().Of(d.Lane).after(d.Channel, reason)
	if !may {
		return "", nil
	}
	return next, nil
}

// Refusal is that a practice was found not to take a channel. It is believed for
// Gate.Recheck.
type Refusal struct {
	Practice string // ODS code
	Channel  string
	Since    time.Time // when it said so last
}

// Refusals lists the channels that a practice, or with "" all practices, were
// found not to take, in order of practice and channel.
func Refusals(r store.SwitchReader, ods string) ([]Refusal, error) {
	prefix := notTakenPrefix
	if ods != "" {
		prefix = notTaken(ods, "")
	}
	all, err := r.List(prefix)
	if err != nil {
		return nil, err
	}
	out := make([]Refusal, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		practice, channel, _ := strings.Cut(strings.TrimPrefix(name, notTakenPrefix), "/")
		at, _ := time.Parse(time.RFC3339, string(all[name])) // what cannot be read is of no time, and not believed
		out = append(out, Refusal{practice, channel, at})
	}
	return out, nil
}

// Forget lets a channel be tried again that a practice was found not to take.
// Errors: fault.NotFound when it was not.
func Forget(w store.SwitchWriter, ods, channel string) error {
	have, err := w.Get(notTaken(ods, channel))
	switch {
	case err != nil:
		return err
	case have == nil:
		return fault.New(fault.NotFound, "", "this practice was not found to refuse this channel")
	}
	return w.Set(notTaken(ods, channel), nil)
}
