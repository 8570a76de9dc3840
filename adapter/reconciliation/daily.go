package reconciliation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/store"
)

// kind tells a report from other alerts.
const kind = "reconciliation"

// Message is a report as it is sent.
type Message struct {
	Kind string `json:"kind"` // always reconciliation
	Day  string `json:"day"`  // in London, 2026-03-01
	Report
}

// Daily sends the report of each day by every channel once, on the day after it.
// Owed and Log may be left out.
type Daily struct {
	Store    store.Store
	At       TimeOfDay
	Channels []string
	Every    time.Duration // between two looks
	Owed     func()        // called after a report was owed
	Log      *slog.Logger
}

// TimeOfDay is in minutes since midnight, as the clocks in London show it.
type TimeOfDay int

// ParseTimeOfDay reads 00:00 to 23:59.
func ParseTimeOfDay(text string) (TimeOfDay, error) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day from 00:00 to 23:59", text)
	}
	return TimeOfDay(t.Hour()*60 + t.Minute()), nil
}

// maxDays is for how many days that were missed reports are made up for, when
// no instance ran.
const maxDays = 31

// Run looks at once and then again and again until ctx ends.
func (s *Daily) Run(ctx context.Context) {
	if len(s.Channels) == 0 {
		return
	}
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		if err := s.Look(ctx, s.Store.Now()); err != nil && ctx.Err() == nil && s.Log != nil {
			s.Log.Error("the daily report could not be made", "kind", fault.KindOf(err).String())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Look owes the reports that are due now: by whichever instance looks first, and
// those of days on which none ran. The first report ever is that of yesterday.
func (s *Daily) Look(ctx context.Context, now time.Time) error {
	today, _ := Day(now)
	y, m, d := today.Date()
	last := time.Date(y, m, d-1, 0, 0, 0, 0, London) // the day that is reported now
	// A time that the clocks leave out in spring is one that is next to it; one
	// that they show twice in autumn is one of the two.
	if now.Before(time.Date(y, m, d, 0, int(s.At), 0, 0, London)) {
		last = time.Date(y, m, d-2, 0, 0, 0, 0, London)
	}
	for _, channel := range s.Channels {
		first, ok, err := s.first(ctx, channel, last, now)
		if err != nil {
			return err
		}
		for day := first; ok && !day.After(last); _, day = Day(day) {
			if err := s.owe(ctx, channel, day, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// reported is the switch that holds the last day that was reported by a channel.
func reported(channel string) string { return "report/" + channel }

// first is the first day that a channel has had no report of; ok is false when
// there is none that is due.
func (s *Daily) first(ctx context.Context, channel string, last, now time.Time) (first time.Time, ok bool, err error) {
	var value []byte
	err = s.Store.View(ctx, func(r store.Reader) error {
		value, err = r.Switches().Get(reported(channel))
		return err
	})
	if err != nil {
		return first, false, err
	}
	had, err := time.ParseInLocation(time.DateOnly, string(value), London)
	if err != nil {
		// Never before: there is nothing to make up for.
		_, until := Day(last)
		today, _ := Day(now)
		return last, until.Equal(today), nil
	}
	if today, _ := Day(now); had.After(today.AddDate(0, 0, 1)) {
		return s.again(ctx, channel, today, last)
	}
	if oldest := last.AddDate(0, 0, 1-maxDays); had.Before(oldest) {
		return oldest, true, nil
	}
	_, first = Day(had)
	return first, true, nil
}

// again begins again at yesterday, because the clock was ahead when a channel had
// its last report: it would get none until that day comes, and nobody would miss
// what does not come. A day ahead is left to pass; instances may differ at midnight.
func (s *Daily) again(ctx context.Context, channel string, today, last time.Time) (first time.Time, ok bool, err error) {
	yesterday := today.AddDate(0, 0, -1)
	err = s.Store.Decide(ctx, func(tx store.Tx) error {
		return tx.Switches().Set(reported(channel), []byte(yesterday.AddDate(0, 0, -1).Format(time.DateOnly)))
	})
	if err == nil && s.Log != nil {
		s.Log.Error("the last daily report is of a day to come, because the clock was ahead; reports begin again at yesterday", "channel", channel)
	}
	return yesterday, !yesterday.After(last), err
}

// owe owes the report of a day, unless another instance did meanwhile. It counts
// before it decides, so that the store works on meanwhile.
func (s *Daily) owe(ctx context.Context, channel string, day, now time.Time) error {
	since, until := Day(day)
	name := since.Format(time.DateOnly)
	message := Message{Kind: kind, Day: name}
	err := s.Store.View(ctx, func(r store.Reader) (err error) {
		message.Report, err = Of(r, since, until)
		return err
	})
	if err != nil {
		return err
	}
	payload, err := json.Marshal(message)
	if err != nil {
		return err
	}
	owed := false
	err = s.Store.Decide(ctx, func(tx store.Tx) error {
		owed = false
		value, err := tx.Switches().Get(reported(channel))
		if err != nil || string(value) >= name {
			return err
		}
		if err := tx.Switches().Set(reported(channel), []byte(name)); err != nil {
			return err
		}
		d := store.Delivery{
			Key: outbound.AlertKey + kind + "/" + channel + "/" + name, Lane: "alert/" + channel, Channel: channel, Created: now, Due: now, Payload: payload,
		}
		if _, owed, err = tx.Deliveries().Owe(d); err == nil && !owed {
			// Its report went before the day was over, while the clock was ahead.
			d.Key += "/" + now.UTC().Format(time.RFC3339)
			_, owed, err = tx.Deliveries().Owe(d)
		}
		return err
	})
	if err == nil && owed && s.Owed != nil {
		s.Owed()
	}
	return err
}

// Text words a report for people. Errors: fault.Malformed when the payload is none.
func Text(payload []byte) (subject, body string, err error) {
	var m Message
	if json.Unmarshal(payload, &m) != nil || m.Kind != kind {
		return "", "", fault.New(fault.Malformed, "", "no report")
	}
	late := m.Total.Overdue + m.Earlier.Overdue
	human := m.Total.Human + m.Earlier.Human
	subject = fmt.Sprintf("linkloop: %s: %d owed, %d proven; overdue %d, in front of a human %d", m.Day, m.Total.Owed, m.Total.Proven, late, human)
	var b strings.Builder
	fmt.Fprintf(&b, "What was owed to patient records on %s, and what came of it.\n\n", m.Day)
	Table(&b, m.Report)
	fmt.Fprintf(&b, "\nSee: linkloop deliveries list --state dead\n")
	return subject, b.String(), nil
}

// Table writes a report as lines of words and numbers.
func Table(out interface{ Write([]byte) (int, error) }, r Report) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "PRACTICE\tOWED\tWAITING\tSENT\tDELIVERED\tPROVEN\tOVERDUE\tHUMAN\tHELD\tWITHHELD\tCLOSED\t")
	for _, l := range append(append([]Line{}, r.Practices...), r.Total, r.Earlier) {
		if l.Practice == "" {
			l.Practice = "none known"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", l.Practice, l.Owed, l.Waiting, l.Sent, l.Delivered, l.Proven, l.Overdue, l.Human, l.Held, l.Withheld, l.Closed)
	}
	_ = w.Flush() // out is memory or a terminal
	if r.Earlier.Owed > 0 {
		fmt.Fprintln(out, "earlier: owed on days before, and neither settled nor seen to")
	}
	if o := r.Oldest; o != nil {
		fmt.Fprintf(out, "the oldest that is not settled: delivery %d, %s, owed since %s\n", o.Delivery, o.State, o.Owed.In(London).Format("2006-01-02 15:04"))
	}
}
