package worklist

import (
	"context"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
)

// listed keeps a search to what stands in each of the Lists that _list names, by
// their ids, and is not struck out there. The lists by function, such as
// $current-problems, are not kept here.
// https://hl7.org/fhir/R4/search.html#list
func (s *Service) listed(ctx context.Context, q *resource.Search, typ string) error {
	var read []string
	for _, list := range q.Lists {
		id := strings.TrimPrefix(strings.TrimPrefix(list, s.cfg.BaseURL+"/"), "List/")
		if id == "" || strings.ContainsAny(id, "$,/") {
			return fault.New(fault.Unsupported, "_list", "the id of one List that is held here is expected")
		}
		if slices.Contains(read, id) {
			continue // written in another way
		}
		read = append(read, id)
		if err := inTime(ctx); err != nil {
			return err
		}
		v, err := s.Read(ctx, "List", id)
		if kind := fault.KindOf(err); err != nil && (kind == fault.NotFound || kind == fault.Gone) {
			return fault.New(fault.Malformed, "_list", "there is no List of this id")
		}
		if err != nil {
			return err
		}
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return err
		}
		var ids []string
		for _, e := range root.List("entry") {
			ref, _, _ := strings.Cut(strings.TrimPrefix(e.TextAt("item.reference"), s.cfg.BaseURL+"/"), "/_history/")
			if id, ours := strings.CutPrefix(ref, typ+"/"); ours && e.TextAt("deleted") != "true" {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		if err := q.Only(s.cfg.Indexer, slices.Compact(ids)); err != nil {
			return err
		}
	}
	return nil
}
