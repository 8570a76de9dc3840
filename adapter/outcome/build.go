package outcome

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// SystemOutcome identifies what linkloop wrote: the Task and the purpose.
const SystemOutcome = "urn:linkloop:outcome"

// Input is a Task that ended and what it refers to. Resources are as stored.
type Input struct {
	Task, Request, Patient *element.Value
	Practice               *element.Value            // Organization whose record it is; nil: unknown
	Outputs                map[string]*element.Value // resources named by Task.output, by reference
	Now                    time.Time
	// FirstInEpisode claims a code that leaves once in an episode; it returns
	// true the first time. It is called only when the code would leave.
	FirstInEpisode func(code string) (bool, error)
}

// Owed is what one Task owes to the record. NeedsHuman is the reason why it
// cannot be sent by itself; then Bundle holds what a person would have to enter.
type Owed struct {
	Key        string // stable: the same Task owes the same thing
	Practice   string // ODS code, empty when unknown
	Bundle     []byte // FHIR R4 transaction; nil when nothing is owed
	NeedsHuman string // public
}

// Build checks every output of a Task that ends against the allow-list and
// makes the transaction. Errors: fault.Unmappable (422) with the element and
// the allowed values, for a code outside the list or a score out of its range.
func (l *List) Build(in Input) (Owed, error) {
	status := in.Task.Str("status")
	if status == "entered-in-error" {
		return Owed{}, nil
	}
	b := &builder{list: l, in: in, task: in.Task.ID(), status: status}
	b.subject = subjectOf(in.Patient)
	b.outputs()
	b.reason()
	if len(b.issues) > 0 {
		return Owed{}, &fault.Fault{Kind: fault.Unmappable, Issues: b.issues}
	}
	if err := b.automatic(); err != nil {
		return Owed{}, err
	}
	b.summary()
	owed := Owed{Key: "Task/" + b.task + "/outcome", Bundle: b.bundle()}
	if in.Practice != nil {
		owed.Practice = in.Practice.Identifier(nhs.SystemODSOrganization)
	}
	switch {
	case b.subject == "":
		owed.NeedsHuman = "the patient has no NHS number that can be used, so no record can be found; correct the number and have the referral sent again, or enter the outcome by hand"
	case owed.Practice == "":
		owed.NeedsHuman = "the referral names no practice with an ODS code, so nobody knows whose record it belongs to"
	}
	return owed, nil
}

// subjectOf is the conditional reference to the patient in any record, or "".
// https://hl7.org/fhir/R4/http.html#trules (conditional references)
func subjectOf(patient *element.Value) string {
	if n := patient.Identifier(nhs.SystemNHSNumber); n != "" {
		return "Patient?identifier=" + url.QueryEscape(nhs.SystemNHSNumber+"|"+n)
	}
	return ""
}

type builder struct {
	list    *List
	in      Input
	task    string
	status  string
	subject string
	entries []*element.Value
	issues  []fault.Issue
	story   story
	has     map[string]bool // codes in this bundle
	asked   []Code          // named by an output, and allowed once in an episode
}

// entry adds a conditional create with a stable identifier, so that a repeat
// makes nothing.
func (b *builder) entry(purpose string, resource *element.Value) {
	value := b.task + "." + purpose
	resource.Set("identifier", element.NewArray(element.NewObject(element.S("system", SystemOutcome), element.S("value", value))))
	b.entries = append(b.entries, element.NewObject(
		element.S("fullUrl", "urn:uuid:"+uuid.NewSHA1(uuid.NameSpaceURL, []byte(SystemOutcome+"|"+value)).String()),
		element.F("resource", resource),
		element.F("request", element.NewObject(
			element.S("method", "POST"),
			element.S("url", resource.ResourceType()),
			element.S("ifNoneExist", "identifier="+url.QueryEscape(SystemOutcome+"|"+value))))))
}

// patient is the reference to whom it is about. Without a usable number there
// is none, and no record will take the entry.
func (b *builder) patient() *element.Value {
	if b.subject == "" {
		return element.NewObject(element.S("display", "a patient without a usable NHS number"))
	}
	return element.NewObject(element.S("reference", b.subject))
}

