package hl7v2_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/hl7v2"
)

// withPerson is a transaction with a document about a Patient, and two scores of
// one measure.
func withPerson(patient string) []byte {
	document := `{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Composition","status":"final"}},{"resource":` + patient + `}]}`
	const score = `{"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"718466001","display":"Score"}]},` +
		`"subject":{"reference":"Patient?identifier=https%%3A%%2F%%2Ffhir.nhs.uk%%2FId%%2Fnhs-number%%7C9990000379"},"valueQuantity":{"value":%d},"effectiveDateTime":%q}}`
	return []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + fmt.Sprintf(score, 14, "2026-03-02") + "," + fmt.Sprintf(score, 21, "2026-05-04") + `,
		{"resource":{"resourceType":"DocumentReference","status":"current","content":[
		{"attachment":{"contentType":"text/plain; charset=utf-8","data":"TGV0dGVy"}},
		{"attachment":{"contentType":"application/fhir+json; fhirVersion=4.0","data":"` + base64.StdEncoding.EncodeToString([]byte(document)) + `"}}]}}]}`)
}

// sent is the one message that a delivery makes, by its lines.
func sent(t *testing.T, message string, d outbound.Delivery) []string {
	t.Helper()
	got := make(chan string, 1)
	ch := open(t, engine(t, func(c net.Conn) {
		msg, id := read(c)
		got <- msg
		_, _ = c.Write(ack("AA", id))
	}), message)
	if res := ch.Deliver(t.Context(), d); res.State != outbound.Delivered {
		t.Fatalf("%+v", res)
	}
	return strings.Split(strings.TrimSuffix(<-got, "\r"), "\r")
}

func segment(lines []string, name string) string {
	for _, l := range lines {
		if strings.HasPrefix(l, name+"|") {
			return l
		}
	}
	return ""
}

// TestHazardWrongPatientInHL7: who it is about is told as the document has it,
// by every message; a document about another number names nobody.
func TestHazardWrongPatientInHL7(t *testing.T) {
	const id = `"identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000379"}]`
	for name, c := range map[string]struct{ patient, want string }{
		"everything":      {`{"resourceType":"Patient",` + id + `,"name":[{"family":"Canary|bird","given":["Zebedee","Quill","Ann"],"prefix":["Mr"]}],"gender":"male","birthDate":"1970-06-11"}`, `PID|1||9990000379^^^NHS^NH||Canary\F\bird^Zebedee^Quill Ann^^Mr||19700611|M`},
		"a year":          {`{"resourceType":"Patient",` + id + `,"name":[{"given":["Zebedee"]}],"gender":"other","birthDate":"1970"}`, `PID|1||9990000379^^^NHS^NH||^Zebedee||1970|O`},
		"words":           {`{"resourceType":"Patient",` + id + `,"name":[{},{"text":"Zebedee Canarybird"}]}`, `PID|1||9990000379^^^NHS^NH||Zebedee Canarybird`},
		"no name":         {`{"resourceType":"Patient",` + id + `,"gender":"unknown"}`, `PID|1||9990000379^^^NHS^NH||^^^^^^U|||U`},
		"another person":  {`{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"Other"}]}`, `PID|1||9990000379^^^NHS^NH||^^^^^^U`},
		"nobody's number": {`{"resourceType":"Patient","name":[{"family":"Other"}]}`, `PID|1||9990000379^^^NHS^NH||^^^^^^U`},
	} {
		for _, message := range []string{hl7v2.Result, hl7v2.Document, hl7v2.Referral} {
			d := delivery
			d.Payload = withPerson(c.patient)
			if got := segment(sent(t, message, d), "PID"); got != c.want {
				t.Errorf("%s, %s: %s, want %s", name, message, got, c.want)
			}
		}
	}
}

// TestRequired: each message has the segments and fields that its definition
// requires, in its order, HL7 v2.5.1 sections 7.3.1, 9.6.2 and 11.5.1.
func TestRequired(t *testing.T) {
	d := delivery
	d.Payload = withPerson(`{"resourceType":"Patient"}`)
	for message, want := range map[string]struct {
		order    string
		required map[string][]int
	}{
		hl7v2.Result:   {"MSH PID OBR OBX OBX OBX", map[string][]int{"MSH": {2, 7, 9, 10, 11, 12}, "PID": {3, 5}, "OBR": {4, 25}, "OBX": {2, 3, 5, 11}}},
		hl7v2.Document: {"MSH EVN PID PV1 TXA OBX", map[string][]int{"MSH": {2, 7, 9, 10, 11, 12}, "EVN": {2}, "PID": {3, 5}, "PV1": {2}, "TXA": {1, 2, 3, 12, 17}, "OBX": {2, 3, 5, 11}}},
		hl7v2.Referral: {"MSH RF1 PRD PID OBR OBX OBX OBX", map[string][]int{"MSH": {2, 7, 9, 10, 11, 12}, "RF1": {6}, "PRD": {1}, "PID": {3, 5}, "OBR": {4, 25}, "OBX": {2, 3, 5, 11}}},
	} {
		var order []string
		for _, l := range sent(t, message, d) {
			f := strings.Split(l, "|")
			order = append(order, f[0])
			for _, n := range want.required[f[0]] {
				if f[0] == "MSH" {
					n-- // MSH-1 is the delimiter itself
				}
				if n > 0 && (n >= len(f) || f[n] == "") {
					t.Errorf("%s: field %d of %s is empty", message, n, l)
				}
			}
		}
		if got := strings.Join(order, " "); got != want.order {
			t.Errorf("%s: %s, want %s", message, got, want.order)
		}
	}
	lines := sent(t, hl7v2.Result, d)
	if !strings.HasPrefix(lines[3], "OBX|1|NM|718466001^Score^SCT||14|") || !strings.HasPrefix(lines[4], "OBX|2|NM|718466001^Score^SCT|2|21|") {
		t.Errorf("two scores of one measure are not told apart:\n%s\n%s", lines[3], lines[4])
	}
}

