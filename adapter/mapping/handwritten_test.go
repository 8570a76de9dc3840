package mapping_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// The converter below is what a Go programmer writes who has one sender and no
// mappings: segments split, fields by number, structs with JSON tags. It knows
// REF^I12 as testdata/referral does, explains nothing, bounds nothing and says
// of no value why it was left out.

type (
	hwCoding struct {
		System  string `json:"system,omitempty"`
		Code    string `json:"code,omitempty"`
		Display string `json:"display,omitempty"`
	}
	hwConcept struct {
		Coding []hwCoding `json:"coding,omitempty"`
		Text   string     `json:"text,omitempty"`
	}
	hwRef struct {
		Reference string `json:"reference"`
	}
	hwExtension struct {
		URL   string    `json:"url"`
		Value hwConcept `json:"valueCodeableConcept"`
	}
	hwIdentifier struct {
		Extension []hwExtension `json:"extension,omitempty"`
		Type      *hwConcept    `json:"type,omitempty"`
		System    string        `json:"system,omitempty"`
		Value     string        `json:"value,omitempty"`
		Assigner  *hwAssigner   `json:"assigner,omitempty"`
	}
	hwAssigner struct {
		Identifier hwIdentifier `json:"identifier"`
		Display    string       `json:"display,omitempty"`
	}
	hwName struct {
		Use    string   `json:"use,omitempty"`
		Family string   `json:"family,omitempty"`
		Given  []string `json:"given,omitempty"`
		Prefix []string `json:"prefix,omitempty"`
		Suffix []string `json:"suffix,omitempty"`
	}
	hwTelecom struct {
		System string `json:"system,omitempty"`
		Value  string `json:"value,omitempty"`
		Use    string `json:"use,omitempty"`
	}
	hwAddress struct {
		Use        string   `json:"use,omitempty"`
		Line       []string `json:"line,omitempty"`
		City       string   `json:"city,omitempty"`
		District   string   `json:"district,omitempty"`
		PostalCode string   `json:"postalCode,omitempty"`
	}
	hwPatient struct {
		ResourceType string         `json:"resourceType"`
		Identifier   []hwIdentifier `json:"identifier,omitempty"`
		Name         []hwName       `json:"name,omitempty"`
		Telecom      []hwTelecom    `json:"telecom,omitempty"`
		Gender       string         `json:"gender,omitempty"`
		BirthDate    string         `json:"birthDate,omitempty"`
		Address      []hwAddress    `json:"address,omitempty"`
		GP           []hwAssigner   `json:"generalPractitioner,omitempty"`
	}
	hwOrganization struct {
		ResourceType string         `json:"resourceType"`
		Identifier   []hwIdentifier `json:"identifier,omitempty"`
		Name         string         `json:"name,omitempty"`
		Address      []hwAddress    `json:"address,omitempty"`
	}
	hwPractitioner struct {
		ResourceType string         `json:"resourceType"`
		Identifier   []hwIdentifier `json:"identifier,omitempty"`
		Name         []hwName       `json:"name,omitempty"`
	}
	hwRole struct {
		ResourceType string      `json:"resourceType"`
		Practitioner hwRef       `json:"practitioner"`
		Organization hwRef       `json:"organization"`
		Telecom      []hwTelecom `json:"telecom,omitempty"`
	}
	hwText struct {
		Text string `json:"text"`
	}
	hwRequest struct {
		ResourceType string         `json:"resourceType"`
		Identifier   []hwIdentifier `json:"identifier"`
		Status       string         `json:"status"`
		Intent       string         `json:"intent"`
		Priority     string         `json:"priority,omitempty"`
		Code         hwConcept      `json:"code"`
		Subject      hwRef          `json:"subject"`
		AuthoredOn   string         `json:"authoredOn"`
		Requester    hwRef          `json:"requester"`
		Performer    []hwRef        `json:"performer,omitempty"`
		ReasonCode   []hwConcept    `json:"reasonCode,omitempty"`
		Note         []hwText       `json:"note,omitempty"`
	}
	hwConsent struct {
		ResourceType string      `json:"resourceType"`
		Status       string      `json:"status"`
		Scope        hwConcept   `json:"scope"`
		Category     []hwConcept `json:"category"`
		Patient      hwRef       `json:"patient"`
		DateTime     string      `json:"dateTime,omitempty"`
		Organization []hwRef     `json:"organization,omitempty"`
		PolicyRule   hwConcept   `json:"policyRule"`
	}
	hwPeriod struct {
		Start string `json:"start,omitempty"`
		End   string `json:"end,omitempty"`
	}
	hwRestriction struct {
		Period hwPeriod `json:"period"`
	}
	hwTask struct {
		ResourceType string         `json:"resourceType"`
		Status       string         `json:"status"`
		Intent       string         `json:"intent"`
		Priority     string         `json:"priority,omitempty"`
		Code         hwConcept      `json:"code"`
		Focus        hwRef          `json:"focus"`
		For          hwRef          `json:"for"`
		AuthoredOn   string         `json:"authoredOn"`
		Requester    hwRef          `json:"requester"`
		Owner        *hwRef         `json:"owner,omitempty"`
		Restriction  *hwRestriction `json:"restriction,omitempty"`
	}
)

