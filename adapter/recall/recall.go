// Package recall takes back or corrects what went out and turned out wrong: it
// finds every outcome that carried a code, or was made with a list of codes or a
// mapping, says what it would do, and owes the corrections by the channels that
// the outcomes took. Everything it does is in the audit trail.
package recall

import (
	"cmp"
	"context"
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
	Known   = "known"   // this recall has seen to it already
	Nothing = "nothing" // the code is in none of its entries
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
}

// Report is what was found and done, or would be.
type Report struct {
	ID        string            `json:"id"`
	DryRun    bool              `json:"dryRun"`
	Found     int               `json:"found"`
	Actions   map[string]int    `json:"actions"`
	Practices map[string]int    `json:"practices"`
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
	Owed func() // called after corrections were owed
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
				for _, e := range bundle.List("entry") {
					if _, wrong := wrongCode(e.Get("resource"), o.Query.Code); wrong && !right.Fits(e.Get("resource")) {
						return &fault.Fault{Kind: fault.Unmappable, Issues: []fault.Issue{{Expression: "replace.code", Text: fmt.Sprintf(
							"%s is of kind %s and cannot stand where delivery %d has the wrong code, in %s; take a code of its kind (of a score: with its range), or only take it back",
							right.Code, right.Kind, d.ID, e.Get("resource").ResourceType())}}}
					}
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

// Find lists the outcomes of a query, newest first. A correction is found by the
// codes that it says are right, because they may turn out wrong too.
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
const step = 25

// Run does what an order says, or with DryRun says what it would do. It may be
// run again after it broke off.
func (s *Service) Run(ctx context.Context, o Order) (Report, error) {
	query, issues := o.Query.checked()
	o.Query = query
	right, err := s.check(o, issues)
	if err != nil {
		return Report{}, err
	}
	found, err := s.Find(ctx, o.Query)
	if err == nil && right.Code != "" {
		// The display of the list leaves, however the order words it.
		o.Replace = Code{right.Code, right.Display}
		err = s.fits(ctx, o, right, found)
	}
	if err != nil {
		return Report{}, err
	}
	rep := Report{ID: o.ID, DryRun: o.DryRun, Found: len(found), Actions: map[string]int{}, Practices: map[string]int{}, Items: []Item{}}
	letters := newLetters(o)
	for batch := range slices.Chunk(found, step) {
		var items []Item
		var told []note
		err := s.Store.Decide(ctx, func(tx store.Tx) error {
			items, told = nil, nil
			for _, d := range batch {
				item, n, err := s.one(tx, o, d.ID)
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
			if item.Action == Nothing {
				continue
			}
			rep.Practices[item.Practice]++
			if len(told[i].lines) > 0 {
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
			Outcome: fmt.Sprintf("%d found", len(found))})
	})
	if err == nil && !o.DryRun && s.Owed != nil {
		s.Owed()
	}
	return rep, err
}

// one sees to one outcome.
func (s *Service) one(tx store.Tx, o Order, id int64) (Item, note, error) {
	d, err := tx.Deliveries().Get(id)
	if err != nil {
		return Item{}, note{}, err
	}
	item := Item{Delivery: d.ID, Task: d.Task, Practice: d.Lane, Channel: d.Channel, State: string(d.State), Owed: d.Created}
	bundle, err := element.Parse(d.Payload, element.Limits{})
	if err != nil || bundle.ResourceType() != "Bundle" {
		return Item{}, note{}, fault.New(fault.Internal, "", "delivery %d holds no Bundle", d.ID)
	}
	correct, instead := outbound.CorrectionKey(d.Key, o.ID), outbound.InsteadKey(d.Key, o.ID)
	kin, err := tx.Deliveries().List(store.DeliveryFilter{Task: d.Task, Limit: 1000})
	if err != nil {
		return Item{}, note{}, err
	}
	sent, byHand, err := tried(tx, d)
	if err != nil {
		return Item{}, note{}, err
	}
	replaced := false
	var corrections []store.Delivery
	for _, k := range kin {
		switch {
		case k.Key == correct, k.Key == instead:
			item.Action, item.By = Known, k.ID
		case strings.HasPrefix(k.Key, outbound.CorrectionKey(d.Key, "")):
			sent = true // an earlier recall found that it may have arrived
			corrections = append(corrections, k)
		case strings.HasPrefix(k.Key, outbound.InsteadKey(d.Key, "")):
			replaced = true
		}
	}
	g, before := everything, []earlier(nil)
	if sent {
		if g, err = goneOf(tx.Deliveries(), d, bundle); err == nil {
			before, err = read(tx.Deliveries(), corrections)
		}
		if err != nil {
			return Item{}, note{}, err
		}
	}
	c := change(d, bundle, o, tx.Time(), g, before)
	if !sent && !byHand {
		c.note = note{} // the practice never had it, and is not told of it now
	}
	if item.Action == Known {
		return item, c.note, nil
	}
	// What took the place of an outcome that never left is found by itself.
	if c.entries == 0 || replaced && !sent {
		item.Action = Nothing
		return item, c.note, nil
	}
	owe := store.Delivery{
		Key: correct, Lane: d.Lane, Channel: d.Channel, Task: d.Task, Patient: d.Patient,
		Due: tx.Time(), Created: tx.Time(), Payload: c.correction, Marks: []string{"recall " + o.ID},
	}
	item.Action = Correct
	if !sent {
		// It is no correction: the practice and the person decide on it as on the
		// outcome whose place it takes.
		owe.Key = instead
		item.Action, owe.Payload, owe.State, owe.Reason = Recall, c.instead, d.State, d.Reason
		if d.State == store.Withheld || d.State == store.Closed {
			owe.State = store.Held
		}
	}
	if o.DryRun {
		return item, c.note, nil
	}
	if item.By, err = s.owe(tx, d, owe, sent, o); err != nil {
		return Item{}, note{}, err
	}
	return item, c.note, tx.Ledger().Audit(store.AuditEvent{At: tx.Time(), Agent: o.By, Action: item.Action,
		Entity: fmt.Sprintf("delivery/%d", d.ID), Outcome: "recall " + o.ID})
}

// read reads corrections, in the order in which they were owed.
func read(r store.DeliveryReader, corrections []store.Delivery) (out []earlier, err error) {
	slices.SortFunc(corrections, func(a, b store.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	for _, k := range corrections {
		d, err := r.Get(k.ID)
		if err != nil {
			return nil, err
		}
		bundle, err := element.Parse(d.Payload, element.Limits{})
		if err != nil {
			return nil, fault.New(fault.Internal, "", "delivery %d holds no Bundle", d.ID)
		}
		g, err := goneOf(r, d, bundle)
		if err != nil {
			return nil, err
		}
		out = append(out, earlier{bundle, g})
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

// owe owes the correction, and says on the record of the outcome what became of it.
func (s *Service) owe(tx store.Tx, d, correction store.Delivery, sent bool, o Order) (int64, error) {
	correction.Marks = append(correction.Marks, marks(correction.Payload)...)
	id := int64(0)
	if correction.Payload != nil {
		var err error
		if id, _, err = tx.Deliveries().Owe(correction); err != nil {
			return 0, err
		}
	}
	a := store.Attempt{Channel: d.Channel, Started: tx.Time(), Ended: tx.Time(), State: string(outbound.Superseded),
		Reason: fmt.Sprintf("recall %s: corrected by delivery %d", o.ID, id)}
	switch d.State {
	case store.Owed, store.Leased, store.Held, store.Dead, store.Withheld:
		// It does not leave any more.
		d.State, d.Stage, d.Settled = store.Closed, string(outbound.Recalled), tx.Time()
		d.Reason, a.State = a.Reason, string(outbound.Recalled)
		return id, tx.Deliveries().Advance(d, a)
	}
	return id, tx.Deliveries().Note(d.ID, a)
}
