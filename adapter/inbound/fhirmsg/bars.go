package fhirmsg

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/inbound"
)

// BaRS is what a receiver of the NHS Booking and Referral Standard is set up
// with: its rules for the envelope, and its answers.
type BaRS struct {
	// Target is who this service is, as system|value. A message for another
	// destination is refused. Empty: it is not looked at.
	Target string
	// Organization is the ODS code of the organisation that sends; the edge tells
	// senders to one target apart by it. Empty: any.
	Organization string
	// Versions are the Application versions that Bundle.meta.versionId may
	// say. Empty: any, but one must be said.
	Versions []string
	// UseCases are the codes of usecases-categories-bars that a ServiceRequest
	// may have in its category. The standard has none for social prescribing.
	// Empty: they are not looked at.
	UseCases []string
	// Answers says that this sender hears later what became of its referrals.
	Answers bool
	// Definitions are the MessageDefinitions taken. Empty: BaRSDefinitions.
	Definitions []string
}

// BaRSDefinitions are the MessageDefinitions of referrals and of their
// cancellation (Standard pattern, BaRS Core).
var BaRSDefinitions = []string{
	"https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-referral",
	"https://fhir.nhs.uk/MessageDefinition/bars-message-servicerequest-request-cancelled",
}

// Keys of Message.Echo that only this package reads.
const (
	echoXML     = "xml"  // the message came in XML
	echoBody    = "body" // the message as JSON, repairs made
	echoVersion = "version"
	echoUseCase = "usecase"
	echoFocus   = "focus" // fullUrl of the ServiceRequest, where it is a UUID
)

// check holds the envelope against the rules of the standard, all at once. A
// missing version is an invariant; a version that is not taken is refused as
// not supported, and alone, since nothing else of the message can be judged.
func (b *BaRS) check(m *inbound.Message, table *repairs) error {
	version := m.Echo[echoVersion]
	if version != "" && len(b.Versions) > 0 && !slices.Contains(b.Versions, version) {
		return &fault.Fault{Kind: fault.Unsupported, Issues: []fault.Issue{{Code: "not-supported", Place: "/meta/versionId",
			Text: "the version of the message is not supported; supported are " + strings.Join(b.Versions, ", ")}}}
	}
	var issues []fault.Issue
	add := func(code, place, text string) {
		issues = append(issues, fault.Issue{Code: code, Place: place, Text: text})
	}
	if version == "" {
		add("invariant", "/meta/versionId", "the version of the Application is missing")
	}
	definition, _, _ := strings.Cut(m.Echo["definition"], "|")
	if !slices.Contains(b.definitions(), definition) {
		add("invariant", "/entry[0]/resource/definition", "the MessageDefinition is missing or none that is taken here")
	}
	if b.Target != "" && table.endpoint(m.Echo["self"]) != table.endpoint(b.Target) {
		add("value", "/entry[0]/resource/destination[0]/endpoint", "the destination is not this service")
	}
	if len(b.UseCases) > 0 && !slices.Contains(b.UseCases, m.Echo[echoUseCase]) {
		add("invariant", m.Tree.Root().Child("ServiceRequest").Address()+"/category", "the use case is missing or none that is taken here")
	}
	if len(issues) == 0 {
		return nil
	}
	return &fault.Fault{Kind: fault.Malformed, Issues: issues}
}

// definitions are the MessageDefinitions taken.
func (b *BaRS) definitions() []string {
	if len(b.Definitions) == 0 {
		return BaRSDefinitions
	}
	return b.Definitions
}

// endpoint is system|value with the system as the table writes it.
func (r *repairs) endpoint(s string) string {
	system, value, _ := strings.Cut(s, "|")
	return r.system(system) + "|" + value
}

// SameTarget reports whether two services, as system|value, are one: systems
// are compared as the table of systems writes them.
func (f Format) SameTarget(a, b string) bool { return f.table().endpoint(a) == f.table().endpoint(b) }

// BaRS reports whether the format was set up for the standard.
func (f Format) BaRS() (BaRS, bool) {
	if f.bars == nil {
		return BaRS{}, false
	}
	return *f.bars, true
}

// returned is the whole Bundle with the ids that this house gave. The
// ServiceRequest and the Task have the ids under which they are served; the
// ids of the others name them in this message only, and are the same each time
// the answer is given.
func returned(m *inbound.Message, a inbound.Answer) *element.Value {
	v, err := element.Parse([]byte(m.Echo[echoBody]), element.Limits{})
	if err != nil {
		return nil
	}
	seed := m.ID + "\x00" + strconv.FormatInt(a.MessageID, 10) + "\x00" + a.Task
	given := map[string]string{"ServiceRequest": a.Request, "Task": a.Task}
	for i, e := range v.List("entry") {
		r := e.Get("resource")
		id := given[r.ResourceType()]
		if id == "" {
			id = uuid.NewSHA1(names, []byte("entry\x00"+strconv.Itoa(i)+"\x00"+seed)).String()
		}
		delete(given, r.ResourceType())
		setID(r, id)
	}
	return v
}

