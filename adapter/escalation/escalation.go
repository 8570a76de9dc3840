// Package escalation tells people that something waits for them. It looks at
// what is in front of a human, and when that has waited for as long as a step
// says, owes an alert by the channel of the step. An alert counts and names
// practices, never a person.
package escalation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// Step is one rung of the ladder.
type Step struct {
	After   time.Duration // how long something has waited
	Channel string        // by which somebody is told
}

// Alert is what is told.
type Alert struct {
	Kind      string         `json:"kind"` // always needs-a-human
	Waiting   string         `json:"waiting"`
	Count     int            `json:"count"`
	Overdue   int            `json:"overdue"` // of these, for want of an acknowledgement
	Orphans   int            `json:"orphans"` // of these, acknowledgements of nothing known
	Practices map[string]int `json:"practices"`
	First     int64          `json:"first"` // id of the delivery that waits longest
}

// Watcher escalates. Owed and Log may be left out.
type Watcher struct {
	Store store.Store
	Steps []Step
	Every time.Duration // between two looks
	Owed  func()        // called after an alert was owed
	Log   *slog.Logger
}

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	if len(w.Steps) == 0 {
		return
	}
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := w.Look(ctx, w.Store.Now()); err != nil && ctx.Err() == nil && w.Log != nil {
			w.Log.Error("nobody could be told of what waits for a human", "kind", fault.KindOf(err).String())
		}
	}
}

// Look owes the alerts that are due now. Each delivery that waits is told of once
// by each step, by whichever instance looks first.
func (w *Watcher) Look(ctx context.Context, now time.Time) error {
	for i, s := range w.Steps {
		owed := false
		err := w.Store.Decide(ctx, func(tx store.Tx) error {
			owed = false
			name := fmt.Sprintf("escalation/%d/%s/%s", i, s.After, s.Channel)
			value, err := tx.Switches().Get(name)
			if err != nil {
				return err
			}
			from, _ := time.Parse(time.RFC3339Nano, string(value)) // the zero time: everything there is
			until := now.Add(-s.After)
			if !until.After(from) {
				return nil
			}
			a, err := waiting(tx, from, until)
			if err != nil {
				return err
			}
			if err := tx.Switches().Set(name, []byte(until.UTC().Format(time.RFC3339Nano))); err != nil || a.Count == 0 {
				return err
			}
			a.Waiting = s.After.String()
			payload, err := json.Marshal(a)
			if err != nil {
				return err
			}
			_, owed, err = tx.Deliveries().Owe(store.Delivery{
				Key: fmt.Sprintf("%s%d/%d", outbound.AlertKey, i, until.UnixMicro()), Lane: "alert/" + s.Channel, Channel: s.Channel,
				Created: now, Due: now, Payload: payload,
			})
			return err
		})
		if err != nil {
			return err
		}
		if owed && w.Owed != nil {
			w.Owed()
		}
	}
	return nil
}

// waiting counts what came in front of a human in a period and is still there.
// An alert that could not be delivered raises no other one.
func waiting(r interface{ Deliveries() store.DeliveryWriter }, from, until time.Time) (Alert, error) {
	a := Alert{Kind: "needs-a-human", Practices: map[string]int{}}
	for f := (store.DeliveryFilter{State: store.Dead, Limit: 1000}); ; {
		page, err := r.Deliveries().List(f)
		if err != nil || len(page) == 0 {
			return a, err
		}
		for _, d := range page {
			if strings.HasPrefix(d.Key, outbound.AlertKey) || !d.Settled.After(from) || d.Settled.After(until) {
				continue
			}
			a.Count++
			a.First = d.ID
			if d.Lane != "" && !strings.Contains(d.Lane, "/") {
				a.Practices[d.Lane]++
			}
			switch outbound.Stage(d.Stage) {
			case outbound.Overdue:
				a.Overdue++
			case outbound.Orphan:
				a.Orphans++
			}
		}
		f.Before = page[len(page)-1].ID
	}
}

// Text is an alert in words, for a mail.
func Text(payload []byte) (subject, body string, err error) {
	var a Alert
	if err := json.Unmarshal(payload, &a); err != nil || a.Kind != "needs-a-human" {
		return "", "", fault.New(fault.Malformed, "", "no alert")
	}
	subject = fmt.Sprintf("linkloop: %d deliveries wait for a human", a.Count)
	var b strings.Builder
	fmt.Fprintf(&b, "%d deliveries have waited for a human for %s or longer.\n", a.Count, a.Waiting)
	fmt.Fprintf(&b, "Without an acknowledgement in time: %d. Acknowledgements of nothing known: %d.\n\n", a.Overdue, a.Orphans)
	names := make([]string, 0, len(a.Practices))
	for p := range a.Practices {
		names = append(names, p)
	}
	slices.Sort(names)
	for _, p := range names {
		fmt.Fprintf(&b, "practice %s: %d\n", p, a.Practices[p])
	}
	fmt.Fprintf(&b, "\nSee: linkloop deliveries list --state dead\n")
	return subject, b.String(), nil
}
