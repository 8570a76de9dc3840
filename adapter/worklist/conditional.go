package worklist

import (
	"context"
	"net/url"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/patch"
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
	q, err := s.condition(typ, condition, ifNoneExist)
	if err != nil {
		return store.Version{}, false, err
	}
	return s.create(ctx, who, typ, body, creation{unless: q})
}

// Where a condition stands.
const (
	ifNoneExist = "If-None-Exist"
	inURL       = "query"
)

// condition reads search parameters that stand at a place. Only what narrows is taken: how many and in
// which order says nothing about whether something is there.
func (s *Service) condition(typ, condition, place string) (*resource.Query, error) {
	params, err := url.ParseQuery(strings.TrimPrefix(strings.TrimSpace(condition), "?"))
	if err != nil {
		return nil, fault.New(fault.Malformed, place, "the search parameters are not well formed")
	}
	if len(params) == 0 {
		return nil, fault.New(fault.Malformed, place, "search parameters are expected, such as identifier=system|value")
	}
	for name := range params {
		if strings.HasPrefix(name, "_") && name != "_id" && name != "_lastUpdated" {
			return nil, fault.New(fault.Malformed, place, "of the parameters that begin with an underscore only _id and _lastUpdated are conditions")
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
func theOne(tx store.Tx, q *resource.Query, place string) (v store.Version, found bool, err error) {
	if q == nil {
		return store.Version{}, false, nil
	}
	page, err := tx.Resources().Search(*q)
	if err != nil || len(page.Versions) == 0 {
		return store.Version{}, false, err
	}
	if len(page.Versions) > 1 {
		return store.Version{}, false, several(place)
	}
	return page.Versions[0], true, nil
}

// several refuses a condition that more than one resource meets.
func several(place string) error {
	return &fault.Fault{Kind: fault.VersionConflict, Issues: []fault.Issue{{
		Code: "multiple-matches", Place: place, Text: "several resources meet the condition of " + place + "; make it narrower"}}}
}

// UpdateOne is an update of the one resource that meets the condition, search
// parameters as in a URL. None: it is created, with the id of the body or one of
// ours, and made is true. Several: fault.VersionConflict. Looking and changing
// are one decision.
// https://hl7.org/fhir/R4/http.html#cond-update
func (s *Service) UpdateOne(ctx context.Context, who Caller, c Change, condition string) (v store.Version, made bool, err error) {
	q, err := s.condition(c.Type, condition, inURL)
	if err != nil {
		return store.Version{}, false, err
	}
	body, err := element.Parse(c.Body, element.Limits{})
	if err != nil {
		return store.Version{}, false, err
	}
	err = s.within(ctx, func(in *Service, tx store.Tx) error {
		one, found, err := theOne(tx, q, inURL)
		if err != nil {
			return err
		}
		made = !found
		switch id := body.ID(); {
		case !found && strings.TrimSpace(c.IfMatch) != "":
			return fault.New(fault.VersionConflict, "If-Match", "no resource meets the condition, so there is no version to match")
		case !found && id != "":
			v, _, err = in.makeAs(ctx, who, c.Type, id, c.Body)
			return err
		case !found:
			v, _, err = in.create(ctx, who, c.Type, c.Body, creation{})
			return err
		case id != "" && id != one.ID:
			return badID(c.Type, "the id in the resource is not that of the resource that meets the condition")
		}
		whole := body.Clone()
		if whole.Kind == element.Object {
			whole.SetString("id", one.ID)
		}
		c := c
		c.ID, c.Body = one.ID, whole.JSON()
		v, err = in.Update(ctx, who, c)
		return err
	})
	return v, made && err == nil, err
}

func badID(typ, text string) error {
	return &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Code: "value", Expression: typ + ".id", Text: text}}}
}

// PatchOne is a patch of the one resource that meets the condition; none is
// fault.NotFound, several are fault.VersionConflict.
// https://hl7.org/fhir/R4/http.html#patch
func (s *Service) PatchOne(ctx context.Context, who Caller, c Change, p patch.Patch, condition string) (v store.Version, err error) {
	q, err := s.condition(c.Type, condition, inURL)
	if err != nil {
		return store.Version{}, err
	}
	err = s.within(ctx, func(in *Service, tx store.Tx) error {
		one, found, err := theOne(tx, q, inURL)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, inURL, "no resource meets the condition")
		}
		c := c
		c.ID = one.ID
		v, err = in.Patch(ctx, who, c, p)
		return err
	})
	return v, err
}

// DeleteOne deletes the one resource that meets the condition; none is no
// error, several are fault.VersionConflict and stay.
// https://hl7.org/fhir/R4/http.html#3.1.0.7.1
func (s *Service) DeleteOne(ctx context.Context, who Caller, c Change, condition string) (v store.Version, err error) {
	q, err := s.condition(c.Type, condition, inURL)
	if err != nil {
		return store.Version{}, err
	}
	d, err := definition(c.Type)
	if err != nil {
		return store.Version{}, err
	}
	if ok, instead := d.Deletable(); !ok {
		return store.Version{}, fault.New(fault.MethodNotAllowed, "", "%s", instead)
	}
	err = s.within(ctx, func(in *Service, tx store.Tx) error {
		v = store.Version{}
		one, found, err := theOne(tx, q, inURL)
		if err != nil || !found {
			return err
		}
		c := c
		c.ID = one.ID
		v, err = in.Delete(ctx, who, c)
		return err
	})
	return v, err
}
