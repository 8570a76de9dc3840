package recall

import (
	"cmp"
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
	entries int              // that are wrong, those of letters included
	put     []*element.Value // that put a record right which has them
	rest    []*element.Value // to send in place of it; none when nothing is left of it
	same    []*element.Value // of rest, what nothing is wrong with
	note    note
	why     string // nothing takes the place of what is wrong, or its letter stays out
	seen    int64  // delivery by which an earlier recall saw to what is wrong, if one did
}

// note is what a practice is told of one outcome.
type note struct {
	number string // NHS number
	lines  []string
}

// changing is one outcome while it is changed.
type changing struct {
	delivery store.Delivery
	bundle   *element.Value
	order    Order
	at       time.Time
	gone     gone
	sent     bool      // it may have arrived
	byHand   bool      // a human saw to it by other means, such as a letter
	earlier  []earlier // corrections before this one
	folded   []earlier // those of them that this recall found; what left of them is corrected with it
	unsaid   func(*element.Value) string
	// toldElsewhere says that this recall tells the letter anew with the outcome of
	// this correction, which never left.
	toldElsewhere bool

	replace Code // that takes the place of what is wrong in it
	wrongs  []Code
	changed
}

// change makes the correction of an outcome. An entry that is wrong becomes
// entered-in-error, found by the identifier it was made with, and what is right
// stands beside it under an identifier of its own; so the correction too can be
// sent again without doubling anything. The letter is treated alike. A short
// letter more says what was done. Nothing is taken back that did not leave, and
// no more is told than had left.
//
// https://hl7.org/fhir/R4/http.html#cond-update, ?cs#status entered-in-error
func (c *changing) change() {
	c.replaceable()
	var rest []*element.Value
	for _, e := range c.bundle.List("entry") {
		r := e.Get("resource")
		if n := numberOf(r); n != "" {
			c.note.number = n
		}
		code, wrong := wrongCode(r, c.order.Query.Code)
		if !wrong {
			rest = append(rest, e)
			continue
		}
		if c.settled(e) {
			continue
		}
		c.wrong(code)
		if !c.gone.has(e) && !c.gone.told(c.bundle, code.Code) {
			continue
		}
		if right := c.entry(e, code, c.gone); right != nil {
			rest = append(rest, right)
		}
	}
	for _, f := range c.folded {
		for _, e := range f.live() {
			if code, wrong := wrongCode(e.Get("resource"), c.order.Query.Code); wrong && !c.settled(e) {
				c.wrong(code)
				if f.sent && f.gone.has(e) {
					c.entry(e, code, f.gone)
				}
			}
		}
	}
	c.contacts()
	if c.entries == 0 {
		return
	}
	c.retold(rest)
	if !c.gone.letters() {
		return
	}
	said := letterOf(c.bundle, c.delivery, c.order, c.at, c.note)
	c.put = append(c.put, said)
	if c.byHand && !c.sent && len(c.rest) > 0 {
		// What takes its place says what was wrong: the practice has read it.
		c.rest = append(c.rest, said)
	}
}

// replaceable settles what takes the place of what is wrong: nothing, where the
// practice or the list of codes would not let out a correction that says it. What
// takes the place of an outcome that never left is decided on when it is sent.
func (c *changing) replaceable() {
	if c.replace = c.order.Replace; c.replace.Code == "" {
		return
	}
	look := func(r *element.Value) { c.why = cmp.Or(c.why, c.unsaid(r)) }
	all := c.bundle.All("entry.resource")
	for _, f := range c.folded {
		all = append(all, f.bundle.All("entry.resource")...)
	}
	for _, r := range all {
		if _, wrong := wrongCode(r, c.order.Query.Code); wrong {
			look(replaced(r, c.order))
		}
		for _, k := range outcome.Contacts(r) {
			if k.Code == c.order.Query.Code {
				look(element.NewObject(element.S("resourceType", "Encounter"), element.F("type", spoken(c.replace))))
			}
		}
	}
	if c.why != "" && c.sent {
		c.replace = Code{}
	}
}

func (c *changing) wrong(code Code) {
	if !slices.Contains(c.wrongs, code) {
		c.wrongs = append(c.wrongs, code)
	}
}

