package worklist

import (
	"context"
	"net/url"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// CreateUnless makes a resource when no other one meets the condition, the
// value of If-None-Exist: search parameters as they stand behind the question
// mark of a search. Looking and making are one decision: of many callers with
// one condition at once, one makes it. When one meets the condition it is
// returned and made is false. Several are fault.VersionConflict; an unknown
// parameter, or none at all, is refused, because everything would meet it.
// https://hl7.org/fhir/R4/http.html#ccreate
func (s *Service) CreateUnless(ctx context.Context, who Caller, typ string, body []byte, condition string) (v store.Version, made bool, err error) {
	q, err := s.condition(typ, condition)
	if err != nil {
		return store.Version{}, false, err
	}
	return s.create(ctx, who, typ, body, q)
}

// condition reads If-None-Exist. Only what narrows is taken: how many and in
// which order says nothing about whether something is there.
func (s *Service) condition(typ, condition string) (*resource.Query, error) {
	params, err := url.ParseQuery(strings.TrimPrefix(strings.TrimSpace(condition), "?"))
	if err != nil {
		return nil, fault.New(fault.Malformed, "If-None-Exist", "the search parameters are not well formed")
	}
	if len(params) == 0 {
		return nil, fault.New(fault.Malformed, "If-None-Exist", "search parameters are expected, such as identifier=system|value")
	}
	for name := range params {
		if strings.HasPrefix(name, "_") && name != "_id" && name != "_lastUpdated" {
			return nil, fault.New(fault.Malformed, "If-None-Exist", "of the parameters that begin with an underscore only _id and _lastUpdated are conditions")
		}
	}
	search, err := resource.Parse(s.cfg.Indexer, typ, params, resource.Options{BaseURL: s.cfg.BaseURL, Strict: true})
	if err != nil {
		return nil, err
	}
	q := search.Query
	q.Limit = 2 // one more tells several from one
	return &q, nil
}

// theOne is the resource that a query finds; found is false when there is none,
// or no query.
func theOne(tx store.Tx, q *resource.Query) (v store.Version, found bool, err error) {
	if q == nil {
		return store.Version{}, false, nil
	}
	page, err := tx.Resources().Search(*q)
	if err != nil || len(page.Versions) == 0 {
		return store.Version{}, false, err
	}
	if len(page.Versions) > 1 {
		return store.Version{}, false, &fault.Fault{Kind: fault.VersionConflict, Issues: []fault.Issue{{
			Code: "multiple-matches", Text: "several resources meet the condition of If-None-Exist; make it narrower"}}}
	}
	return page.Versions[0], true, nil
}
