package profile

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhirpath"
)

// Bounds on holding one resource against profiles.
const (
	maxSteps         = 1_000_000 // elements looked at and steps of FHIRPath
	maxProfileIssues = 100
	maxProfileDepth  = 60 // profiles within profiles
)

// Checking says how a resource is held against profiles.
type Checking struct {
	// Extensible says so, as a warning, where a code is not in a value set
	// that may be extended.
	Extensible bool
	// Advice says so where best practice is not followed, such as that there
	// should be a narrative (dom-6).
	Advice bool
	// Base are issues that are known already, so that none is told twice.
	Base []fault.Issue
}

// Check holds a resource against profiles, by canonical. Issues have a
// severity each: error for what a profile forbids and for a profile that is not
// loaded, warning for what it advises against, information for what could not
// be checked, and why; nothing that was not checked is passed over in silence.
// Expressions are FHIRPath; texts quote definitions and never the resource.
// https://hl7.org/fhir/R4/profiling.html
func (l *Library) Check(ctx context.Context, v *element.Value, profiles []string, how Checking) []fault.Issue {
	w := l.walk(ctx, v, how)
	for _, canonical := range profiles {
		w.named(v, canonical, "error")
	}
	return w.done()
}

// CheckClaims is Check with, beside the profiles given, those that the
// resource and the resources within it claim in meta.profile, which is a
// warning where they are not loaded, and with the definitions of all extensions
// that are loaded.
func (l *Library) CheckClaims(ctx context.Context, v *element.Value, profiles []string, how Checking) []fault.Issue {
	w := l.walk(ctx, v, how)
	for _, canonical := range profiles {
		w.named(v, canonical, "error")
	}
	if t, ok := fhir.TypeOf(v.ResourceType()); ok {
		w.way = []holder{{v: v, t: t}}
		w.everywhere(v, t, profiles)
	}
	return w.done()
}

// walk holds elements against nodes. Like the checker of adapter/fhir it has
// its path as a stack, which becomes text only for an issue.
type walk struct {
	*shared
	l              *Library
	root, resource *element.Value
	path           []step
	way            []holder // of everywhere
	profile        *Profile
	depth          int
	quiet          bool // nothing is reported, failed says whether there was an error
	failed         bool
}

// shared is what all walks of one check count together.
type shared struct {
	ctx      context.Context
	how      Checking
	steps    int
	spent    bool
	issues   []fault.Issue
	notes    []fault.Issue
	seen     map[string]bool
	repeated map[string]bool
}

type step struct {
	name  string
	index int // -1: not an item
}

func (l *Library) walk(ctx context.Context, v *element.Value, how Checking) *walk {
	w := &walk{shared: &shared{ctx: ctx, how: how, steps: maxSteps, seen: map[string]bool{}, repeated: map[string]bool{}},
		l: l, root: v, resource: v}
	w.push(v.ResourceType(), -1)
	for _, is := range how.Base {
		w.seen[is.Expression+"|"+is.Code] = true
		if is.Code == "invariant" {
			if i := strings.LastIndexByte(is.Text, '('); i >= 0 {
				w.seen[is.Expression+"|"+is.Text[i:]] = true
				// A rule of the resource about what it contains is told there.
				if at, _, contained := strings.Cut(is.Expression, ".contained["); contained && strings.HasPrefix(is.Text[i:], "(dom-") {
					w.seen[at+"|"+is.Text[i:]] = true
				}
			}
		}
	}
	return w
}

func (w *walk) done() []fault.Issue {
	out := append(w.issues, w.notes...)
	if w.spent {
		out = append(out, fault.Issue{Severity: "warning", Code: "too-costly",
			Text: "the resource is too large or its profiles too intricate to be checked to the end; what is not reported may still be wrong"})
	}
	return out
}

func (w *walk) push(name string, index int) { w.path = append(w.path, step{name, index}) }
func (w *walk) pop()                        { w.path = w.path[:len(w.path)-1] }

func (w *walk) at() string {
	var b strings.Builder
	for i, s := range w.path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
		if s.index >= 0 {
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		}
	}
	return b.String()
}

// over reports whether nothing more is looked at.
func (w *walk) over() bool {
	if w.spent {
		return true
	}
	if w.steps--; w.steps <= 0 || w.steps%512 == 0 && w.ctx.Err() != nil {
		w.spent = true
	}
	return w.spent || w.quiet && w.failed
}

// report reports something at the current element; with key, once for each of
// them, else once for each code.
func (w *walk) report(severity, code, key, text string) {
	if w.quiet {
		w.failed = w.failed || severity == "error"
		return
	}
	if len(w.issues) >= maxProfileIssues {
		w.spent = true
		return
	}
	at := w.at()
	if key == "" {
		if w.seen[at+"|"+code] { // the base said so
			return
		}
		key = text
	} else if w.seen[at+"|("+key+")"] {
		return
	}
	if once := at + "\n" + code + "\n" + key; !w.repeated[once] {
		w.repeated[once] = true
		w.issues = append(w.issues, fault.Issue{Severity: severity, Code: code, Expression: at, Text: text + w.source()})
	}
}

