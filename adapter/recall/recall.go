// Package recall takes back or corrects what went out and turned out wrong: it
// finds every outcome that carried a code, or was made with a list of codes or a
// mapping, says what it would do, and owes the corrections by the channels that
// the outcomes took. Everything it does is in the audit trail.
package recall

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/store"
)

// Order is what is to be done about what a query finds.
type Order struct {
	ID      string `json:"id"` // names this recall; the same one again does nothing twice
	Query   Query  `json:"query"`
	Replace Code   `json:"replace,omitzero"` // takes the place of Query.Code; empty: it is taken back only
	Reason  string `json:"reason"`           // told to the practices; without patient data
	DryRun  bool   `json:"dryRun,omitempty"` // says what would be done
	Letters bool   `json:"letters,omitempty"`
	By      string `json:"-"` // who ordered it, for the audit trail
}

// Code is a code with the words for it.
type Code struct {
	Code    string `json:"code"`
	Display string `json:"display"`
}

// What is done about one outcome.
const (
	Correct = "correct" // it may be in a record: a correction is owed
	Recall  = "recall"  // it was never sent: it is taken back, and what is right is owed in its place
	Known   = "known"   // this recall has seen to it already, or an earlier one left nothing to do
	Nothing = "nothing" // nothing of it that carries the code left, or may
)

// Item is one outcome that was found.
type Item struct {
	Delivery int64     `json:"delivery"`
	Task     string    `json:"task"`
	Practice string    `json:"practice"`
	Channel  string    `json:"channel"`
	State    string    `json:"state"`
	Owed     time.Time `json:"owed"`
	Action   string    `json:"action"`
	By       int64     `json:"correction,omitempty"` // delivery that carries the correction
	// Unsaid is why nothing takes the place of what is wrong, or why the letter
	// that does not tell of it any more stays out.
	Unsaid string `json:"unsaid,omitempty"`
	// Rest is the delivery of what nothing is wrong with, of an outcome of which
	// nobody knows whether it arrived. It waits for a human.
	Rest int64 `json:"rest,omitempty"`

	left  bool // it may have arrived, or a human saw to it, so its practice is written to
	rests bool // there is, or would be, a Rest
}

// Report is what was found and done, or would be.
type Report struct {
	ID        string            `json:"id"`
	DryRun    bool              `json:"dryRun"`
	Found     int               `json:"found"`
	Actions   map[string]int    `json:"actions"`
	Practices map[string]int    `json:"practices"`
	Unsaid    map[string]int    `json:"unsaid"` // by the reason, see Item.Unsaid
	Rests     int               `json:"rests"`  // outcomes of which a Rest waits, or would
	Items     []Item            `json:"items"`
	Letters   map[string]string `json:"letters,omitempty"` // by practice; they hold patient data
}

// Service recalls.
type Service struct {
	Store store.Store
	// List is the list of outcomes as it is approved now: nothing is replaced by
	// another code than one of it, and under its display. Its error is why no
	// list can be had.
	List func() (*outcome.List, error)
	// Unsaid is why a correction to a practice may not say a resource now, "" when
	// it may; nil: it may always.
	Unsaid func(practice string, resource *element.Value) string
	Owed   func() // called after corrections were owed
}

var name = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// check refuses an order that is not sound, for these issues and others; right is
// the code of the list that takes the place of the wrong one.
func (s *Service) check(o Order, issues []fault.Issue) (right outcome.Code, err error) {
	bad := func(at, text string) { issues = append(issues, fault.Issue{Expression: at, Text: text}) }
	if !name.MatchString(o.ID) {
		bad("id", "a name of up to 40 lower-case letters, digits and hyphens is expected")
	}
	if strings.TrimSpace(o.Reason) == "" || len(o.Reason) > 500 {
		bad("reason", "the practices are told why, in up to 500 bytes")
	}
	switch r := o.Replace; {
	case r.Code == "" && r.Display != "":
		bad("replace.code", "there is a display and no code")
	case r.Code == "":
	case o.Query.Code == "" || r.Code == o.Query.Code:
		bad("replace", "it takes the place of another code, which query.code names")
	default:
		list, err := s.List()
		if err != nil {
			return outcome.Code{}, fault.Wrap(fault.Internal, err, "the list of outcomes cannot be used, so nothing can take the place of a code; linkloop codes verify says why")
		}
		var ok bool
		switch right, ok = list.Find(r.Code); {
		case !ok:
			bad("replace.code", "this is no code of the list of outcomes; allowed here: "+list.Allowed())
		case right.Once != "":
			bad("replace.code", "this code leaves once in an episode of care, and may have left; nothing is replaced by it")
		case !right.Called(r.Display):
			bad("replace.display", "the display is not that of the code, so one of the two is wrong: "+right.Code+" is "+right.Display)
		}
	}
	if len(issues) > 0 {
		return outcome.Code{}, &fault.Fault{Kind: fault.Unmappable, Issues: issues}
	}
	return right, nil
}

