package fhirmsg

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Europe/London must be known in an image without zone files

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// london is where a time without an offset was written.
var london = func() *time.Location {
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC
	}
	return l
}()

// walker goes through a message once and makes the repairs in place. It knows
// the types of R4; what it does not know, such as a resource of another
// version, it passes over but for what needs no type.
type walker struct {
	rules   *repairs
	path    []string // steps from the Bundle
	changed bool
	notes   []fault.Issue
	more    int // notes beyond maxNotes
	refused []fault.Issue
}

// message repairs a message Bundle. stu3 leaves the types of R4 out.
func (w *walker) message(v *element.Value, stu3 bool) {
	if t, ok := fhir.TypeOf("Bundle"); ok && !stu3 {
		w.object(v, t, true)
		return
	}
	w.object(v, fhir.Type{}, false)
}

// outcome is what came of the walk: the flags, and the fault when something
// must not be repaired.
func (w *walker) outcome() ([]fault.Issue, *fault.Fault) {
	if w.more > 0 {
		w.notes = append(w.notes, note("and", "", strconv.Itoa(w.more)+" more"))
	}
	if len(w.refused) > 0 {
		return w.notes, &fault.Fault{Kind: fault.Malformed, Issues: w.refused}
	}
	return w.notes, nil
}

// found says what to do about a deviation at the current place: true to repair
// it. When the repair is off, the message is refused or stays as it is.
func (w *walker) found(repair string, refuses bool, text string) bool {
	if w.rules.on[repair] {
		if len(w.notes) < maxNotes {
			w.notes = append(w.notes, note(repair, w.place(), text))
		} else {
			w.more++
		}
		return true
	}
	if refuses {
		w.refuse("value", text+"; the repair "+repair+" is switched off for this sender")
	}
	return false
}

func (w *walker) refuse(code, text string) {
	if len(w.refused) < maxNotes {
		w.refused = append(w.refused, fault.Issue{Code: code, Place: w.place(), Text: text})
	}
}

// place is the address of where the walker stands.
func (w *walker) place() string {
	if len(w.path) == 0 {
		return "/"
	}
	return strings.Join(w.path, "")
}

func (w *walker) step(s string) { w.path = append(w.path, s) }
func (w *walker) back()         { w.path = w.path[:len(w.path)-1] }
func empty(v *element.Value) bool {
	switch v.Kind {
	case element.Null:
		return true
	case element.String:
		return v.Text == ""
	case element.Object:
		return len(v.Fields) == 0
	case element.Array:
		return len(v.Items) == 0
	}
	return false
}

// object walks the members of an object of a type, which is known when typed.
func (w *walker) object(v *element.Value, t fhir.Type, typed bool) {
	if typed && t.AnyResource() {
		t, typed = fhir.TypeOf(v.ResourceType())
	}
	kept := v.Fields[:0]
	for _, f := range v.Fields {
		w.step("/" + name(f.Name))
		if w.member(v, &f, t, typed) {
			kept = append(kept, f)
		} else {
			w.changed = true
		}
		w.back()
	}
	v.Fields = kept
}

// member walks one member and reports whether it stays.
func (w *walker) member(of *element.Value, f *element.Field, t fhir.Type, typed bool) bool {
	if empty(f.Value) {
		return !w.found(EmptyMember, true, "an empty value")
	}
	if f.Name == "resourceType" {
		return true
	}
	base := strings.TrimPrefix(f.Name, "_")
	if !typed {
		w.value(of, f, fhir.Type{}, false)
		return true
	}
	e, known := t.Element(base)
	if !known {
		w.found(UnknownField, true, "FHIR R4 has no element of this name here")
		return true
	}
	switch list := f.Value.Kind == element.Array; {
	case e.Repeats() && !list:
		if w.found(SingleItem, true, "a single value where an array is meant") {
			f.Value = element.NewArray(f.Value)
			w.changed = true
		}
	case !e.Repeats() && list && len(f.Value.Items) == 1:
		if w.found(OneItemArray, true, "an array where a single value is meant") {
			f.Value = f.Value.Items[0]
			w.changed = true
		}
	case !e.Repeats() && list:
		w.refuse("structure", "one value is expected here, and there are several")
		return true
	}
	if base != f.Name { // id and extensions of a primitive
		return true
	}
	w.value(of, f, e.Type(), true)
	return true
}

