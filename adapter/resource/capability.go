package resource

import (
	"github.com/linkloop/linkloop/adapter/element"
)

// Capability derives the CapabilityStatement from the definitions, so that it
// claims what is served and nothing else.
// https://hl7.org/fhir/R4/capabilitystatement.html
func Capability(base, version string) *element.Value {
	resources := element.NewArray()
	for i := range definitions {
		resources.Items = append(resources.Items, definitions[i].capability())
	}
	return element.NewObject(
		element.S("resourceType", "CapabilityStatement"),
		element.S("status", "active"),
		element.S("date", releaseDate),
		element.S("kind", "instance"),
		element.F("software", element.NewObject(element.S("name", "linkloop"), element.S("version", version))),
		element.F("implementation", element.NewObject(element.S("description", "linkloop: social prescribing referrals"), element.S("url", base))),
		element.S("fhirVersion", "4.0.1"),
		element.F("format", element.NewArray(element.NewString("application/fhir+json"), element.NewString("json"))),
		element.F("patchFormat", element.NewArray(
			element.NewString("application/json-patch+json"), element.NewString("application/xml-patch+xml"), element.NewString("application/fhir+json"), element.NewString("application/fhir+xml"))),
		element.F("rest", element.NewArray(element.NewObject(
			element.S("mode", "server"),
			element.S("documentation", "A Task moves as the workflow table allows; an illegal move is answered with 422 and the allowed ones."),
			element.F("resource", resources),
			element.F("interaction", element.NewArray(
				element.NewObject(element.S("code", "transaction")), element.NewObject(element.S("code", "batch")))),
			element.F("operation", element.NewArray(element.NewObject(
				element.S("name", "process-message"),
				element.S("definition", "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message")))),
		))),
	)
}

// releaseDate is when what is claimed last changed.
const releaseDate = "2026-11-21"

func (d *Definition) capability() *element.Value {
	verbs := []string{"read", "vread", "history-instance", "history-type", "search-type"}
	if d.Create {
		verbs = append(verbs, "create")
	}
	if d.Update {
		verbs = append(verbs, "update", "patch")
	}
	conditionalDelete := "not-supported"
	if ok, _ := d.Deletable(); ok {
		verbs = append(verbs, "delete")
		conditionalDelete = "single"
	}
	interactions := element.NewArray()
	for _, v := range verbs {
		interactions.Items = append(interactions.Items, element.NewObject(element.S("code", v)))
	}
	r := element.NewObject(
		element.S("type", d.Type),
		element.F("interaction", interactions),
		element.S("versioning", "versioned-update"),
		element.F("readHistory", element.NewBool(true)),
		element.F("updateCreate", element.NewBool(false)),
		element.F("conditionalCreate", element.NewBool(d.Create)),
		element.S("conditionalRead", "full-support"),
		element.F("conditionalUpdate", element.NewBool(d.Create && d.Update)),
		element.S("conditionalDelete", conditionalDelete),
		element.F("referencePolicy", element.NewArray(element.NewString("literal"))),
	)
	for _, n := range d.names(Reference) {
		r.Append("searchInclude", element.NewString(d.Type+":"+n))
	}
	r.Append("searchParam", parameter("_id", "token"))
	r.Append("searchParam", parameter("_lastUpdated", "date"))
	for _, p := range d.Parameters {
		sp := parameter(p.Name, string(p.Kind))
		sp.SetString("definition", p.URL)
		sp.SetString("documentation", p.Says)
		r.Append("searchParam", sp)
	}
	return r
}

func parameter(name, kind string) *element.Value {
	return element.NewObject(element.S("name", name), element.S("type", kind))
}