// source names the profile for people.
func (w *walk) source() string {
	if w.profile == nil {
		return ""
	}
	return " [" + w.profile.Name + "]"
}

// note says what could not be checked, once for each reason.
func (w *walk) note(text string) {
	if w.quiet || w.repeated[text] || len(w.notes) >= maxProfileIssues {
		return
	}
	w.repeated[text] = true
	w.notes = append(w.notes, fault.Issue{Severity: "information", Code: "informational", Expression: w.at(), Text: "not checked: " + text + w.source()})
}

// named holds a resource against the profile of a canonical; severity is that
// of not having it.
func (w *walk) named(v *element.Value, canonical, severity string) {
	p, why := w.l.Profile(canonical)
	const long = 300 // of what a client sends, no more is sent back
	canonical = canonical[:min(len(canonical), long)]
	if p == nil {
		w.report(severity, "not-found", canonical, "not checked against "+canonical+": "+why)
		return
	}
	if p.Type != v.ResourceType() {
		w.report("error", "invalid", canonical, canonical+" is a profile of "+p.Type)
		return
	}
	t, ok := fhir.TypeOf(v.ResourceType())
	if !ok {
		return
	}
	w.held(part{v: v, t: t}, p)
}

// held holds a value against a profile.
func (w *walk) held(it part, p *Profile) {
	if w.depth++; w.depth > maxProfileDepth {
		w.note("profiles refer to each other too deeply")
	} else {
		before := w.profile
		w.profile = p
		if p.bare {
			w.note(p.withoutBase())
		}
		w.element(p.root, it)
		w.profile = before
	}
	w.depth--
}

// conforms reports whether a value has no error against a profile.
func (w *walk) conforms(it part, p *Profile) bool {
	inner := *w
	inner.quiet, inner.failed = true, false
	inner.path = slices.Clone(w.path)
	inner.held(it, p)
	return !inner.failed
}

// part is one value of an element.
type part struct {
	v, beside *element.Value // value, and of a primitive id and extensions
	t         fhir.Type
	name      string // as JSON has it: valueString
	choice    string // value of valueString
	index     int    // -1: the element does not repeat
}

// of is what the children of the part stand in.
func (it part) of() *element.Value {
	if it.t.Is() && it.t.Primitive() {
		return it.beside
	}
	return it.v
}

// code is the type of a part as FHIR writes it, without regard to case.
func (it part) code() string {
	switch {
	case it.choice != "":
		return it.name[len(it.choice):]
	case it.v != nil && it.t.Is() && it.t.Resource():
		return it.v.ResourceType()
	case it.t.Is():
		return it.t.Name()
	}
	return ""
}

// parts are the values of an element by the name that a profile has for it.
func parts(of *element.Value, t fhir.Type, name string) []part {
	if of == nil || of.Kind != element.Object || !t.Is() {
		return nil
	}
	choice, isChoice := strings.CutSuffix(name, "[x]")
	var out []part
	for i := range of.Fields {
		plain, beside := strings.CutPrefix(of.Fields[i].Name, "_")
		if !isChoice && plain != name || isChoice && !strings.HasPrefix(plain, choice) || beside && of.Get(plain) != nil {
			continue
		}
		e, ok := t.Element(plain)
		if !ok || isChoice && e.Choice() != choice {
			continue
		}
		x, y := of.Fields[i].Value, of.Get("_"+plain)
		if beside {
			x, y = nil, of.Fields[i].Value
		}
		p := part{t: e.Type(), name: plain, choice: e.Choice(), index: -1}
		if !e.Repeats() {
			p.v, p.beside = x, y
			out = append(out, p.typed())
			continue
		}
		for j := range max(count(x), count(y)) {
			p.v, p.beside, p.index = nth(x, j), nth(y, j), j
			if p.v != nil || p.beside != nil {
				out = append(out, p.typed())
			}
		}
	}
	return out
}

// typed gives a resource within another its own type.
func (it part) typed() part {
	if it.t.AnyResource() {
		it.t = fhir.Type{}
		if it.v != nil {
			it.t, _ = fhir.TypeOf(it.v.ResourceType())
		}
	}
	return it
}

func count(v *element.Value) int {
	if v == nil || v.Kind != element.Array {
		return 0
	}
	return len(v.Items)
}

func nth(v *element.Value, i int) *element.Value {
	if i >= count(v) || v.Items[i].Kind == element.Null {
		return nil
	}
	return v.Items[i]
}

// element holds one value against the node of its element.
func (w *walk) element(n *node, it part) {
	if w.over() {
		return
	}
	if it.t.Is() && it.t.Resource() && it.v != nil && it.v != w.resource {
		before := w.resource
		w.resource = it.v
		defer func() { w.resource = before }()
	}
	w.value(n, it)
	w.typeOf(n, it)
	w.bound(n, it)
	for _, r := range n.rules {
		w.rule(r, it)
	}
	for _, c := range n.children {
		w.child(c, it)
	}
}

