package fhirmsg

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
)

// Code systems of the standard (BaRS Core).
const (
	barsEvents   = "https://fhir.nhs.uk/CodeSystem/message-events-bars"
	barsUseCases = "https://fhir.nhs.uk/CodeSystem/usecases-categories-bars"
)

// BaRSResponse is the MessageDefinition of what a sender is told later about a
// referral of its own.
const BaRSResponse = "https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-response-referral-short"

// usage-context-type workflow is what the published MessageDefinitions have as
// the code of each of their contexts.
const (
	usageContextType = "http://terminology.hl7.org/CodeSystem/usage-context-type"
	workflow         = "workflow"
)

// published is when the guides last changed a MessageDefinition, and its title
// there (NHSDigital/NHSDigital-FHIR-BookingAndReferrals).
var published = map[string]struct{ date, title string }{
	BaRSDefinitions[0]: {"2026-07-13", "BARS Message Definition ServiceRequest - Request Referral"},
	BaRSDefinitions[1]: {"2025-03-24", "BARS Message Definition ServiceRequest - Request - Cancelled"},
}

// BaRSMessageDefinitions are the MessageDefinitions of a service, one for each
// Application version: its target and its use cases are their contexts, the
// focus is what a message must hold to be taken here.
func BaRSMessageDefinitions(b BaRS) []*element.Value {
	system, target, _ := strings.Cut(b.Target, "|")
	contexts := element.NewArray(useContext(system, target))
	for _, c := range b.UseCases {
		contexts.Items = append(contexts.Items, useContext(barsUseCases, c))
	}
	versions := b.Versions
	if len(versions) == 0 {
		versions = []string{""}
	}
	var out []*element.Value
	for _, url := range b.definitions() {
		for _, version := range versions {
			id := uuid.NewSHA1(names, []byte("definition\x00"+url+"\x00"+version+"\x00"+b.Target)).String()
			v := element.NewObject(element.S("resourceType", "MessageDefinition"), element.S("id", id), element.S("url", url))
			v.SetString("version", version)
			v.SetString("name", published[url].title)
			v.SetString("title", published[url].title)
			v.SetString("status", "active")
			v.SetString("date", published[url].date)
			v.Set("useContext", contexts.Clone())
			v.Set("eventCoding", element.NewObject(element.S("system", barsEvents), element.S("code", "servicerequest-request")))
			v.Set("focus", element.NewArray(
				focus("Bundle", "https://fhir.nhs.uk/StructureDefinition/BARSBundleMessage"),
				focus("MessageHeader", "https://fhir.nhs.uk/StructureDefinition/BARSMessageHeader-servicerequest-request"),
				focus("ServiceRequest", "https://fhir.nhs.uk/StructureDefinition/BARSServiceRequest-request-referral"),
				focus("Patient", "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Patient")))
			out = append(out, v)
		}
	}
	return out
}

// barsClaimed is when what BaRSCapability claims last changed.
const barsClaimed = "2026-11-21"

// Searchset is what a search of the standard found: self is the search, at the
// address of the type.
func Searchset(self, at string, found []*element.Value) *element.Value {
	out := element.NewObject(
		element.S("resourceType", "Bundle"), element.S("type", "searchset"),
		element.F("total", element.NewNumber(strconv.Itoa(len(found)))),
		element.F("link", element.NewArray(element.NewObject(element.S("relation", "self"), element.S("url", self)))))
	for _, r := range found {
		out.Append("entry", element.NewObject(
			element.S("fullUrl", at+"/"+r.ID()), element.F("resource", r),
			element.F("search", element.NewObject(element.S("mode", "match")))))
	}
	return out
}

func useContext(system, code string) *element.Value {
	return element.NewObject(
		element.F("code", element.NewObject(element.S("system", usageContextType), element.S("code", workflow))),
		element.F("valueCodeableConcept", element.NewObject(element.F("coding", element.NewArray(
			element.NewObject(element.S("system", system), element.S("code", code)))))))
}

func focus(typ, profile string) *element.Value {
	return element.NewObject(element.S("code", typ), element.S("profile", profile),
		element.F("min", element.NewNumber("1")), element.S("max", "1"))
}

// BaRSCapability says what a service of the standard does here: the messages it
// takes, and, where a sender is answered, the one it sends. base is the address
// of the endpoints without trailing slash.
func BaRSCapability(base, version string, all []BaRS) *element.Value {
	messages := element.NewArray()
	message := func(mode, definition string) {
		messages.Items = append(messages.Items, element.NewObject(element.S("mode", mode), element.S("definition", definition)))
	}
	var taken []string
	answers := false
	for _, b := range all {
		answers = answers || b.Answers
		for _, d := range b.definitions() {
			if !slices.Contains(taken, d) {
				taken = append(taken, d)
				message("receiver", d)
			}
		}
	}
	if answers {
		message("sender", BaRSResponse)
	}
	interaction := func(codes ...string) *element.Value {
		list := element.NewArray()
		for _, c := range codes {
			list.Items = append(list.Items, element.NewObject(element.S("code", c)))
		}
		return list
	}
	param := func(name, typ, says string) *element.Value {
		return element.NewObject(element.S("name", name), element.S("type", typ), element.S("documentation", says))
	}
	return element.NewObject(
		element.S("resourceType", "CapabilityStatement"),
		element.S("status", "active"),
		element.S("date", barsClaimed),
		element.S("kind", "instance"),
		element.F("software", element.NewObject(element.S("name", "linkloop"), element.S("version", version))),
		element.F("implementation", element.NewObject(
			element.S("description", "linkloop: social prescribing referrals, NHS Booking and Referral Standard"), element.S("url", base))),
		element.S("fhirVersion", "4.0.1"),
		element.F("format", element.NewArray(element.NewString("xml"), element.NewString("json"))),
		element.F("rest", element.NewArray(element.NewObject(
			element.S("mode", "server"),
			element.F("resource", element.NewArray(
				element.NewObject(element.S("type", "MessageDefinition"), element.F("interaction", interaction("search-type")),
					element.S("versioning", "no-version"), element.F("searchParam", element.NewArray(
						param("context", "token", "The target service, or a use case, as system|code; several must all hold.")))),
				element.NewObject(element.S("type", "ServiceRequest"), element.F("interaction", interaction("read", "search-type")),
					element.S("versioning", "no-version"), element.F("searchParam", element.NewArray(
						param("_id", "token", "The id that the referral was given here."),
						param("patient:identifier", "token", "NHS number, with its system; only referrals of the sender itself are found.")))),
			)),
			element.F("operation", element.NewArray(element.NewObject(
				element.S("name", "process-message"),
				element.S("definition", "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message"))))))),
		element.F("messaging", element.NewArray(element.NewObject(
			element.F("endpoint", element.NewArray(element.NewObject(
				element.F("protocol", element.NewObject(element.S("system", "http://terminology.hl7.org/CodeSystem/message-transport"), element.S("code", "http"))),
				element.S("address", base)))),
			element.F("supportedMessage", messages)))),
	)
}
