package worklist

import (
	"context"
	"net/url"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Found is a Task that somebody looks for. It holds no patient data.
type Found struct {
	Task    string `json:"task"`
	Request string `json:"serviceRequest"`
	Status  string `json:"status"`
	Created string `json:"authoredOn,omitempty"`
}

// maxFound bounds the requests of one identifier, and the Tasks of each.
const maxFound = 20

// escaped keeps a text whole that a search would take apart.
var escaped = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`)

// Find lists the Tasks of a referral: of the ServiceRequest of this reference, or
// of those that have this identifier (value, or system|value).
func (s *Service) Find(ctx context.Context, name string) ([]Found, error) {
	params := url.Values{}
	if id, is := strings.CutPrefix(name, "ServiceRequest/"); is {
		params.Set("_id", id)
	} else {
		params.Set("identifier", escaped.Replace(name))
	}
	out := []Found{}
	err := s.cfg.Store.View(ctx, func(r store.Reader) error {
		requests, err := s.first(r, "ServiceRequest", params)
		for _, request := range requests {
			var tasks []store.Version
			if tasks, err = s.first(r, "Task", url.Values{"focus": {"ServiceRequest/" + request.ID}}); err != nil {
				return err
			}
			for _, t := range tasks {
				root, err := element.Parse(t.Body, element.Limits{})
				if err != nil {
					return err
				}
				out = append(out, Found{Task: t.ID, Request: request.ID, Status: root.Str("status"), Created: root.Str("authoredOn")})
			}
		}
		return err
	})
	return out, err
}

// first are the first matches of a search.
func (s *Service) first(r store.Reader, typ string, params url.Values) ([]store.Version, error) {
	q, err := resource.Parse(s.cfg.Indexer, typ, params, resource.Options{BaseURL: s.cfg.BaseURL, Strict: true})
	if err != nil {
		return nil, err
	}
	q.Query.Limit = maxFound
	page, err := r.Resources().Search(q.Query)
	return page.Versions, err
}
