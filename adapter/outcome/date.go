package outcome

import (
	"strings"
	"time"
	_ "time/tzdata" // Europe/London must be known in an image without zone files

	"github.com/linkloop/linkloop/adapter/element"
)

// london is where the practice reads: an instant shortly before midnight UTC is
// the next day there in summer.
var london = func() *time.Location {
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC
	}
	return l
}()

// dayLayout is how the NHS shows a day to people, dd-Mmm-yyyy.
const dayLayout = "02-Jan-2006"

// precisions are those of a FHIR dateTime, the finest first, each with how the
// NHS shows it to people (dd-Mmm-yyyy).
// https://hl7.org/fhir/R4/datatypes.html#dateTime
var precisions = []struct{ layout, shown string }{
	{time.RFC3339Nano, dayLayout},
	{time.DateOnly, dayLayout},
	{"2006-01", "Jan-2006"},
	{"2006", "2006"},
}

// moment reads a FHIR date, dateTime or instant: the instant it begins at and
// the day as a reader sees it. Anything else is the zero time and no day.
func moment(text string) (at time.Time, day string) {
	for _, p := range precisions {
		if at, err := time.ParseInLocation(p.layout, text, london); err == nil {
			return at, at.In(london).Format(p.shown)
		}
	}
	return time.Time{}, ""
}

// until is when a FHIR date, dateTime or instant is over: an instant at once, a
// day, month or year at the next one. Anything else is the zero time.
func until(text string) time.Time {
	for _, p := range precisions {
		at, err := time.ParseInLocation(p.layout, text, london)
		if err != nil {
			continue
		}
		switch p.layout {
		case time.DateOnly:
			return at.AddDate(0, 0, 1)
		case "2006-01":
			return at.AddDate(0, 1, 0)
		case "2006":
			return at.AddDate(1, 0, 0)
		}
		return at
	}
	return time.Time{}
}

// ahead is how far what has happened may lie in the future: a clock that is
// wrong, or the day of another zone.
const ahead = 24 * time.Hour

// future refuses what is said to have been at a time that is still to come.
func (b *builder) future(at, when string) bool {
	if began, _ := moment(when); !began.After(b.in.Now.Add(ahead)) {
		return false
	}
	b.refuse(at, "it is said to have been on a day that is still to come; correct its date")
	return true
}

// on is a day behind what happened on it.
func on(day string) string {
	if day == "" {
		return ""
	}
	return " (" + day + ")"
}

// dated copies when something was: a date, or a period by its two ends, named
// DateTime or Period. Nothing else is taken along, because extensions could
// carry anything. ok is false for a time in another form, such as an age:
// without it the entry would claim the day on which the Task ended.
func dated(r *element.Value, prefix string) (when *element.Field, ok bool) {
	for _, f := range r.Fields {
		form, found := strings.CutPrefix(f.Name, prefix)
		if !found {
			continue
		}
		switch {
		case form == "Period" && f.Value.Kind == element.Object:
			ends := element.NewObject()
			ends.SetString("start", f.Value.Str("start"))
			ends.SetString("end", f.Value.Str("end"))
			if len(ends.Fields) > 0 {
				period := element.F("Period", ends)
				return &period, true
			}
		case (form == "DateTime" || form == "Instant") && f.Value.Kind == element.String && f.Value.Text != "":
			at := element.S("DateTime", f.Value.Text) // an instant is a dateTime
			return &at, true
		}
		return nil, false
	}
	return nil, true
}

// Day is the day of a coded entry as a reader sees it: that on which it began, ""
// when it says none.
func Day(r *element.Value) string {
	for _, prefix := range []string{"performed", "effective"} {
		if when, ok := dated(r, prefix); ok && when != nil {
			_, day := moment(begins(when))
			return day
		}
	}
	return ""
}

// begins is the text of the time at which a dated thing began.
func begins(when *element.Field) string {
	switch {
	case when == nil:
		return ""
	case when.Value.Kind == element.String:
		return when.Value.Text
	case when.Value.Str("start") != "":
		return when.Value.Str("start")
	}
	return when.Value.Str("end")
}
