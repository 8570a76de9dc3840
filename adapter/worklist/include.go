package worklist

import (
	"maps"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of what a page brings along.
const (
	maxIncludes = 1000
	maxIncluded = 32 << 20 // bytes, as of the page itself (store)
	maxRounds   = 4        // of :iterate
	// perForward is how many resources are asked for by one query.
	perForward = 100
	// perReverse is how many references one query of a reverse include asks for.
	perReverse = 100
)

// inclusion gathers what a page brings along, each once.
type inclusion struct {
	s    *Service
	r    store.Reader
	seen map[store.Key]bool
	out  []store.Version
	size int  // bytes of out
	full bool // there was more than may be brought along
}

// include follows the asked-for references of the matches, and with :iterate
// those of what they brought along.
func (s *Service) include(r store.Reader, includes []resource.Include, matches []store.Version) (out []store.Version, full bool, err error) {
	if len(includes) == 0 {
		return nil, false, nil
	}
	in := &inclusion{s: s, r: r, seen: map[store.Key]bool{}}
	for _, m := range matches {
		in.seen[m.Key] = true
	}
	from := matches
	for round := 0; round < maxRounds && len(from) > 0 && !in.full; round++ {
		before := len(in.out)
		for _, inc := range includes {
			if round > 0 && !inc.Iterate {
				continue
			}
			follow := in.forward
			if inc.Reverse {
				follow = in.reverse
			}
			if err := follow(inc, from); err != nil {
				return nil, false, err
			}
		}
		from = in.out[before:]
	}
	return in.out, in.full, nil
}

func (in *inclusion) add(v store.Version) {
	if in.seen[v.Key] || v.Deleted {
		return
	}
	if len(in.out) == maxIncludes || len(in.out) > 0 && in.size+len(v.Body) > maxIncluded {
		in.full = true
		return
	}
	in.size += len(v.Body)
	in.seen[v.Key] = true
	in.out = append(in.out, v)
}

func (in *inclusion) forward(inc resource.Include, from []store.Version) error {
	var keys []store.Key
	for _, m := range from {
		if m.Type != inc.Source {
			continue
		}
		root, err := element.Parse(m.Body, element.Limits{})
		if err != nil {
			return err
		}
		for _, ref := range inc.References(root) {
			typ, id, ok := strings.Cut(strings.TrimPrefix(ref, in.s.cfg.BaseURL+"/"), "/")
			if key := (store.Key{Type: typ, ID: id}); ok && !in.seen[key] {
				keys = append(keys, key)
			}
		}
		if err := in.published(inc, root); err != nil {
			return err
		}
	}
	return in.named(keys)
}

// named brings along resources by their keys, many with each question, because
// each may be a way to another machine.
func (in *inclusion) named(keys []store.Key) error {
	ids, asked := map[string][]string{}, map[store.Key]bool{}
	for _, k := range keys {
		if !asked[k] {
			asked[k] = true
			ids[k.Type] = append(ids[k.Type], k.ID)
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(ids)) {
		for part := range slices.Chunk(ids[typ], perForward) {
			if err := in.found(resource.Query{Type: typ, IDs: part, Limit: perForward}, anyVersion); err != nil {
				return err
			}
		}
	}
	return nil
}

// published follows the canonical references of a resource to the definitions
// that are held here.
func (in *inclusion) published(inc resource.Include, root *element.Value) (err error) {
	inc.Canonicals(root, func(c resource.Canonical, types []string) {
		for _, typ := range types {
			if err != nil || in.full {
				return
			}
			var q resource.Query
			if q, err = c.Find(in.s.cfg.Indexer, typ); err != nil {
				return
			}
			var page store.Page
			if page, err = in.r.Resources().Search(q); err != nil {
				return
			}
			for _, v := range page.Versions {
				in.add(v)
			}
		}
	})
	return err
}

func (in *inclusion) reverse(inc resource.Include, from []store.Version) error {
	for part := range slices.Chunk(from, perReverse) {
		keys := make([]string, len(part))
		var urls []string
		var published []resource.Canonical
		for i, m := range part {
			keys[i] = m.Key.String()
			root, err := definitionOf(m)
			if err != nil {
				return err
			}
			if c, ok := resource.PublishedAs(root); ok {
				published, urls = append(published, c), append(urls, c.URL)
			}
		}
		if err := in.referring(inc, keys, anyVersion); err != nil {
			return err
		}
		// The index has the address without the version, too: who refers to
		// another version is looked at.
		err := in.referring(inc, urls, func(v store.Version) (meant bool, err error) {
			root, err := element.Parse(v.Body, element.Limits{})
			if err != nil {
				return false, err
			}
			inc.Canonicals(root, func(c resource.Canonical, _ []string) {
				meant = meant || slices.ContainsFunc(published, c.Names)
			})
			return meant, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// definitionOf reads a resource of a type that is published under an address;
// of another nothing is read.
func definitionOf(v store.Version) (*element.Value, error) {
	if !resource.Published(v.Type) {
		return element.NewObject(), nil
	}
	return element.Parse(v.Body, element.Limits{})
}

// referring brings along what refers to any of the keys and is meant.
func (in *inclusion) referring(inc resource.Include, keys []string, meant func(store.Version) (bool, error)) error {
	if len(keys) == 0 {
		return nil
	}
	return in.found(inc.Referring(in.s.cfg.Indexer, keys, maxIncludes), meant)
}

func anyVersion(store.Version) (bool, error) { return true, nil }

// found brings along what a query finds and is meant, page by page.
func (in *inclusion) found(q resource.Query, meant func(store.Version) (bool, error)) error {
	for !in.full {
		page, err := in.r.Resources().Search(q)
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			ok, err := meant(v)
			if err != nil {
				return err
			}
			if ok {
				in.add(v)
			}
		}
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	return nil
}
