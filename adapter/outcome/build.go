package outcome

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

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
	Outputs                map[string]*element.Value // resources named by Task.output, by reference as written there
	// Names are those of whom Task.owner and the requester refer to, by reference as
	// written there, for where that has no display.
	Names map[string]string
	Now   time.Time
	// FirstInEpisode claims a code that leaves once in an episode; it returns
	// true the first time. It is called only when the code would leave.
	FirstInEpisode func(code string) (bool, error)
}

// Build checks every output of a Task that ends against the allow-list and
// makes the transaction. Errors: fault.Unmappable (422) with the element and
// the allowed values, for a code outside the list or a score out of its range.
func (l *List) Build(in Input) (Owed, error) {
	status := in.Task.Str("status")
	if status == "entered-in-error" {
		return Owed{}, nil
	}
	number := numberOf(in.Patient)
	b := l.builder(in)
	b.modified("Task", in.Task)
	b.outputs()
	b.reason()
	if status == "completed" && len(in.Task.List("output")) == 0 && !b.story.declined {
		b.issues = append(b.issues, fault.Issue{Code: "required", Expression: "Task.output",
			Text: "a completed Task has an output that says what came of it: a code of the list, a Procedure, an Observation, a QuestionnaireResponse, or words; codes: " + l.allowed(Procedure, Situation)})
	}
	b.contradiction()
	letter := b.story.letter(in, "Social prescribing: outcome of your referral", number, []string{b.story.outcome(in, status)})
	if n := len(letter.Text()); n > maxLetter {
		b.issues = append(b.issues, fault.Issue{Code: "too-long", Expression: "Task.output",
			Text: fmt.Sprintf("the words of this outcome come to %d bytes; a letter a GP reads has at most %d", n, maxLetter)})
	}
	if len(b.issues) > 0 {
		return Owed{}, b.refused()
	}
	if err := b.automatic(); err != nil {
		return Owed{}, err
	}
	b.summary(letter)
	owed := b.owed("Task/" + b.task + "/outcome")
	owed.Bundle, owed.Codes = b.bundle(), b.left
	return owed, nil
}

// builder is for one message about a Task.
func (l *List) builder(in Input) *builder {
	return &builder{
		list: l, in: in, links: map[string][]string{}, task: in.Task.ID(), status: in.Task.Str("status"), subject: subject(numberOf(in.Patient)),
		kind: "Social prescribing: outcome of a referral", has: map[string]bool{}, taken: map[string]bool{}, undated: map[string]bool{},
	}
}

// owed says to whom something is owed, and what keeps it from being sent.
func (b *builder) owed(key string) Owed {
	owed := Owed{Key: key}
	if b.in.Practice != nil {
		owed.Practice = b.in.Practice.Identifier(nhs.SystemODSOrganization)
	}
	switch {
	case b.subject == "":
		owed.NeedsHuman = "the patient has no NHS number that can be used, so no record can be found; have the referral sent again under a new referral number with the right NHS number, or enter the outcome by hand"
	case owed.Practice == "":
		owed.NeedsHuman = "the referral names no practice with an ODS code, so nobody knows whose record it belongs to"
	}
	return owed
}

// Bounds of what one Task may say and be told.
const (
	maxLetter = 64 << 10 // bytes
	maxIssues = 50
)

// numberOf is the patient's NHS number, or "" when there is none that passes
// its check, or two different ones: then nobody knows whose record it would be.
func numberOf(patient *element.Value) string {
	number := ""
	for _, id := range patient.List("identifier") {
		if id.Str("system") != nhs.SystemNHSNumber {
			continue
		}
		n, why := nhs.ParseNumber(id.Str("value"))
		if why != nhs.Valid || number != "" && n != number {
			return ""
		}
		number = n
	}
	return number
}

// subject is the conditional reference to a person in any record.
// https://hl7.org/fhir/R4/http.html#trules (conditional references)
func subject(number string) string {
	if number == "" {
		return ""
	}
	return "Patient?identifier=" + url.QueryEscape(nhs.SystemNHSNumber+"|"+number)
}