// child holds the values of an element below, how many there are, and the
// slices among them.
func (w *walk) child(c *node, it part) {
	if w.over() {
		return
	}
	list := parts(it.of(), it.t, c.name)
	name := strings.TrimSuffix(c.name, "[x]")
	w.push(name, -1)
	w.amount(c, len(list), "")
	w.pop()
	for _, x := range list {
		w.push(x.name, x.index)
		w.element(c, x)
		w.pop()
	}
	if len(c.slices) > 0 {
		w.slice(c, list, name)
	}
}

// amount reports too few or too many.
func (w *walk) amount(n *node, have int, slice string) {
	of := ""
	if slice != "" {
		of = " of the slice " + slice
	}
	switch {
	case have < n.min && n.min == 1 && have == 0:
		w.report("error", "required", slice, "is required"+of)
	case have < n.min:
		w.report("error", "required", slice, fmt.Sprintf("at least %d%s must be there, and there are %d", n.min, of, have))
	case have > n.max && n.max == 0:
		w.report("error", "structure", slice, "must not be there"+of)
	case have > n.max:
		w.report("error", "structure", slice, fmt.Sprintf("at most %d%s may be there, and there are %d", n.max, of, have))
	}
}

// value holds a value against fixed[x], pattern[x] and maxLength.
func (w *walk) value(n *node, it part) {
	if n.fixed != nil && (it.v == nil || !element.Equal(n.fixed, it.v)) {
		w.report("error", "value", "", "must be exactly "+shown(n.fixed))
	}
	if n.pattern != nil && !matches(n.pattern, it.v) {
		w.report("error", "value", "", "must have "+shown(n.pattern))
	}
	if n.maxLength > 0 && it.v != nil && it.v.Kind == element.String && utf8.RuneCountInString(it.v.Text) > n.maxLength {
		w.report("error", "too-long", "", fmt.Sprintf("has more than %d characters", n.maxLength))
	}
	for _, u := range n.unheld {
		w.note(u + " of " + n.name + " is not compared")
	}
}

// shown is a value of a definition for people.
func shown(v *element.Value) string {
	if v.Kind == element.String {
		return v.Text
	}
	const most = 300
	s := string(v.JSON())
	if len(s) > most {
		s = s[:most] + "..."
	}
	return s
}

// matches reports whether a value has all that a pattern has.
// https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_
func matches(pattern, v *element.Value) bool {
	if v == nil || v.Kind != pattern.Kind {
		return false
	}
	switch pattern.Kind {
	case element.Object:
		for _, f := range pattern.Fields {
			if !matches(f.Value, v.Get(f.Name)) {
				return false
			}
		}
		return true
	case element.Array:
		for _, want := range pattern.Items {
			if !slices.ContainsFunc(v.Items, func(x *element.Value) bool { return matches(want, x) }) {
				return false
			}
		}
		return true
	}
	return pattern.Text == v.Text
}

// rule evaluates an invariant at a value.
func (w *walk) rule(r *constraint, it part) {
	if r.advice && !w.how.Advice {
		return
	}
	if r.why != "" {
		w.note("the rule " + r.key + " (" + r.human + "): " + r.why)
		return
	}
	place := fhirpath.Place{Focus: fhirpath.Element(it.v, it.beside, it.t), Resource: w.resource, Root: w.root}
	holds, known, err := r.expr.Holds(place, &w.steps)
	switch {
	case w.steps < 0:
		w.spent = true
	case err != nil:
		w.note("the rule " + r.key + " (" + r.human + "): " + err.Error())
	case !known:
		w.note("the rule " + r.key + " (" + r.human + "): it has no result for these values")
	case !holds:
		severity := "error"
		if r.severity == "warning" {
			severity = "warning"
		}
		w.report(severity, "invariant", r.key, r.human+" ("+r.key+")")
	}
}

// everywhere looks for claims of profiles and for extensions below a resource.
func (w *walk) everywhere(v *element.Value, t fhir.Type, done []string) {
	if w.over() || v.Kind != element.Object || !t.Is() {
		return
	}
	if t.Resource() {
		before := w.resource
		w.resource = v
		defer func() { w.resource = before }()
		for _, c := range v.Get("meta").List("profile") {
			if c.Kind == element.String && !slices.Contains(done, c.Text) && c.Text != baseProfiles+v.ResourceType() {
				w.named(v, c.Text, "warning")
			}
		}
	}
	if t.Name() == "Extension" {
		if p, _ := w.l.Profile(v.Str("url")); p != nil && p.Type == "Extension" {
			w.inContext(p)
			w.held(part{v: v, t: t}, p)
		}
	}
	seen := map[string]bool{}
	for _, f := range v.Fields {
		name := strings.TrimPrefix(f.Name, "_")
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, x := range parts(v, t, name) {
			if below := x.of(); below != nil {
				w.push(x.name, x.index)
				w.way = append(w.way, holder{below, x.t, x.name, x.choice})
				w.everywhere(below, x.t, nil)
				w.way = w.way[:len(w.way)-1]
				w.pop()
			}
		}
	}
}
