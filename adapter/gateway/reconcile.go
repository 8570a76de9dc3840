package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// Reconciliation compares what was owed in a period with what came of it. It
// holds no patient data.
type Reconciliation struct {
	Since     time.Time             `json:"since"`
	Until     time.Time             `json:"until"`
	Total     ReconciledLine        `json:"total"`
	Practices []ReconciledLine      `json:"practices"`
	Oldest    *ReconciledUnresolved `json:"oldest,omitempty"` // of what is neither proven nor seen to
}

// ReconciledLine is one practice. Owed is everything; the other numbers add up
// to it.
type ReconciledLine struct {
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

// ReconciledUnresolved is one delivery that waits.
type ReconciledUnresolved struct {
	Delivery int64     `json:"delivery"`
	State    string    `json:"state"`
	Owed     time.Time `json:"owed"`
}

func (l *ReconciledLine) count(d store.Delivery) {
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

// Reconcile counts the deliveries of a period by practice.
func Reconcile(r store.Reader, since, until time.Time) (Reconciliation, error) {
	out := Reconciliation{Since: since, Until: until, Total: ReconciledLine{Practice: "all"}}
	lines := map[string]*ReconciledLine{}
	for f := (store.DeliveryFilter{Since: since, Until: until, Limit: 1000}); ; {
		page, err := r.Deliveries().List(f)
		if err != nil {
			return out, err
		}
		for _, d := range page {
			if strings.Contains(d.Lane, "/") {
				continue // an answer to a sender or an alert is owed to no record
			}
			l := lines[d.Lane]
			if l == nil {
				l = &ReconciledLine{Practice: d.Lane}
				lines[d.Lane] = l
			}
			l.count(d)
			out.Total.count(d)
			switch d.State {
			case store.Proven, store.Delivered, store.Closed, store.Withheld:
			default:
				out.Oldest = &ReconciledUnresolved{d.ID, string(d.State), d.Created} // newest first: the last one is the oldest
			}
		}
		if len(page) == 0 {
			break
		}
		f.Before = page[len(page)-1].ID
	}
	for _, l := range lines {
		out.Practices = append(out.Practices, *l)
	}
	slices.SortFunc(out.Practices, func(a, b ReconciledLine) int { return strings.Compare(a.Practice, b.Practice) })
	return out, nil
}

// reconciliation: GET /admin/reconciliation?since=2026-03-01&until=2026-03-02
// counts what was owed on those days; without them, on the day before today.
func (g *Gateway) reconciliation(c *gin.Context) {
	today := g.cfg.Store.Now().UTC().Truncate(24 * time.Hour)
	since, err := dayOf(c.Query("since"), today.AddDate(0, 0, -1))
	if err != nil {
		g.fail(c, err)
		return
	}
	until, err := dayOf(c.Query("until"), since.AddDate(0, 0, 1))
	if err != nil {
		g.fail(c, err)
		return
	}
	var rec Reconciliation
	err = g.cfg.Store.View(c.Request.Context(), func(r store.Reader) error {
		rec, err = Reconcile(r, since, until)
		return err
	})
	g.answer(c, rec, err)
}

func dayOf(text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	t, err := time.Parse("2006-01-02", text)
	if err != nil {
		return t, fault.New(fault.Malformed, "since", "a day such as 2026-03-01 is expected")
	}
	return t, nil
}

// strictJSON decodes one JSON value without members that are not known.
func strictJSON(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil || dec.Decode(new(any)) != io.EOF {
		return fault.New(fault.Malformed, "", "one JSON object with the members of this address is expected")
	}
	return nil
}
