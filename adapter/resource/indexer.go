package resource

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// Indexer computes what resources are found by, keyed so that the index gives
// nothing away. It is safe for concurrent use.
type Indexer struct{ key []byte }

// NewIndexer returns an indexer with the secret of the installation. Another
// key finds nothing of what was indexed with this one.
func NewIndexer(key []byte) *Indexer { return &Indexer{key: slices.Clone(key)} }

// term is the first 8 bytes of a keyed SHA-256 over the parts.
func (ix *Indexer) term(typ, param, value string) Term {
	var room [192]byte
	b := append(room[:0], ix.key...)
	for _, s := range [...]string{typ, param, value} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return Term(binary.BigEndian.Uint64(sum[:8]))
}

// missingValue cannot be a token or a reference, which hold no colon in front.
const missingValue = ":missing"

// Index computes terms and ranges of a resource of a served type.
func (ix *Indexer) Index(v *element.Value) Index {
	d, ok := Lookup(v.ResourceType())
	if !ok {
		return Index{}
	}
	out := Index{Terms: make([]Term, 0, 40)}
	var combine map[string][]string
	if len(d.Combined) > 0 {
		combine = map[string][]string{}
	}
	var room [8]string
	for i := range d.Parameters {
		p := &d.Parameters[i]
		if p.Kind == Date || p.Kind == Quantity {
			out.Ranges = ix.appendRanges(out.Ranges, d.Type, p, v)
		}
		if p.by != "" {
			continue
		}
		values := appendValues(room[:0], p, v)
		if len(values) == 0 && p.Missing {
			values = append(values, missingValue)
		}
		for _, x := range values {
			out.Terms = append(out.Terms, ix.term(d.Type, p.Name, x))
		}
		if d.combines(p.Name) {
			combine[p.Name] = slices.Clone(values)
		}
	}
	for _, names := range d.Combined {
		for _, x := range combinations(names, combine) {
			out.Terms = append(out.Terms, ix.term(d.Type, combinedName(names), x))
		}
	}
	out.Terms = append(out.Terms, ix.Marker(d.Type))
	slices.Sort(out.Terms)
	out.Terms = slices.Compact(out.Terms)
	return out
}

// indexVersion changes when what Index finds in a resource of the type changes.
func indexVersion(typ string) string {
	switch typ {
	case "CapabilityStatement", "CodeSystem", "ConceptMap", "Endpoint", "NamingSystem", "ValueSet":
		return "5"
	}
	return "4"
}

// Marker is a term of every resource of a type that was indexed as this version
// does. What lacks it is found by less, until it is indexed anew.
func (ix *Indexer) Marker(typ string) Term { return ix.term(typ, ":index", indexVersion(typ)) }

func (d *Definition) combines(name string) bool {
	return slices.ContainsFunc(d.Combined, func(names []string) bool { return slices.Contains(names, name) })
}

func combinedName(names []string) string { return strings.Join(names, "+") }

// combinations joins one value of each parameter in every way; a unit
// separator stands in no value.
func combinations(names []string, values map[string][]string) []string {
	out := []string{""}
	for i, n := range names {
		var next []string
		for _, prefix := range out {
			for _, v := range values[n] {
				if i > 0 {
					next = append(next, prefix+"\x1f"+v)
				} else {
					next = append(next, v)
				}
			}
		}
		out = next
	}
	return out
}

// appendValues adds everything that a parameter is indexed by; of a quantity
// the units, of a composite its first part.
func appendValues(out []string, p *Parameter, v *element.Value) []string {
	p.visit(v, func(x *element.Value) {
		switch p.Kind {
		case Reference:
			out = appendReference(out, x)
			if id := x.Get("identifier"); id != nil {
				out = append(out, marked(appendListedTokens(nil, id))...)
			}
		case Token:
			out = appendListedTokens(out, x)
		case String:
			texts(x, func(s string) { out = appendBeginnings(out, s) })
		case URI:
			if x.Kind == element.String {
				out = append(out, x.Text)
			}
		case Quantity:
			out = append(out, units(x)...)
		case Composite:
			visitAll(p.Components[0].Paths, x, func(y *element.Value) { out = appendListedTokens(out, y) })
		}
	})
	return out
}

// identifierMark stands before the identifier of a reference, which is asked
// for by :identifier.
const identifierMark = ":identifier "

func marked(forms []string) []string {
	for i := range forms {
		forms[i] = identifierMark + forms[i]
	}
	return forms
}

// appendReference adds a reference without its version; a canonical also
// without its version and what it says of the inside.
func appendReference(out []string, v *element.Value) []string {
	if v.Kind == element.String {
		out = append(out, v.Text)
		if end := strings.IndexAny(v.Text, "|#"); end > 0 {
			out = append(out, v.Text[:end])
		}
		return out
	}
	if r := v.Str("reference"); r != "" && r[0] != '#' { // nobody asks for what is contained
		r, _, _ = strings.Cut(r, "/_history/")
		return append(out, r)
	}
	return out
}

// appendTokens adds the ways in which a token is asked for: code, system|code,
// |code without a system, and system|.
// https://hl7.org/fhir/R4/search.html#token
func appendTokens(out []string, v *element.Value) []string {
	tokens(v, func(system, code string, _ bool) {
		out = append(out, code, system+"|"+code)
		if system != "" {
			out = append(out, system+"|")
		}
	}, func(code string) { out = append(out, code) })
	return out
}

// tokens goes through the codings of a concept, an identifier or a contact point,
// which is a number, and a code by itself.
func tokens(v *element.Value, each func(system, code string, number bool), bare func(code string)) {
	switch v.Kind {
	case element.String, element.Bool:
		bare(v.Text)
	case element.Object:
		if codings := v.List("coding"); codings != nil {
			for _, c := range codings {
				tokens(c, each, bare)
			}
			return
		}
		code, number := v.Str("code"), false
		if code == "" {
			code, number = v.Str("value"), true
		}
		if code != "" {
			system, code := canonical(v.Str("system"), code)
			each(system, code, number)
		}
	}
}

func (ix *Indexer) appendRanges(out []Range, typ string, p *Parameter, v *element.Value) []Range {
	p.visit(v, func(x *element.Value) {
		if low, high, ok := intervalOf(p.Kind, x); ok {
			out = append(out, Range{Param: ix.term(typ, p.Name, ""), Low: low, High: high})
		}
	})
	return out
}

// intervalOf is the interval of a value of a date or a quantity.
func intervalOf(k Kind, v *element.Value) (low, high int64, ok bool) {
	if k == Quantity {
		return spanOf(v)
	}
	return rangeOf(v)
}
