package bars

import (
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// State is what a sender is told about its referral.
type State string

// The states that are answered. For accepted the standard shows no example: it
// is told as a response to an active request, with nothing more.
const (
	Accepted     State = "accepted"
	Rejected     State = "rejected"
	DidNotAttend State = "did-not-attend"
	Completed    State = "completed"
)

// States lists them all.
func States() []State { return []State{Accepted, Rejected, DidNotAttend, Completed} }

// Response is what a message is built from.
type Response struct {
	State       State
	Message     string // id of the Bundle that is answered
	Correlation string // X-Correlation-Id of it; empty: a new one
	From, To    string // endpoints as the sender named them: ours, and its own
	Version     string // of the Application, Bundle.meta.versionId
	Key         string // stable identity of what is owed; ids are derived from it
	Task        *element.Value
	Request     *element.Value
	Patient     *element.Value
	At          time.Time
}

// Names in the standard (BaRS Core; MessageDefinition servicerequest-response-referral-short).
const (
	systemEvents    = "https://fhir.nhs.uk/CodeSystem/message-events-bars"
	systemReasons   = "https://fhir.nhs.uk/CodeSystem/message-reason-bars"
	systemRejection = "https://fhir.nhs.uk/CodeSystem/rejected-reasons-bars"
	systemCategory  = "https://fhir.nhs.uk/CodeSystem/message-category-servicerequest"
	definition      = "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-response-referral-short"
	profileBundle   = "https://fhir.nhs.uk/StructureDefinition/BARSBundleMessage"
	instant         = "2006-01-02T15:04:05.000Z07:00"
)

// names is the namespace of the ids of responses, so that a response sent again
// is the same to the byte.
var names = uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:linkloop:bars:response"))

func id(key, part string) string { return uuid.NewSHA1(names, []byte(part+"\x00"+key)).String() }

// Payload is a servicerequest-response with what its headers need, as the
// channel takes it.
func (r Response) Payload() []byte {
	correlation := r.Correlation
	if correlation == "" {
		correlation = id(r.Key, "correlation")
	}
	return element.NewObject(
		element.S("correlation", correlation), element.S("target", r.To), element.F("message", r.bundle())).JSON()
}

// bundle is the message. Its ServiceRequest stays active when the referral was
// rejected (official example REFRESP02), and is revoked when the person did not
// attend (REFRESP01).
func (r Response) bundle() *element.Value {
	at := r.At.UTC().Format(instant)
	url := func(part string) string { return "urn:uuid:" + id(r.Key, part) }
	entries := element.NewArray()
	add := func(part string, v *element.Value) {
		v.Set("meta", element.NewObject(element.S("lastUpdated", at)))
		entries.Items = append(entries.Items, element.NewObject(element.S("fullUrl", url(part)), element.F("resource", v)))
	}
	header := resource("MessageHeader",
		element.F("eventCoding", coding(systemEvents, "servicerequest-response")),
		element.F("destination", element.NewArray(element.NewObject(element.S("endpoint", r.To)))),
		element.F("source", element.NewObject(element.S("name", "linkloop"), element.S("endpoint", r.From))),
		element.F("reason", element.NewObject(element.F("coding", element.NewArray(coding(systemReasons, "new"))))),
		element.F("response", element.NewObject(element.S("identifier", r.Message), element.S("code", "ok"))))
	focus := "request"
	if r.State == Rejected {
		focus = "encounter"
	}
	header.Set("focus", element.NewArray(reference(url(focus))))
	header.Set("definition", element.NewString(definition))
	add("header", header)
	add("request", r.request(url("patient")))
	switch r.State {
	case Rejected:
		add("encounter", r.encounter(url("patient"), at))
	case DidNotAttend:
		// When it was is not known here, and an appointment that was missed has a
		// start and an end (app-3).
		add("appointment", resource("Appointment", element.S("status", "noshow"), element.F("_start", unknown()), element.F("_end", unknown()),
			element.F("basedOn", element.NewArray(reference(url("request")))),
			element.F("participant", element.NewArray(element.NewObject(
				element.F("actor", reference(url("patient"))), element.S("status", "accepted"))))))
	}
	add("patient", r.patient())
	meta := element.NewObject(element.S("lastUpdated", at), element.F("profile", element.NewArray(element.NewString(profileBundle))))
	if r.Version != "" {
		meta.Set("versionId", element.NewString(r.Version))
	}
	return element.NewObject(element.S("resourceType", "Bundle"), element.S("id", id(r.Key, "bundle")), element.F("meta", meta),
		element.S("type", "message"), element.S("timestamp", at), element.F("entry", entries))
}

func (r Response) request(patient string) *element.Value {
	status := map[State]string{Accepted: "active", Rejected: "active", DidNotAttend: "revoked", Completed: "completed"}[r.State]
	v := resource("ServiceRequest", element.S("id", r.Request.ID()))
	if list := r.Request.List("identifier"); len(list) > 0 {
		v.Set("identifier", element.NewArray(list...))
	}
	v.SetString("status", status)
	v.SetString("intent", "plan")
	v.Set("category", element.NewArray(element.NewObject(element.F("coding", element.NewArray(coding(systemCategory, "referral"))))))
	v.Set("subject", reference(patient))
	v.SetString("authoredOn", r.Request.Str("authoredOn"))
	return v
}

// unknown stands for a value that there is and nobody here knows.
// https://hl7.org/fhir/R4/extension-data-absent-reason.html
func unknown() *element.Value {
	return element.NewObject(element.F("extension", element.NewArray(element.NewObject(
		element.S("url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason"), element.S("valueCode", "unknown")))))
}

// encounter says that and why nothing comes of the referral.
func (r Response) encounter(patient, at string) *element.Value {
	reason := element.NewObject(element.F("coding", element.NewArray(coding(systemRejection, "OTH"))))
	text := r.Task.TextAt("statusReason.text")
	if text == "" {
		text = r.Task.TextAt("statusReason.coding.display")
	}
	reason.SetString("text", text)
	return resource("Encounter", element.S("status", "cancelled"),
		element.F("class", element.NewObject(element.S("system", "http://terminology.hl7.org/CodeSystem/v3-ActCode"),
			element.S("code", "EMER"), element.S("display", "emergency"))), // fixed by the standard
		element.F("subject", reference(patient)),
		element.F("period", element.NewObject(element.S("start", at))),
		element.F("reasonCode", element.NewArray(reason)))
}

// Wordless is a payload without the words by which somebody said why nothing comes
// of a referral; that nothing does stays. What holds none, or cannot be read, is
// returned as it is.
func Wordless(payload []byte) []byte {
	p, err := element.Parse(payload, element.Limits{})
	if err != nil {
		return payload
	}
	said := false
	for _, e := range p.Get("message").List("entry") {
		for _, reason := range e.Get("resource").List("reasonCode") {
			said = said || reason.Get("text") != nil
			reason.Remove("text")
		}
	}
	if !said {
		return payload
	}
	return p.JSON()
}

// patient is who it is about and no more: the sender knows the person.
func (r Response) patient() *element.Value {
	v := resource("Patient")
	if n := r.Patient.Identifier(nhs.SystemNHSNumber); n != "" {
		v.Set("identifier", element.NewArray(element.NewObject(element.S("system", nhs.SystemNHSNumber), element.S("value", n))))
	}
	for _, name := range []string{"name", "birthDate"} {
		if x := r.Patient.Get(name); x != nil {
			v.Set(name, x)
		}
	}
	return v
}

func resource(typ string, fields ...element.Field) *element.Value {
	return element.NewObject(append([]element.Field{element.S("resourceType", typ)}, fields...)...)
}

func reference(to string) *element.Value { return element.NewObject(element.S("reference", to)) }

func coding(system, code string) *element.Value {
	return element.NewObject(element.S("system", system), element.S("code", code))
}

// requestID is the X-Request-Id of a delivery: the same on every attempt, by
// which the peer knows a repeat (BaRS, retries).
func requestID(key string, delivery int64) string {
	return id(key, "request "+strconv.FormatInt(delivery, 10))
}
