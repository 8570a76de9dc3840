package outcome

import (
	"encoding/base64"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// Systems of a document's Composition.section.code: ours, which every section
// has, and the one of the record standards, where it has a heading for it.
// Source of the latter: NHS England's GP Connect guides, RecordStandardHeadings.
const (
	SystemSection  = "urn:linkloop:section"
	systemHeadings = "https://fhir.nhs.uk/CodeSystem/RecordStandardHeadings"
)

// headings are the sections that the record standards have a code for.
var headings = map[string][2]string{
	SectionActions:    {"plan-and-requested-actions", "Plan and requested actions"},
	SectionOutcome:    {"outcome", "Outcome"},
	SectionReferral:   {"referral-details", "Referral details"},
	SectionServices:   {"services-and-care", "Services and care"},
	SectionSignposted: {"signpost-details", "Signpost details"},
	SectionMeasures:   {"assessment-scales", "Assessment scales"},
}

// urn is the address of something within what this Task owes; the same one in
// the transaction and in the document.
func (b *builder) urn(purpose string) string {
	return "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceURL, []byte(SystemOutcome+"|"+b.key(purpose))).String()
}

// key is the value of the identifier of what is made for a purpose.
func (b *builder) key(purpose string) string { return b.task + "." + b.prefix + purpose }

// document is the message as an R4 document Bundle.
// https://hl7.org/fhir/R4/documents.html
func (b *builder) document(l Letter) *element.Value {
	patient := element.NewObject(element.S("reference", b.urn("patient")))
	bundle := element.NewObject(element.S("resourceType", "Bundle"),
		element.F("identifier", identifier(b.key("document"))),
		element.S("type", "document"),
		element.S("timestamp", b.in.Now.UTC().Format(element.InstantLayout)))
	add := func(url string, r *element.Value) {
		bundle.Append("entry", element.NewObject(element.S("fullUrl", url), element.F("resource", r)))
	}
	add(b.urn("composition"), b.composition(l, patient))
	person := whom(b.in.Patient)
	add(b.urn("patient"), person)
	if b.in.Practice != nil {
		// Every entry of a document can be reached from its Composition.
		person.Append("generalPractitioner", element.NewObject(element.S("reference", b.urn("practice"))))
		add(b.urn("practice"), practice(b.in.Practice))
	}
	var targets []*element.Value
	for _, e := range append(slices.Clone(b.entries), b.extra...) {
		r := e.Get("resource").Clone()
		if r.Get("subject") != nil {
			r.Set("subject", patient)
		}
		add(e.Str("fullUrl"), r)
		targets = append(targets, element.NewObject(element.S("reference", e.Str("fullUrl"))))
	}
	targets = append([]*element.Value{element.NewObject(element.S("reference", b.urn("composition")))}, targets...)
	add(b.urn("provenance"), b.provenance(targets))
	return bundle
}

func identifier(value string) *element.Value {
	return element.NewObject(element.S("system", SystemOutcome), element.S("value", value))
}

// composition holds the letter by its sections. Its author is the owner of the
// Task, and linkloop where the Task names nobody.
func (b *builder) composition(l Letter, patient *element.Value) *element.Value {
	author := l.From
	if author == "" {
		author = "linkloop"
	}
	c := element.NewObject(element.S("resourceType", "Composition"),
		element.F("identifier", identifier(b.key("composition"))),
		element.S("status", "final"),
		element.F("type", element.NewObject(element.S("text", b.kind))),
		element.F("subject", patient),
		element.S("date", b.in.Now.UTC().Format(element.InstantLayout)),
		element.F("author", element.NewArray(element.NewObject(element.S("display", author)))),
		element.S("title", l.Title))
	links := b.linked(l)
	for _, s := range l.Sections {
		codes := element.NewArray(element.NewObject(element.S("system", SystemSection), element.S("code", s.ID)))
		if h, ok := headings[s.ID]; ok {
			codes.Items = append(codes.Items, element.NewObject(element.S("system", systemHeadings), element.S("code", h[0]), element.S("display", h[1])))
		}
		section := element.NewObject(element.S("title", s.Title),
			element.F("code", element.NewObject(element.F("coding", codes))),
			element.F("text", element.NewObject(element.S("status", "generated"), element.S("div", s.div()))))
		for _, url := range links[s.ID] {
			section.Append("entry", element.NewObject(element.S("reference", url)))
		}
		c.Append("section", section)
	}
	return c
}

// linked are the addresses of what each section tells of. What belongs to a
// section that has no words, and is left out, stands under the outcome: every
// entry of a document is reached from its Composition.
func (b *builder) linked(l Letter) map[string][]string {
	links := maps.Clone(b.links)
	for _, id := range slices.Sorted(maps.Keys(b.links)) {
		if !slices.ContainsFunc(l.Sections, func(s Section) bool { return s.ID == id }) {
			links[SectionOutcome] = append(slices.Clone(links[SectionOutcome]), links[id]...)
			delete(links, id)
		}
	}
	return links
}

// whom is the person by what a reader compares and nothing more: no address,
// and no extension, which could tell a sex beside the gender.
func whom(patient *element.Value) *element.Value {
	p := element.NewObject(element.S("resourceType", "Patient"))
	if n := numberOf(patient); n != "" {
		p.Append("identifier", element.NewObject(element.S("system", nhs.SystemNHSNumber), element.S("value", n)))
	}
	if n := current(patient); n != nil {
		p.Append("name", pick(n, "use", "text", "family", "given", "prefix"))
	}
	for _, name := range []string{"gender", "birthDate"} {
		p.SetString(name, patient.Str(name))
	}
	return p
}

func practice(org *element.Value) *element.Value {
	p := element.NewObject(element.S("resourceType", "Organization"))
	if code := org.Identifier(nhs.SystemODSOrganization); code != "" {
		p.Append("identifier", element.NewObject(element.S("system", nhs.SystemODSOrganization), element.S("value", code)))
	}
	p.SetString("name", org.Str("name"))
	return p
}

// pick copies texts and lists of texts, and nothing else.
func pick(v *element.Value, names ...string) *element.Value {
	out := element.NewObject()
	for _, name := range names {
		switch f := v.Get(name); {
		case f == nil:
		case f.Kind == element.String:
			out.SetString(name, f.Text)
		case f.Kind == element.Array:
			for _, it := range f.Items {
				if it.Kind == element.String && it.Text != "" {
					out.Append(name, element.NewString(it.Text))
				}
			}
		}
	}
	return out
}

// provenance says who said it, what put it together, from which Task, and by
// which list of codes. https://hl7.org/fhir/R4/provenance.html
func (b *builder) provenance(targets []*element.Value) *element.Value {
	agent := func(role, display, who string) *element.Value {
		return element.NewObject(
			element.F("type", concept("http://terminology.hl7.org/CodeSystem/provenance-participant-type", role, display, "")),
			element.F("who", element.NewObject(element.S("display", who))))
	}
	agents := element.NewArray(agent("assembler", "Assembler", "linkloop"))
	if from := b.in.named(b.in.Task.Get("owner")); from != "" {
		agents.Items = append(agents.Items, agent("author", "Author", from))
	}
	entity := func(system, value, display string) *element.Value {
		return element.NewObject(element.S("role", "source"), element.F("what", element.NewObject(
			element.F("identifier", element.NewObject(element.S("system", system), element.S("value", value))), element.S("display", display))))
	}
	return element.NewObject(element.S("resourceType", "Provenance"),
		element.F("target", element.NewArray(targets...)),
		element.S("recorded", b.in.Now.UTC().Format(element.InstantLayout)),
		element.F("agent", agents),
		element.F("entity", element.NewArray(
			entity(SystemOutcome, b.task, "Task"),
			entity(SystemList, b.list.Name+"|"+b.list.Version, "list of outcome codes, sha256:"+b.list.Sum))))
}

// contents are the forms in which the message stands in a DocumentReference.
func contents(l Letter, document *element.Value) *element.Value {
	form := func(media string, body []byte) *element.Value {
		return element.NewObject(element.F("attachment", element.NewObject(
			element.S("contentType", media), element.S("data", base64.StdEncoding.EncodeToString(body)),
			element.S("title", "Social prescribing outcome"))))
	}
	return element.NewArray(form("text/plain; charset=utf-8", []byte(l.Text())), form(mediaDocument, document.JSON()))
}
