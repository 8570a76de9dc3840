package intake

import (
	"net/url"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// story is how messages name a ServiceRequest that have no name for it beyond
// one story: what joins the messages, and what the request is called in them.
// In BaRS these are X-Correlation-Id and the fullUrl of the entry. The second
// alone says nothing: published examples of different referrals share it.
type story struct{ correlation, focus string }

func storyOf(trace []inbound.Trace) story {
	var out story
	for _, t := range trace {
		switch t.System {
		case inbound.TraceCorrelation:
			out.correlation = t.Value
		case inbound.TraceFocus:
			out.focus = t.Value
		}
	}
	return out
}

// maxTold bounds the messages of one story that are looked at.
const maxTold = 50

// told finds the id of the ServiceRequest that the sender called the same
// within the same story; empty when there is none. Several are a Conflict:
// which one is meant cannot be known.
func (s *Service) told(tx store.Tx, sender Sender, d *draft) (string, error) {
	if d.story.correlation == "" || d.story.focus == "" {
		return "", nil
	}
	q, err := resource.Parse(s.cfg.Indexer, "Provenance", url.Values{"entity:identifier": {
		inbound.TraceCorrelation + "|" + d.story.correlation, inbound.TraceFocus + "|" + d.story.focus,
	}}, resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return "", err
	}
	q.Query.Limit = maxTold
	page, err := tx.Resources().Search(q.Query)
	if err != nil {
		return "", err
	}
	found := ""
	for _, v := range page.Versions {
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return "", err
		}
		if root.TextAt("agent.who.display") != senderName(sender) || root.TextAt("entity.what.identifier.system") != systemMessage {
			continue
		}
		for _, t := range root.List("target") {
			key, ok := reference(t.Str("reference"))
			switch {
			case !ok || key.Type != "ServiceRequest" || key.ID == found:
			case found != "":
				return "", refuse(fault.Conflict, "", "several referrals of this correlation have the same fullUrl; name the one that is meant by its id or its identifier; nothing was changed")
			default:
				found = key.ID
			}
		}
	}
	return found, nil
}
