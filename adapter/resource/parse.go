package resource

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
)

// CursorParameter carries the place of the next page in links of ours.
const CursorParameter = "_cursor"

// Bounds on one search.
const (
	DefaultCount = 50
	MaxCount     = 1000
	maxValues    = 100 // OR-ed values of one parameter
	maxClauses   = 50  // AND-ed conditions
	maxPairs     = 100 // name=value pairs in all
	maxLists     = 5   // different values of _list
)

// Options say how a search is read.
type Options struct {
	BaseURL string // references under it are relative to it
	Strict  bool   // Prefer: handling=strict; every unknown parameter is refused
	// Now is what ap measures from; zero: the clock.
	Now time.Time
	// Links allows conditions on other resources, which the caller answers.
	Links bool
	// Lists allows _list, which the caller answers.
	Lists bool
	// ValueSet lists a value set by its address or canonical, for :in and
	// :not-in; nil: there are none.
	ValueSet func(reference string) (Codes, error)
	// InType and InID keep the search to the compartment of a resource.
	InType, InID string
	depth        int
}

// Include is one _include or _revinclude.
type Include struct {
	Source  string // the type whose references are followed
	Reverse bool   // _revinclude: to what is found, not from it
	Iterate bool   // from what was included, too
	params  []*Parameter
	typ     string // only references to this type; empty: all
}

// References lists what a resource refers to by the included parameter.
func (i Include) References(v *element.Value) []string {
	var out []string
	for _, p := range i.params {
		p.visit(v, func(x *element.Value) {
			for _, r := range appendReference(nil, x) {
				if i.typ == "" || strings.Contains("/"+r, "/"+i.typ+"/") {
					out = append(out, r)
				}
			}
		})
	}
	return out
}

// Search is a search as understood.
type Search struct {
	Query    Query
	Links    []Link    // to be answered before the query
	Lists    []string  // the Lists of _list: what is found stands in each of them
	Keys     []SortKey // the order, where the query does not say it
	Includes []Include
	Elements []string      // of each match, these and what must be there; nil: everything
	Text     bool          // _summary=text
	Data     bool          // _summary=data
	Summary  bool          // _summary=true
	Self     url.Values    // the parameters that were applied, for the self link
	Warnings []fault.Issue // what was not understood and therefore not applied
}

// Parse reads the parameters of a search over one type. What it does not know
// is refused when handling is strict, when nothing else narrows the search, or
// when it looks like a misspelling of what it knows; else it is left out and
// said in a warning. Errors: fault.Malformed and fault.Unsupported, naming the
// parameter.
func Parse(ix *Indexer, typ string, params url.Values, o Options) (*Search, error) {
	d, ok := Lookup(typ)
	if !ok {
		return nil, fault.New(fault.NotFound, "", "this resource type is not served")
	}
	p := &parser{ix: ix, def: d, opt: o, out: &Search{Query: Query{Type: typ, Limit: DefaultCount, Order: Order{Descending: true}}, Self: url.Values{}}}
	names, pairs := make([]string, 0, len(params)), 0
	for n, values := range params {
		names = append(names, n)
		pairs += len(values)
	}
	if pairs > maxPairs {
		return nil, fault.New(fault.Malformed, "", "more than %d parameters", maxPairs)
	}
	slices.Sort(names)
	for _, n := range names {
		for _, v := range params[n] {
			if err := p.parameter(n, v); err != nil {
				return nil, err
			}
		}
	}
	if o.InType != "" && o.depth == 0 {
		if err := p.within(o.InType, o.InID); err != nil {
			return nil, err
		}
	}
	p.combine()
	p.out.Query.Check = checkOf(p.checks)
	if len(p.checks)+len(p.out.Query.Clauses)+len(p.out.Query.Ranges) > maxClauses {
		return nil, fault.New(fault.Malformed, "", "more than %d conditions", maxClauses)
	}
	if err := p.unknown(); err != nil {
		return nil, err
	}
	return p.out, nil
}

// single is a condition on one parameter with one value, which can become part
// of a combined index entry.
type single struct {
	name   string
	values []string
	clause int
}

type parser struct {
	ix      *Indexer
	def     *Definition
	opt     Options
	out     *Search
	singles []single
	strange []string
	narrows bool
	sorted  bool
	checks  []func(root *element.Value) bool
}

// controls are the parameters that every type has.
var controls = []string{"_id", "_lastUpdated", "_lastupdated", "_count", "_sort", "_include", "_revinclude", "_total", "_summary", "_elements", CursorParameter}

