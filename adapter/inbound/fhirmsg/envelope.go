package fhirmsg

import (
	"strings"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// describe takes id, type and what an answer needs out of the envelope.
//
// The id is that of the Bundle, which BaRS senders keep for later messages;
// without one its identifier, then the id of the MessageHeader. The type is
// the event, and with a reason other than new the reason behind a bar, so that
// a cancellation (servicerequest-request|update) is never taken for a referral.
func (b *bundle) describe(m *inbound.Message) error {
	m.Echo = make(map[string]string, 8)
	ids := []message.Node{b.node.Child("id"), b.node.Child("identifier").Child("value"), b.header.Child("id")}
	for _, n := range ids {
		if n.Kind() != message.Text || n.Value() == "" {
			continue
		}
		if len(n.Value()) > maxID {
			return fault.New(fault.Malformed, n.Address(), "longer than %d characters", maxID)
		}
		m.ID = n.Value()
		break
	}
	coding := b.header.Child("eventCoding")
	keep := func(key string, n message.Node) string {
		if n.Kind() == message.Text && len(n.Value()) <= maxID {
			m.Echo[key] = n.Value()
		}
		return m.Echo[key]
	}
	if !coding.Ok() {
		coding = b.header.Child("event") // FHIR STU3
	}
	keep("header", b.header.Child("id"))
	keep(echoVersion, b.node.Child("meta").Child("versionId"))
	keep("definition", b.header.Child("definition"))
	keep("system", coding.Child("system"))
	keep("endpoint", b.header.Child("source").Child("endpoint"))
	keep("self", b.header.Child("destination").First().Child("endpoint"))
	if m.Type = keep("event", coding.Child("code")); m.Type == "" {
		m.Type = keep("eventUri", b.header.Child("eventUri"))
	}
	if m.Type == "" {
		return fault.New(fault.Malformed, b.header.Address()+"/eventCoding", "the event is missing")
	}
	reason := b.header.Child("reason").Child("coding").First().Child("code")
	if len(reason.Value()) > maxID {
		return fault.New(fault.Malformed, reason.Address(), "longer than %d characters", maxID)
	}
	if v := reason.Value(); v != "" && v != "new" {
		m.Type += "|" + v
	}
	m.Echo["reason"] = reason.Value()
	m.Echo[echoUseCase] = useCase(b.tree.Root().Child("ServiceRequest"))
	if text, is := strings.CutPrefix(b.request, "urn:uuid:"); is && len(text) == 36 {
		if id, err := uuid.Parse(text); err == nil {
			m.Echo[echoFocus] = "urn:uuid:" + id.String()
		}
	}
	m.Trace = b.trace(m)
	return nil
}

// useCase is the use case of the standard in the category of a ServiceRequest.
func useCase(request message.Node) string {
	for category := request.Child("category").First(); category.Ok(); category = category.Next() {
		for c := category.Child("coding").First(); c.Ok(); c = c.Next() {
			if code := c.Child("code").Value(); c.Child("system").Value() == barsUseCases && len(code) <= maxID {
				return code
			}
		}
	}
	return ""
}

// trace is what an answer that comes later needs to name the message and to
// find its sender.
func (b *bundle) trace(m *inbound.Message) []inbound.Trace {
	var out []inbound.Trace
	for _, t := range []inbound.Trace{
		{System: inbound.TraceMessage, Value: m.ID}, {System: inbound.TraceFrom, Value: m.Echo["endpoint"]}, {System: inbound.TraceTo, Value: m.Echo["self"]},
		{System: inbound.TraceVersion, Value: m.Echo[echoVersion]},
	} {
		if t.Value != "" {
			out = append(out, t)
		}
	}
	return out
}

// anchor gives a resource the names that references use for it. A fullUrl that
// stands twice would make a reference ambiguous (constraint bdl-7), and an
// ambiguous reference can be the wrong patient.
func (b *bundle) anchor(resource message.Node, fullURL, place string) error {
	kind := resource.Name()
	if fullURL != "" {
		if b.tree.Anchored(fullURL).Ok() {
			return fault.New(fault.Malformed, place+"/fullUrl", "the same fullUrl stands twice")
		}
		b.tree.Anchor(fullURL, resource)
		if i := strings.LastIndex(fullURL, "/"+kind+"/"); i >= 0 {
			b.tree.Anchor(fullURL[i+1:], resource)
		}
	}
	if id := resource.Child("id"); id.Kind() == message.Text {
		b.tree.Anchor(kind+"/"+id.Value(), resource)
	}
	for c := resource.Child("contained").First(); c.Ok(); c = c.Next() {
		b.contained = append(b.contained, c)
	}
	return nil
}

// anchorContained names the contained resources whose id is unique in the
// message. A contained resource belongs to the one around it, but anchors are
// of the whole message, so a reference to an id used twice stays unresolved.
func (b *bundle) anchorContained() {
	if len(b.contained) == 0 {
		return
	}
	times := make(map[string]int, len(b.contained))
	for _, c := range b.contained {
		times[c.Child("id").Value()]++
	}
	for _, c := range b.contained {
		if id := c.Child("id").Value(); id != "" && times[id] == 1 {
			b.tree.Anchor("#"+id, c)
		}
	}
}
