package resource

import (
	"net/url"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

// Canonical is a reference to a definition by the address it is published under,
// and the version where it says one.
// https://hl7.org/fhir/R4/references.html#canonical
type Canonical struct {
	URL, Version string
}

// canonicalOf reads address|version; what stands behind a # is within the
// definition.
func canonicalOf(text string) Canonical {
	text, _, _ = strings.Cut(text, "#")
	var c Canonical
	c.URL, c.Version, _ = strings.Cut(text, "|")
	return c
}

// Names reports whether the reference is to a definition with this address and
// version. Without a version it is to all of them.
func (c Canonical) Names(of Canonical) bool {
	return c.URL != "" && c.URL == of.URL && (c.Version == "" || c.Version == of.Version)
}

// PublishedAs is the address of a definition; ok is false for a resource of a
// type that is not published under one, or that has none.
func PublishedAs(v *element.Value) (c Canonical, ok bool) {
	if !Published(v.ResourceType()) {
		return c, false
	}
	return Canonical{v.Str("url"), v.Str("version")}, v.Str("url") != ""
}

// Published reports whether resources of the type are found by the address they
// are published under.
func Published(typ string) bool {
	d, ok := Lookup(typ)
	if !ok {
		return false
	}
	p, ok := d.Parameter("url")
	return ok && p.Kind == URI && len(p.Paths) == 1 && p.Paths[0].Text == "url"
}

// Canonicals lists the canonical references of the included parameter, with the
// types that each may be to.
func (i Include) Canonicals(v *element.Value, each func(c Canonical, types []string)) {
	for _, p := range i.params {
		p.visit(v, func(x *element.Value) {
			if x.Kind != element.String {
				return
			}
			types := slices.DeleteFunc(slices.Clone(p.Targets), func(t string) bool {
				return !Published(t) || i.typ != "" && i.typ != t
			})
			each(canonicalOf(x.Text), types)
		})
	}
}

// Find is the query for the definition of a type that the reference is to, the
// one changed last where there are several.
func (c Canonical) Find(ix *Indexer, typ string) (Query, error) {
	params := url.Values{"url": {escaped(c.URL)}}
	if c.Version != "" {
		params.Set("version", escaped(c.Version))
	}
	s, err := Parse(ix, typ, params, Options{Strict: true})
	if err != nil {
		return Query{}, err
	}
	s.Query.Limit = 1
	return s.Query, nil
}

// escaped is a text as a search value.
// https://hl7.org/fhir/R4/search.html#escaping
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace(s)
}

// referring reports whether a text can be a reference: an address or Type/id.
func referring(v string) bool {
	if strings.Contains(v, ":") {
		return !strings.ContainsAny(v, " \t\r\n")
	}
	typ, id, _ := strings.Cut(v, "/")
	return isID(id) && typ != "" && strings.Trim(typ, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// isID reports whether a text can be a logical id.
// https://hl7.org/fhir/R4/datatypes.html#id
func isID(v string) bool {
	return v != "" && len(v) <= 64 && strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == ""
}
