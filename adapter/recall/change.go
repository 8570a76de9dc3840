package recall

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/store"
)

// changed is what becomes of one outcome.
type changed struct {
	entries    int    // that are wrong
	correction []byte // transaction that puts a record right which has them
	instead    []byte // transaction to send in place of it; nil when nothing is left of it
	note       note
}

// note is what a practice is told of one outcome.
type note struct {
	number string // NHS number
	lines  []string
}

// change makes the correction of an outcome. An entry that is wrong becomes
// entered-in-error, found by the identifier it was made with, and what is right
// stands beside it under an identifier of its own; so the correction too can be
// sent again without doubling anything. The letter is treated alike. A short
// letter more says what was done. Nothing is taken back that did not leave, and
// no more is told than had left; earlier are the corrections before this one.
//
// https://hl7.org/fhir/R4/http.html#cond-update, ?cs#status entered-in-error
func change(d store.Delivery, bundle *element.Value, o Order, at time.Time, g gone, earlier []earlier) changed {
	var c changed
	var put, rest []*element.Value
	var wrongs []Code
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		if n := numberOf(r); n != "" {
			c.note.number = n
		}
		code, wrong := wrongCode(r, o.Query.Code)
		if !wrong {
			rest = append(rest, e)
			continue
		}
		if !slices.Contains(wrongs, code) {
			wrongs = append(wrongs, code)
		}
		if !g.has(e) && !g.told(bundle, code.Code) {
			continue
		}
		c.entries++
		line := code.Display + ", " + day(r)
		if g.has(e) {
			put = append(put, takenBack(g.without(e)))
		}
		if o.Replace.Code != "" {
			right := replaced(r, o)
			same := e.Clone()
			same.Set("resource", withIdentifier(right, r.TextAt("identifier.value")))
			rest = append(rest, same)
			line += "; it reads now: " + o.Replace.Display
			if g.has(e) {
				put = append(put, created(g.without(same).Get("resource"), o.ID))
			}
		}
		c.note.lines = append(c.note.lines, line)
	}
	if c.entries == 0 {
		return c
	}
	rest, put = retold(rest, put, wrongs, o, g, earlier)
	if g.letters() {
		put = append(put, letterOf(bundle, d, o, at, c.note))
	}
	c.correction = transaction(bundle, put)
	if len(rest) > 0 {
		c.instead = transaction(bundle, rest)
	}
	return c
}

// retold are the entries that are left with letters that do not tell of the wrong
// codes any more, and what puts a record right with what does the same there: the
// letter that tells of them is taken back and not said again, because some readers
// are shown whatever comes, and the one that does not stands
// beside it. A letter out of which they cannot be taken is only taken back, and so
// is one of which nobody knows whether it left. Where an earlier correction told
// the letter anew, that one is taken back too, and told again from.
func retold(rest, put []*element.Value, wrongs []Code, o Order, g gone, before []earlier) (kept, right []*element.Value) {
	for _, e := range rest {
		if e.TextAt("resource.resourceType") != "DocumentReference" || e.TextAt("resource.status") == inError || !g.has(e) {
			kept = append(kept, e)
			continue
		}
		was, there := g.redrawn(e.Get("resource")), []*element.Value{e}
		for _, b := range before {
			if told := b.letterOf(e); told != nil {
				if was = told.Get("resource"); b.gone.has(told) {
					there = append(there, told)
				}
			}
		}
		r := was
		for _, w := range wrongs {
			if r != nil {
				r = outcome.Recode(r, outcome.Leaving{Code: w.Code, Display: w.Display}, outcome.Code{Code: o.Replace.Code, Display: o.Replace.Display}, o.ID)
			}
		}
		if r == was && r != nil {
			kept = append(kept, e)
			continue
		}
		for _, t := range there {
			back := takenBack(g.without(t))
			back.Get("resource").Set("content", text("Letter entered in error",
				"ENTERED IN ERROR\n\nThe letter that stood here told of a code that was wrong. What is right is in the letters that came with this one.\n"))
			put = append(put, back)
		}
		if r == nil {
			continue
		}
		if g.letters() {
			put = append(put, created(r, o.ID))
		}
		e = e.Clone()
		e.Set("resource", r)
		kept = append(kept, e)
	}
	return kept, put
}

// wrongCode is the code of an entry that is to be corrected. Without a code in
// the query every coded entry is.
func wrongCode(r *element.Value, code string) (Code, bool) {
	if r.Str("status") == inError {
		return Code{}, false // an earlier recall saw to it
	}
	for _, c := range r.All("code.coding") {
		if c.Str("system") == nhs.SystemSNOMED && (code == "" || c.Str("code") == code) {
			return Code{c.Str("code"), c.Str("display")}, true
		}
	}
	return Code{}, false
}

// inError is the status of what is taken back.
const inError = "entered-in-error"

// marks are the codes by which a correction is found: those it says are right.
func marks(payload []byte) []string {
	bundle, err := element.Parse(payload, element.Limits{})
	if err != nil {
		return nil
	}
	return outbound.Marks(transaction(bundle, slices.DeleteFunc(bundle.List("entry"), func(e *element.Value) bool {
		return e.TextAt("resource.status") == inError
	})))
}

// takenBack is the conditional update that makes an entry entered-in-error.
func takenBack(entry *element.Value) *element.Value {
	r := entry.Get("resource").Clone()
	r.SetString("status", inError)
	token := r.TextAt("identifier.system") + "|" + r.TextAt("identifier.value")
	return element.NewObject(
		element.S("fullUrl", entry.Str("fullUrl")),
		element.F("resource", r),
		element.F("request", element.NewObject(
			element.S("method", "PUT"), element.S("url", r.ResourceType()+"?identifier="+url.QueryEscape(token)))))
}