// setID puts the id behind the type, where readers of FHIR look for it.
func setID(r *element.Value, id string) {
	if r.Get("id") != nil {
		r.SetString("id", id)
		return
	}
	at := 0
	for i, f := range r.Fields {
		if f.Name == "resourceType" {
			at = i + 1
		}
	}
	r.Fields = slices.Insert(r.Fields, at, element.S("id", id))
}

// BaRSErrors is the code system of BaRS errors, with the small s of the
// published examples.
const BaRSErrors = "https://fhir.nhs.uk/Codesystem/http-error-codes"

// BaRSError is one row of the error table of the standard, for a receiver.
type BaRSError struct {
	Status int
	Code   string   // of BaRSErrors
	Issues []string // issue types that the row allows; the first is meant when nothing finer is known
}

// The rows that no kind of fault stands for.
var (
	BaRSTooEarly = BaRSError{425, "REC_TOO_EARLY", []string{"duplicate"}}
	BaRSRepeated = BaRSError{409, "REC_CONFLICT", []string{"duplicate"}}
)

// BaRSErrorOf is the row of a kind. What cannot be read or mapped is a bad
// request; 422 is kept for what is understood and not supported.
func BaRSErrorOf(k fault.Kind) BaRSError {
	if row, ok := barsErrors[k]; ok {
		return row
	}
	return BaRSError{500, "REC_SERVER_ERROR", []string{"exception", "no-store", "transient"}}
}

var badRequest = []string{"invalid", "required", "value", "invariant", "not-supported"}

var barsErrors = map[fault.Kind]BaRSError{
	fault.Malformed:        {400, "REC_BAD_REQUEST", badRequest},
	fault.Unmappable:       {400, "REC_BAD_REQUEST", badRequest},
	fault.Profile:          {400, "REC_BAD_REQUEST", []string{"invariant", "invalid", "required", "value", "not-supported"}},
	fault.UnsupportedMedia: {400, "REC_BAD_REQUEST", []string{"not-supported", "invalid", "required", "value", "invariant"}},
	fault.Unauthenticated:  {401, "REC_UNAUTHORIZED", []string{"security", "forbidden"}},
	fault.Forbidden:        {403, "REC_FORBIDDEN", []string{"forbidden"}},
	fault.NotFound:         {404, "REC_NOT_FOUND", []string{"not-found"}},
	fault.Gone:             {404, "REC_NOT_FOUND", []string{"not-found"}},
	fault.NotAcceptable:    {406, "REC_NOT_ACCEPTABLE", []string{"processing"}},
	fault.Timeout:          {408, "REC_TIMEOUT", []string{"timeout"}},
	fault.Duplicate:        {409, "REC_CONFLICT", []string{"duplicate", "conflict"}},
	fault.Conflict:         {409, "REC_CONFLICT", []string{"conflict", "duplicate"}},
	fault.VersionConflict:  {409, "REC_CONFLICT", []string{"conflict", "duplicate"}},
	fault.IllegalMove:      {409, "REC_CONFLICT", []string{"conflict", "duplicate"}},
	fault.Unsupported:      {422, "REC_UNPROCESSABLE_ENTITY", []string{"not-supported", "too-costly"}},
	fault.TooLarge:         {422, "REC_UNPROCESSABLE_ENTITY", []string{"too-costly", "not-supported"}},
	fault.Throttled:        {429, "REC_TOO_MANY_REQUESTS", []string{"throttled"}},
	fault.MethodNotAllowed: {501, "REC_NOT_IMPLEMENTED", []string{"not-supported"}},
	fault.Transient:        {503, "REC_UNAVAILABLE", []string{"transient"}},
}

// Outcome words issues with the coding of the row, as the published examples
// have it. Without issues it says text.
func (e BaRSError) Outcome(text string, issues []fault.Issue) *element.Value {
	if len(issues) == 0 {
		issues = []fault.Issue{{Text: text}}
	}
	issues = slices.Clone(issues[:min(len(issues), maxIssues)])
	for i := range issues {
		if issues[i].Severity == "" {
			issues[i].Severity = "error"
		}
		if !slices.Contains(e.Issues, issues[i].Code) {
			issues[i].Code = e.Issues[0]
		}
	}
	out := fhir.OperationOutcome(fault.Internal, issues)
	for _, is := range out.List("issue") {
		is.Set("details", element.NewObject(element.F("coding", element.NewArray(
			element.NewObject(element.S("system", BaRSErrors), element.S("code", e.Code))))))
	}
	return out
}
