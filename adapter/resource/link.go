package resource

import (
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// maxDepth bounds how many references one chain goes through.
const maxDepth = 3

// MaxLinked bounds how many resources a step of a chain may find.
const MaxLinked = 500

// Link is a condition on resources at the other end of a reference, a chained
// parameter or _has. Its searches are to be answered first, each at most
// MaxLinked resources; Found then makes a condition of the search out of them.
// https://hl7.org/fhir/R4/search.html#chaining
type Link struct {
	Searches []*Search
	forward  *Parameter // the reference parameter of the searched type
	reverse  *Parameter // _has: the reference parameter of the other type
}

// Linked is a resource that a search of a Link found.
type Linked struct {
	Type, ID string
	Body     []byte
}

// Found adds the condition that a link comes to.
func (s *Search) Found(ix *Indexer, l Link, found []Linked) error {
	if l.reverse == nil {
		return s.refersTo(ix, l.forward, found)
	}
	var ids []string
	var published []Canonical
	for _, f := range found {
		root, err := element.Parse(f.Body, element.Limits{})
		if err != nil {
			return err
		}
		l.reverse.visit(root, func(x *element.Value) {
			if c := canonicalOf(x.Text); x.Kind == element.String && c.URL != "" {
				published = append(published, c)
			}
			for _, ref := range appendReference(nil, x) {
				// A longer address is of another server.
				if id, here := strings.CutPrefix(ref, s.Query.Type+"/"); here {
					ids = append(ids, id)
				}
			}
		})
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(published) > 0 && Published(s.Query.Type) {
		return s.isOneOf(ix, ids, published)
	}
	return s.Only(ix, ids)
}

// Only keeps the search to resources of these ids, of which there may be
// MaxLinked.
func (s *Search) Only(ix *Indexer, ids []string) error {
	if s.Query.IDs != nil {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(s.Query.IDs, id) })
	}
	if len(ids) > MaxLinked {
		return TooCostly("a condition on other resources")
	}
	if s.Query.IDs = ids; len(ids) == 0 { // no ids at all would mean every resource
		s.Query.IDs = nil
		s.Query.Clauses = append(s.Query.Clauses, Clause{Any: []Term{ix.nothing(s.Query.Type)}})
	}
	return nil
}

// TooCostly is what a search is answered with whose part, named in our words,
// finds more than is gone through.
func TooCostly(part string) error {
	return &fault.Fault{Kind: fault.TooLarge, Issues: []fault.Issue{{Code: "too-costly", Text: part + " finds too many resources; narrow it"}}}
}

// nothing is a term that no resource has.
func (ix *Indexer) nothing(typ string) Term { return ix.term(typ, ":nothing", "") }

// linked reads a chained parameter or _has; known is false when it is neither.
func (p *parser) linked(key, value string) (known bool, err error) {
	if rest, has := strings.CutPrefix(key, "_has:"); has {
		return true, p.has(rest, value)
	}
	head, rest, chained := strings.Cut(key, ".")
	name, typ, typed := strings.Cut(head, ":")
	d, ok := p.def.Parameter(name)
	if !chained || !ok || d.Kind != Reference {
		return false, nil
	}
	targets := d.Targets
	if typed {
		if !slices.Contains(targets, typ) {
			return true, fault.New(fault.Unsupported, name, "a type of %s is expected behind the colon", strings.Join(targets, ", "))
		}
		targets = []string{typ}
	}
	l := Link{forward: d}
	var refused error
	for _, t := range targets {
		inner, err := p.inner(t, rest, value)
		if err != nil {
			refused = err
			continue
		}
		l.Searches = append(l.Searches, inner)
	}
	if len(l.Searches) == 0 {
		return true, refused
	}
	return true, p.link(name, l)
}

// has reads Type:reference:parameter of a reverse chain.
func (p *parser) has(rest, value string) error {
	parts := strings.SplitN(rest, ":", 3)
	if len(parts) != 3 {
		return malformed("_has", "_has:Type:reference:parameter is expected")
	}
	d, ok := Lookup(parts[0])
	if !ok {
		return fault.New(fault.Unsupported, "_has", "the type is not served")
	}
	ref, ok := d.Parameter(parts[1])
	if !ok || ref.Kind != Reference || !slices.Contains(ref.Targets, p.def.Type) {
		return fault.New(fault.Unsupported, "_has", "a reference parameter of %s that may point to %s is expected", d.Type, p.def.Type)
	}
	inner, err := p.inner(d.Type, parts[2], value)
	if err != nil {
		return err
	}
	return p.link("_has", Link{reverse: ref, Searches: []*Search{inner}})
}

func (p *parser) link(name string, l Link) error {
	if !p.opt.Links {
		return fault.New(fault.Unsupported, name, "a condition on another resource is not supported here")
	}
	if p.out.Links = append(p.out.Links, l); len(p.out.Links) > maxDepth {
		return malformed(name, "more than %d conditions on other resources", maxDepth)
	}
	return nil
}

func (p *parser) inner(typ, key, value string) (*Search, error) {
	if strings.HasPrefix(key, "_") && !strings.HasPrefix(key, "_has:") && !slices.Contains([]string{"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source"}, key) {
		return nil, fault.New(fault.Unsupported, "", "this parameter is not supported at the end of a chain")
	}
	o := p.opt
	if o.depth++; o.depth > maxDepth {
		return nil, malformed("", "a chain of more than %d references", maxDepth)
	}
	o.Strict, o.Lists = true, false
	s, err := Parse(p.ix, typ, url.Values{key: {value}}, o)
	if err == nil {
		s.Query.Limit = MaxLinked + 1
	}
	return s, err
}

// within keeps the search to a compartment: to what refers to the resource by
// any of the parameters that may point to its type.
// https://hl7.org/fhir/R4/compartmentdefinition.html
func (p *parser) within(typ, id string) error {
	c := Clause{}
	for i := range p.def.Parameters {
		if d := &p.def.Parameters[i]; d.Kind == Reference && slices.Contains(d.Targets, typ) && d.takes(typ+"/"+id) {
			c.Any = append(c.Any, p.ix.term(p.def.Type, d.listed(), typ+"/"+id))
		}
	}
	if len(c.Any) == 0 {
		return fault.New(fault.NotFound, "", "%s is in no compartment of a %s", p.def.Type, typ)
	}
	p.narrows = true
	p.out.Query.Clauses = append(p.out.Query.Clauses, c)
	return nil
}

// Referring is the query for the resources of a type that refer to any of the
// resources, by the parameter of a reverse include.
func (i Include) Referring(ix *Indexer, keys []string, limit int) Query {
	c := Clause{}
	for _, d := range i.params {
		for _, k := range keys {
			if d.takes(k) {
				c.Any = append(c.Any, ix.term(i.Source, d.listed(), k))
			}
		}
	}
	return Query{Type: i.Source, Clauses: []Clause{c}, Limit: limit, UpdatedHigh: math.MaxInt64}
}
