package resource

import "slices"

// Kind is a search parameter type of R4.
// https://hl7.org/fhir/R4/search.html#ptypes
type Kind string

// The kinds that are served.
const (
	Token     Kind = "token"
	Reference Kind = "reference"
	Date      Kind = "date"
)

// Parameter is one search parameter: where its values stand in a resource, as
// dotted paths. Arrays on the way are followed item by item.
type Parameter struct {
	Name    string
	Kind    Kind
	Paths   []string
	Targets []string // of a reference: what it may point to; a bare id means any of them
	Missing bool     // :missing is indexed
	Says    string   // for the CapabilityStatement
	URL     string   // its definition, when it is not one of R4
}

// Definition is one served type.
type Definition struct {
	Type       string
	Parameters []Parameter
	Create     bool // over the API
	Update     bool
	// Combined lists parameters that are asked for together so often that they
	// are one index entry: owner and status of a worklist.
	Combined [][]string
}

// Parameter finds a search parameter by name.
func (d *Definition) Parameter(name string) (*Parameter, bool) {
	i := slices.IndexFunc(d.Parameters, func(p Parameter) bool { return p.Name == name })
	if i < 0 {
		return nil, false
	}
	return &d.Parameters[i], true
}

// Lookup returns the definition of a served type.
func Lookup(typ string) (*Definition, bool) {
	i := slices.IndexFunc(definitions, func(d Definition) bool { return d.Type == typ })
	if i < 0 {
		return nil, false
	}
	return &definitions[i], true
}

// Definitions lists the served types in alphabetical order.
func Definitions() []Definition { return definitions }

func identifier() Parameter {
	return Parameter{Name: "identifier", Kind: Token, Paths: []string{"identifier"}, Says: "business identifier"}
}

func code(name string, paths ...string) Parameter {
	return Parameter{Name: name, Kind: Token, Paths: paths}
}

func date(name string, paths ...string) Parameter {
	return Parameter{Name: name, Kind: Date, Paths: paths}
}

func ref(name string, targets []string, paths ...string) Parameter {
	return Parameter{Name: name, Kind: Reference, Paths: paths, Targets: targets}
}

// gravity marks a parameter that HL7 SDOH Clinical Care defines over R4.
func gravity(p Parameter, name string) Parameter {
	p.URL = "http://hl7.org/fhir/us/sdoh-clinicalcare/SearchParameter/" + name
	return p
}

func missing(p Parameter) Parameter {
	p.Missing = true
	return p
}

// What references may point to, for bare ids.
var (
	toPatient = []string{"Patient"}
	toWorker  = []string{"Organization", "PractitionerRole", "Practitioner", "Patient"}
	toRequest = []string{"ServiceRequest", "Task"}
	toPlace   = []string{"Organization"}
)

// definitions is the table of served types. Parameters are those of R4
// (https://hl7.org/fhir/R4/searchparameter-registry.html) that a worklist and
// the Gravity coordination platform need.
var definitions = []Definition{
	{Type: "Consent", Create: true, Update: true, Parameters: []Parameter{
		identifier(), ref("patient", toPatient, "patient"), code("status", "status"), code("category", "category"),
		date("date", "dateTime"), ref("organization", toPlace, "organization"), ref("source-reference", []string{"DocumentReference", "Consent"}, "sourceReference"),
	}},
	{Type: "Observation", Create: true, Update: true, Parameters: []Parameter{
		identifier(), ref("patient", toPatient, "subject"), ref("subject", toPatient, "subject"), code("status", "status"),
		code("code", "code"), code("category", "category"), date("date", "effectiveDateTime", "effectivePeriod", "effectiveInstant"),
		ref("performer", toWorker, "performer"), ref("based-on", toRequest, "basedOn"),
	}},
	{Type: "Organization", Create: true, Update: true, Parameters: []Parameter{
		identifier(), code("active", "active"), code("type", "type"), ref("partof", toPlace, "partOf"),
	}},
	{Type: "Patient", Create: true, Update: true, Parameters: []Parameter{
		identifier(), code("active", "active"), date("birthdate", "birthDate"), code("gender", "gender"),
		ref("general-practitioner", toWorker, "generalPractitioner"), ref("organization", toPlace, "managingOrganization"),
	}},
	{Type: "Practitioner", Create: true, Update: true, Parameters: []Parameter{
		identifier(), code("active", "active"),
	}},
	{Type: "PractitionerRole", Create: true, Update: true, Parameters: []Parameter{
		identifier(), code("active", "active"), code("role", "code"),
		ref("practitioner", []string{"Practitioner"}, "practitioner"), ref("organization", toPlace, "organization"),
	}},
	{Type: "Procedure", Create: true, Update: true, Parameters: []Parameter{
		identifier(), ref("patient", toPatient, "subject"), ref("subject", toPatient, "subject"), code("status", "status"),
		code("code", "code"), code("category", "category"), date("date", "performedDateTime", "performedPeriod"),
		ref("performer", toWorker, "performer.actor"), ref("based-on", toRequest, "basedOn"),
	}},
	{Type: "Provenance", Parameters: []Parameter{
		ref("target", []string{"Task", "ServiceRequest", "Patient"}, "target"), date("recorded", "recorded"),
		ref("agent", toWorker, "agent.who"),
	}},
	{Type: "ServiceRequest", Create: true, Update: true, Parameters: []Parameter{
		identifier(), ref("patient", toPatient, "subject"), ref("subject", toPatient, "subject"), code("status", "status"),
		code("intent", "intent"), code("priority", "priority"), code("category", "category"), code("code", "code"),
		date("authored", "authoredOn"), date("occurrence", "occurrenceDateTime", "occurrencePeriod"),
		ref("requester", toWorker, "requester"), ref("performer", toWorker, "performer"), ref("based-on", toRequest, "basedOn"),
		gravity(ref("supporting-info", []string{"Consent", "Observation", "Procedure"}, "supportingInfo"), "ServiceRequest-supporting-info"),
	}},
	{Type: "Task", Create: true, Update: true, Combined: [][]string{{"owner", "status"}}, Parameters: []Parameter{
		identifier(), ref("patient", toPatient, "for"), ref("subject", toPatient, "for"), code("status", "status"),
		missing(ref("owner", toWorker, "owner")), ref("requester", toWorker, "requester"), ref("focus", toRequest, "focus"),
		code("code", "code"), code("business-status", "businessStatus"), code("intent", "intent"), code("priority", "priority"),
		date("authored-on", "authoredOn"), date("modified", "lastModified"), date("period", "executionPeriod"),
		ref("based-on", toRequest, "basedOn"), ref("part-of", []string{"Task"}, "partOf"),
		gravity(ref("output", []string{"Procedure", "Observation"}, "output.valueReference"), "Task-output-reference"),
		{Name: "_tag", Kind: Token, Paths: []string{"meta.tag"}, Says: "data-quality flags of the referral"},
	}},
}
