package resource

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// Codes are all the codes of a value set.
type Codes struct {
	List []Coded
	Says string // what is to be known about the list; empty: nothing
}

// Coded is a code in its system.
type Coded struct{ System, Code string }

// MaxCodes bounds the codes of the value sets of one condition.
const MaxCodes = 10_000

// valueSets reads :in and :not-in: whether a code is one of a value set. What
// has no code at all is in none.
// https://hl7.org/fhir/R4/search.html#modifiers
func (p *parser) valueSets(d *Parameter, key string, not bool, values []string) error {
	if p.opt.ValueSet == nil {
		return fault.New(fault.Unsupported, key, "a condition on a value set is not supported here")
	}
	forms := map[string]bool{}
	var listed []string
	certain := true
	for i, v := range values {
		if slices.Contains(values[:i], v) {
			continue
		}
		set, err := p.opt.ValueSet(plainText(v))
		if err != nil {
			return placed(err, key)
		}
		if set.Says != "" {
			p.warn(set.Says)
		}
		if len(forms)+len(set.List) > MaxCodes {
			return &fault.Fault{Kind: fault.TooLarge, Issues: []fault.Issue{{Code: "too-costly", Place: key,
				Text: "the value set has more codes than a search looks for"}}}
		}
		for _, c := range set.List {
			system, code := canonical(c.System, c.Code)
			form := system + "|" + code
			if d.plain() {
				form = code // of elements that have one system
			}
			value, sure, ok := d.listedToken(form, !d.plain())
			certain = certain && sure && ok
			if !forms[form] && ok {
				listed = append(listed, value)
			}
			forms[form] = true
		}
	}
	if len(forms) == 0 { // nothing is in an empty value set, and everything outside
		if !not {
			p.out.Query.Clauses = append(p.out.Query.Clauses, Clause{Any: []Term{p.ix.nothing(p.def.Type)}})
		}
		return nil
	}
	few := len(listed) <= maxValues && len(listed) > 0
	if few && (certain || !not) {
		p.clause(d, listed, not)
		if certain {
			return nil
		}
	}
	holds := func(x *element.Value) bool {
		return slices.ContainsFunc(appendTokens(nil, x), func(form string) bool { return forms[form] })
	}
	if not {
		p.noValue(d, holds)
		return nil
	}
	p.anyValue(d, []func(*element.Value) bool{holds})
	return nil
}

// placed says which parameter a fault is about.
func placed(err error, key string) error {
	f := *fault.Of(err)
	f.Issues = slices.Clone(f.Issues)
	for i := range f.Issues {
		f.Issues[i].Place = key
	}
	return &f
}
