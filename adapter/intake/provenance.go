package intake

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// systemMessage identifies messages in the inbox; a urn of this house, as no
// published system does (conformance/DIVERGENCES.md).
const systemMessage = "urn:linkloop:message"

// span is the time that a date in a message means, from its first to its last
// microsecond. The zero span is an unknown time.
type span struct {
	first, last time.Time
	text        string // as FHIR writes it
}

// parseSpan reads a FHIR dateTime; what is none is an unknown time.
func parseSpan(text string) span {
	first, last, ok := resource.Interval(text)
	if !ok {
		return span{}
	}
	return span{first, last, text}
}

func (s span) known() bool { return s.text != "" }

// before reports whether all of s lies before all of other; false when one of
// them is unknown.
func (s span) before(other span) bool {
	return s.known() && other.known() && s.last.Before(other.first)
}

// provenance says where resources came from: the message with what it wanted
// and when it was made, the sender, and the mapping by name, version and
// content hash. https://hl7.org/fhir/R4/provenance.html
func (s *Service) provenance(sender Sender, sub Submission, key [32]byte, d *draft, targets []store.Key) prepared {
	m := sender.Mapping
	list := element.NewArray()
	for _, t := range targets {
		list.Items = append(list.Items, element.NewObject(element.S("reference", t.String())))
	}
	root := element.NewObject(
		element.S("resourceType", "Provenance"),
		element.S("id", s.provenanceID(key)),
		element.F("target", list))
	root.SetString("occurredDateTime", d.sent.text)
	root.SetString("recorded", sub.Received.UTC().Format(element.InstantLayout))
	root.Set("activity", element.NewObject(element.S("text", string(d.intention))))
	root.Set("agent", element.NewArray(element.NewObject(
		element.F("who", element.NewObject(element.S("display", senderName(sender)))))))
	entities := element.NewArray(element.NewObject(
		element.S("role", "source"),
		element.F("what", element.NewObject(
			element.F("identifier", element.NewObject(
				element.S("system", systemMessage), element.S("value", fmt.Sprintf("%x", key)))),
			element.S("display", "message mapped by "+m.Name()+" "+m.Version()+", sha256 "+m.Hash())))))
	for _, t := range sub.Trace {
		entities.Items = append(entities.Items, element.NewObject(
			element.S("role", "source"),
			element.F("what", element.NewObject(
				element.F("identifier", element.NewObject(element.S("system", t.System), element.S("value", t.Value)))))))
	}
	root.Set("entity", entities)
	return s.ready(root, "", "")
}

func (s *Service) provenanceID(key [32]byte) string {
	return s.deriveID("Provenance", fmt.Sprintf("%x", key))
}

func senderName(sender Sender) string { return "sender " + sender.Name }

func keysOf(rs []prepared) []store.Key {
	keys := make([]store.Key, len(rs))
	for i, r := range rs {
		keys[i] = r.key
	}
	return keys
}

// word is the latest message of a sender that made or changed a referral.
type word struct {
	sent    span
	came    time.Time // of the latest that changed it, also where an earlier one says when it was made
	written time.Time // when it was taken; not before anything that it wrote to the ServiceRequest
}

// maxWords bounds how many messages about one referral are looked at for the
// latest one that says when it was made.
const maxWords = 50

// lastWord finds what a sender said last about a ServiceRequest; false when it
// never said anything. Only the intake writes Provenance, so that nobody else
// can speak for a sender.
func (s *Service) lastWord(rs store.ResourceReader, sender Sender, request string) (word, bool, error) {
	q, err := resource.Parse(s.cfg.Indexer, "Provenance",
		url.Values{"target": {"ServiceRequest/" + request}, "_sort": {"-_lastUpdated"}}, resource.Options{BaseURL: s.cfg.BaseURL})
	if err != nil {
		return word{}, false, err
	}
	q.Query.Limit = maxWords
	page, err := rs.Search(q.Query)
	if err != nil {
		return word{}, false, err
	}
	var out word
	found := false
	for _, v := range page.Versions {
		root, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			return word{}, false, err
		}
		if root.TextAt("agent.who.display") != senderName(sender) || root.TextAt("entity.what.identifier.system") != systemMessage {
			continue
		}
		if !found {
			found, out.written = true, v.Updated
			// A change cannot have been made before what it changes.
			if root.TextAt("activity.text") != string(referral.New) {
				out.came = cameAt(root)
			}
		}
		if out.sent = parseSpan(root.Str("occurredDateTime")); out.sent.known() {
			break
		}
	}
	return out, found, nil
}

// cameAt is when the message of a Provenance came.
func cameAt(provenance *element.Value) time.Time {
	return parseSpan(provenance.Str("recorded")).first
}

// identifierOf is where a message says which referral it is about, for a
// refusal.
func identifierOf(d *draft) string {
	for _, r := range d.resources {
		if r.key.Type == "ServiceRequest" {
			return r.place
		}
	}
	return ""
}

// reference cuts Type/id.
func reference(text string) (store.Key, bool) {
	typ, id, ok := strings.Cut(text, "/")
	return store.Key{Type: typ, ID: id}, ok && typ != "" && id != "" && !strings.Contains(id, "/")
}
