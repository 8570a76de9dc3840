package fhirmsg

import (
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
	"github.com/linkloop/linkloop/adapter/inbound"
)

const (
	contentType = "application/fhir+json; charset=utf-8"
	maxIssues   = 50
	instant     = "2006-01-02T15:04:05.000Z07:00"
)

// names is the namespace of ids derived for answers, so that the first answer
// given again is the same to the byte.
var names = uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:linkloop:fhirmsg:response"))

// Reply answers an accepted message with a response message, whose
// MessageHeader names the received message and whose focus is what was made of
// it; flags travel in an OperationOutcome that response.details points to. A
// refusal is an OperationOutcome alone. Nothing of the message is repeated but
// its id, event and endpoints.
//
// Set up for BaRS, it answers an accepted message with the whole Bundle, ids
// given, and a refusal with the error codes of that standard.
func (f Format) Reply(m *inbound.Message, a inbound.Answer) inbound.Reply {
	status, v := f.answer(m, a)
	if m != nil && m.Echo[echoXML] != "" {
		return AsXML(inbound.Reply{Status: status, ContentType: contentType, Body: v.JSON()})
	}
	return inbound.Reply{Status: status, ContentType: contentType, Body: v.JSON()}
}

// AsXML is an answer in XML; an answer that is no resource in JSON stays what
// it is.
func AsXML(r inbound.Reply) inbound.Reply {
	if !strings.HasPrefix(r.ContentType, "application/fhir+json") {
		return r
	}
	v, err := element.Parse(r.Body, element.Limits{})
	if err != nil {
		return r
	}
	body, err := fhirxml.Append(nil, v)
	if err != nil {
		return r
	}
	return inbound.Reply{Status: r.Status, ContentType: fhirxml.MediaType + "; charset=utf-8", Body: body}
}

// AsJSON is an answer in JSON; an answer that is no resource in XML stays what
// it is.
func AsJSON(r inbound.Reply) inbound.Reply {
	if !strings.HasPrefix(r.ContentType, fhirxml.MediaType) {
		return r
	}
	body, err := fhirxml.JSON(r.Body, element.Limits{})
	if err != nil {
		return r
	}
	return inbound.Reply{Status: r.Status, ContentType: contentType, Body: body}
}

// answer is the status and the resource of an answer.
func (f Format) answer(m *inbound.Message, a inbound.Answer) (int, *element.Value) {
	if a.Fault != nil && a.Fault.Kind != fault.Duplicate {
		issues := a.Fault.Issues[:min(len(a.Fault.Issues), maxIssues)]
		if f.bars != nil {
			row := BaRSErrorOf(a.Fault.Kind)
			return row.Status, row.Outcome(a.Fault.Kind.Row().Public, issues)
		}
		return a.Fault.Kind.Row().HTTP, fhir.OperationOutcome(a.Fault.Kind, issues)
	}
	if a.Fault != nil {
		a.Duplicate = true
		a.Flags = a.Fault.Issues
	}
	if f.bars != nil && m != nil && !a.Duplicate {
		if v := returned(m, a); v != nil {
			return fault.Duplicate.Row().HTTP, v
		}
	}
	return fault.Duplicate.Row().HTTP, response(m, a)
}

// response is the message that says yes.
func response(m *inbound.Message, a inbound.Answer) *element.Value {
	if m == nil {
		m = &inbound.Message{}
	}
	seed := m.ID + "\x00" + strconv.FormatInt(a.MessageID, 10) + "\x00" + a.Task
	id := func(part string) string { return uuid.NewSHA1(names, []byte(part+"\x00"+seed)).String() }

	answered := element.NewObject(element.S("identifier", receivedID(m, id("unnamed"))), element.S("code", "ok"))
	var outcome *element.Value
	if issues := remarks(a); len(issues) > 0 {
		outcome = fhir.OperationOutcome(fault.Duplicate, issues)
		answered.Set("details", reference("urn:uuid:"+id("outcome")))
	}
	header := element.NewObject(element.S("resourceType", "MessageHeader"), element.S("id", id("header")))
	setEvent(header, m)
	if to := m.Echo["endpoint"]; to != "" {
		header.Append("destination", element.NewObject(element.S("endpoint", to)))
	}
	header.Set("source", element.NewObject(element.S("name", "linkloop"), element.S("endpoint", self(m, a))))
	header.Set("response", answered)
	for _, made := range [][2]string{{"ServiceRequest", a.Request}, {"Task", a.Task}} {
		if made[1] != "" {
			header.Append("focus", reference(strings.TrimPrefix(a.Base+"/"+made[0]+"/"+made[1], "/")))
		}
	}
	entries := element.NewArray(entry(id("header"), header))
	if outcome != nil {
		entries.Items = append(entries.Items, entry(id("outcome"), outcome))
	}
	return element.NewObject(
		element.S("resourceType", "Bundle"), element.S("id", id("bundle")), element.S("type", "message"),
		element.S("timestamp", a.At.Format(instant)), element.F("entry", entries))
}

// remarks are the flags, and for a repeat the word that it is one.
func remarks(a inbound.Answer) []fault.Issue {
	var issues []fault.Issue
	if a.Duplicate {
		issues = append(issues, fault.Issue{Severity: "information", Code: "duplicate",
			Text: "this message was accepted before; nothing new was made of it"})
	}
	for _, f := range a.Flags[:min(len(a.Flags), maxIssues)] {
		if f.Severity != "information" {
			f.Severity = "warning"
		}
		if f.Code == "" {
			f.Code = "informational"
		}
		issues = append(issues, f)
	}
	return issues
}

// setEvent names the event of the answer: the response that belongs to a
// request where the name follows that pattern (BaRS: servicerequest-request,
// servicerequest-response), else the event itself.
func setEvent(header *element.Value, m *inbound.Message) {
	if code := m.Echo["event"]; code != "" {
		if stem, ok := strings.CutSuffix(code, "-request"); ok {
			code = stem + "-response"
		}
		coding := element.NewObject()
		coding.SetString("system", m.Echo["system"])
		coding.SetString("code", code)
		header.Set("eventCoding", coding)
		return
	}
	uri := m.Echo["eventUri"]
	if uri == "" {
		uri = "urn:linkloop:event:response"
	}
	header.Set("eventUri", element.NewString(uri))
}

// self is our own endpoint: as the sender named it, so that it knows us again,
// else our FHIR base.
func self(m *inbound.Message, a inbound.Answer) string {
	switch {
	case m.Echo["self"] != "":
		return m.Echo["self"]
	case a.Base != "":
		return a.Base
	}
	return "urn:linkloop"
}

// receivedID is what response.identifier says: the id of the received message.
// The element is of type id, so an identifier that is none gives way to the id
// of the MessageHeader, and that to one of ours.
func receivedID(m *inbound.Message, ours string) string {
	for _, id := range []string{m.ID, strings.TrimPrefix(m.ID, "urn:uuid:"), m.Echo["header"]} {
		if validID(id) {
			return id
		}
	}
	return ours
}

// validID checks the FHIR type id, https://hl7.org/fhir/R4/datatypes.html#id.
func validID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func reference(to string) *element.Value { return element.NewObject(element.S("reference", to)) }

func entry(id string, resource *element.Value) *element.Value {
	return element.NewObject(element.S("fullUrl", "urn:uuid:"+id), element.F("resource", resource))
}