// fits refuses an order before anything is done when the right code cannot stand
// where one of the wrong ones stands.
func (s *Service) fits(ctx context.Context, o Order, right outcome.Code, found []store.Delivery) error {
	for batch := range slices.Chunk(found, 500) {
		err := s.Store.View(ctx, func(r store.Reader) error {
			for _, f := range batch {
				d, err := r.Deliveries().Get(f.ID)
				if err != nil {
					return err
				}
				bundle, err := element.Parse(d.Payload, element.Limits{})
				if err != nil {
					return fault.New(fault.Internal, "", "delivery %d holds no Bundle", d.ID)
				}
				if at := misfit(o, right, bundle); at != "" {
					return &fault.Fault{Kind: fault.Unmappable, Issues: []fault.Issue{{Expression: "replace.code", Text: fmt.Sprintf(
						"%s is of kind %s and cannot stand where delivery %d has the wrong code, in %s; take a code of its kind (of a score: with its range), or only take it back",
						right.Code, right.Kind, d.ID, at)}}}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// misfit is where in a Bundle the right code cannot stand in place of the wrong
// one, "" when it can everywhere.
func misfit(o Order, right outcome.Code, bundle *element.Value) string {
	for _, r := range bundle.All("entry.resource") {
		if _, wrong := wrongCode(r, o.Query.Code); wrong && !right.Fits(r) {
			return r.ResourceType()
		}
		for _, c := range outcome.Contacts(r) {
			if c.Code == o.Query.Code && right.Kind != outcome.Contact {
				return "the Encounter of its letter"
			}
		}
	}
	return ""
}

// Find lists the outcomes of a query, newest first. A correction is found by the
// codes that it says are right, because they may turn out wrong too; by a list or
// a mapping it is found with its outcome, and so is what took the place of one.
func (s *Service) Find(ctx context.Context, q Query) ([]store.Delivery, error) {
	var marks []string
	for _, m := range []struct{ value, mark string }{
		{q.Code, outbound.CodeMark(q.Code)}, {q.List, outbound.ListMark(q.List)}, {q.Mapping, outbound.MappingMark(q.Mapping)},
	} {
		if m.value != "" {
			marks = append(marks, m.mark)
		}
	}
	var found []store.Delivery
	err := s.Store.View(ctx, func(r store.Reader) error {
		found = nil
		for i, mark := range marks {
			list, err := all(r, store.DeliveryFilter{Mark: mark, Lane: q.Practice, Since: q.Since, Until: q.Until})
			if err == nil && mark != outbound.CodeMark(q.Code) {
				list, err = withDescendants(r, list)
			}
			if err != nil {
				return err
			}
			if i == 0 {
				found = list
				continue
			}
			has := make(map[int64]bool, len(list))
			for _, d := range list {
				has[d.ID] = true
			}
			found = slices.DeleteFunc(found, func(d store.Delivery) bool { return !has[d.ID] })
		}
		return nil
	})
	return found, err
}

// withDescendants adds what earlier recalls owed because of outcomes.
func withDescendants(r store.Reader, list []store.Delivery) ([]store.Delivery, error) {
	has := make(map[int64]bool, len(list))
	for _, d := range list {
		has[d.ID] = true
	}
	for _, d := range slices.Clone(list) {
		kin, err := kinOf(r.Deliveries(), d)
		if err != nil {
			return nil, err
		}
		for _, k := range kin {
			if !has[k.ID] && (strings.HasPrefix(k.Key, outbound.CorrectionKey(d.Key, "")) || strings.HasPrefix(k.Key, outbound.InsteadKey(d.Key, ""))) {
				has[k.ID], list = true, append(list, k)
			}
		}
	}
	slices.SortFunc(list, func(a, b store.Delivery) int { return cmp.Compare(b.ID, a.ID) })
	return list, nil
}

// kinOf are the deliveries about the Task of one.
func kinOf(r store.DeliveryReader, d store.Delivery) ([]store.Delivery, error) {
	if d.Task == "" {
		return nil, nil
	}
	return r.List(store.DeliveryFilter{Task: d.Task, Limit: 1000})
}

// all pages through a filter.
func all(r store.Reader, f store.DeliveryFilter) (out []store.Delivery, err error) {
	for f.Limit = 1000; ; {
		page, err := r.Deliveries().List(f)
		if err != nil || len(page) == 0 {
			return out, err
		}
		out = append(out, page...)
		f.Before = page[len(page)-1].ID
	}
}

// step is how many outcomes one decision sees to.
const step = 10

// Run does what an order says, or with DryRun says what it would do. It may be
// run again after it broke off.
func (s *Service) Run(ctx context.Context, o Order) (Report, error) {
	query, issues := o.Query.checked()
	o.Query = query
	right, err := s.check(o, issues)
	if err != nil {
		return Report{}, err
	}
	if _, err := s.Remark(ctx); err != nil {
		return Report{}, err
	}
	found, err := s.Find(ctx, o.Query)
	if err == nil && right.Code != "" {
		// The display of the list leaves, however the order words it.
		o.Replace = Code{right.Code, right.Display}
		err = s.fits(ctx, o, right, found)
	}
	if err == nil {
		err = s.begin(ctx, o)
	}
	if err != nil {
		return Report{}, err
	}
	rep := Report{ID: o.ID, DryRun: o.DryRun, Found: len(found), Actions: map[string]int{}, Practices: map[string]int{}, Unsaid: map[string]int{}, Items: []Item{}}
	letters := newLetters(o)
	// Outcomes before their corrections, which may be seen to with them.
	slices.Reverse(found)
	keys := make(map[string]bool, len(found))
	for _, d := range found {
		keys[d.Key] = true
	}
	for batch := range slices.Chunk(found, step) {
		var items []Item
		var told []note
		err := s.Store.Decide(ctx, func(tx store.Tx) error {
			items, told = nil, nil
			for _, d := range batch {
				item, n, err := s.one(tx, o, d.ID, keys)
				if err != nil {
					return err
				}
				items, told = append(items, item), append(told, n)
			}
			return nil
		})
		if err != nil {
			return rep, err
		}
		for i, item := range items {
			rep.Items = append(rep.Items, item)
			rep.Actions[item.Action]++
			if item.Action != Nothing {
				rep.Practices[item.Practice]++
			}
			if item.Unsaid != "" {
				rep.Unsaid[item.Unsaid]++
			}
			if item.rests {
				rep.Rests++
			}
			if item.left {
				letters.add(item.Practice, told[i])
			}
		}
	}
	if o.Letters {
		rep.Letters = letters.texts()
	}
	err = s.Store.Decide(ctx, func(tx store.Tx) error {
		action := "recall"
		if o.DryRun {
			action = "recall, dry run"
		}
		return tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: o.By, Action: action, Entity: "recall/" + o.ID,
			Outcome: fmt.Sprintf("%d found: %s", len(found), plain(o.Reason))})
	})
	if err == nil && !o.DryRun && s.Owed != nil {
		s.Owed()
	}
	return rep, err
}

// begin refuses a name under which another recall was done, and keeps what this one
// is about.
func (s *Service) begin(ctx context.Context, o Order) error {
	o.Query.Since, o.Query.Until = o.Query.Since.UTC(), o.Query.Until.UTC()
	about, err := json.Marshal(struct {
		Query   Query
		Replace string
	}{o.Query, o.Replace.Code})
	if err != nil {
		return err
	}
	return s.Store.Decide(ctx, func(tx store.Tx) error {
		before, err := tx.Switches().Get(namePrefix + o.ID)
		switch {
		case err != nil:
			return err
		case before != nil && !bytes.Equal(before, about):
			return &fault.Fault{Kind: fault.Unmappable, Issues: []fault.Issue{{Expression: "id",
				Text: "another recall was done under this name: of another code, list, mapping, practice or period, or with another code in its place; take a new name"}}}
		case before != nil || o.DryRun:
			return nil
		}
		return tx.Switches().Set(namePrefix+o.ID, about)
	})
}

// namePrefix begins the switch that says what a recall was about.
const namePrefix = "recall/"

// family is what earlier recalls, and this one, owed because of an outcome.
type family struct {
	own      store.Delivery // of this recall, with ID 0 when there is none
	before   []store.Delivery
	replaced bool // something took the place of the outcome
}

func (s *Service) family(tx store.Tx, o Order, d store.Delivery) (f family, err error) {
	kin, err := kinOf(tx.Deliveries(), d)
	for _, k := range kin {
		switch {
		case k.Key == outbound.CorrectionKey(d.Key, o.ID), k.Key == outbound.InsteadKey(d.Key, o.ID) && f.own.ID == 0:
			f.own = k
		case strings.HasPrefix(k.Key, outbound.CorrectionKey(d.Key, "")):
			f.before = append(f.before, k)
		case strings.HasPrefix(k.Key, outbound.InsteadKey(d.Key, "")):
			f.replaced = true
		}
	}
	return f, err
}

// one sees to one outcome; found are the keys of all that were found.
func (s *Service) one(tx store.Tx, o Order, id int64, found map[string]bool) (Item, note, error) {
	d, err := tx.Deliveries().Get(id)
	if err != nil {
		return Item{}, note{}, err
	}
	item := Item{Delivery: d.ID, Task: d.Task, Practice: d.Lane, Channel: d.Channel, State: string(d.State), Owed: d.Created}
	bundle, err := element.Parse(d.Payload, element.Limits{})
	if err != nil || bundle.ResourceType() != "Bundle" {
		return Item{}, note{}, fault.New(fault.Internal, "", "delivery %d holds no Bundle", d.ID)
	}
	f, err := s.family(tx, o, d)
	if err != nil {
		return Item{}, note{}, err
	}
	sent, byHand, err := tried(tx, d)
	if err != nil {
		return Item{}, note{}, err
	}
	by, with, err := s.foldedInto(tx, o, d, found)
	if err != nil || with && sent {
		item.Action, item.By = Known, by
		return item, note{}, err
	}
	if f.own.ID != 0 && !o.Letters {
		item.Action, item.By = Known, f.own.ID
		return item, note{}, nil
	}
	// An earlier recall, or this one before it broke off, found that it may have arrived.
	sent = sent || len(f.before) > 0 || f.own.Key == outbound.CorrectionKey(d.Key, o.ID)
	c := changing{delivery: d, bundle: bundle, order: o, at: tx.Time(), gone: everything, sent: sent, byHand: byHand, unsaid: s.saysTo(d.Lane), toldElsewhere: with && by != 0}
	if sent {
		if c.gone, err = goneOf(tx.Deliveries(), d, bundle); err == nil {
			c.earlier, err = read(tx, f.before)
		}
		if err != nil {
			return Item{}, note{}, err
		}
		for _, b := range c.earlier {
			if found[b.delivery.Key] {
				c.folded = append(c.folded, b)
			}
		}
	}
	if f.own.ID != 0 {
		if c.unsaid, err = s.said(tx, f.own); err != nil {
			return Item{}, note{}, err
		}
	}
	c.change()
	if item.left = (sent || byHand) && c.entries > 0; f.own.ID != 0 {
		item.Action, item.By = Known, f.own.ID
		return item, c.note, nil
	}
	switch {
	case c.entries == 0 && c.seen != 0:
		item.Action, item.By = Known, c.seen
		return item, c.note, nil
	case c.entries == 0 || f.replaced && !sent:
		// What took the place of an outcome that never left is found by itself.
		item.Action, item.left = Nothing, false
		return item, c.note, nil
	}
	item.Action, item.Unsaid = Correct, c.why
	if !sent {
		item.Action = Recall
	}
	owed := c.owed(item.Action)
	item.rests = owed.rest != nil
	if o.DryRun {
		return item, c.note, nil
	}
	if item.By, item.Rest, err = s.owe(tx, &c, owed); err != nil {
		return Item{}, note{}, err
	}
	return item, c.note, tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: o.By, Action: item.Action,
		Entity: fmt.Sprintf("delivery/%d", d.ID), Outcome: "recall " + o.ID})
}

// foldedInto reports whether a correction is seen to with the outcome that it
// corrects, because this recall found both, and by which delivery, if there is one
// yet.
func (s *Service) foldedInto(tx store.Tx, o Order, d store.Delivery, found map[string]bool) (by int64, with bool, err error) {
	for i := 0; ; {
		at := strings.Index(d.Key[i:], outbound.CorrectionKey("", ""))
		if at < 0 {
			return 0, false, nil
		}
		i += at
		if found[d.Key[:i]] {
			kin, err := kinOf(tx.Deliveries(), d)
			if k := slices.IndexFunc(kin, func(k store.Delivery) bool { return k.Key == outbound.CorrectionKey(d.Key[:i], o.ID) }); k >= 0 {
				// One that was owed after this recall corrected its outcome is seen to by itself.
				return kin[k].ID, kin[k].ID > d.ID, err
			}
			return 0, err == nil, err
		}
		i++
	}
}

// saysTo is why a correction may not say something to a practice.
func (s *Service) saysTo(practice string) func(*element.Value) string {
	return func(r *element.Value) string {
		if s.Unsaid == nil {
			return ""
		}
		return s.Unsaid(practice, r)
	}
}

// said is why a correction that is owed does not say something: what it says it
// says, whatever would be decided now.
func (s *Service) said(tx store.Tx, own store.Delivery) (func(*element.Value) string, error) {
	was, err := read(tx, []store.Delivery{own})
	if err != nil {
		return nil, err
	}
	return func(r *element.Value) string {
		for _, c := range outcome.Codings(r) {
			if !slices.ContainsFunc(was[0].bundle.List("entry"), func(e *element.Value) bool { return was[0].gone.has(e) && says(e.Get("resource"), c.Str("code")) }) {
				return "it was not let out"
			}
		}
		return ""
	}, nil
}

// says reports whether a resource says a code, by itself or in the document within.
func says(r *element.Value, code string) bool {
	return r.Str("status") != inError &&
		(slices.ContainsFunc(outcome.Codings(r), func(c *element.Value) bool { return c.Str("code") == code }) ||
			slices.ContainsFunc(outcome.Contacts(r), func(c outcome.ContactCode) bool { return c.Code == code }))
}

// read reads corrections, in the order in which they were owed.
func read(tx store.Tx, corrections []store.Delivery) (out []earlier, err error) {
	slices.SortFunc(corrections, func(a, b store.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	for _, k := range corrections {
		b := earlier{}
		if b.delivery, err = tx.Deliveries().Get(k.ID); err != nil {
			return nil, err
		}
		if b.bundle, err = element.Parse(b.delivery.Payload, element.Limits{}); err != nil {
			return nil, fault.New(fault.Internal, "", "delivery %d holds no Bundle", k.ID)
		}
		if b.gone, err = goneOf(tx.Deliveries(), b.delivery, b.bundle); err != nil {
			return nil, err
		}
		if b.sent, _, err = tried(tx, b.delivery); err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// tried reports whether a delivery may have arrived: what was handed to a channel
// may be there although its answer was lost, unless the channel is certain that
// nothing was kept. What the gate ended, or a human saw to, was not handed to one;
// byHand is that a human saw to it, by a letter perhaps.
func tried(tx store.Tx, d store.Delivery) (sent, byHand bool, err error) {
	if d.State == store.Leased || d.Attempts == 0 {
		return d.State == store.Leased, false, nil
	}
	made, err := tx.Deliveries().Attempts(d.ID)
	if err != nil {
		return false, false, err
	}
	for _, a := range made {
		switch a.State {
		case string(store.Closed):
			byHand = true
		case string(outbound.Withheld), string(outbound.Retry), string(outbound.Elsewhere), string(outbound.Recalled), string(outbound.Superseded):
		case string(outbound.Dead):
			sent = sent || !strings.HasPrefix(a.Reason, outbound.NotSent)
		default:
			sent = true
		}
	}
	return sent, byHand, nil
}

// owed is what is owed because of one outcome.
type owed struct {
	correction store.Delivery // or what takes its place; without a payload when nothing is left
	rest       *store.Delivery
}

// waits reports whether an outcome does not leave any more when it is recalled.
func waits(d store.Delivery) bool {
	switch d.State {
	case store.Owed, store.Leased, store.Held, store.Dead, store.Withheld:
		return true
	}
	return false
}

// owed lays out what is to be owed.
func (c *changing) owed(action string) owed {
	d, o := c.delivery, c.order
	base := store.Delivery{Lane: d.Lane, Channel: d.Channel, Task: d.Task, Patient: d.Patient, Due: c.at, Created: c.at, Marks: []string{"recall " + o.ID}}
	correction := base
	if action == Recall {
		// It is no correction: the practice and the person decide on it as on the
		// outcome whose place it takes.
		correction.Key, correction.State, correction.Reason = outbound.InsteadKey(d.Key, o.ID), d.State, d.Reason
		if d.State == store.Withheld || d.State == store.Closed {
			correction.State = store.Held
		}
		if len(c.rest) > 0 {
			correction.Payload = transaction(c.bundle, c.rest)
		}
		correction.Marks = append(correction.Marks, marks(correction.Payload, nil)...)
		return owed{correction: correction}
	}
	correction.Key = outbound.CorrectionKey(d.Key, o.ID)
	out := owed{}
	if waits(d) && outbound.IsCorrection(d.Key) {
		// Nobody knows whether it arrived, and it is not sent again: this one does
		// what it was to do.
		c.put = append(slices.Clone(c.same), c.put...)
	} else if rest := slices.DeleteFunc(slices.Clone(c.same), letter); waits(d) && len(rest) > 0 {
		// What nothing is wrong with may not have arrived, and it must not be lost.
		// Only a human can tell, because not every peer knows a repeat.
		r := base
		r.Key, r.State, r.Reason = outbound.InsteadKey(d.Key, o.ID), store.Dead, restReason
		if d.State == store.Withheld {
			r.State, r.Reason = store.Held, d.Reason
		} else {
			r.Settled = c.at
		}
		r.Payload = transaction(c.bundle, rest)
		r.Marks = append(slices.Clone(base.Marks), marks(r.Payload, nil)...)
		out.rest = &r
	}
	correction.Payload = transaction(c.bundle, c.put)
	correction.Marks = append(correction.Marks, marks(correction.Payload, c.bundle)...)
	out.correction = correction
	return out
}

// restReason is why the rest of an outcome is in front of a human.
const restReason = "the rest of an outcome that was corrected, and nobody knows whether it had arrived: look for it in the record, then close this or retry it"

// owe owes what is owed because of an outcome, and says on its record what became of it.
func (s *Service) owe(tx store.Tx, c *changing, owed owed) (by, rest int64, err error) {
	d, o := c.delivery, c.order
	if owed.correction.Payload != nil {
		if by, _, err = tx.Deliveries().Owe(owed.correction); err != nil {
			return 0, 0, err
		}
	}
	if owed.rest != nil {
		if rest, _, err = tx.Deliveries().Owe(*owed.rest); err != nil {
			return 0, 0, err
		}
	}
	a := store.Attempt{Channel: d.Channel, Started: tx.Time(), Ended: tx.Time(), State: string(outbound.Superseded),
		Reason: fmt.Sprintf("recall %s: corrected by delivery %d", o.ID, by)}
	if waits(d) {
		// It does not leave any more.
		d.State, d.Stage, d.Settled = store.Closed, string(outbound.Recalled), tx.Time()
		d.Reason, a.State = a.Reason, string(outbound.Recalled)
		return by, rest, tx.Deliveries().Advance(d, a)
	}
	return by, rest, tx.Deliveries().Note(d.ID, a)
}