type builder struct {
	list    *List
	in      Input
	task    string
	prefix  string // of every purpose, so that two messages of one Task differ
	kind    string // what the message is called in a record
	status  string
	subject string
	entries []*element.Value    // of the transaction
	extra   []*element.Value    // entries of the document alone
	links   map[string][]string // fullUrls by the section that tells of them
	left    []Leaving
	issues  []fault.Issue
	story   story
	has     map[string]bool // codes in this bundle
	taken   map[string]bool // resources that outputs named, by type and id
	undated map[string]bool // measures with a score that has no date
	asked   []asked         // named by an output, and allowed once in an episode
}

// asked is a code that an output named, with its place and its date.
type asked struct {
	code Code
	at   string
	when *element.Field
}

// entry adds a conditional create with a stable identifier, so that a repeat
// makes nothing.
func (b *builder) entry(purpose string, resource *element.Value) {
	value := b.key(purpose)
	resource.Set("identifier", element.NewArray(identifier(value)))
	b.entries = append(b.entries, element.NewObject(
		element.S("fullUrl", b.urn(purpose)),
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
// is the list's, so that code and words cannot disagree. Fact Observations are
// of category social-history and scores of category survey, which is where GP
// systems file them. Without a date of its own the code has that of the end of
// the Task.
func (b *builder) coded(purpose string, c Code, value, when *element.Field) {
	b.has[c.Code] = true
	b.left = append(b.left, Leaving{Code: c.Code, Display: c.Display, Group: c.Group})
	section := sectionOf(c, purpose)
	b.links[section] = append(b.links[section], b.urn(purpose))
	date := element.S("DateTime", b.in.Now.UTC().Format("2006-01-02T15:04:05Z"))
	if when != nil {
		date = *when
	}
	code := element.F("code", concept(nhs.SystemSNOMED, c.Code, c.Display, c.Display))
	subject := element.F("subject", b.patient())
	if c.Kind == Procedure {
		b.entry(purpose, element.NewObject(element.S("resourceType", "Procedure"), element.S("status", "completed"),
			code, subject, element.F("performed"+date.Name, date.Value)))
		return
	}
	category := concept(systemCategory, "social-history", "Social History", "")
	if c.Kind == Measure {
		category = concept(systemCategory, "survey", "Survey", "")
	}
	r := element.NewObject(element.S("resourceType", "Observation"), element.S("status", "final"),
		element.F("category", element.NewArray(category)), code, subject, element.F("effective"+date.Name, date.Value))
	if value != nil {
		r.Fields = append(r.Fields, *value)
	}
	b.entry(purpose, r)
}

// systemCategory is http://hl7.org/fhir/R4/codesystem-observation-category.html.
const systemCategory = "http://terminology.hl7.org/CodeSystem/observation-category"

func concept(system, code, display, text string) *element.Value {
	v := element.NewObject(element.F("coding", element.NewArray(element.NewObject(
		element.S("system", system), element.S("code", code), element.S("display", display)))))
	v.SetString("text", text)
	return v
}

// automatic adds the codes that go with a state by themselves, and those that
// an output asked for but that leave only once in an episode: asked for again
// they are refused, added by themselves they are left out. A person who declined
// was not referred: then nothing is added.
func (b *builder) automatic() error {
	for i, a := range b.asked {
		if slices.ContainsFunc(b.asked[:i], func(o asked) bool { return o.code.Code == a.code.Code }) {
			b.refuse(a.at, "the code "+a.code.Code+" ("+a.code.Display+") leaves once in an episode of care, and this Task says it twice; keep one of them")
			continue
		}
		left, err := b.once(a.code, a.when)
		if err != nil {
			return err
		}
		if !left {
			b.refuse(a.at, "the code "+a.code.Code+" ("+a.code.Display+") leaves once in an episode of care, and left for this referral before; leave it out. Allowed here: "+
				b.list.named(func(c Code) bool { return c.Once == "" && (c.Kind == Procedure || c.Kind == Situation) }))
		}
	}
	if len(b.issues) > 0 {
		return b.refused()
	}
	if b.story.declined {
		return nil
	}
	for _, c := range b.list.Codes {
		if c.Off || !slices.Contains(c.Automatic, b.status) {
			continue
		}
		if _, err := b.once(c, nil); err != nil {
			return err
		}
	}
	return nil
}

// once adds a code unless this bundle or its episode has it.
func (b *builder) once(c Code, when *element.Field) (added bool, err error) {
	if b.has[c.Code] {
		return false, nil
	}
	if c.Once == "episode" {
		first, err := b.in.FirstInEpisode(c.Code)
		if err != nil || !first {
			return false, err
		}
	}
	b.coded("automatic-"+c.Code, c, nil, when)
	return true, nil
}

// refused is what is wrong, as a fault.
func (b *builder) refused() error {
	return &fault.Fault{Kind: fault.Unmappable, Issues: b.issues[:min(len(b.issues), maxIssues)]}
}

// contradiction refuses a referral said to be taken up and declined at once:
// one of the two would be wrong in the record.
func (b *builder) contradiction() {
	if !b.story.declined {
		return
	}
	for _, a := range b.asked {
		b.refuse(a.at, "this code contradicts "+declined+", which the same Task says; leave one of them out")
	}
}

// reason codes why a Task ended as it did, where the list has a code for it.
// Only the code itself counts: words such as "did not decline" never do.
func (b *builder) reason() {
	for i, c := range b.in.Task.All("statusReason.coding") {
		if c.Str("system") != nhs.SystemSNOMED {
			continue
		}
		code, ok := b.list.Find(c.Str("code"))
		if !ok || code.Kind != Situation {
			b.refuse(fmt.Sprintf("Task.statusReason.coding[%d].code", i), b.list.unlisted(b.in.Task.Get("statusReason"))+"; allowed here: "+b.list.allowed(Situation))
			continue
		}
		if !code.Called(c.Str("display")) {
			b.refuse(fmt.Sprintf("Task.statusReason.coding[%d].display", i), "the display is not that of the code, so one of the two is wrong: "+code.Code+" is "+code.Display)
			continue
		}
		if denies(code.Display) && denied(b.in.Task.TextAt("statusReason.text")) {
			b.refuse("Task.statusReason.text", "the words deny what the code says ("+code.Display+"); leave one of them out")
			continue
		}
		b.story.declined = b.story.declined || code.Code == declined
		if !slices.Contains(b.story.reasons, code.Display) {
			b.story.reasons = append(b.story.reasons, code.Display)
		}
		switch {
		case code.Once != "":
			b.asked = append(b.asked, asked{code, fmt.Sprintf("Task.statusReason.coding[%d].code", i), nil})
		case !b.has[code.Code]:
			b.coded("reason-"+code.Code, code, nil, nil)
		}
	}
	if text := b.in.Task.TextAt("statusReason.text"); text != "" && !slices.Contains(b.story.reasons, text) {
		b.story.reasons = append(b.story.reasons, text)
	}
}

func (b *builder) refuse(expression, text string) {
	b.issues = append(b.issues, fault.Issue{Code: "code-invalid", Expression: expression, Text: text})
}

// sectionOf is where the letter tells of a code.
func sectionOf(c Code, purpose string) string {
	switch {
	case c.Kind == Measure:
		return SectionMeasures
	case c.Code == declined:
		return SectionOutcome
	case strings.HasPrefix(purpose, "reason-"):
		return SectionReason
	case strings.HasPrefix(purpose, contactPurpose):
		return SectionContacts
	}
	return SectionDone
}

// summary is the part a person reads.
func (b *builder) summary(letter Letter) {
	document := b.document(letter)
	b.entry("summary", element.NewObject(
		element.S("resourceType", "DocumentReference"),
		element.S("status", "current"), element.S("docStatus", "final"),
		element.F("type", element.NewObject(element.S("text", b.kind))),
		element.F("subject", b.patient()),
		element.S("date", b.in.Now.UTC().Format(element.InstantLayout)),
		element.F("content", contents(letter, document))))
}

func (b *builder) bundle() []byte {
	entries := element.NewArray(b.entries...)
	list := element.NewObject(element.S("system", SystemList), element.S("version", b.list.Version),
		element.S("code", b.list.Name), element.S("display", "sha256:"+b.list.Sum))
	status := element.NewObject(element.S("system", SystemStatus), element.S("code", b.status))
	return element.NewObject(element.S("resourceType", "Bundle"),
		element.F("meta", element.NewObject(element.F("tag", element.NewArray(list, status)))),
		element.S("type", "transaction"), element.F("entry", entries)).JSON()
}
