package resource

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/spelling"
)

// comparison splits off the prefix of a date or a number; ok is false when it
// is none. https://hl7.org/fhir/R4/search.html#prefix
func comparison(value string) (cmp, rest string, ok bool) {
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		switch cmp, rest = value[:2], value[2:]; cmp {
		case "eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap":
			return cmp, rest, true
		}
		return "", "", false
	}
	return "eq", value, true
}

// prefix splits a date value into its comparison and the interval it means;
// with ap, that interval and a tenth of its distance from now on each side.
func (p *parser) prefix(key, value string) (cmp string, low, high int64, err error) {
	cmp, value, ok := comparison(value)
	if !ok {
		return "", 0, 0, malformed(key, "a date with one of the prefixes eq, ne, gt, ge, lt, le, sa, eb, ap is expected")
	}
	// A plus sign that was not escaped in the query arrives as a space.
	low, high, ok = interval(strings.ReplaceAll(value, " ", "+"))
	if !ok {
		return "", 0, 0, malformed(key, "a date such as 2026-03-02, or an instant with a time zone, is expected")
	}
	if cmp == "ap" {
		now := p.opt.Now
		if now.IsZero() {
			now = time.Now()
		}
		tenth := (now.UnixMicro() - low) / 10
		tenth = max(tenth, -tenth)
		low, high = low-tenth, high+tenth
	}
	return cmp, low, high, nil
}

// lastUpdated narrows the time of the last update, which is exact to the
// microsecond and different for every version, so that a poller that asks for
// gt the last one it saw misses nothing and repeats nothing.
func (p *parser) lastUpdated(value string) error {
	const key = "_lastUpdated"
	cmp, low, high, err := p.prefix(key, value)
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
	case "eq", "ap":
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
		p.check(func(root *element.Value) bool {
			at, _, ok := interval(root.TextAt("meta.lastUpdated"))
			return ok && (at < low || at > high)
		})
	}
	return nil
}

// include reads Type:parameter or Type:parameter:target of _include and
// _revinclude; a star is every reference parameter.
// https://hl7.org/fhir/R4/search.html#include
func (p *parser) include(key, modifier, value string) error {
	inc := Include{Reverse: key == "_revinclude", Iterate: modifier != ""}
	if value == "*" && !inc.Reverse {
		value = p.def.Type + ":*"
	}
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != p.def.Type && !inc.Reverse && !inc.Iterate {
		if inc.Reverse {
			return malformed(key, "Type:parameter is expected, or Type:*, of a type that refers to %s", p.def.Type)
		}
		return malformed(key, "%s:parameter is expected", p.def.Type)
	}
	source, ok := Lookup(parts[0])
	if !ok {
		return malformed(key, "a type that is served is expected before the colon")
	}
	inc.Source = source.Type
	for i := range source.Parameters {
		d := &source.Parameters[i]
		if d.Kind == Reference && (d.Name == parts[1] || parts[1] == "*") && (!inc.Reverse || inc.Iterate || slices.Contains(d.Targets, p.def.Type)) {
			inc.params = append(inc.params, d)
		}
	}
	if len(inc.params) == 0 {
		return fault.New(fault.Unsupported, key, "%s", unfollowed(source, p.def.Type, inc))
	}
	if len(parts) == 3 {
		inc.typ = parts[2]
	}
	if p.out.Includes = append(p.out.Includes, inc); len(p.out.Includes) > maxIncluded {
		return malformed(key, "more than %d includes", maxIncluded)
	}
	return nil
}

// unfollowed says which parameters an include can follow.
func unfollowed(source *Definition, to string, inc Include) string {
	if !inc.Reverse || inc.Iterate {
		return fmt.Sprintf("these are supported for %s: %s", source.Type, strings.Join(source.names(Reference), ", "))
	}
	var names []string
	for _, d := range source.Parameters {
		if d.Kind == Reference && slices.Contains(d.Targets, to) {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		return fmt.Sprintf("no parameter of %s refers to a %s", source.Type, to)
	}
	return fmt.Sprintf("these parameters of %s refer to a %s: %s", source.Type, to, strings.Join(names, ", "))
}

// maxIncluded bounds the includes of one search.
const maxIncluded = 20

// elements reads the names of elements at the top of a resource.
// https://hl7.org/fhir/R4/search.html#elements
func (p *parser) elements(value string) error {
	for _, name := range strings.Split(value, ",") {
		name = strings.TrimPrefix(name, p.def.Type+".")
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			return malformed("_elements", "names of elements joined by commas are expected")
		}
		p.out.Elements = append(p.out.Elements, name)
	}
	if len(p.out.Elements) > maxValues {
		return malformed("_elements", "more than %d elements", maxValues)
	}
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

// otherPages are the parameters by which clients of other servers ask for further
// pages. Passed over, each would be the first page again, without an end.
var otherPages = []string{"_offset", "_page", "_skip", "_getpages", "_getpagesoffset", "offset", "page", "skip"}

// unknown decides about parameters that nobody knows. Ignoring the only filter
// of a worklist would show everybody's Tasks.
func (p *parser) unknown() error {
	var known []string
	for _, d := range p.def.Parameters {
		known = append(known, d.Name)
	}
	known = append(known, "_id", "_lastUpdated", "_count", "_sort", "_include", "_revinclude", "_total", "_summary", "_elements", "_has")
	if p.opt.Lists {
		known = append(known, "_list")
	}
	for _, key := range p.strange {
		name, _, _ := strings.Cut(key, ":")
		if slices.Contains(otherPages, name) {
			return &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Code: "not-supported",
				Text: name + ": pages are not numbered here; the next one is the link next of each, as it stands, and _count says how many entries a page has"}}}
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
