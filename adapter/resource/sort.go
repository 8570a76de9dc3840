package resource

import (
	"cmp"
	"math"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// maxSortKeys bounds the keys of one order.
const maxSortKeys = 5

// SortKey is one key of an order that no index has.
type SortKey struct {
	param      *Parameter // nil: _id or _lastUpdated
	name       string
	Descending bool
}

// sort reads the keys of _sort. The time of the last update and a date by itself
// are orders of the index; any other order is made of what is found, which is
// therefore bounded.
// https://hl7.org/fhir/R4/search.html#sort
func (p *parser) sort(value string) error {
	if p.sorted {
		return fault.New(fault.Unsupported, "_sort", "the keys are expected in one parameter, joined by commas")
	}
	p.sorted = true
	parts := strings.Split(value, ",")
	if len(parts) > maxSortKeys {
		return fault.New(fault.Unsupported, "_sort", "at most %d keys are supported", maxSortKeys)
	}
	var keys []SortKey
	for _, part := range parts {
		name, desc := strings.CutPrefix(part, "-")
		if name == "_lastupdated" {
			name = "_lastUpdated"
		}
		k := SortKey{name: name, Descending: desc}
		if name != "_lastUpdated" && name != "_id" {
			d, ok := p.def.Parameter(name)
			if !ok || d.Kind == Composite || d.Kind == Special {
				return fault.New(fault.Unsupported, "_sort", "_id, _lastUpdated and the search parameters that are no composite are supported, with a minus in front for the other way round")
			}
			k.param = d
		}
		keys = append(keys, k)
	}
	first := keys[0]
	switch {
	case len(keys) == 1 && first.name == "_lastUpdated":
		p.out.Query.Order = Order{Descending: first.Descending}
	case len(keys) == 1 && first.param != nil && first.param.Kind == Date:
		p.out.Query.Order = Order{Param: p.ix.term(p.def.Type, first.name, ""), Descending: first.Descending}
	default:
		p.out.Keys = keys
	}
	return nil
}

// SortValue is what a resource is sorted by under one key: a number or a text,
// or nothing.
type SortValue struct {
	has    bool
	number int64
	text   string
}

// Of is the value of a resource: of several the lowest, or the highest when the
// order is descending.
func (k SortKey) Of(v *element.Value) SortValue {
	var out SortValue
	add := func(x SortValue) {
		x.has = true
		if d := x.compare(out); !out.has || d < 0 && !k.Descending || d > 0 && k.Descending {
			out = x
		}
	}
	switch {
	case k.name == "_id":
		add(SortValue{text: v.ID()})
	case k.name == "_lastUpdated":
		if low, _, ok := interval(v.TextAt("meta.lastUpdated")); ok {
			add(SortValue{number: low})
		}
	default:
		k.param.visit(v, func(x *element.Value) { k.values(x, add) })
	}
	return out
}

// values goes through what a value of the parameter can be sorted by.
func (k SortKey) values(x *element.Value, add func(SortValue)) {
	switch k.param.Kind {
	case Date, Quantity:
		low, high, ok := intervalOf(k.param.Kind, x)
		if k.Descending {
			low = high
		}
		if ok && low != math.MinInt64 && low != math.MaxInt64 {
			add(SortValue{number: low})
		}
	case String:
		texts(x, func(s string) { add(SortValue{text: normal(s)}) })
	case Token:
		tokens(x, func(_, code string, _ bool) { add(SortValue{text: code}) }, func(code string) { add(SortValue{text: code}) })
	default:
		for _, r := range appendReference(nil, x) {
			add(SortValue{text: r})
		}
	}
}

func (a SortValue) compare(b SortValue) int {
	return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))
}

// Compare says which of two values comes first under the key; nothing comes
// last, whichever way round the order is.
func (k SortKey) Compare(a, b SortValue) int {
	switch {
	case a.has != b.has && a.has:
		return -1
	case a.has != b.has:
		return 1
	case k.Descending:
		return b.compare(a)
	}
	return a.compare(b)
}
