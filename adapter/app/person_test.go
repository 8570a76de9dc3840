package app_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// hospital is a sender that knows people by a number of its own, and by their
// NHS number where it has one.
const hospital = `mapping: hospital
title: A hospital that has numbers of its own
version: "1"
format: json
accepts: [referral]
intention: <- wants | default("new")
sent: <- at | dateTime
resources:
  patient:
    resourceType: Patient
    identifier:
      - system: https://fhir.nhs.uk/Id/nhs-number
        value: <- nhs
      - system: urn:example:hospital:number
        value: <- number
    name: [{family: <- family, given: [<- given]}]
    birthDate: <- born | date
    deceasedDateTime: <- died | date
    telecom: [{system: phone, value: <- phone}]
    address: [{line: [<- street], city: <- town}]
    contact: [{name: {text: <- carer}, telecom: [{system: phone, value: <- carerPhone}]}]
    generalPractitioner:
      - identifier: {system: "https://fhir.nhs.uk/Id/ods-organization-code", value: <- practice}
  from:
    resourceType: Organization
    name: A hospital
  request:
    resourceType: ServiceRequest
    identifier: [{system: urn:example:hospital:referral, value: <- ref}]
    status: active
    intent: order
    code: {text: Social prescribing}
    subject: -> patient
    authoredOn: <- at | dateTime
    requester: -> from
  task:
    resourceType: Task
    status: requested
    intent: order
    code: {coding: [{system: "http://hl7.org/fhir/CodeSystem/task-code", code: fulfill}]}
    focus: -> request
    for: -> patient
    authoredOn: <- at | dateTime
    requester: -> from
`

func atHospital(t *testing.T) *house {
	t.Helper()
	return at(t, hospital)
}

// at is a house with a sender that has a mapping of its own.
func at(t *testing.T, text string) *house {
	t.Helper()
	folder := t.TempDir()
	if err := os.MkdirAll(filepath.Join(folder, "hospital"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "hospital", "mapping.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return open(t, func(c *config.Config) {
		c.Mappings.Folder = folder
		c.Senders = []config.Sender{{Name: "hospital", Mapping: "hospital"}}
	})
}

// from sends a referral of the hospital; pairs are names and values.
func (h *house) from(ref string, pairs ...string) response {
	body := element.NewObject(element.S("type", "referral"), element.S("id", fmt.Sprintf("%x", sha256.Sum256([]byte(ref+strings.Join(pairs, "|"))))),
		element.S("ref", ref), element.S("at", "2026-03-02T10:15:00Z"))
	for i := 0; i < len(pairs); i += 2 {
		body.SetString(pairs[i], pairs[i+1])
	}
	return h.call("POST", "/intake/hospital", body.JSON())
}

// work is the Task of a referral of the hospital.
func (h *house) work(ref string) *element.Value {
	h.t.Helper()
	found := h.want(h.call("GET", "/fhir/Task?focus:ServiceRequest.identifier=urn:example:hospital:referral|"+ref, nil), 200).value(h.t).List("entry")
	if len(found) != 1 {
		h.t.Fatalf("%d Tasks of %s", len(found), ref)
	}
	return found[0].Get("resource")
}

func (h *house) who(task *element.Value) *element.Value {
	return h.want(h.call("GET", "/fhir/"+task.TextAt("for.reference"), nil), 200).value(h.t)
}

func tagged(task *element.Value, code string) bool {
	return slices.ContainsFunc(task.All("meta.tag"), func(t *element.Value) bool { return t.Str("code") == code })
}

func noted(task *element.Value) string {
	var out []string
	for _, n := range task.List("note") {
		out = append(out, n.Str("text"))
	}
	return strings.Join(out, "\n")
}

