package resource

import (
	"math"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/spelling"
)

// prefix splits a date value into its comparison and the interval it means.
// https://hl7.org/fhir/R4/search.html#prefix
func prefix(key, value string) (cmp string, low, high int64, err error) {
	cmp = "eq"
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		cmp, value = value[:2], value[2:]
	}
	switch cmp {
	case "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb":
	case "ap":
		return "", 0, 0, fault.New(fault.Unsupported, key, "the prefixes eq, ne, gt, ge, lt, le, sa and eb are supported")
	default:
		return "", 0, 0, malformed(key, "a date with one of the prefixes eq, ne, gt, ge, lt, le, sa, eb is expected")
	}
	// A plus sign that was not escaped in the query arrives as a space.
	low, high, ok := interval(strings.ReplaceAll(value, " ", "+"))
	if !ok {
		return "", 0, 0, malformed(key, "a date such as 2026-03-02, or an instant with a time zone, is expected")
	}
	return cmp, low, high, nil
}

// date turns a comparison into overlaps of intervals, which is all the store
// knows: "inside" is to overlap the interval and nothing before or behind it.
func (p *parser) date(d *Parameter, key, value string) error {
	if strings.Contains(value, ",") {
		return fault.New(fault.Unsupported, key, "several dates at once are not supported; repeat the parameter to narrow the search")
	}
	cmp, low, high, err := prefix(key, value)
	if err != nil {
		return err
	}
	const first, last = math.MinInt64, math.MaxInt64
	param := p.ix.term(p.def.Type, d.Name, "")
	add := func(low, high int64, not bool) {
		p.out.Query.Ranges = append(p.out.Query.Ranges, RangeClause{Param: param, Low: low, High: high, Not: not})
	}
	switch cmp {
	case "eq":
		add(low, high, false)
		add(first, low-1, true)
		add(high+1, last, true)
	case "ne":
		add(low, high, true)
	case "gt":
		add(high+1, last, false)
	case "ge":
		add(low, last, false)
	case "lt":
		add(first, low-1, false)
	case "le":
		add(first, high, false)
	case "sa":
		add(high+1, last, false)
		add(first, high, true)
	case "eb":
		add(first, low-1, false)
		add(low, last, true)
	}
	return nil
}

// lastUpdated narrows the time of the last update, which is exact to the
// microsecond and different for every version, so that a poller that asks for
// gt the last one it saw misses nothing and repeats nothing.
func (p *parser) lastUpdated(value string) error {
	const key = "_lastUpdated"
	cmp, low, high, err := prefix(key, value)
	if err != nil {
		return err
	}
	q := &p.out.Query
	from := func(t int64) { q.UpdatedLow = max(q.UpdatedLow, t) }
	until := func(t int64) {
		if t = max(t, 1); q.UpdatedHigh == 0 || t < q.UpdatedHigh {
			q.UpdatedHigh = t
		}
	}
	switch cmp {
	case "eq":
		from(low)
		until(high)
	case "gt", "sa":
		from(high + 1)
	case "ge":
		from(low)
	case "lt", "eb":
		until(low - 1)
	case "le":
		until(high)
	default:
		return fault.New(fault.Unsupported, key, "eq, gt, ge, lt, le, sa and eb are supported")
	}
	return nil
}

// sort takes one key: the time of the last update or a date parameter.
func (p *parser) sort(value string) error {
	if p.sorted {
		return fault.New(fault.Unsupported, "_sort", "one key is supported")
	}
	p.sorted = true
	name, desc := strings.CutPrefix(value, "-")
	if name == "_lastUpdated" || name == "_lastupdated" {
		p.out.Query.Order = Order{Descending: desc}
		return nil
	}
	d, ok := p.def.Parameter(name)
	if !ok || d.Kind != Date {
		return fault.New(fault.Unsupported, "_sort", "_lastUpdated and these are supported, one at a time: %s", strings.Join(p.def.names(Date), ", "))
	}
	p.out.Query.Order = Order{Param: p.ix.term(p.def.Type, name, ""), Descending: desc}
	return nil
}

// include reads Type:parameter or Type:parameter:target.
func (p *parser) include(value string) error {
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != p.def.Type {
		return malformed("_include", "%s:parameter is expected", p.def.Type)
	}
	d, ok := p.def.Parameter(parts[1])
	if !ok || d.Kind != Reference {
		return fault.New(fault.Unsupported, "_include", "these are supported: %s", strings.Join(p.def.names(Reference), ", "))
	}
	inc := Include{paths: d.Paths}
	if len(parts) == 3 {
		inc.typ = parts[2]
	}
	p.out.Includes = append(p.out.Includes, inc)
	return nil
}

func (d *Definition) names(kind Kind) []string {
	var out []string
	for _, p := range d.Parameters {
		if p.Kind == kind {
			out = append(out, p.Name)
		}
	}
	return out
}

// unknown decides about parameters that nobody knows. Ignoring the only filter
// of a worklist would show everybody's Tasks.
func (p *parser) unknown() error {
	known := append(append(append(p.def.names(Token), p.def.names(Reference)...), p.def.names(Date)...),
		"_id", "_lastUpdated", "_count", "_sort", "_include", "_total", "_summary")
	for _, key := range p.strange {
		name, _, _ := strings.Cut(key, ":")
		if head, _, chained := strings.Cut(name, "."); chained && slices.Contains(known, head) || name == "_has" {
			return fault.New(fault.Unsupported, "", "chained search is not supported; search by the reference itself")
		}
		near, far := spelling.Nearest(name, known)
		if p.opt.Strict || !p.narrows || far <= 2 {
			// The name is the client's text, so only ours is said.
			return &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Code: "invalid",
				Text: "an unknown search parameter; the nearest one known is " + near + "; all: " + strings.Join(known, ", ")}}}
		}
		p.warn("an unknown search parameter was not applied; the nearest one known is " + near)
	}
	return nil
}