// replaced is an entry with the right code in place of the wrong one.
func replaced(r *element.Value, o Order) *element.Value {
	right := r.Clone()
	code := right.Get("code")
	for _, c := range code.List("coding") {
		if c.Str("system") == nhs.SystemSNOMED && c.Str("code") == o.Query.Code {
			c.SetString("code", o.Replace.Code)
			c.SetString("display", o.Replace.Display)
		}
	}
	code.SetString("text", o.Replace.Display)
	return right
}

func withIdentifier(r *element.Value, value string) *element.Value {
	id := element.NewObject(element.S("system", r.TextAt("identifier.system")), element.S("value", value))
	r.Set("identifier", element.NewArray(id))
	return r
}

// created is the conditional create of a resource, under an identifier that says
// which recall made it.
func created(r *element.Value, recall string) *element.Value {
	r = withIdentifier(r.Clone(), r.TextAt("identifier.value")+"."+recall)
	token := r.TextAt("identifier.system") + "|" + r.TextAt("identifier.value")
	return element.NewObject(
		element.S("fullUrl", "urn:uuid:"+uuid.NewSHA1(uuid.NameSpaceURL, []byte(token)).String()),
		element.F("resource", r),
		element.F("request", element.NewObject(
			element.S("method", "POST"), element.S("url", r.ResourceType()),
			element.S("ifNoneExist", "identifier="+url.QueryEscape(token)))))
}

// letterOf is the part of a correction that a person reads.
func letterOf(bundle *element.Value, d store.Delivery, o Order, at time.Time, n note) *element.Value {
	var b strings.Builder
	fmt.Fprintf(&b, "CORRECTION OF A SOCIAL PRESCRIBING OUTCOME\n\nWhy\n- %s\n\nEntered in error\n", plain(o.Reason))
	for _, l := range n.lines {
		fmt.Fprintf(&b, "- %s\n", plain(l))
	}
	first := bundle.List("entry")[0].Get("resource")
	r := element.NewObject(element.S("resourceType", "DocumentReference"),
		element.F("identifier", element.NewArray(element.NewObject(
			element.S("system", first.TextAt("identifier.system")), element.S("value", d.Task+".correction")))),
		element.S("status", "current"), element.S("docStatus", "final"),
		element.F("type", element.NewObject(element.S("text", "Social prescribing: correction of an outcome"))))
	if subject := first.Get("subject"); subject != nil {
		r.Set("subject", subject.Clone())
	}
	r.SetString("date", at.UTC().Format(element.InstantLayout))
	r.Set("content", text("Correction of a social prescribing outcome", b.String()))
	return created(r, o.ID)
}

// text is the content of a DocumentReference that is plain text.
func text(title, body string) *element.Value {
	return element.NewArray(element.NewObject(element.F("attachment", element.NewObject(
		element.S("contentType", "text/plain; charset=utf-8"),
		element.S("data", base64.StdEncoding.EncodeToString([]byte(body))),
		element.S("title", title)))))
}

func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

// transaction is one of other entries than another has, under its tags: the list
// of codes it was made with, and the status of the Task.
func transaction(of *element.Value, entries []*element.Value) []byte {
	out := element.NewObject(element.S("resourceType", "Bundle"))
	if meta := of.Get("meta"); meta != nil {
		out.Set("meta", meta.Clone())
	}
	out.SetString("type", "transaction")
	out.Set("entry", element.NewArray(entries...))
	return out.JSON()
}

func numberOf(r *element.Value) string {
	token, err := url.QueryUnescape(strings.TrimPrefix(r.TextAt("subject.reference"), "Patient?identifier="))
	system, value, ok := strings.Cut(token, "|")
	if err != nil || !ok || system != nhs.SystemNHSNumber {
		return ""
	}
	return value
}

func day(r *element.Value) string {
	for _, name := range []string{"performedDateTime", "effectiveDateTime", "date"} {
		if s := r.Str(name); len(s) >= 10 {
			if t, err := time.Parse("2006-01-02", s[:10]); err == nil {
				return t.Format("02-Jan-2006")
			}
		}
	}
	return "without a date"
}

// letters gathers what each practice is told.
type letters struct {
	order Order
	notes map[string][]note
}

func newLetters(o Order) *letters { return &letters{o, map[string][]note{}} }

func (l *letters) add(practice string, n note) { l.notes[practice] = append(l.notes[practice], n) }

// texts are the letters by practice. They hold NHS numbers.
func (l *letters) texts() map[string]string {
	out := map[string]string{}
	for practice, notes := range l.notes {
		var b strings.Builder
		fmt.Fprintf(&b, "To practice %s\n\nSOCIAL PRESCRIBING: CODES SENT TO YOUR RECORDS IN ERROR\n\nActions for the practice\n"+
			"- Check that the entries below are marked as entered in error, or remove them.\n\nWhy\n- %s\n\nRecords (%d)\n",
			practice, plain(l.order.Reason), len(notes))
		slices.SortFunc(notes, func(a, b note) int { return strings.Compare(a.number, b.number) })
		for _, n := range notes {
			who := "a patient without a usable NHS number"
			if n.number != "" {
				who = "NHS number " + nhs.FormatNumber(n.number)
			}
			for _, line := range n.lines {
				fmt.Fprintf(&b, "- %s: %s\n", who, plain(line))
			}
		}
		out[practice] = b.String()
	}
	return out
}
