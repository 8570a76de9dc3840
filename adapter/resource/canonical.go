package resource

import (
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
)

// refersTo keeps the search to what refers to any of the resources by the
// parameter: by their ids, and to definitions by their addresses.
func (s *Search) refersTo(ix *Indexer, p *Parameter, found []Linked) error {
	c := Clause{Any: make([]Term, 0, len(found))}
	var refs []string
	var published []Canonical
	for _, f := range found {
		if ref := f.Type + "/" + f.ID; p.takes(ref) {
			refs = append(refs, ref)
			c.Any = append(c.Any, ix.term(s.Query.Type, p.listed(), ref))
		}
		if !Published(f.Type) {
			continue
		}
		root, err := element.Parse(f.Body, element.Limits{})
		if err != nil {
			return err
		}
		if of, ok := PublishedAs(root); ok {
			published = append(published, of)
			c.Any = append(c.Any, ix.term(s.Query.Type, p.listed(), of.URL))
		}
	}
	s.Query.Clauses = append(s.Query.Clauses, c)
	if len(published) > 0 {
		// The index has addresses without their versions, too.
		s.also(func(root *element.Value) bool {
			met := false
			p.visit(root, func(x *element.Value) {
				met = met || slices.ContainsFunc(appendReference(nil, x), func(ref string) bool { return slices.Contains(refs, ref) }) ||
					x.Kind == element.String && slices.ContainsFunc(published, canonicalOf(x.Text).Names)
			})
			return met
		})
	}
	return nil
}

// isOneOf keeps the search to definitions that are referred to, by their ids or
// by their addresses.
func (s *Search) isOneOf(ix *Indexer, ids []string, by []Canonical) error {
	if len(ids)+len(by) > MaxLinked {
		return TooCostly("a condition on other resources")
	}
	if len(ids) == 0 { // else what is looked for has no one entry in the index
		c := Clause{}
		for _, named := range by {
			c.Any = append(c.Any, ix.term(s.Query.Type, "url", named.URL))
		}
		s.Query.Clauses = append(s.Query.Clauses, c)
	}
	s.also(func(root *element.Value) bool {
		is, ok := PublishedAs(root)
		return slices.Contains(ids, root.ID()) || ok && slices.ContainsFunc(by, func(c Canonical) bool { return c.Names(is) })
	})
	return nil
}

// also adds a check of the body to those there are.
func (s *Search) also(holds func(root *element.Value) bool) {
	before, now := s.Query.Check, checkOf([]func(*element.Value) bool{holds})
	s.Query.Check = func(body []byte) bool { return (before == nil || before(body)) && now(body) }
}
