package scaffold

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/mappings"
)

// known are whole values that say nothing of who somebody is: codes and systems
// of the standards, and what stands in the rules and tables of a mapping.
type known struct {
	words map[string]bool // in small letters
	exact map[string]bool
}

// common codes: HL7 v2.5.1 tables 0001, 0002, 0003, 0008, 0061, 0076, 0085, 0103,
// 0104, 0125, 0136, 0155, 0190, 0191, 0200, 0201, 0202, 0203, 0207, 0211, 0286,
// 0301, 0363 and 0396, and words that senders use as codes.
var commonCodes = strings.Fields(`
	m f u o a n w male female other unknown not-known notknown both ambiguous
	y n yes no true false null none nil n/a na nk tbc
	p t d i r e s l c b k v al ne er su
	ref ack rri adt oru orm omg siu mdm rcl rqi rpi rqc rpl rpr rqp ref_i12 rri_i12
	aa ae ar ca ce cr
	ad cf ck cn cp cx dr dt ed eI ei ft id is mo nm nta pn ppn rp si sn st tm tn ts tx xad xcn xon xpn xtn cwe cne cq
	nh nhs mr mrn pi pt pas ss an vn ri ei li dl ppn npi gp gmc gmp nmc prn pn ods nacs ubrn urn hosp hospital nhsno nhsnumber
	iso uuid guid dns uri url hl7 x400 x500 random l99 oid
	sct snm snomed snomed-ct snomedct ctv3 read read2 i10 i9c ln loinc icd10 icd-10 loc local
	prn orn wpn vhn asn emr net bpn ph fx bp md internet x.400 prs
	h ba bdl bi br rh sh tm v
	rp rt pp cp ir ri referring referred referrer
	ascii unicode utf-8 utf8 8859/1 8859/2 8859/15 iso-8859-1 iso8859-1 iso-8859-15 windows-1252 cp1252 utf-16 gbr eng uk en en-gb english
	+0000 -0000 +0100 z gmt utc bst 9999-12-31 99991231 31/12/9999
	9999999999 0000000000 1111111111 2222222222 3333333333 4444444444 5555555555 6666666666 7777777777 8888888888
	home work mobile mob tel telephone phone landline email e-mail mail fax sms pager old temp temporary usual official nickname maiden
	routine urgent asap stat soon normal high medium low emergency priority standard
	active inactive draft proposed order new updated update create created cancel cancelled canceled completed final preliminary
	open opened closed ended pending waiting discharged
	requested accepted rejected received ready in-progress on-hold failed entered-in-error error
	given refused declined withdrawn obtained granted implied verbal written consented agreed
	mr mrs ms miss mx dr prof professor rev sir dame
	referral referrals patient client person type status kind code text string number date note notes reason need needs
	social-prescribing socialprescribing sp gp-practice self carer family friend`)

// charsets are further names of character sets in table 0211 of HL7 v2.
var charsets = []string{"8859/3", "8859/4", "8859/5", "8859/6", "8859/7", "8859/8", "8859/9", "iso ir6", "iso ir14", "iso ir87", "iso ir159", "gb 18030-2000", "ks x 1001", "cns 11643-1992", "big-5", "unicode utf-8", "unicode utf-16", "unicode utf-32"}

var (
	ofJSON      = regexp.MustCompile(`"(?:code|system|target|source|url)"\s*:\s*"([^"\\]*)"`)
	conditions  = regexp.MustCompile(`\[where [^\]]*\]`)
	literals    = regexp.MustCompile(`"([^"\\]*)"|(?:=|or|contains|lacks)\s+([^\s"\]]+)`)
	accepted    = regexp.MustCompile(`(?m)^accepts:\s*\[([^\]]*)\]`)
	functions   = regexp.MustCompile(`\| *[A-Za-z]+\(([^()]*)\)`)
	addresses   = regexp.MustCompile(`(?:https?://|urn:)[^\s"'|,\])]+`)
	yamlCode    = regexp.MustCompile(`(?m)^\s*(?:- )?(?:code|system|type|use|status|intent|url|value):\s+"?([A-Za-z0-9:/._-]+)"?\s*$`)
	standardURL = regexp.MustCompile(`^https?://(?:hl7\.org/fhir|terminology\.hl7\.org|fhir\.hl7\.org\.uk|fhir\.nhs\.uk|snomed\.info/sct|loinc\.org|unitsofmeasure\.org|www\.w3\.org|www\.datadictionary\.nhs\.uk)(?:/[A-Za-z0-9/._-]*)?$`)
)

// comments are lines of a mapping that may name places of a sample no rule reads.
var comments = regexp.MustCompile(`(?m)^ *#.*$`)