// parameter reads one name=value pair.
func (p *parser) parameter(key, value string) error {
	name, modifier, modified := strings.Cut(key, ":")
	include := name == "_include" || name == "_revinclude"
	if include && (modifier == "iterate" || modifier == "recurse") {
		modified = false
	}
	if modified && (slices.Contains(controls, name) || name == "_list") {
		// The modifier is the client's text, so it is not repeated.
		return fault.New(fault.Unsupported, name, "no modifier is supported here")
	}
	q := &p.out.Query
	switch name {
	case "_lastupdated": // as the Gravity guide writes it
		p.warn("_lastupdated is understood as _lastUpdated")
		key, name = "_lastUpdated", "_lastUpdated"
		fallthrough
	case "_lastUpdated":
		p.narrows = true
		if err := p.lastUpdated(value); err != nil {
			return err
		}
	case "_id":
		p.narrows = true
		if err := p.ids(value); err != nil {
			return err
		}
	case "_count":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return malformed(key, "a whole number from 0 is expected")
		}
		if q.Limit = min(n, MaxCount); n == 0 {
			q.Total = true
		}
	case "_sort":
		if err := p.sort(value); err != nil {
			return err
		}
	case "_include", "_revinclude":
		if err := p.include(name, modifier, value); err != nil {
			return err
		}
	case "_elements":
		if err := p.elements(value); err != nil {
			return err
		}
	case "_total":
		if value != "none" && value != "accurate" && value != "estimate" {
			return malformed(key, "none, estimate or accurate is expected")
		}
		q.Total = q.Total || value != "none"
	case "_summary":
		switch value {
		case "count", "false":
		case "text":
			p.out.Text = true
		case "data":
			p.out.Data = true
		case "true":
			p.out.Summary = true
		default:
			return malformed(key, "one of true, text, data, count and false is expected")
		}
		if value == "count" {
			q.Limit, q.Total = 0, true
		}
	case CursorParameter:
		q.After = value
		return nil // not a condition of the search: it stays out of the self link
	case "_list":
		if p.narrows = true; slices.Contains(p.out.Lists, value) {
			return nil
		}
		if err := p.list(value); err != nil {
			return err
		}
	case "_filter", "_text", "_content", "_query":
		// Known and not served: each narrows a search, and what it would have left
		// out is not to be taken for what was asked for.
		return fault.New(fault.Unsupported, name, "this search parameter of R4 is not served here")
	default:
		known, err := p.linked(key, value)
		if !known && err == nil {
			known, err = p.condition(name, modifier, value)
		}
		if err != nil {
			return err
		}
		if !known {
			p.strange = append(p.strange, key)
			return nil
		}
		p.narrows = true
	}
	p.out.Self.Add(key, value)
	return nil
}

// list reads _list.
func (p *parser) list(value string) error {
	if !p.opt.Lists {
		return fault.New(fault.Unsupported, "_list", "_list is served in searches over one type, and there not in chains")
	}
	if p.out.Lists = append(p.out.Lists, value); len(p.out.Lists) > maxLists {
		return malformed("_list", "at most %d Lists are expected", maxLists)
	}
	return nil
}

// ids reads _id. Several together mean what is in each of them; when nothing
// is, a term that no resource has stands for it, because no ids at all would
// mean every resource.
func (p *parser) ids(value string) error {
	var ids []string
	for _, id := range split(value) {
		if id = strings.TrimPrefix(id, p.def.Type+"/"); id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 || len(ids) > maxValues {
		return malformed("_id", "one to %d ids are expected", maxValues)
	}
	q := &p.out.Query
	if q.IDs == nil {
		q.IDs = ids
		return nil
	}
	both := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(q.IDs, id) })
	if len(both) > 0 {
		q.IDs = both
		return nil
	}
	q.Clauses = append(q.Clauses, Clause{Any: []Term{p.ix.nothing(p.def.Type)}})
	return nil
}

// condition reads a parameter of the type.
func (p *parser) condition(name, modifier, value string) (known bool, err error) {
	d, ok := p.def.Parameter(name)
	if !ok {
		return false, nil
	}
	key := name // of the modifier only ours are repeated; another may be any text
	if slices.Contains(modifiers, modifier) {
		key += ":" + modifier
	}
	if modifier == "missing" && d.Kind != Composite {
		return true, p.missing(d, key, value)
	}
	values := cut(value, ',')
	if len(values) > maxValues {
		return true, malformed(key, "more than %d values", maxValues)
	}
	if slices.Contains(values, "") {
		return true, malformed(key, "a value is empty")
	}
	switch d.Kind {
	case Date, Quantity:
		return true, p.intervals(d, key, modifier, values)
	case String:
		return true, p.text(d, key, modifier, values)
	case URI:
		return true, p.uri(d, key, modifier, values)
	case Composite:
		return true, p.composite(d, key, modifier, values)
	case Special:
		return true, p.near(d, key, modifier, values)
	case Reference:
		return true, p.references(d, key, modifier, values)
	default:
		return true, p.tokens(d, key, modifier, values)
	}
}

// modifiers are those of R4 that are said in answers.
// https://hl7.org/fhir/R4/search.html#modifiers
var modifiers = []string{"missing", "not", "exact", "contains", "text", "of-type", "identifier", "below", "above", "in", "not-in"}

func (p *parser) clause(d *Parameter, values []string, not bool) {
	c := Clause{Any: make([]Term, 0, len(values)), Not: not}
	for _, v := range values {
		c.Any = append(c.Any, p.ix.term(p.def.Type, d.listed(), v))
	}
	if !not {
		p.singles = append(p.singles, single{d.Name, values, len(p.out.Query.Clauses)})
	}
	p.out.Query.Clauses = append(p.out.Query.Clauses, c)
}