// TestLocalIdentifier: a hospital number joins who has the same surname and
// birth date, and nobody else; who came later under it is recognised again.
func TestLocalIdentifier(t *testing.T) {
	h := atHospital(t)
	edith := []string{"number", "90012345", "family", "Thornbury", "given", "Edith", "born", "1941-03-07"}
	karl := []string{"number", "90012345", "family", "Otherman", "given", "Karl", "born", "1990-01-01"}
	for _, x := range []struct {
		ref   string
		pairs []string
	}{
		{"A", edith}, {"B", append(slices.Clone(edith), "phone", "01723 555 0142")}, {"C", karl}, {"D", karl},
		{"E", []string{"number", "90012345", "family", "Thornbury", "given", "Edward", "born", "1970-05-01"}},
		{"F", []string{"number", "90012345", "family", "THORNBURY", "born", "1941"}},
		{"G", []string{"number", "90012345", "family", "Thornbury-Otherman", "died", "2026-03-01"}},
	} {
		h.want(h.from(x.ref, x.pairs...), 200)
	}
	person := func(ref string) string { return h.work(ref).TextAt("for.reference") }
	if person("A") != person("B") || tagged(h.work("B"), "identifier-shared") {
		t.Error("one person of one number is two, or flagged")
	}
	if person("C") == person("A") || person("C") != person("D") || person("E") == person("A") || person("E") == person("C") {
		t.Errorf("people of other names or birth dates under one number: A %s, C %s, D %s, E %s", person("A"), person("C"), person("D"), person("E"))
	}
	if person("F") != person("A") || !tagged(h.work("F"), "demographics-conflict") ||
		!strings.Contains(noted(h.work("F")), "under this local identifier (system urn:example:hospital:number) differs in birthDate") {
		t.Errorf("a less precise birth date: %s", noted(h.work("F")))
	}
	if person("G") != person("A") || !tagged(h.work("G"), "patient-deceased") || tagged(h.work("F"), "patient-deceased") {
		t.Errorf("a second surname, and a death: %s", noted(h.work("G")))
	}
	c := h.work("C")
	if !tagged(c, "identifier-shared") || !strings.Contains(noted(c), "another family name and birth date; the two are kept apart") {
		t.Errorf("the Task does not say that the number is somebody else's: %s", noted(c))
	}
	if got := h.who(c); got.TextAt("name.family") != "Otherman" || got.TextAt("identifier.value") != "90012345" {
		t.Errorf("the Patient of the second person: %s", got.TextAt("name.family"))
	}
	if got := h.who(h.work("A")); got.TextAt("name.family") != "Thornbury" || got.TextAt("telecom.value") != "01723 555 0142" {
		t.Error("the Patient of the first person")
	}

	// An update names the referral too: one thing may be put right, not both.
	h.want(h.from("C", append(slices.Clone(karl), "wants", "modify", "at", "2026-03-03T10:15:00Z", "phone", "07700 900123")...), 200)
	if got := h.who(h.work("C")); got.TextAt("telecom.value") != "07700 900123" {
		t.Error("an update does not reach the second person")
	}
	married := []string{"number", "90012345", "family", "Newname", "born", "1990-01-01", "wants", "modify", "at", "2026-03-04T10:15:00Z"}
	h.want(h.from("C", married...), 200)
	h.want(h.from("C", append(slices.Clone(edith), "wants", "modify", "at", "2026-03-05T10:15:00Z")...), 409)
	h.want(h.from("A", append(slices.Clone(karl), "wants", "modify", "at", "2026-03-05T10:15:00Z")...), 409)
	if n := h.count("Patient?identifier=urn:example:hospital:number|90012345"); n != 3 {
		t.Errorf("%d Patients, want 3", n)
	}
}

// TestLocalIdentifierOfTwoNHSNumbers: the NHS numbers keep the people apart, and
// both referrals after the first say that the hospital number is shared.
func TestLocalIdentifierOfTwoNHSNumbers(t *testing.T) {
	h := atHospital(t)
	h.want(h.from("A", "number", "90012345", "nhs", nobody(1), "family", "Thornbury"), 200)
	h.want(h.from("B", "number", "90012345", "nhs", nobody(2), "family", "Thornbury"), 200)
	h.want(h.from("C", "number", "90012345", "nhs", nobody(1), "family", "Thornbury"), 200)
	h.want(h.from("D", "number", "9,00|1", "nhs", nobody(3), "family", "Thornbury"), 200)
	if a, b := h.work("A"), h.work("B"); a.TextAt("for.reference") == b.TextAt("for.reference") || tagged(a, "identifier-shared") || !tagged(b, "identifier-shared") ||
		!strings.Contains(noted(b), "another NHS number") {
		t.Errorf("the flag of a number of two people: %q", noted(b))
	}
	if !tagged(h.work("C"), "identifier-shared") || tagged(h.work("D"), "identifier-shared") {
		t.Error("the flag stands where it should not, or does not where it should")
	}
}

// TestHowToReachFollowsTheNewerWord: address, telephone, contact and practice
// of a later message are taken over each for itself; of a message about who may
// be somebody else none is, and the Task says what was sent.
func TestHowToReachFollowsTheNewerWord(t *testing.T) {
	h := atHospital(t)
	person := []string{"nhs", nobody(1), "family", "Thornbury", "born", "1941-03-07"}
	old := append(slices.Clone(person), "phone", "01723 555 0142", "street", "12 Sea View", "town", "Scarborough",
		"carer", "Susan", "carerPhone", "07700 900999", "practice", "B82999")
	h.want(h.from("A", old...), 200)
	for i, x := range []struct{ name, value, path string }{
		{"phone", "07700 900777", "telecom.value"},
		{"street", "99 New Road", "address.line"},
		{"carerPhone", "07700 900888", "contact.telecom.value"},
		{"practice", "B82111", "generalPractitioner.identifier.value"},
	} {
		at := slices.Index(old, x.name)
		old[at+1] = x.value
		ref := fmt.Sprint("B", i)
		h.want(h.from(ref, old...), 200)
		task := h.work(ref)
		if got := h.who(task).TextAt(x.path); got != x.value || len(task.All("meta.tag")) != 0 {
			t.Errorf("%s is %q, tags %d: %s", x.name, got, len(task.All("meta.tag")), noted(task))
		}
		if said := strings.Contains(noted(task), "another practice (B82999)"); said != (x.name == "practice") {
			t.Errorf("%s: the change of the practice is told: %v", x.name, said)
		}
	}
	r := h.want(h.from("C", "nhs", nobody(1), "family", "Elsewhere", "phone", "01723 555 0160", "street", "1 Quay", "town", "Filey", "carer", "Ana", "practice", "B82333"), 200)
	task := h.work("C")
	if got := h.who(task); got.TextAt("telecom.value") != "07700 900777" || got.TextAt("generalPractitioner.identifier.value") != "B82111" {
		t.Error("a message about who may be somebody else changed the record")
	}
	for _, want := range []string{"differs in name.family, generalPractitioner", "01723 555 0160", "1 Quay, Filey", "Ana", "B82333"} {
		if !strings.Contains(noted(task), want) {
			t.Errorf("the Task does not say %q: %s", want, noted(task))
		}
	}
	if bytes.Contains(r.body, []byte("01723 555 0160")) || !bytes.Contains(r.body, []byte("demographics-conflict")) && !bytes.Contains(r.body, []byte("differs in")) {
		t.Errorf("the answer has a telephone number, or says nothing: %s", r.body)
	}
	// A practice that cannot be told by its code does not take the place of one that can.
	h.want(h.from("D", append(slices.Clone(person), "practice", "X")...), 200)
	if got := h.who(h.work("D")).TextAt("generalPractitioner.identifier.value"); got != "B82111" {
		t.Errorf("the practice became %q", got)
	}
}