// value walks what a member holds.
func (w *walker) value(of *element.Value, f *element.Field, t fhir.Type, typed bool) {
	if f.Value.Kind != element.Array {
		w.one(f.Name, f.Value, t, typed)
		return
	}
	// A null among primitives has its place when extensions stand beside it.
	beside := strings.HasPrefix(f.Name, "_") || of.Get("_"+f.Name) != nil
	for i, item := range f.Value.Items {
		w.step("[" + strconv.Itoa(i) + "]")
		switch {
		case empty(item):
			if item.Kind != element.Null || !beside {
				w.found(EmptyMember, true, "an empty value")
			}
		default:
			w.one(f.Name, item, t, typed)
		}
		w.back()
	}
}

// one walks one value that is no array and not empty.
func (w *walker) one(name string, v *element.Value, t fhir.Type, typed bool) {
	switch v.Kind {
	case element.Object:
		w.object(v, t, typed && !t.Primitive())
	case element.String:
		if typed && t.Primitive() {
			w.text(v, t.Name())
		}
		if s := v.Text; strings.HasPrefix(s, ":uuid:") && (name == "fullUrl" || name == "reference") {
			if w.found(URNUUID, true, ":uuid: is no URI") {
				w.put(v, "urn"+s)
			}
		}
		if name == "system" {
			if s := w.rules.system(v.Text); s != v.Text && w.found(SystemURI, false, "another spelling of "+s) {
				w.put(v, s)
			}
		}
	}
}

func (w *walker) put(v *element.Value, text string) {
	v.Text = text
	w.changed = true
}

// text repairs the text of a primitive type.
func (w *walker) text(v *element.Value, typ string) {
	switch typ {
	case "Code", "Id", "Uri", "Url", "Canonical", "Oid", "Uuid", "Date", "DateTime", "Instant", "Time":
		if s := strings.TrimSpace(v.Text); s != v.Text && s != "" && w.found(OuterSpace, true, "spaces around the value") {
			w.put(v, s)
		}
	}
	switch typ {
	case "Id":
		if s := strings.TrimSpace(v.Text); !fhir.ID(s) {
			w.found(IDCharacters, true, "an id holds letters, digits, hyphens and full stops, 64 at most")
		}
	case "DateTime", "Instant":
		w.time(v)
	}
}

// localTime is a time without an offset, with the fraction cut off.
const localTime = "2006-01-02T15:04:05"

// time repairs the fraction and the offset of a time; a date alone has neither.
func (w *walker) time(v *element.Value) {
	s := v.Text
	if len(s) < len(localTime) || s[10] != 'T' {
		return
	}
	rest := s[len(localTime):]
	digits := 0
	if strings.HasPrefix(rest, ".") {
		for digits+1 < len(rest) && rest[digits+1] >= '0' && rest[digits+1] <= '9' {
			digits++
		}
	}
	if digits > 6 && w.found(FractionDigits, false, "more than six digits of a second") {
		rest = rest[:7] + rest[digits+1:]
		w.put(v, s[:len(localTime)]+rest)
		digits = 6
	}
	offset := rest
	if digits > 0 {
		offset = rest[digits+1:]
	}
	if offset != "" {
		return
	}
	at, err := time.ParseInLocation(localTime, s[:len(localTime)], london)
	if err != nil {
		return
	}
	if w.found(MissingZone, true, "a time without an offset") {
		w.put(v, v.Text+at.Format("-07:00"))
	}
}
