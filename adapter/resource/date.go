package resource

import (
	"math"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
)

// interval is the time that a FHIR date means, from its first to its last
// microsecond: 2026-03 is all of March. Times without a zone are not FHIR.
// https://hl7.org/fhir/R4/search.html#date
func interval(s string) (low, high int64, ok bool) {
	var from, to time.Time
	var err error
	switch {
	case len(s) == 4:
		from, err = time.Parse("2006", s)
		to = from.AddDate(1, 0, 0)
	case len(s) == 7:
		from, err = time.Parse("2006-01", s)
		to = from.AddDate(0, 1, 0)
	case len(s) == 10:
		from, err = time.Parse("2006-01-02", s)
		to = from.AddDate(0, 0, 1)
	case len(s) == 16: // minutes, as some clients send; UTC
		from, err = time.Parse("2006-01-02T15:04", s)
		to = from.Add(time.Minute)
	case len(s) > 16 && len(s) <= 40:
		if from, err = time.Parse(time.RFC3339Nano, s); err != nil {
			if from, err = time.Parse("2006-01-02T15:04Z07:00", s); err == nil {
				to = from.Add(time.Minute)
				break
			}
		}
		to = from.Add(precision(s))
	default:
		return 0, 0, false
	}
	if err != nil || strings.IndexByte(s, ',') >= 0 { // time.Parse takes a comma in seconds, FHIR does not
		return 0, 0, false
	}
	return from.UnixMicro(), to.UnixMicro() - 1, true
}

// Interval is the time that a FHIR date, dateTime or instant means, from its
// first to its last microsecond; ok is false for anything else.
func Interval(s string) (first, last time.Time, ok bool) {
	low, high, ok := interval(s)
	if !ok {
		return time.Time{}, time.Time{}, false
	}
	return time.UnixMicro(low).UTC(), time.UnixMicro(high).UTC(), true
}

// precision is how much time the seconds of an instant mean.
func precision(s string) time.Duration {
	const seconds = len("2006-01-02T15:04:05")
	if len(s) <= seconds || s[seconds] != '.' {
		return time.Second
	}
	d := time.Second
	for i := seconds + 1; i < len(s) && s[i] >= '0' && s[i] <= '9' && d > time.Microsecond; i++ {
		d /= 10
	}
	return d
}

// rangeOf reads a date, dateTime, instant, Period or Timing element. An open end of a
// Period reaches for ever.
func rangeOf(v *element.Value) (low, high int64, ok bool) {
	if v.Kind == element.String {
		return interval(v.Text)
	}
	if event := v.List("event"); len(event) > 0 || v.Get("repeat") != nil {
		return timing(v)
	}
	low, high = math.MinInt64, math.MaxInt64
	if s := v.Str("start"); s != "" {
		if low, _, ok = interval(s); !ok {
			return 0, 0, false
		}
	}
	if s := v.Str("end"); s != "" {
		if _, high, ok = interval(s); !ok {
			return 0, 0, false
		}
	}
	return low, high, (v.Str("start") != "" || v.Str("end") != "") && low <= high
}

// timing is the time from the first to the last event of a Timing, or its
// bounds where it has no events.
func timing(v *element.Value) (low, high int64, ok bool) {
	low, high = math.MaxInt64, math.MinInt64
	for _, e := range v.List("event") {
		if a, b, good := interval(e.Text); good {
			low, high, ok = min(low, a), max(high, b), true
		}
	}
	if bounds := v.At("repeat.boundsPeriod"); !ok && bounds != nil {
		return rangeOf(bounds)
	}
	return low, high, ok
}