// coded adds a code of the list as the resource its kind calls for. The display
// is the list's, so that code and words cannot disagree.
func (b *builder) coded(purpose string, c Code, value, effective *element.Field) {
	if b.has == nil {
		b.has = map[string]bool{}
	}
	b.has[c.Code] = true
	concept := element.NewObject(
		element.F("coding", element.NewArray(element.NewObject(
			element.S("system", nhs.SystemSNOMED), element.S("code", c.Code), element.S("display", c.Display)))),
		element.S("text", c.Display))
	subject := element.F("subject", b.patient())
	when := b.in.Now.UTC().Format("2006-01-02T15:04:05Z")
	if c.Kind == Procedure {
		b.entry(purpose, element.NewObject(element.S("resourceType", "Procedure"), element.S("status", "completed"),
			element.F("code", concept), subject, element.S("performedDateTime", when)))
		return
	}
	r := element.NewObject(element.S("resourceType", "Observation"), element.S("status", "final"), element.F("code", concept), subject)
	if effective != nil {
		r.Fields = append(r.Fields, *effective)
	} else {
		r.Fields = append(r.Fields, element.S("effectiveDateTime", when))
	}
	if value != nil {
		r.Fields = append(r.Fields, *value)
	}
	b.entry(purpose, r)
}

// automatic adds the codes that go with a state by themselves, and those that
// an output asked for but that leave only once in an episode.
func (b *builder) automatic() error {
	codes := b.asked
	for _, c := range b.list.Codes {
		if !c.Off && slices.Contains(c.Automatic, b.status) {
			codes = append(codes, c)
		}
	}
	for _, c := range codes {
		if b.has[c.Code] {
			continue
		}
		if err := b.once(c, "automatic-"+c.Code); err != nil {
			return err
		}
	}
	return nil
}

// once adds a code unless its episode has had it.
func (b *builder) once(c Code, purpose string) error {
	if c.Once == "episode" {
		first, err := b.in.FirstInEpisode(c.Code)
		if err != nil || !first {
			return err
		}
	}
	b.coded(purpose, c, nil, nil)
	return nil
}

// reason codes why a Task was not completed, where the list has a code for it.
// Only the code itself counts: words such as "did not decline" never do.
func (b *builder) reason() {
	if b.status == "completed" {
		return
	}
	for i, c := range b.in.Task.All("statusReason.coding") {
		if c.Str("system") != nhs.SystemSNOMED {
			continue
		}
		code, ok := b.list.Find(c.Str("code"))
		if !ok || code.Kind != Situation {
			b.refuse(fmt.Sprintf("Task.statusReason.coding[%d].code", i), "this code is not on the list of outcomes; allowed here: "+b.list.allowed(Situation))
			continue
		}
		b.coded("reason-"+code.Code, code, nil, nil)
		b.story.declined = b.story.declined || code.Code == declined
		b.story.reasons = append(b.story.reasons, code.Display)
	}
	if text := b.in.Task.TextAt("statusReason.text"); text != "" && !slices.Contains(b.story.reasons, text) {
		b.story.reasons = append(b.story.reasons, text)
	}
}

func (b *builder) refuse(expression, text string) {
	b.issues = append(b.issues, fault.Issue{Code: "code-invalid", Expression: expression, Text: text})
}

// summary is the part a person reads.
func (b *builder) summary() {
	text := b.story.write(b.in, b.status)
	b.entry("summary", element.NewObject(
		element.S("resourceType", "DocumentReference"),
		element.S("status", "current"),
		element.F("type", element.NewObject(element.S("text", "Social prescribing: outcome of a referral"))),
		element.F("subject", b.patient()),
		element.S("date", b.in.Now.UTC().Format(element.InstantLayout)),
		element.F("content", element.NewArray(element.NewObject(element.F("attachment", element.NewObject(
			element.S("contentType", "text/plain; charset=utf-8"),
			element.S("data", base64.StdEncoding.EncodeToString([]byte(text))),
			element.S("title", "Social prescribing outcome"))))))))
}

func (b *builder) bundle() []byte {
	entries := element.NewArray(b.entries...)
	return element.NewObject(element.S("resourceType", "Bundle"), element.S("type", "transaction"), element.F("entry", entries)).JSON()
}

// relative strips what stands before Type/id in a reference.
func relative(reference string) string {
	parts := strings.Split(reference, "/")
	if len(parts) < 2 {
		return reference
	}
	return strings.Join(parts[len(parts)-2:], "/")
}