// TestUpdateReachesThePerson: the same of an update of a referral that is here.
func TestUpdateReachesThePerson(t *testing.T) {
	h := open(t, nil)
	h.want(h.call("POST", "/intake/hl7v2-ref", event(1, "I12", 2)), 200)
	h.want(h.call("POST", "/intake/hl7v2-ref", event(1, "I13", 3, "14 Quetzal Lane", "99 New Road", "Oakwood Surgery^^Z00001", "Elm Surgery^^Z00002")), 200)
	p := h.one("Patient")
	if p.TextAt("address.line") != "99 New Road" || p.TextAt("generalPractitioner.identifier.value") != "Z00002" {
		t.Errorf("after the update: %s, %s", p.TextAt("address.line"), p.TextAt("generalPractitioner.identifier.value"))
	}
	h.want(h.call("POST", "/intake/hl7v2-ref", event(1, "I13", 4, "Canarybird", "Somebody", "14 Quetzal Lane", "5 Other Street")), 200)
	task := h.want(h.call("GET", "/fhir/Task/"+h.task(1), nil), 200).value(t)
	if h.one("Patient").TextAt("address.line") != "99 New Road" || !strings.Contains(noted(task), "5 Other Street") {
		t.Errorf("the Task does not have the address: %d notes", len(task.List("note")))
	}
}

// TestTypeThatIsNotTaken: the answer names what came, where it is a type by its
// looks, and what is taken.
func TestTypeThatIsNotTaken(t *testing.T) {
	h := open(t, nil)
	for came, want := range map[string]string{"ADT^A04": "messages of the type ADT", "Canarybird^X": "messages of this type"} {
		r := h.call("POST", "/intake/hl7v2-ref", []byte("MSH|^~\\&|A|Z00001|B|C|20260101||"+came+"|M-1|P|2.5.1\rPID|1\r"))
		if !bytes.Contains(r.body, []byte(want)) || !bytes.Contains(r.body, []byte("I12, REF")) || bytes.Contains(r.body, []byte("Canarybird")) {
			t.Errorf("%s: %q", came, r.body)
		}
	}
}

// TestNamedInNotes: a GP who comes by a reference is named in words where people
// read of them, and not at all where the record has the same one.
func TestNamedInNotes(t *testing.T) {
	const surgery = "identifier: {system: \"https://fhir.nhs.uk/Id/ods-organization-code\", value: <- practice}"
	h := at(t, strings.Replace(strings.Replace(hospital, "- "+surgery, "- "+surgery+"\n      - -> gp", 1),
		"resources:\n", "resources:\n  gp:\n    resourceType: Practitioner\n    name: [{text: <- gp}]\n", 1))
	edith := []string{"nhs", "9990000018", "family", "Thornbury", "given", "Edith", "born", "1941-03-07", "practice", "A81001"}
	h.want(h.from("A", append(slices.Clone(edith), "gp", "Dr A Patel")...), 200)
	h.want(h.from("A", append(slices.Clone(edith), "gp", "Dr A Patel", "wants", "modify", "at", "2026-03-03T10:15:00Z")...), 200)
	if text := noted(h.work("A")); strings.Contains(text, "Practitioner") || strings.Contains(text, "Patel") {
		t.Errorf("the same GP is noted: %s", text)
	}
	h.want(h.from("A", append(slices.Clone(edith), "gp", "Dr B Jones", "wants", "modify", "at", "2026-03-04T10:15:00Z")...), 200)
	if text := noted(h.work("A")); strings.Contains(text, "Practitioner/") || !strings.Contains(text, "practice: Dr B Jones") {
		t.Errorf("another GP is not named: %s", text)
	}
}
