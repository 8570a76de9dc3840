package resource

import (
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// What is indexed is what one index entry each is worth: a referral is as many
// rows as its resources have terms, and rows are what writing it costs. The rest
// is asked of a term that includes it, and then compared with the resource:
//
//   - a parameter over a part of what another one is over, such as family of
//     name and patient of subject, has no terms of its own;
//   - an identifier is found by its value, whatever its system;
//   - a system alone, and a single letter, are found by looking.

// stand names for each parameter the one whose terms stand for it.
func (d *Definition) stand() {
	for i := range d.Parameters {
		p := &d.Parameters[i]
		if p.Missing || d.combines(p.Name) || p.Kind != Reference && p.Kind != Token && p.Kind != String {
			continue
		}
		for j := range d.Parameters {
			q := &d.Parameters[j]
			if j == i || q.by != "" || q.Kind != p.Kind || !q.includes(p) || p.includes(q) && j > i {
				continue
			}
			p.by = q.Name
			break
		}
	}
}

// includes reports whether every value of p is one of q, or of a string a part
// of one.
func (q *Parameter) includes(p *Parameter) bool {
	return !slices.ContainsFunc(p.Paths, func(x Path) bool {
		return !slices.ContainsFunc(q.Paths, func(y Path) bool { return y.includes(x, p.Kind == String) })
	})
}

// includes compares by elements: what only picks some of the values is left out
// of the narrower one.
func (y Path) includes(x Path, parts bool) bool {
	if x.flag != "" || y.flag != "" {
		return false
	}
	all := slices.DeleteFunc(slices.Clone(x.steps), step.picks)
	if len(all) < len(y.steps) || !slices.Equal(all[:len(y.steps)], y.steps) {
		// y picks, or goes elsewhere.
		return slices.Equal(x.steps, y.steps)
	}
	rest := all[len(y.steps):]
	return len(rest) == 0 || parts && len(rest) == 1 && slices.Contains(nameParts, rest[0].name)
}

func (s step) picks() bool { return s.target != "" || s.system != "" }

// listed is the name that the terms of the parameter are under.
func (p *Parameter) listed() string {
	if p.by != "" {
		return p.by
	}
	return p.Name
}

// takes reports whether a reference that stands under the listed name is one of
// the parameter, as far as its text says it.
func (p *Parameter) takes(ref string) bool {
	if p.by == "" {
		return true
	}
	return !slices.ContainsFunc(p.Paths, func(x Path) bool {
		return slices.ContainsFunc(x.steps, func(s step) bool { return s.target != "" && !strings.Contains("/"+ref, "/"+s.target+"/") })
	})
}

// numbers reports whether the parameter is over identifiers or contact points,
// which are indexed by value.
func (p *Parameter) numbers() bool {
	for _, x := range p.Paths {
		for _, s := range slices.Backward(x.steps) {
			if s.name != "" {
				return strings.HasSuffix(strings.ToLower(s.name), "identifier") || slices.Contains([]string{"telecom", "contact", "altId", "requisition"}, s.name)
			}
		}
	}
	return false
}

// listedToken is the term of a form of a token that token returned; sure is
// false when what it finds must be compared, and ok when there is none.
func (p *Parameter) listedToken(form string, both bool) (value string, sure, ok bool) {
	_, code, _ := strings.Cut(form, "|")
	switch {
	case both && code == "":
		return "", false, false
	case both && p.numbers():
		return code, false, true
	}
	return form, p.by == "", true
}

// appendListedTokens adds what a token is indexed by.
func appendListedTokens(out []string, v *element.Value) []string {
	tokens(v, func(system, code string, number bool) {
		out = append(out, code)
		if !number {
			out = append(out, system+"|"+code)
		}
	}, func(code string) { out = append(out, code) })
	return out
}