// settled reports whether earlier recalls left nothing to do about an entry: they
// put something in its place, which is found by itself, or took it back, and
// nothing is to take its place now.
func (c *changing) settled(e *element.Value) bool {
	by := takenBackBy(c.earlier, e)
	if by != 0 && c.order.Replace.Code != "" {
		by = 0
		base := e.TextAt("resource.identifier.value") + "."
		for _, b := range c.earlier {
			for _, l := range b.live() {
				if b.active() && strings.HasPrefix(l.TextAt("resource.identifier.value"), base) && b.gone.has(l) && takenBackBy(c.earlier, l) == 0 {
					by = b.delivery.ID
				}
			}
		}
	}
	c.seen = cmp.Or(c.seen, by)
	return by != 0
}

// never reports whether an earlier correction never left, and does not any more,
// because this recall found it too.
func (c *changing) never(b earlier) bool {
	return !b.sent && slices.ContainsFunc(c.folded, func(f earlier) bool { return f.delivery.ID == b.delivery.ID })
}

// entry corrects one entry, of which g says what left, and returns what is to be
// sent in place of it, if anything.
func (c *changing) entry(e *element.Value, code Code, g gone) (right *element.Value) {
	r := e.Get("resource")
	c.entries++
	line := code.Display + ", " + day(r)
	if g.has(e) {
		c.put = append(c.put, takenBack(g.without(e)))
	}
	if c.replace.Code != "" {
		right = e.Clone()
		right.Set("resource", withIdentifier(replaced(r, c.order), r.TextAt("identifier.value")))
		if g.has(e) {
			c.put = append(c.put, created(g.without(right).Get("resource"), c.order.ID))
		}
	}
	c.note.lines = append(c.note.lines, line+c.reads())
	return right
}

// reads says what stands in place of what is wrong.
func (c *changing) reads() string {
	switch {
	case c.replace.Code != "" && !c.sent:
		return "; it is to read: " + c.replace.Display
	case c.replace.Code != "":
		return "; it reads now: " + c.replace.Display
	case c.order.Replace.Code != "":
		return "; nothing takes its place (" + c.why + ")"
	}
	return ""
}

// contacts finds the codes by which the letter, as it stands now, says how
// contacts were held.
func (c *changing) contacts() {
	for _, e := range c.bundle.List("entry") {
		if !letter(e) || !c.gone.has(e) {
			continue
		}
		now, by, out := c.standing(e)
		for _, k := range outcome.Contacts(now.Get("resource")) {
			if c.order.Query.Code != "" && k.Code != c.order.Query.Code || !by.contact(k.Code) {
				continue
			}
			if out != 0 {
				c.seen = cmp.Or(c.seen, out)
				continue
			}
			c.wrong(Code{k.Code, k.Display})
			c.entries++
			line := k.Display + ", contact of " + k.Day
			if c.gone.letters() {
				line += c.reads()
			}
			c.note.lines = append(c.note.lines, line)
		}
	}
}

// standing is a letter as it was told last, what left of it, and the earlier
// correction that took it back without telling it again, if one did.
func (c *changing) standing(e *element.Value) (now *element.Value, by gone, out int64) {
	now, by = e, c.gone
	for _, b := range c.earlier {
		if told := b.letterOf(e); told != nil {
			now, by = told, b.gone
		}
	}
	return now, by, takenBackBy(c.earlier, now)
}

// retold makes of what is left of an outcome what does not tell of the wrong codes
// any more, and puts a record right with what does the same there: the
// letter that tells of them is taken back and not said again, because some readers
// are shown whatever comes, and the one that does not stands
// beside it. A letter out of which they cannot be taken is only taken back, and so
// is one of which nobody knows whether it left. Where an earlier correction told
// the letter anew, that one is taken back too, and told again from.
func (c *changing) retold(rest []*element.Value) {
	for _, e := range rest {
		if letter(e) && c.toldElsewhere {
			continue
		}
		if !letter(e) || !c.gone.has(e) {
			c.rest, c.same = append(c.rest, e), append(c.same, e)
			continue
		}
		if _, _, out := c.standing(e); out != 0 {
			continue // it could not be told without what was wrong in it then
		}
		was, there := c.gone.redrawn(e.Get("resource")), []*element.Value{e}
		for _, b := range c.earlier {
			if told := b.letterOf(e); told != nil {
				if was = told.Get("resource"); b.gone.has(told) && !c.never(b) {
					there = append(there, told)
				}
			}
		}
		r := was
		for _, w := range c.wrongs {
			if r != nil {
				r = outcome.Recode(r, outcome.Leaving{Code: w.Code, Display: w.Display}, outcome.Code{Code: c.replace.Code, Display: c.replace.Display}, c.order.ID)
			}
		}
		if r == was && r != nil {
			c.rest, c.same = append(c.rest, e), append(c.same, e)
			continue
		}
		for _, t := range there {
			back := takenBack(c.gone.without(t))
			back.Get("resource").Set("content", text("Letter entered in error",
				"ENTERED IN ERROR\n\nThe letter that stood here told of a code that was wrong. What is right is in the letters that came with this one.\n"))
			c.put = append(c.put, back)
		}
		if r == nil {
			continue
		}
		if c.gone.letters() {
			c.put = append(c.put, created(r, c.order.ID))
			if why := c.unsaid(r); why != "" && c.sent {
				c.why = cmp.Or(c.why, "its letter stays out: "+why)
			}
		}
		e = e.Clone()
		e.Set("resource", r)
		c.rest = append(c.rest, e)
	}
}