// TestStatus: RF1-1 is the status of the Task in table 0283, and empty where the
// table has no word; a correction says that it is one.
func TestStatus(t *testing.T) {
	for status, want := range map[string]string{
		"completed": "A^Accepted^HL70283", "in-progress": "A^Accepted^HL70283", "rejected": "R^Rejected^HL70283",
		"cancelled": "", "failed": "", "": "", "nonsense": "",
	} {
		d := delivery
		d.Payload = []byte(strings.Replace(bundle, `"code":"completed"`, fmt.Sprintf(`"code":%q`, status), 1))
		if got := segment(sent(t, hl7v2.Referral, d), "RF1"); got != "RF1|"+want+"|||||t1^LINKLOOP" {
			t.Errorf("%q: %s", status, got)
		}
	}
	d := delivery
	d.Key = outbound.CorrectionKey(d.Key, "r1")
	if got := segment(sent(t, hl7v2.Result, d), "OBR"); !strings.HasSuffix(got, "|C") {
		t.Errorf("a correction: %s", got)
	}
}

// TestCorrected: what a correction takes back has the OBX-4 that it was sent with,
// whatever else is in the message, and what is right has another.
func TestCorrected(t *testing.T) {
	entry := func(id, status, code string) string {
		return fmt.Sprintf(`{"resource":{"resourceType":"Procedure","identifier":[{"system":"s","value":%q}],"status":%q,"code":{"coding":[{"system":"http://snomed.info/sct","code":%q,"display":"x"}]}}}`, id, status, code)
	}
	subs := func(key string, entries ...string) (out []string) {
		d := delivery
		d.Key, d.Payload = key, []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`+strings.Join(entries, ",")+`]}`)
		for _, l := range sent(t, hl7v2.Result, d) {
			if f := strings.Split(l, "|"); f[0] == "OBX" {
				out = append(out, f[3][:1]+" "+f[4]+" "+f[11])
			}
		}
		return out
	}
	first := subs(delivery.Key, entry("t1.output-0", "completed", "1"), entry("t1.output-1", "completed", "1"))
	then := subs(outbound.CorrectionKey(delivery.Key, "a"), entry("t1.output-1", "entered-in-error", "1"), entry("t1.output-1.a", "completed", "2"),
		entry("t1.output-1.a-name-of-forty-characters-in-all-it-has", "completed", "2"))
	if fmt.Sprint(first) != "[1 output-0 F 1 output-1 F]" || len(then) != 3 || then[0] != "1 output-1 D" || then[1] != "2 output-1.a F" || len(then[2]) != len("2 ")+20+len(" F") {
		t.Errorf("%q, then %q", first, then)
	}
}

// TestPlainNumbers: a number has no exponent in NM.
func TestPlainNumbers(t *testing.T) {
	for value, want := range map[string]string{
		"21.5": "NM|718466001^Score^SCT||21.5", "2.1e1": "NM|718466001^Score^SCT||21", "2E-2": "NM|718466001^Score^SCT||0.02", "21.50": "NM|718466001^Score^SCT||21.50",
		"-1e3": "NM|718466001^Score^SCT||-1000", "1e999": "ST|718466001^Score^SCT||1e999",
	} {
		d := delivery
		d.Payload = []byte(strings.Replace(bundle, "21.5", value, 1))
		if lines := sent(t, hl7v2.Result, d); !strings.HasPrefix(lines[4], "OBX|2|"+want+"|") {
			t.Errorf("%s: %s, want %s", value, lines[4], want)
		}
	}
}

// TestHazardWrongScoreWhen: a score stands under the time it is of, however exact;
// without it a receiver would file it under that of the message.
func TestHazardWrongScoreWhen(t *testing.T) {
	for when, want := range map[string]string{
		`"effectiveDateTime":"2026-03-29T00:30:00Z"`:                  "20260329003000+0000",
		`"effectiveDateTime":"2026-07-01T00:30:00.5+01:00"`:           "20260630233000+0000",
		`"effectiveDateTime":"2026-03-02"`:                            "20260302",
		`"effectiveDateTime":"2026-03"`:                               "202603",
		`"effectiveDateTime":"2026"`:                                  "2026",
		`"effectivePeriod":{"start":"2026-03-02","end":"2026-04-01"}`: "20260302",
		`"effectivePeriod":{"end":"2026-04"}`:                         "202604",
		`"effectiveDateTime":"next|week"`:                             "",
	} {
		d := delivery
		d.Payload = []byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Observation","status":"final",` + when +
			`,"code":{"coding":[{"system":"http://snomed.info/sct","code":"718466001","display":"Score"}]},"valueQuantity":{"value":21}}}]}`)
		f := append(strings.Split(segment(sent(t, hl7v2.Result, d), "OBX"), "|"), make([]string, 4)...)
		if f[14] != want {
			t.Errorf("%s: %q, want %q", when, f[14], want)
		}
	}
}
