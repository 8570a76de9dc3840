// Package reconciliation compares what was owed to patient records with what
// came of it, by practice and day, and sends that to people each day by itself.
// It counts and names practices, never a person.
package reconciliation

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // Europe/London must be known in an image without zone files

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// Report compares what was owed in a period with what came of it. It holds no
// patient data.
type Report struct {
	Since     time.Time   `json:"since"`
	Until     time.Time   `json:"until"`
	Total     Line        `json:"total"`
	Practices []Line      `json:"practices"`
	Earlier   Line        `json:"earlier"`          // what was owed before and is neither settled nor seen to
	Oldest    *Unresolved `json:"oldest,omitempty"` // of what is neither settled nor seen to, earlier ones included
}

// Line is one practice. Owed is everything; the other numbers add up to it.
type Line struct {
	Practice  string `json:"practice"`
	Owed      int    `json:"owed"`
	Waiting   int    `json:"waiting"`   // not sent yet
	Sent      int    `json:"sent"`      // sent, its acknowledgement awaited
	Delivered int    `json:"delivered"` // the peer says it has it, not read back
	Proven    int    `json:"proven"`    // found in the record
	Overdue   int    `json:"overdue"`   // no acknowledgement in time
	Human     int    `json:"human"`     // in front of a human for another reason
	Held      int    `json:"held"`
	Withheld  int    `json:"withheld"`
	Closed    int    `json:"closed"`
}

// Unresolved is one delivery that waits.
type Unresolved struct {
	Delivery int64     `json:"delivery"`
	State    string    `json:"state"`
	Owed     time.Time `json:"owed"`
}

func (l *Line) count(d store.Delivery) {
	l.Owed++
	switch d.State {
	case store.Owed, store.Leased:
		l.Waiting++
	case store.Sent:
		l.Sent++
	case store.Delivered:
		l.Delivered++
	case store.Proven:
		l.Proven++
	case store.Held:
		l.Held++
	case store.Withheld:
		l.Withheld++
	case store.Closed:
		l.Closed++
	default:
		if d.Stage == string(outbound.Overdue) {
			l.Overdue++
		} else {
			l.Human++
		}
	}
}

// open are the states of what is neither settled nor seen to.
var open = []store.DeliveryState{store.Owed, store.Leased, store.Sent, store.Dead, store.Held}

// Of counts the deliveries that were owed from since on and before until.
func Of(r store.Reader, since, until time.Time) (Report, error) {
	out := Report{Since: since, Until: until, Total: Line{Practice: "all"}, Practices: []Line{}, Earlier: Line{Practice: "earlier"}}
	lines := map[string]*Line{}
	err := each(r, store.DeliveryFilter{Since: since, Until: until}, func(d store.Delivery) {
		l := lines[d.Lane]
		if l == nil {
			l = &Line{Practice: d.Lane}
			lines[d.Lane] = l
		}
		l.count(d)
		out.Total.count(d)
		if slices.Contains(open, d.State) {
			out.unresolved(d)
		}
	})
	if err != nil {
		return out, err
	}
	for _, l := range lines {
		out.Practices = append(out.Practices, *l)
	}
	slices.SortFunc(out.Practices, func(a, b Line) int { return strings.Compare(a.Practice, b.Practice) })
	for _, state := range open {
		err := each(r, store.DeliveryFilter{State: state, Until: since}, func(d store.Delivery) {
			out.Earlier.count(d)
			out.unresolved(d)
		})
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (r *Report) unresolved(d store.Delivery) {
	if r.Oldest == nil || d.Created.Before(r.Oldest.Owed) {
		r.Oldest = &Unresolved{d.ID, string(d.State), d.Created}
	}
}

// each goes through the deliveries of a filter that are owed to a record: an
// answer to a sender or an alert is not.
func each(r store.Reader, f store.DeliveryFilter, see func(store.Delivery)) error {
	for f.Limit = 1000; ; {
		page, err := r.Deliveries().List(f)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, d := range page {
			if !strings.Contains(d.Lane, "/") {
				see(d)
			}
		}
		f.Before = page[len(page)-1].ID
	}
}

// London is where the days of a report begin and end.
var London = func() *time.Location {
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC // the zone is part of the program
	}
	return l
}()

// Day is the day in London that an instant falls on, by its two ends: 23 or 25
// hours long when the clocks are changed.
func Day(at time.Time) (since, until time.Time) {
	y, m, d := at.In(London).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, London), time.Date(y, m, d+1, 0, 0, 0, 0, London)
}