// missing finds what has no value, or what has one. The interval index knows by
// itself, some parameters have an entry for it, and of the others each
// candidate is looked at.
func (p *parser) missing(d *Parameter, key, value string) error {
	if value != "true" && value != "false" {
		return malformed(key, "true or false is expected")
	}
	absent := value == "true"
	switch {
	case d.Missing:
		p.clause(d, []string{missingValue}, !absent)
	case d.Kind == Date || d.Kind == Quantity:
		p.out.Query.Ranges = append(p.out.Query.Ranges, RangeClause{
			Param: p.ix.term(p.def.Type, d.Name, ""), Low: math.MinInt64, High: math.MaxInt64, Not: absent})
	default:
		p.check(func(root *element.Value) bool {
			found := false
			d.visit(root, func(*element.Value) { found = true })
			return found != absent
		})
	}
	return nil
}

// token reads a value: its form among those of appendTokens, and whether a
// system, which may be empty, is said. Elements of type code have one system, so
// what is said before the bar is not looked at.
func token(d *Parameter, value string) (form string, both, ok bool) {
	parts := cut(value, '|')
	if len(parts) == 1 {
		return plainText(value), false, true
	}
	system, code := plainText(parts[0]), plainText(strings.Join(parts[1:], "|"))
	if d.plain() {
		return code, false, code != ""
	}
	system, code = canonical(system, code)
	return system + "|" + code, true, system != "" || code != ""
}

// reference gives the indexed forms of a value: Type/id, an address under our
// base, a bare id of any type the parameter may point to.
func (p *parser) reference(d *Parameter, key, modifier, v string) ([]string, error) {
	if modifier != "" && !slices.Contains(d.Targets, modifier) {
		return nil, fault.New(fault.Unsupported, key, "this modifier is not supported here; a type of %s, :identifier and :missing are", strings.Join(d.Targets, ", "))
	}
	if p.opt.BaseURL != "" {
		v = strings.TrimPrefix(v, p.opt.BaseURL+"/")
	}
	if strings.ContainsAny(v, "/:") { // an id has neither; urn:uuid: has the second
		v, _, _ = strings.Cut(v, "/_history/")
		if modifier != "" && !strings.Contains("/"+v, "/"+modifier+"/") {
			return nil, malformed(key, "the type in the reference is not that of the modifier")
		}
		if !referring(v) {
			return nil, malformed(key, "an id, Type/id or an address is expected")
		}
		// Organisation/1 is nobody's, and would look like an empty worklist.
		if typ, _, relative := strings.Cut(v, "/"); relative && !strings.Contains(typ, ":") && !fhir.Known(typ) {
			return nil, malformed(key, "the type before the / is none of FHIR R4; one of %s is expected", strings.Join(d.Targets, ", "))
		}
		return []string{v}, nil
	}
	if !isID(v) {
		return nil, malformed(key, "an id, Type/id or an address is expected; an id is 1 to 64 letters, digits, dashes and dots")
	}
	if modifier != "" {
		return []string{modifier + "/" + v}, nil
	}
	var out []string
	for _, t := range d.Targets {
		out = append(out, t+"/"+v)
	}
	return out, nil
}

// combine replaces conditions that stand together in the index by one entry,
// which makes the worklist query a single range scan.
func (p *parser) combine() {
	for _, names := range p.def.Combined {
		var values []string
		var drop []int
		for _, n := range names {
			i := slices.IndexFunc(p.singles, func(s single) bool { return s.name == n })
			if i < 0 {
				break
			}
			drop = append(drop, p.singles[i].clause)
			if values == nil {
				values = p.singles[i].values
				continue
			}
			next := make([]string, 0, len(values)*len(p.singles[i].values))
			for _, a := range values {
				for _, b := range p.singles[i].values {
					next = append(next, a+"\x1f"+b)
				}
			}
			values = next
		}
		if len(drop) != len(names) || len(values) > maxValues {
			continue
		}
		c := Clause{Any: make([]Term, 0, len(values))}
		for _, v := range values {
			c.Any = append(c.Any, p.ix.term(p.def.Type, combinedName(names), v))
		}
		var kept []Clause
		for i, old := range p.out.Query.Clauses {
			if !slices.Contains(drop, i) {
				kept = append(kept, old)
			}
		}
		p.out.Query.Clauses = append([]Clause{c}, kept...)
		return // clause numbers changed; one combination is enough
	}
}

func (p *parser) warn(text string) {
	p.out.Warnings = append(p.out.Warnings, fault.Issue{Severity: "warning", Text: text})
}

func malformed(name, format string, args ...any) error {
	return fault.New(fault.Malformed, name, format, args...)
}

// split cuts at commas that are not escaped and removes the escapes.
// https://hl7.org/fhir/R4/search.html#escaping
func split(s string) []string {
	out := cut(s, ',')
	for i := range out {
		out[i] = plainText(out[i])
	}
	return out
}

// cut cuts at separators that are not escaped and leaves the escapes.
func cut(s string, sep byte) []string {
	var out []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// plainText removes the escapes.
func plainText(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`,|$\`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