// letter reports whether an entry is a letter that stands.
func letter(e *element.Value) bool {
	return e.TextAt("resource.resourceType") == "DocumentReference" && e.TextAt("resource.status") != inError
}

// wrongCode is the code of an entry that is to be corrected. Without a code in
// the query every coded entry is.
func wrongCode(r *element.Value, code string) (Code, bool) {
	if r.Str("status") == inError {
		return Code{}, false // an earlier recall saw to it
	}
	for _, c := range outcome.Codings(r) {
		if code == "" || c.Str("code") == code {
			return Code{c.Str("code"), c.Str("display")}, true
		}
	}
	return Code{}, false
}

// inError is the status of what is taken back.
const inError = "entered-in-error"

// marks are what a correction, or what takes the place of an outcome, is found by:
// the codes that it says are right. Of a correction those by which its letter says
// how contacts were held are left out where the outcome, of, has them itself: that
// is found by them, and its letters with it.
func marks(payload []byte, of *element.Value) (out []string) {
	bundle, err := element.Parse(payload, element.Limits{})
	if err != nil {
		return nil
	}
	var has []string
	for _, r := range of.All("entry.resource") {
		for _, c := range outcome.Contacts(r) {
			has = append(has, c.Code)
		}
	}
	for _, r := range bundle.All("entry.resource") {
		if r.Str("status") == inError {
			continue
		}
		for _, c := range outcome.Codings(r) {
			out = append(out, outbound.CodeMark(c.Str("code")))
		}
		for _, c := range outcome.Contacts(r) {
			if !slices.Contains(has, c.Code) {
				out = append(out, outbound.CodeMark(c.Code))
			}
		}
	}
	return out
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
	for _, c := range outcome.Codings(right) {
		if c.Str("code") == o.Query.Code {
			c.SetString("code", o.Replace.Code)
			c.SetString("display", o.Replace.Display)
		}
	}
	right.Get("code").SetString("text", o.Replace.Display)
	return right
}

// spoken is a code as a concept.
func spoken(c Code) *element.Value {
	return element.NewObject(element.F("coding", element.NewArray(element.NewObject(
		element.S("system", nhs.SystemSNOMED), element.S("code", c.Code), element.S("display", c.Display)))))
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
	var wrong []string
	for _, l := range n.lines {
		wrong = append(wrong, plain(l))
	}
	first := bundle.List("entry")[0].Get("resource")
	r := element.NewObject(element.S("resourceType", "DocumentReference"),
		element.F("identifier", element.NewArray(element.NewObject(
			element.S("system", first.TextAt("identifier.system")), element.S("value", d.Task+".correction"+generation(d.Key))))),
		element.S("status", "current"), element.S("docStatus", "final"),
		element.F("type", element.NewObject(element.S("text", outcome.CorrectionType))))
	if subject := first.Get("subject"); subject != nil {
		r.Set("subject", subject.Clone())
	}
	r.SetString("date", at.UTC().Format(element.InstantLayout))
	r.Set("content", text("Correction of a social prescribing outcome", outcome.CorrectionText(plain(o.Reason), wrong)))
	return created(r, o.ID)
}

// generation tells the corrections of a correction from those of its outcome.
func generation(key string) string {
	_, recalls, _ := strings.Cut(key, outbound.CorrectionKey("", ""))
	if recalls == "" {
		return ""
	}
	return "." + strings.NewReplacer(outbound.CorrectionKey("", ""), ".", outbound.InsteadKey("", ""), ".").Replace(recalls)
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

// day is the day of an entry as a reader in the practice sees it.
func day(r *element.Value) string {
	if d := outcome.Day(r); d != "" {
		return d
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
