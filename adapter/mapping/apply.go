package mapping

import (
	"fmt"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// Context is what an installation says about the sender of a message.
type Context struct {
	// Constants replaces constants of the mapping by name, or for one value of
	// constantsBy by ConstantKey.
	Constants map[string]string
	// Received is when the message came in. Where the mapping does not say when
	// a message was made, no birth date lies behind that day; zero: unknown.
	Received time.Time
}

// Result is what a message became.
type Result struct {
	Resources []Resource // in the order of the mapping
	Findings  []Finding
	// Intention is what the message wants, in a word of the mapping; empty when
	// the mapping or the message does not say.
	Intention string
	// Sent is when the message was made, as the rule gives it; empty: unknown.
	Sent string
	// Missing are required values that a message of a brief intention goes
	// without (WithIntentions).
	Missing []fault.Issue
	// Lacking are the keys of resources that the message has something for and
	// that were left out, because a member that they need ($needs) has no value.
	Lacking []string

	head    []int32 // nodes that Intention and Sent came from
	reading reading
}

// Resource is one resource made. References to other resources of the result
// are texts that start with ReferencePrefix: ids are not the mapping's to give.
type Resource struct {
	Key  string // its name in the mapping; one of several made with $each: goal[0]
	Type string
	Root *element.Value
}

// ReferencePrefix stands before the key of a resource in Reference.reference:
// "#key:patient". Whoever identifies the resources puts the real reference
// there.
const ReferencePrefix = "#key:"

// Finding is a value that was there but could not be used. Its texts are
// public: they name places and rules, never values.
type Finding struct {
	Code    string // not-a-date, not-a-number, not-a-boolean, not-ods-code, unknown-code, in-the-future, expression-failed, too-long, items-unused, markup-left, words-left, delete-asked, intention-missing
	Address string // where in the message: PID-7[1]; all that an expression read: PID-7[1], PID-8[1]
	Rule    string // where in the mapping: hl7v2-ref/mapping.yaml:12:7
	Path    string // which element it would have been: Patient.birthDate
	Text    string
	Node    int32 `json:"-"` // 1 + id of the place in the tree of the message; 0: of none, or of several
}

// Get returns the resource with the key; the zero Resource if it was not made.
func (r *Result) Get(key string) Resource {
	for _, res := range r.Resources {
		if res.Key == key {
			return res
		}
	}
	return Resource{}
}

// Bounds on what one message may become.
const (
	maxValues      = 20_000
	maxWork        = 2_000_000 // values begun, those left out included, searches of the message, steps of expressions
	maxMade        = 64 << 20  // characters of all values, and of those on the way to them
	maxRepetitions = 2_000
	maxCopyDepth   = 100
	maxFindings    = 200
	maxMissing     = 50
	maxPathDepth   = maxYAMLDepth
)

// eval is one application of a mapping.
type eval struct {
	m         *Mapping
	tree      *message.Tree
	root      message.Node
	here      message.Node // the repetition at hand
	slots     []slot
	overrides map[string]string
	caseOf    string   // value of constantsBy; empty: none
	today     string   // the day of the message, as FHIR writes it; empty: unknown
	exists    []bool   // by resource: it was made
	copies    [][]made // by resource: what $each made of it; nil: no resource has $each

	rule     int32 // at work, for findings
	findings []Finding
	stumbles []stumble // beside findings
	reports  int       // how often something was reported, the same again included
	reported Finding   // last
	missing  []fault.Issue
	err      *fault.Fault

	reading   reading
	passed    []passing
	null      message.Node // that the rule at work came upon
	deletions []deletion
	lacking   *template // left out last for want of a member that it needs

	asked, found int // values wanted from the message, and those it gave

	work   int
	search int // what a search of the whole message counts as
	made   int // characters
	count  int
	values []element.Value
	fields []element.Field
	items  []*element.Value
	stack  []*element.Value
	vals   []val
	nodes  []message.Node
	index  [maxPathDepth]int // of the array items being made
	depth  int

	handle   handle
	celNode  int32     // first place of the expression at work, as 1 + id
	celNodes []int32   // all of its places
	celEmpty []*source // paths at which it found nothing
}

// slot is what a let or an $as stands for: a place, or a text.
type slot struct {
	node message.Node
	text string
	from int32 // 1 + id of the node a text came from
	nth  int32 // of several values of that node; 0: the only one
}

func (s *slot) origin() int32 {
	if s.node.Ok() {
		return s.node.ID() + 1
	}
	return s.from
}

// Apply maps a message. The error is a *fault.Fault: Unmappable with every
// required value that is missing, TooLarge for a message that would become
// more than the bounds allow.
func (m *Mapping) Apply(t *message.Tree, c Context) (*Result, error) {
	res, err := m.Attempt(t, c)
	if err != nil {
		return nil, err
	}
	return res, nil
}

// Attempt is Apply that gives what was made of a message also where it refuses
// it, to be explained and for nothing else; nil when it made nothing.
func (m *Mapping) Attempt(t *message.Tree, c Context) (*Result, error) {
	if t == nil {
		return nil, fault.New(fault.Internal, "", "there is no message to map")
	}
	e := &eval{m: m, tree: t, root: t.Root(), here: t.Root(), overrides: c.Constants}
	e.handle.e = e
	e.search = 1 + t.Len()/256
	e.slots = make([]slot, m.slots)
	e.exists = make([]bool, len(m.resources))
	e.stack = make([]*element.Value, 0, 64)
	size := int(m.lastSize.Load())
	if size == 0 {
		size = m.sizes
	}
	size += 16
	e.values = make([]element.Value, size)
	e.fields = make([]element.Field, size)
	for i := range m.lets {
		e.let(&m.lets[i])
	}
	res := &Result{Resources: make([]Resource, 0, len(m.resources))}
	if m.by != nil {
		e.caseOf = e.one(m.by.value, res)
	}
	e.intent(res)
	unknown := e.err // what the message wants; what it would be is made all the same
	if unknown != nil && unknown.Kind != fault.Unmappable {
		return nil, unknown
	}
	e.err = nil
	e.today = dayOf(res.Sent, c.Received)
	for i := range m.resources {
		if e.resource(i, res); e.err != nil {
			break
		}
	}
	res.reading = e.reading
	if e.err != nil {
		res.Findings = e.findings
		return res, e.err
	}
	m.lastSize.Store(int32(e.count))
	e.leftOver(res)
	e.tellDeletions(res.Intention)
	res.Findings, res.Missing = e.findings, e.missing
	if unknown != nil {
		return res, unknown
	}
	if len(e.missing) > 0 && !m.isBrief(res.Intention) {
		return res, &fault.Fault{Kind: fault.Unmappable, Issues: e.missing}
	}
	return res, nil
}

// dayOf is the day of a message: when it was made, or else came in.
func dayOf(sent string, received time.Time) string {
	switch {
	case len(sent) >= len(time.DateOnly):
		return sent[:len(time.DateOnly)]
	case received.IsZero():
		return ""
	default:
		return received.In(london).Format(time.DateOnly)
	}
}

func (e *eval) let(l *let) {
	s := &e.slots[l.slot]
	if l.place {
		e.rule = l.value.rule
		for i := range l.value.arrow.sources {
			e.passes(&l.value.arrow.sources[i])
			if n := e.place(&l.value.arrow.sources[i]); !e.blank(n) {
				s.node = n
				return
			}
		}
		return
	}
	e.each(l.value, func(v val) {
		if s.text == "" {
			s.text, s.from = v.text, v.node
		}
	})
}

// place is the first place of a source.
func (e *eval) place(s *source) message.Node {
	e.compares(s)
	switch s.from {
	case fromHere:
		return s.path.First(e.here)
	case fromSlot:
		return s.path.First(e.slots[s.slot].node)
	default:
		e.spend(e.search)
		return s.path.First(e.root)
	}
}

// blank reports whether nothing below the place holds more than spaces.
func (e *eval) blank(n message.Node) bool { return !e.tells(n, nil) }

// places visits every place of a source.
func (e *eval) places(s *source, visit func(message.Node) bool) {
	e.compares(s)
	switch s.from {
	case fromHere:
		s.path.All(e.here, visit)
	case fromSlot:
		s.path.All(e.slots[s.slot].node, visit)
	default:
		e.spend(e.search)
		s.path.All(e.root, visit)
	}
}

// first is the first value that the sources of a rule give.
func (e *eval) first(a *arrow) val {
	e.null = message.Node{}
	for i := range a.sources {
		s := &a.sources[i]
		if s.from == fromSlot && !e.slots[s.slot].node.Ok() {
			if sl := &e.slots[s.slot]; sl.text != "" {
				return val{sl.text, element.String, sl.from, sl.nth}
			}
			continue
		}
		e.passes(s)
		n := e.place(s)
		if v := e.textOf(n); v != "" {
			return val{v, kindOf(n), n.ID() + 1, 0}
		}
		e.nulls(n)
	}
	return val{kind: element.String}
}

// kindOf keeps numbers and booleans of a JSON source what they are.
func kindOf(n message.Node) element.Kind {
	switch n.Kind() {
	case message.Number:
		return element.Number
	case message.Bool:
		return element.Bool
	default:
		return element.String
	}
}

// each gives every value of a rule, in order; a rule with a single arrow or a
// constant gives at most one. Empty values are not given.
func (e *eval) each(t *template, give func(val)) {
	e.rule = t.rule
	switch t.shape {
	case isConstant:
		give(val{text: t.text, kind: t.kind})
	case isNamed:
		if s := e.constant(t.index); s != "" {
			give(val{text: s, kind: element.String})
		}
	case isExpr:
		if e.run(t.expr, give) != nil {
			e.report(0, "expression-failed", "the expression of this rule failed on what the message holds")
		}
		e.celNodes, e.celEmpty = e.celNodes[:0], e.celEmpty[:0]
	case isArrow:
		if t.arrow.simple {
			if v := e.simple(t.arrow); v.text != "" {
				give(v)
			}
			return
		}
		e.several(t.arrow, give)
	}
}

// simple runs a rule that takes one value and gives one.
func (e *eval) simple(a *arrow) val {
	before := e.reports
	v := e.first(a)
	for i := range a.calls {
		c := &a.calls[i]
		if v.text == "" && c.fn.name != "default" {
			continue
		}
		v = e.checked(c.fn.one(e, c, v))
	}
	if v.text == "" {
		e.asksDeletion()
	}
	if v.text == "" && a.reason != "" {
		e.require(a, before)
	}
	return v
}

func (e *eval) checked(v val) val {
	e.make(len(v.text))
	if len(v.text) > maxText {
		return e.unusable(v, "too-long", "the text is longer than a resource may hold")
	}
	return v
}

// several runs a rule that takes or gives more than one value.
func (e *eval) several(a *arrow, give func(val)) {
	before, base := e.reports, len(e.vals)
	if a.mode == single && !a.and {
		e.vals = append(e.vals, e.first(a))
	} else {
		e.gather(a)
	}
	for i := range a.calls {
		c := &a.calls[i]
		from := len(e.vals)
		if c.fn.shape == toOne {
			e.joinTail(c, base)
			continue
		}
		for j := base; j < from; j++ {
			v := e.vals[j]
			switch {
			case v.text == "" && c.fn.name != "default":
			case c.fn.shape == toMany:
				before := len(e.vals)
				e.vals = c.fn.many(e, c, v, e.vals)
				if made := e.vals[before:]; len(made) > 1 {
					for k := range made {
						made[k].nth = int32(k + 1)
					}
				}
			default:
				e.vals = append(e.vals, e.checked(c.fn.one(e, c, v)))
			}
		}
		e.vals = append(e.vals[:base], e.vals[from:]...)
		if len(e.vals)-base > maxRepetitions {
			e.tooMany()
			e.vals = e.vals[:base]
		}
	}
	any := false
	for j := base; j < len(e.vals); j++ {
		if v := e.vals[j]; v.text != "" {
			any = true
			give(v)
		}
	}
	e.vals = e.vals[:base]
	if !any {
		e.asksDeletion()
	}
	if !any && a.reason != "" {
		e.require(a, before)
	}
}

// gather puts several values on the stack: with each, all that a source has;
// with and, those of every source, otherwise of the first that has any.
func (e *eval) gather(a *arrow) {
	e.null = message.Node{}
	base := len(e.vals)
	for i := range a.sources {
		s := &a.sources[i]
		if s.from == fromSlot && e.slots[s.slot].text != "" {
			e.vals = append(e.vals, val{e.slots[s.slot].text, element.String, e.slots[s.slot].from, e.slots[s.slot].nth})
		}
		if a.mode == single {
			e.passes(s)
		}
		e.places(s, func(n message.Node) bool {
			if s := e.textOf(n); s != "" {
				e.vals = append(e.vals, val{s, kindOf(n), n.ID() + 1, 0})
			} else {
				e.nulls(n)
			}
			return a.mode == each && len(e.vals)-base <= maxRepetitions
		})
		if len(e.vals) > base && !a.and {
			break
		}
	}
	if len(e.vals)-base > maxRepetitions {
		e.tooMany()
		e.vals = e.vals[:base]
	}
	if len(e.vals) == base { // so that default has something to stand in for
		e.vals = append(e.vals, val{kind: element.String})
	}
}

// joinTail makes one value of those on the stack from base.
func (e *eval) joinTail(c *call, base int) {
	keep := e.vals[base:base]
	for _, v := range e.vals[base:] {
		if v.text != "" {
			e.readNode(nodeOf(e.tree, v.node))
			keep = append(keep, v)
		}
	}
	if len(keep) > 0 {
		keep = append(keep[:0], e.checked(c.fn.join(c, keep)))
	}
	e.vals = e.vals[:base+len(keep)]
}

// unusable reports a value that is there but cannot be used, and drops it.
func (e *eval) unusable(v val, code, reason string) val {
	if v.node != 0 && v.nth > 0 {
		e.reportAt(v.node, v.nth, fmt.Sprintf("%s (value %d)", e.address(v.node), v.nth), code, reason)
	} else {
		e.report(v.node, code, reason)
	}
	return val{kind: element.String}
}

// report notes a finding; one value that several rules stumble over is one.
func (e *eval) report(node int32, code, reason string) {
	switch {
	case len(e.findings) >= maxFindings: // a place would be written for nobody
		e.reportAt(node, 0, "", code, reason)
	case node == 0: // of no place alone
		if len(e.celNodes) == 1 {
			node = e.celNodes[0]
		}
		e.reportAt(node, 0, e.celPlaces(), code, reason)
	default:
		e.reportAt(node, 0, e.address(node), code, reason)
	}
}

// reportAt is report for a place, or several, in the words of addresses; nth of
// several values there.
func (e *eval) reportAt(node, nth int32, address, code, reason string) {
	e.reports++
	e.reported = Finding{Code: code, Address: address, Text: reason, Node: node}
	if len(e.findings) >= maxFindings {
		return
	}
	e.reported.Rule, e.reported.Path = e.m.ruleAt(e.rule), e.pathOf(e.rule)
	for i := range e.findings {
		if e.same(i, &e.reported, nth) {
			e.stumbles[i].last = e.reports
			return
		}
	}
	e.findings = append(e.findings, e.reported)
	e.stumbles = append(e.stumbles, stumble{nth, e.reports})
}

// same reports whether a finding was made before: of one place, whatever rule
// and by whichever of its parts, or else of one element by one rule.
func (e *eval) same(i int, f *Finding, nth int32) bool {
	old := &e.findings[i]
	switch {
	case old.Code != f.Code:
		return false
	case f.Address == "" || old.Address == f.Address:
		return old.Address == f.Address && (f.Address != "" || old.Rule == f.Rule && old.Path == f.Path)
	default:
		return old.Node != 0 && f.Node != 0 && e.stumbles[i].nth == nth && e.leafOf(old.Node) == e.leafOf(f.Node)
	}
}

// address is that of a node by 1 + id.
func (e *eval) address(node int32) string { return nodeOf(e.tree, node).Address() }

// require notes that a required value is missing. When it was there but
// unusable, the reason says so and names its place, also where another rule
// stumbled over it before. Before is what reports was when the rule began.
func (e *eval) require(a *arrow, before int) {
	if len(e.missing) >= maxMissing {
		return
	}
	place, text := a.sources[0].says, a.reason
	if e.reports > before {
		if e.reported.Address != "" {
			place = e.reported.Address
		}
		text += ": " + e.reported.Text
	}
	e.missing = append(e.missing, fault.Issue{
		Code: "required", Place: place, Expression: e.pathOf(e.rule),
		Text: text + " (" + e.m.ruleAt(e.rule) + ")",
	})
}

// spend counts work, and ends an application that works too much.
func (e *eval) spend(n int) {
	if e.work += n; e.work > maxWork {
		e.tooLarge("mapping the message takes more than %d steps", maxWork)
	}
}

// make counts characters.
func (e *eval) make(n int) {
	if e.made += n; e.made > maxMade {
		e.tooLarge("the message would become more than %d characters", maxMade)
	}
}

func (e *eval) tooMany() { e.tooLarge("more than %d repetitions in one place", maxRepetitions) }

func (e *eval) tooLarge(format string, args ...any) {
	if e.err == nil {
		e.err = fault.New(fault.TooLarge, e.m.ruleAt(e.rule), format, args...)
	}
}