// read takes what stands in a file of a mapping.
func (k *known) read(file []byte) {
	text := comments.ReplaceAllString(string(file), "")
	add := func(s string) {
		if s = strings.TrimSpace(strings.Trim(strings.TrimSpace(s), `"'`)); s != "" && len(s) <= 200 {
			k.words[strings.ToLower(s)] = true
		}
	}
	for _, form := range []*regexp.Regexp{ofJSON, yamlCode} {
		for _, m := range form.FindAllStringSubmatch(text, -1) {
			add(m[1])
		}
	}
	for _, c := range conditions.FindAllString(text, -1) {
		for _, m := range literals.FindAllStringSubmatch(c, -1) {
			add(m[1] + m[2])
		}
	}
	for _, m := range accepted.FindAllStringSubmatch(text, -1) {
		for _, t := range strings.FieldsFunc(m[1], func(r rune) bool { return r == ',' || r == '^' }) {
			add(t)
		}
		for _, t := range strings.Split(m[1], ",") {
			add(t)
		}
	}
	for _, m := range functions.FindAllStringSubmatch(text, -1) {
		for _, t := range strings.Split(m[1], ",") {
			add(t)
		}
	}
	for _, a := range addresses.FindAllString(text, -1) {
		add(a)
	}
}

func newKnown() *known { return &known{map[string]bool{}, map[string]bool{}} }

// shipped is what every mapping of ours and the common codes say.
var shipped = sync.OnceValue(func() *known {
	k := newKnown()
	for _, c := range slices.Concat(commonCodes, charsets) {
		k.words[strings.ToLower(c)] = true
	}
	_ = fs.WalkDir(mappings.Files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, ".txtar") {
			return err
		}
		data, err := fs.ReadFile(mappings.Files, p)
		if err == nil {
			k.read(data)
		}
		return err
	})
	return k
})

// ofFHIR are the codes of the required bindings of R4 and the names of its
// types.
var ofFHIR = sync.OnceValue(func() map[string]bool {
	out, seen := map[string]bool{}, map[fhir.Type]bool{}
	var walk func(t fhir.Type)
	walk = func(t fhir.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		for _, c := range t.Codes() {
			out[c] = true
		}
		for _, e := range t.Elements() {
			if of := e.Type(); of.Is() && !of.Resource() {
				walk(of)
			}
		}
	}
	for _, name := range resourceTypes {
		if t, ok := fhir.TypeOf(name); ok {
			out[name] = true
			walk(t)
		}
	}
	return out
})

// resourceTypes are those that referrals come with.
var resourceTypes = []string{"Bundle", "MessageHeader", "Patient", "Practitioner", "PractitionerRole", "Organization", "ServiceRequest", "Task",
	"Consent", "Condition", "Observation", "Provenance", "Encounter", "CarePlan", "RelatedPerson", "HealthcareService", "Location", "Endpoint",
	"DocumentReference", "Communication", "CommunicationRequest", "Appointment", "Flag", "AllergyIntolerance", "MedicationStatement", "Medication",
	"QuestionnaireResponse", "Questionnaire", "Composition", "List", "Binary", "Slot", "Schedule", "CareTeam", "EpisodeOfCare", "OperationOutcome", "Parameters",
	"Group", "Procedure", "Immunization", "DiagnosticReport", "Goal", "Device", "MedicationRequest", "Person"}

// holds reports a whole value that is harmless.
func (k *known) holds(v string) bool {
	lower := strings.ToLower(v)
	if len(v) == 2 && v[0] >= 'A' && v[0] <= 'Z' && v[1] >= 'a' && v[1] <= 'z' { // Li, and not LI
		return slices.Contains(titles, lower)
	}
	if k.words[lower] || k.exact[v] || shipped().words[lower] {
		return true
	}
	if _, ok := nhs.CanonicalSystem(v); ok {
		return true
	}
	if tableOfHL7.MatchString(v) {
		return true
	}
	return standardURL.MatchString(v) && !longDigits.MatchString(v)
}

// tableOfHL7 names a table of HL7 v2 as a coding system.
var tableOfHL7 = regexp.MustCompile(`^HL7[0-9]{4}$`)

var longDigits = regexp.MustCompile(`[0-9]{3}`)

// speaksOfKinds reports a text of common words alone, as codes for kinds are.
func speaksOfKinds(v string) bool {
	ws := strings.Fields(strings.ToLower(v))
	return len(ws) > 0 && !slices.ContainsFunc(ws, func(w string) bool {
		return !shipped().words[w] && !slices.Contains(kindWords, w)
	})
}
