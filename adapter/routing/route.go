// Package routing decides how what is owed to a practice leaves: by which
// channels and in which order, which codes and whether free text, at which
// hours, and whether at all. What a practice, an operator or the person it is
// about said last counts, because everything is decided at the time of sending.
package routing

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
)

// Why a route goes on to the next channel.
const (
	NotTaken = "not-taken" // the practice does not take this channel
	Refused  = "refused"   // the peer refused this payload
	GivenUp  = "given-up"  // tried for too long, and certain that nothing arrived
)

// Reasons lists why a route may go on.
var Reasons = []string{NotTaken, Refused, GivenUp}

// Hop is one channel of a route.
type Hop struct {
	Channel string
	// FallBack lists for which reasons the next channel is tried; nil: NotTaken.
	FallBack []string
}

// Practice is what is agreed with one practice.
type Practice struct {
	ODS       string   // "*": every practice without an entry of its own
	Hops      []Hop    // in order; empty: the channel it was owed to
	GroupsOff []string // groups of codes that do not leave
	CodesOnly bool     // no free text and no letter
	Quiet     []Window // hours at which nothing is sent
}

// Any is the entry for practices without one of their own.
const Any = "*"

// Window is a time of day at which nothing is sent, from one minute of the day
// up to another; over midnight when From is not before To.
type Window struct {
	Days     []time.Weekday // days on which it begins; empty: every day
	From, To int            // minutes since midnight
}

// weekdays are the words for days, Sunday first as time.Weekday counts.
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWindow reads "22:00-06:00" or "sat,sun 00:00-24:00".
func ParseWindow(text string) (Window, error) {
	var w Window
	bad := fmt.Errorf("%q is no time of day such as 18:30-08:00 or sat,sun 00:00-24:00", text)
	days, hours, both := strings.Cut(text, " ")
	if !both {
		days, hours = "", text
	}
	for name := range strings.SplitSeq(days, ",") {
		i := slices.Index(weekdays, name)
		switch {
		case name == "" && days == "":
		case i < 0:
			return w, bad
		default:
			w.Days = append(w.Days, time.Weekday(i))
		}
	}
	from, to, ok := strings.Cut(hours, "-")
	var err1, err2 error
	w.From, err1 = minutes(from)
	w.To, err2 = minutes(to)
	if !ok || err1 != nil || err2 != nil || w.From == w.To || w.From == 24*60 {
		return w, bad
	}
	return w, nil
}

// minutes reads hh:mm, up to 24:00.
func minutes(text string) (int, error) {
	var h, m int
	if len(text) != 5 {
		return 0, errors.New("not hh:mm")
	}
	if _, err := fmt.Sscanf(text, "%02d:%02d", &h, &m); err != nil || h < 0 || m < 0 || m > 59 || h*60+m > 24*60 {
		return 0, errors.New("not hh:mm")
	}
	return h*60 + m, nil
}

// until returns when a window ends that holds at, which is in the zone of the
// practice; the zero time when it does not hold it.
func (w Window) until(at time.Time) time.Time {
	length := w.To - w.From
	if length <= 0 {
		length += 24 * 60
	}
	// It may have begun today or yesterday.
	for back := range 2 {
		day := at.AddDate(0, 0, -back)
		if len(w.Days) > 0 && !slices.Contains(w.Days, day.Weekday()) {
			continue
		}
		// time.Date knows the days on which the clock is changed.
		begin := time.Date(day.Year(), day.Month(), day.Day(), 0, w.From, 0, 0, at.Location())
		end := time.Date(day.Year(), day.Month(), day.Day(), 0, w.From+length, 0, 0, at.Location())
		if !at.Before(begin) && at.Before(end) {
			return end
		}
	}
	return time.Time{}
}

// Table is what is agreed with all practices.
type Table struct {
	// Refusal says why a transaction may not leave by the list of codes as it is
	// now, "" when it may: it may have been owed when another list was in use.
	// nil: everything may.
	Refusal func(bundle *element.Value) string

	byODS  map[string]Practice
	groups map[string]string // code to group
	zone   *time.Location
}

// NewTable makes a table; groups says of each code to which group it belongs.
// Quiet hours are of the zone. The error joins every problem.
func NewTable(practices []Practice, groups map[string]string, zone *time.Location) (*Table, error) {
	t := &Table{byODS: map[string]Practice{}, groups: groups, zone: zone}
	if zone == nil {
		t.zone = time.UTC
	}
	known := map[string]bool{}
	for _, g := range groups {
		known[g] = true
	}
	var errs []error
	for _, p := range practices {
		if _, twice := t.byODS[p.ODS]; twice || p.ODS == "" {
			errs = append(errs, fmt.Errorf("practice %q stands twice or has no code", p.ODS))
		}
		for _, g := range p.GroupsOff {
			if !known[g] {
				errs = append(errs, fmt.Errorf("practice %s: no code of the list belongs to the group %q", p.ODS, g))
			}
		}
		seen := map[string]bool{}
		for _, h := range p.Hops {
			if h.Channel == "" || seen[h.Channel] {
				errs = append(errs, fmt.Errorf("practice %s: the channel %q stands twice or has no name", p.ODS, h.Channel))
			}
			seen[h.Channel] = true
			for _, r := range h.FallBack {
				if !slices.Contains(Reasons, r) {
					errs = append(errs, fmt.Errorf("practice %s: %q is no reason to fall back; known: %s", p.ODS, r, strings.Join(Reasons, ", ")))
				}
			}
		}
		t.byODS[p.ODS] = p
	}
	return t, errors.Join(errs...)
}

// Of is what is agreed with a practice.
func (t *Table) Of(ods string) Practice {
	if p, ok := t.byODS[ods]; ok {
		return p
	}
	return t.byODS[Any]
}

// Quiet returns until when nothing is sent to a practice; the zero time when
// it may be now.
func (t *Table) Quiet(ods string, now time.Time) (until time.Time) {
	at := now.In(t.zone)
	// Windows that follow one another are one quiet time; a week is the longest.
	for limit := at.AddDate(0, 0, 8); at.Before(limit); {
		end := time.Time{}
		for _, w := range t.Of(ods).Quiet {
			if e := w.until(at); e.After(end) {
				end = e
			}
		}
		if end.IsZero() {
			return until
		}
		until, at = end, end
	}
	return until
}

// after is the hop behind a channel, if the rules of that channel allow to go
// there for the reason.
func (p Practice) after(channel, reason string) (string, bool) {
	i := slices.IndexFunc(p.Hops, func(h Hop) bool { return h.Channel == channel })
	if i < 0 || i+1 >= len(p.Hops) {
		return "", false
	}
	rules := p.Hops[i].FallBack
	if rules == nil {
		rules = []string{NotTaken}
	}
	return p.Hops[i+1].Channel, slices.Contains(rules, reason)
}