// hwMessage is a message split into segments and fields.
type hwMessage [][]string

func hwSplit(body string) hwMessage {
	var m hwMessage
	for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\r' || r == '\n' }) {
		m = append(m, strings.Split(line, "|"))
	}
	return m
}

func (m hwMessage) all(name string) (out [][]string) {
	for _, s := range m {
		if s[0] == name {
			out = append(out, s)
		}
	}
	return out
}

func (m hwMessage) first(name string) []string {
	for _, s := range m {
		if s[0] == name {
			return s
		}
	}
	return nil
}

var hwEscapes = strings.NewReplacer(`\F\`, "|", `\S\`, "^", `\T\`, "&", `\R\`, "~", `\E\`, `\`, `\.br\`, "\n")

// hwField is a field; hwPart one component of a repetition.
func hwField(s []string, n int) string {
	if n < len(s) {
		return s[n]
	}
	return ""
}

func hwPart(rep string, n int) string {
	for ; n > 1; n-- {
		_, after, ok := strings.Cut(rep, "^")
		if !ok {
			return ""
		}
		rep = after
	}
	rep, _, _ = strings.Cut(rep, "^")
	rep, _, _ = strings.Cut(rep, "&")
	if strings.IndexByte(rep, '\\') >= 0 {
		rep = hwEscapes.Replace(rep)
	}
	return strings.TrimSpace(rep)
}

func hwGet(s []string, field, part int) string {
	rep, _, _ := strings.Cut(hwField(s, field), "~")
	return hwPart(rep, part)
}

func hwOr(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func hwSome(texts ...string) (out []string) {
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

func hwDate(s string) string {
	if len(s) < 8 {
		return s
	}
	if _, err := time.Parse("20060102", s[:8]); err != nil {
		return ""
	}
	return s[:4] + "-" + s[4:6] + "-" + s[6:8]
}

var hwLondon, _ = time.LoadLocation("Europe/London")

func hwDateTime(s string) string {
	if len(s) < 12 {
		return hwDate(s)
	}
	for _, layout := range []string{"20060102150405-0700", "200601021504-0700", "20060102150405", "200601021504"} {
		if t, err := time.ParseInLocation(layout, s, hwLondon); err == nil {
			return t.Format("2006-01-02T15:04:05-07:00")
		}
	}
	return ""
}

func hwODS(s string) string {
	s = strings.ToUpper(s)
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'A' || s[i] > 'Z') {
			return ""
		}
	}
	if len(s) < 3 || len(s) > 10 {
		return ""
	}
	return s
}

var (
	hwSystems = map[string]string{"SCT": "http://snomed.info/sct", "SNM": "http://snomed.info/sct", "I10": "http://hl7.org/fhir/sid/icd-10", "RC": "http://read.info/readv2"}
	hwSexes   = map[string]string{"F": "female", "2": "female", "M": "male", "1": "male", "U": "unknown", "0": "unknown", "9": "other", "O": "other"}
	hwPhones  = map[string]string{"PH": "phone", "CP": "phone", "FX": "fax"}
	hwUses    = map[string]string{"PRN": "home", "WPN": "work", "PRS": "mobile", "NET": ""}
	hwHomes   = map[string]string{"H": "home", "B": "work", "C": "temp", "BA": "old"}
	hwUrgency = map[string]string{"R": "routine", "S": "stat", "A": "asap", "U": "urgent"}
	hwPeople  = map[string]string{"GMC": "https://fhir.hl7.org.uk/Id/gmc-number", "NMC": "https://fhir.hl7.org.uk/Id/nmc-number"}
	hwTraced  = map[string][2]string{"01": {"number-present-and-verified", "Number present and verified"}}
)

const hwODSSystem = "https://fhir.nhs.uk/Id/ods-organization-code"

func hwAddresses(field string) (out []hwAddress) {
	for rep := range strings.SplitSeq(field, "~") {
		if rep == "" {
			continue
		}
		out = append(out, hwAddress{hwHomes[hwPart(rep, 7)], hwSome(hwPart(rep, 1), hwPart(rep, 2)), hwPart(rep, 3), hwPart(rep, 4), strings.ToUpper(hwPart(rep, 5))})
	}
	return out
}

func hwTelecoms(field string) (mails, phones []hwTelecom) {
	for rep := range strings.SplitSeq(field, "~") {
		switch one, four := hwPart(rep, 1), hwPart(rep, 4); {
		case rep == "":
		case strings.Contains(four, "@"):
			mails = append(mails, hwTelecom{"email", four, ""})
		case strings.Contains(one, "@"):
			mails = append(mails, hwTelecom{"email", one, ""})
		default:
			if number := hwOr(one, hwPart(rep, 12), hwPart(rep, 6)+hwPart(rep, 7)); number != "" {
				phones = append(phones, hwTelecom{hwPhones[hwOr(hwPart(rep, 3), "PH")], number, hwUses[hwPart(rep, 2)]})
			}
		}
	}
	return mails, phones
}

func hwPatientOf(m hwMessage) hwPatient {
	pid, pd1 := m.first("PID"), m.first("PD1")
	p := hwPatient{ResourceType: "Patient", Gender: hwSexes[hwGet(pid, 8, 1)], BirthDate: hwDate(hwGet(pid, 7, 1)), Address: hwAddresses(hwField(pid, 11))}
	var others []hwIdentifier
	for rep := range strings.SplitSeq(hwField(pid, 3), "~") {
		switch kind, value := hwPart(rep, 5), hwPart(rep, 1); {
		case value == "":
		case kind == "NH" || kind == "NHS" || hwPart(rep, 4) == "NHS":
			id := hwIdentifier{System: "https://fhir.nhs.uk/Id/nhs-number", Value: strings.ReplaceAll(value, " ", "")}
			if status, ok := hwTraced[hwGet(pid, 32, 1)]; ok {
				id.Extension = []hwExtension{{"https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus",
					hwConcept{Coding: []hwCoding{{"https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus", status[0], status[1]}}}}}
			}
			p.Identifier = append(p.Identifier, id)
		case kind == "MR" || kind == "PI":
			id := hwIdentifier{Value: value, Type: &hwConcept{Coding: []hwCoding{{System: "http://terminology.hl7.org/CodeSystem/v2-0203", Code: kind}}}}
			if ods := hwODS(hwOr(hwPart(rep, 6), hwPart(rep, 4))); ods != "" {
				id.Assigner = &hwAssigner{Identifier: hwIdentifier{System: hwODSSystem, Value: ods}}
			}
			others = append(others, id)
		}
	}
	p.Identifier = append(p.Identifier, others...)
	p.Name = []hwName{{"official", hwGet(pid, 5, 1), hwSome(hwGet(pid, 5, 2), hwGet(pid, 5, 3)), hwSome(hwGet(pid, 5, 5)), hwSome(hwGet(pid, 5, 4))}}
	mails, phones := hwTelecoms(hwField(pid, 13))
	p.Telecom = append(mails, phones...)
	if ods := hwODS(hwOr(hwGet(pd1, 3, 10), hwGet(pd1, 3, 3))); ods != "" {
		p.GP = []hwAssigner{{hwIdentifier{System: hwODSSystem, Value: ods}, hwGet(pd1, 3, 1)}}
	}
	return p
}

func hwReasons(m hwMessage) (out []hwConcept) {
	code := func(id, display, system, text string) {
		if id == "" && text == "" {
			return
		}
		c := hwConcept{Text: hwOr(text, display, id)}
		if uri := hwSystems[system]; uri != "" && id != "" {
			c.Coding = []hwCoding{{uri, id, display}}
		}
		out = append(out, c)
	}
	for _, dg := range m.all("DG1") {
		code(hwGet(dg, 3, 1), hwGet(dg, 3, 2), hwGet(dg, 3, 3), hwGet(dg, 4, 1))
	}
	if rf := m.first("RF1"); rf != nil {
		code(hwGet(rf, 10, 1), hwGet(rf, 10, 2), hwGet(rf, 10, 3), "")
	}
	for _, o := range m.all("OBX") {
		if kind := hwGet(o, 2, 1); (kind == "CWE" || kind == "CE") && hwSystems[hwGet(o, 5, 3)] != "" {
			code(hwGet(o, 5, 1), hwGet(o, 5, 2), hwGet(o, 5, 3), "")
		}
	}
	return out
}

func hwNotes(m hwMessage) (out []hwText) {
	var lines []string
	for _, n := range m.all("NTE") {
		lines = append(lines, hwSome(hwGet(n, 3, 1))...)
	}
	if len(lines) > 0 {
		out = append(out, hwText{strings.Join(lines, "\n")})
	}
	for _, o := range m.all("OBX") {
		if kind := hwGet(o, 2, 1); (kind == "NM" || kind == "ST") && hwGet(o, 3, 1) != "CONSENT" && hwGet(o, 5, 1) != "" {
			out = append(out, hwText{strings.Join(hwSome(hwGet(o, 3, 2), hwGet(o, 5, 1), hwGet(o, 6, 1)), " ")})
		}
	}
	return out
}

// hwConvert makes the JSON of the resources, one behind the other.
func hwConvert(out *bytes.Buffer, body string) error {
	m := hwSplit(body)
	var referrer, target []string
	for _, s := range m.all("PRD") {
		switch hwGet(s, 1, 1) {
		case "RP":
			referrer = s
		case "RT":
			target = s
		}
	}
	rf := m.first("RF1")
	organization := func(s []string) hwOrganization {
		return hwOrganization{ResourceType: "Organization", Name: hwGet(s, 10, 1), Address: hwAddresses(hwField(s, 3)),
			Identifier: []hwIdentifier{{System: hwODSSystem, Value: hwODS(hwOr(hwGet(s, 10, 10), hwGet(s, 10, 3)))}}}
	}
	_, phones := hwTelecoms(hwField(referrer, 5))
	ref := func(key string) hwRef { return hwRef{"#key:" + key} }
	priority, made := hwUrgency[hwGet(rf, 2, 1)], hwDateTime(hwGet(rf, 7, 1))
	all := []any{
		hwPatientOf(m),
		organization(referrer),
		hwPractitioner{"Practitioner", []hwIdentifier{{System: hwPeople[hwGet(referrer, 7, 2)], Value: hwGet(referrer, 7, 1)}},
			[]hwName{{"", hwGet(referrer, 2, 1), hwSome(hwGet(referrer, 2, 2), hwGet(referrer, 2, 3)), hwSome(hwGet(referrer, 2, 5)), nil}}},
		hwRole{"PractitionerRole", ref("practitioner"), ref("practice"), phones},
		organization(target),
		hwRequest{"ServiceRequest", []hwIdentifier{{System: "urn:linkloop:sender:hl7v2-ref:referral", Value: hwGet(rf, 6, 1)}}, "active", "order", priority,
			hwConcept{Coding: []hwCoding{{"http://snomed.info/sct", "871731000000106", "Referral to social prescribing service"}}},
			ref("patient"), made, ref("practitionerRole"), []hwRef{ref("provider")}, hwReasons(m), hwNotes(m)},
	}
	for _, o := range m.all("OBX") {
		if hwGet(o, 3, 1) != "CONSENT" {
			continue
		}
		status, rule := "active", "OPTIN"
		if hwGet(o, 5, 1) != "Y" {
			status, rule = "rejected", "OPTOUT"
		}
		all = append(all, hwConsent{"Consent", status,
			hwConcept{Coding: []hwCoding{{System: "http://terminology.hl7.org/CodeSystem/consentscope", Code: "patient-privacy"}}},
			[]hwConcept{{Coding: []hwCoding{{"http://loinc.org", "59284-0", "Consent Document"}}}}, ref("patient"), hwDateTime(hwGet(o, 14, 1)),
			[]hwRef{ref("practice")}, hwConcept{Coding: []hwCoding{{System: "http://terminology.hl7.org/CodeSystem/v3-ActCode", Code: rule}}}})
	}
	owner := ref("provider")
	all = append(all, hwTask{"Task", "requested", "order", priority,
		hwConcept{Coding: []hwCoding{{System: "http://hl7.org/fhir/CodeSystem/task-code", Code: "fulfill"}}},
		ref("request"), ref("patient"), made, ref("practitionerRole"), &owner, &hwRestriction{hwPeriod{made, hwDateTime(hwGet(rf, 8, 1))}}})
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, r := range all {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// TestHandwritten: the converter and the mapping make the same JSON.
func TestHandwritten(t *testing.T) {
	m, ex := referral(t)
	want := string(mapToJSON(t, m, ex.Input, nil))
	var got bytes.Buffer
	if err := hwConvert(&got, string(ex.Input)); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("by hand\n%s\nby the mapping\n%s", got.String(), want)
	}
}
