package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/mappings"
)

// samples are messages of made-up people in every kind of format. Marks are
// texts of them that the example must not hold.
var samples = map[string]struct{ body, says string }{
	"json": {`{"case":{"caseRef":"C-2026-00815","createdOn":"14/02/2026 09:30","urgency":"Routine"},
 "client":{"nhsNumber":"999 000 0018","surname":"Quillfeather","forenames":"Zebedee","dob":"03/07/1951","sex":"F",
 "homeAddress":{"line1":"12 Larkspur Row","town":"Leeds","postCode":"LS6 2AA"},"mobileNo":"07700 900123"},
 "referringGp":{"name":"Dr Quillfeather Jones","practiceName":"Oak Surgery","practiceCode":"B86001"},
 "problems":[{"code":"267076002","description":"Feeling lonely"}],
 "reason":"Zebedee Quillfeather has felt alone and would like company.","colour":"blue"}`, "SNOMED CT code           <- problems.code"},
	"csv": {"RefNo;NHS No;Surname;First Name;Date of Birth;Gender;Postcode;Tel;Referral Date;Practice Code;Reason\r\n" +
		"R-77;9990000018;Quillfeather;Zebedee;03-Jul-1951;2;LS6 2AA;0113 4960001;14-Feb-2026;B86001;\"Lonely;\nwants company\"\r\nR-78;;;;;;;;;;\r\n", "NHS number               <- `NHS No`"},
	"xml": {`<?xml version="1.0"?><Referral xmlns="urn:x"><ReferralNumber>RX-9</ReferralNumber><SentDate>2026-02-14T09:30:00Z</SentDate>
<Patient><NHSNumber>9990000018</NHSNumber><Name><Family>Quillfeather &amp; O&#39;Neill</Family><Given>Zebedee</Given></Name><DOB>1951-07-03</DOB>
<Address><Line>12 Larkspur Row</Line><Line>Flat 2</Line></Address></Patient><Referrer><OdsCode>B86001</OdsCode></Referrer></Referral>`, "family name              <- Referral.Patient.Name.Family"},
	"hl7": {strings.ReplaceAll("MSH|^~\\&|EPR|Z00001|TIE|LL|20260302091500||REF^I12^REF_I12|M-1|P|2.5.1\nRF1||R|||O|SP-1|20260302\n"+
		"PID|1||9990000018^^^NHS^NH||Quillfeather^Zebedee||19510703|2|||12 Larkspur Row^^Leeds\nNTE|1||Zebedee Quillfeather is lonely.\nZZZ|1|x\n", "\n", "\r"), "begun as a copy of hl7v2-ref"},
}

// TestMappingNew: what is proposed from a sample compiles, lints without an
// error and passes its first example, which holds nothing of who it was.
func TestMappingNew(t *testing.T) {
	for name, s := range samples {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			sample := filepath.Join(t.TempDir(), "sample")
			if err := os.WriteFile(sample, []byte(s.body), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := run(t, "mapping", "new", "acme", "--from", sample, "--folder", folder)
			if err != nil {
				t.Fatal(err)
			}
			says(t, out, s.says, "made anonymous")
			var checks []string // which stand in the head of the mapping too
			for line := range strings.Lines(out) {
				if strings.HasPrefix(line, "CHECK: ") {
					checks = append(checks, strings.TrimSuffix(line, "\n"))
				}
			}
			if len(checks) == 0 {
				t.Error("nothing is to be checked")
			}
			if out, err = run(t, "mapping", "lint", "--folder", folder); err != nil {
				t.Error(err)
			}
			says(t, out, "ok    acme")
			if out, err = run(t, "mapping", "test", "--folder", folder, "--min-coverage", "20"); err != nil {
				t.Error(err)
			}
			says(t, out, "0 failed", "rules gave a value")
			rules, err := os.ReadFile(filepath.Join(folder, "acme", "mapping.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range checks {
				says(t, string(rules), "# "+line+"\n")
			}
			example, err := os.ReadFile(filepath.Join(folder, "acme", "examples", "first.txtar"))
			if err != nil {
				t.Fatal(err)
			}
			for _, mark := range []string{"Quillfeather", "Zebedee", "Larkspur", "9990000018", "999 000 0018", "0113 4960001"} {
				if strings.Contains(string(example), mark) {
					t.Errorf("the example holds %q", mark)
				}
			}
			says(t, string(example), `"birthDate": "1970-06-14"`, "-- want.json --")
			if _, err = run(t, "mapping", "new", "acme", "--from", sample, "--folder", folder); err == nil || !strings.Contains(err.Error(), "exists already: to propose again, give another name or remove the folder") {
				t.Errorf("a mapping was written over: %v", err)
			}
		})
	}
}

// TestMappingDiff: before a change goes live it is seen what it does to stored
// messages, and which of their fields nothing comes of.
func TestMappingDiff(t *testing.T) {
	a := house(t)
	send(t, a, "hl7v2-ref", samples["hl7"].body)
	folder, server := t.TempDir(), "--server="+a.BaseURL()
	if err := os.CopyFS(folder, mappings.Files); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server)
	if err != nil {
		t.Errorf("the same mapping differs: %v\n%s", err, out)
	}
	file := filepath.Join(folder, "hl7v2-ref", "mapping.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) {
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("family: <- PID-5.1", "family: <- PID-5.1 | upper")
	if out, err = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server); err == nil {
		t.Error("a change passes")
	}
	says(t, out, "Patient.name[].family", "1 changed", "(a value)")
	if strings.Contains(out, "Quillfeather") || strings.Contains(out, "QUILLFEATHER") {
		t.Error("values are shown without --values")
	}
	out, _ = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, "--values", server)
	says(t, out, "Quillfeather", "QUILLFEATHER")
	change("gender: <- PID-8 | code(sex)", `gender: <- PID-30 | code(sex) | required("the sex is needed")`)
	out, _ = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server)
	says(t, out, "would now be refused", "the sex is needed", "1 now refused")

	// What R4 does not allow is refused as the intake would, and not called accepted.
	change("gender: <- PID-8 | code(sex)", "gender: <- PID-8")
	out, err = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server)
	if err == nil {
		t.Error("a gender that R4 does not have passes")
	}
	says(t, out, "would now be refused", "PID-8", "1 now refused")

	if out, err = run(t, "mapping", "coverage", "hl7v2-ref", server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "ZZZ-2", "1 messages", "Rules that gave a value for none")
	if strings.Contains(out, "Quillfeather") {
		t.Error("coverage shows values without --values")
	}
}

// TestMappingDiffOfCancellations: a stored cancellation holds no whole referral;
// required values that it lacks make no difference, as they do not on the
// server.
func TestMappingDiffOfCancellations(t *testing.T) {
	a := house(t)
	send(t, a, "hl7v2-ref", samples["hl7"].body)
	cancel := "MSH|^~\\&|EPR|Z00001|TIE|LL|20260303091500||REF^I14^REF_I12|M-2|P|2.5.1\rRF1||R|||O|SP-1\r"
	if status := send(t, a, "hl7v2-ref", cancel); status != http.StatusOK {
		t.Fatalf("the cancellation was answered %d", status)
	}
	folder, server := t.TempDir(), "--server="+a.BaseURL()
	if err := os.CopyFS(folder, mappings.Files); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server)
	if err != nil {
		t.Errorf("the same mapping differs: %v", err)
	}
	says(t, out, "2 messages: 0 changed, 0 now refused, 0 now accepted")
	file := filepath.Join(folder, "hl7v2-ref", "mapping.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "gender: <- PID-8 | code(sex)", `gender: <- PID-8 | code(sex) | required("the sex is needed")`, 1)
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = run(t, "mapping", "diff", "hl7v2-ref", "--folder", folder, server); err != nil {
		t.Errorf("what a cancellation need not have refuses it: %v\n%s", err, out)
	}
	files := filepath.Join(t.TempDir(), "m.hl7")
	if err := os.WriteFile(files, []byte(cancel), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err = run(t, "mapping", "explain", "hl7v2-ref", files, "--output", "json"); err != nil {
		t.Error(err)
	}
	says(t, out, `"intention": "cancel"`)
}

// TestMappingExplainNotShipped: a name that is in no folder says where to look.
func TestMappingExplainNotShipped(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "m.hl7")
	if err := os.WriteFile(file, []byte(samples["hl7"].body), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "mapping", "explain", "northshire-pas", file); err == nil || !strings.Contains(err.Error(), `no mapping "northshire-pas" is shipped: name the folder it is in with --folder`) {
		t.Errorf("%v", err)
	}
	if _, err := run(t, "mapping", "explain", "northshire-pas", file, "--folder", folder); err == nil || !strings.Contains(err.Error(), `there is no mapping "northshire-pas" in `+folder) {
		t.Errorf("%v", err)
	}
	if _, err := run(t, "mapping", "explain", "hl7v2-ref", filepath.Join(folder, "none.hl7")); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

// referralOf is the resources of a mapping whose messages are a referral of
// somebody with the surname at a place.
func referralOf(surname string) string {
	return "  p:\n    resourceType: Patient\n    name: [{family: <- " + surname + " | required(\"a surname is needed\")}]\n" + `  o: {resourceType: Organization, identifier: [{system: "https://fhir.nhs.uk/Id/ods-organization-code", value: B86001}]}
  r:
    resourceType: ServiceRequest
    status: active
    intent: order
    code: {coding: [{system: "http://snomed.info/sct", code: "871731000000106"}]}
    subject: -> p
    authoredOn: "2026-02-14"
    requester: -> o
  t: {resourceType: Task, status: requested, intent: order, code: {coding: [{system: "http://hl7.org/fhir/CodeSystem/task-code", code: fulfill}]}, focus: -> r, for: -> p, requester: -> o, authoredOn: "2026-02-14"}
`
}

// TestMappingExplainJudges: what intake would refuse or flag for what a message
// says itself stands at the end, in every form, and what was made of it above.
func TestMappingExplainJudges(t *testing.T) {
	const whole = "a Patient, a ServiceRequest and a Task are needed"
	requester := strings.NewReplacer(", requester: -> o, authoredOn", ", authoredOn")
	for name, tc := range map[string]struct {
		rules, body string
		refused     bool
		says        []string
	}{
		"good":        {referralOf("s"), `{"s": "Marsh"}`, false, []string{"Marsh"}},
		"control":     {referralOf("s"), `{"s": "Ma\u001b[2Jrsh", "t": "un\u0007used"}`, true, []string{"would be refused", "Patient.name[0].family: the control character", "from s (m/mapping.yaml:9)"}},
		"no task":     {referralOf("s")[:strings.Index(referralOf("s"), "  t: ")], `{"s": "Marsh"}`, true, []string{"Marsh", "would be refused", whole}},
		"who asks":    {requester.Replace(referralOf("s")), `{"s": "Marsh"}`, true, []string{"would be refused", "Task.requester: "}},
		"by the rule": {referralOf("s"), `{"given": "Zo"}`, true, []string{"871731000000106", "given", "would be refused", "a surname is needed"}},
		"practice":    {strings.Replace(referralOf("s"), `system: "https://fhir.nhs.uk/Id/ods-organization-code"`, `system: "urn:other"`, 1), `{"s": "Marsh"}`, false, []string{"taken and flagged", "no practice with an ODS code"}},
		"check digit": {strings.Replace(referralOf("s"), "    name:", "    identifier: [{system: 'https://fhir.nhs.uk/Id/nhs-number', value: <- n}]\n    name:", 1),
			`{"s": "Marsh", "n": "9990000010"}`, false, []string{"taken and flagged", "nhs-number-check-digit: Patient.identifier[0].value: "}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := writeMapping(t, "json", tc.rules, map[string]string{"message.json": tc.body})
			file := filepath.Join(folder, "message.json")
			for _, output := range []string{"text", "json", "html"} {
				out, err := run(t, "mapping", "explain", "m", file, "--folder", folder, "-o", output)
				if got := errors.As(err, &quietError{}); got != tc.refused || err != nil && !got {
					t.Errorf("%s: %v, refused is %t", output, err, tc.refused)
				}
				if strings.ContainsAny(out, "\x1b\x07") && output == "text" {
					t.Error("a terminal would do what the message says")
				}
				judged := strings.Contains(out, "would be refused") || strings.Contains(out, "flagged") || strings.Contains(out, `"refused"`) || strings.Contains(out, `"flags"`)
				if want := len(tc.says) > 1; judged != want {
					t.Errorf("%s: it says that something is wrong: %t, want %t\n%s", output, judged, want, out)
				}
				if output == "text" {
					says(t, out, tc.says...)
				}
			}
		})
	}
}

// TestMappingExplainIntention: a message of which it is not known what it wants is
// shown all the same, and the first line does not call it new.
func TestMappingExplainIntention(t *testing.T) {
	folder := writeMapping(t, "json\nintention: <- do | code(do)", referralOf("s"), map[string]string{
		"m/vocabulary/do.json": `{"resourceType":"ConceptMap","group":[{"target":"urn:x","element":[{"code":"add","target":[{"code":"new"}]}]}]}`,
		"other.json":           `{"s": "Marsh", "do": "other"}`,
		"silent.json":          `{"s": "Marsh"}`,
	})
	out, err := run(t, "mapping", "explain", "m", filepath.Join(folder, "other.json"), "--folder", folder)
	if !errors.As(err, &quietError{}) {
		t.Errorf("%v", err)
	}
	says(t, out, "What the message wants is not known.\n", "Marsh", "would be refused:\n  the message wants something that this mapping does not know")
	if out, err = run(t, "mapping", "explain", "m", filepath.Join(folder, "silent.json"), "--folder", folder); err != nil {
		t.Error(err)
	}
	says(t, out, "The message does not say what it wants, and counts as a new referral.\n", "intention-missing")
}

// writeMapping makes a folder with one mapping and its files.
func writeMapping(t *testing.T, format, rules string, files map[string]string) (folder string) {
	t.Helper()
	folder = t.TempDir()
	all := map[string]string{"m/mapping.yaml": "mapping: m\ntitle: t\nversion: '1'\naccepts: ['*']\nformat: " + format + "\nresources:\n" + rules}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestMappingCoverageByKind: answers that the rules tell apart by their question
// are counted by question, so that a new one is seen; what a mapping only picks
// one of is not, and a place that is its own example is not said twice.
func TestMappingCoverageByKind(t *testing.T) {
	rules := `  p:
    resourceType: Patient
    name: [{family: '<- answers[where field.ref = pt_name].text'}]
    birthDate: '<- answers[where field.ref = pt_dob].text'
    telecom: [{value: '<- ways[where text = phone].value'}]
`
	form := func(extra string) string {
		return `{"answers": [{"field": {"ref": "pt_name"}, "text": "Marsh"}, {"field": {"ref": "pt_dob"}, "text": "1951-07-03", "score": 2}` + extra +
			`], "ways": [{"text": "Zebedee's own words", "value": "x"}]}`
	}
	folder := writeMapping(t, "json", rules, map[string]string{
		"1.json": form(""), "2.json": form(`, {"field": {"ref": "safeguarding"}, "text": "Quillfeather"}`), "3.json": form(`, {"text": "nobody asked"}`)})
	file := func(n string) string { return filepath.Join(folder, n+".json") }
	out, err := run(t, "mapping", "coverage", "m", file("1"), file("2"), file("3"), "--folder", folder)
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "     1        1  answers[field.ref = safeguarding].text, 2.json: answers[2].text\n",
		"     3        3  answers[field.ref = pt_dob].score, 1.json: answers[1].score\n",
		"     1        1  answers[].text, 3.json: answers[2].text\n", "--values")
	if strings.Contains(out, "pt_dob].text") || strings.Contains(out, "Quillfeather") || strings.Contains(out, "own words") {
		t.Errorf("what is used, or what somebody wrote, is shown:\n%s", out)
	}
	if out, err = run(t, "mapping", "coverage", "m", file("2"), "--folder", folder, "--values"); err != nil {
		t.Fatal(err)
	}
	says(t, out, `safeguarding].text, 2.json: answers[2].text = "Quillfeather"`)
	out, _ = run(t, "mapping", "explain", "m", file("2"), "--folder", folder)
	says(t, out, "answers[2].text (field.ref = safeguarding)  Quillfeather")

	folder = writeMapping(t, "csv", "  p: {resourceType: Patient, name: [{family: <- Surname}]}\n", map[string]string{"a.csv": "Surname,Born\nMarsh,1951\nFenn,1952\n"})
	if out, err = run(t, "mapping", "coverage", "m", filepath.Join(folder, "a.csv"), "--folder", folder); err != nil {
		t.Fatal(err)
	}
	says(t, out, "     2        2  column Born, a.csv (row 2)\n")
}

// TestMappingUpdateSaysWhatHolds: the last line says how many examples pass, not
// how many did.
func TestMappingUpdateSaysWhatHolds(t *testing.T) {
	example := func(want string) string {
		return "Made up.\n-- in.json --\n{\"s\": \"Marsh\"}\n-- want.json --\n" + want
	}
	folder := writeMapping(t, "json", referralOf("s"), map[string]string{"m/examples/a.txtar": example("{}\n"), "m/examples/b.txtar": example("{}\n")})
	for _, want := range []string{
		"2 updated to what came out: now all 2 examples pass; read the change before you keep it\n",
		"nothing to update: all 2 examples pass\n",
	} {
		out, err := run(t, "mapping", "test", "m", "--folder", folder, "--update")
		if err != nil || !strings.HasSuffix(out, "\n"+want) {
			t.Errorf("%v: it does not end with %q:\n%s", err, want, out)
		}
	}
	// What would be refused is not written, and goes on failing.
	bad := strings.Replace(example("{}\n"), "Marsh", "Ma\\u001brsh", 1)
	if err := os.WriteFile(filepath.Join(folder, "m", "examples", "b.txtar"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "m", "examples", "a.txtar"), []byte(example("{}\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "test", "m", "--folder", folder, "--update")
	if err == nil || !strings.HasSuffix(out, "\n1 updated to what came out, and pass now; not updated: what came out of 1 of 2 examples would be refused, and they fail as before\n") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestMappingDiffNamesTheFolder in which the older mapping is not.
func TestMappingDiffNamesTheFolder(t *testing.T) {
	folder := writeMapping(t, "json", referralOf("s"), map[string]string{"1.json": `{"s": "Marsh"}`})
	wrong := filepath.Join(folder, "last-week")
	_, err := run(t, "mapping", "diff", "m", filepath.Join(folder, "1.json"), "--folder", folder, "--old-folder", wrong)
	if err == nil || !strings.Contains(err.Error(), "the older mapping: there is no folder "+wrong) {
		t.Errorf("%v", err)
	}
}

// TestMappingExplainSeveral: rows of a file and elements of a document are shown
// each by itself, and one that is refused does not hide the others.
func TestMappingExplainSeveral(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"rows":  "format: csv\ncsv: {separator: semicolon}\nresources:\n" + referralOf("Surname"),
		"batch": "format: xml\nxml: {each: B.R}\nresources:\n" + referralOf("B.R.Surname"),
	} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
		head := "mapping: " + name + "\ntitle: t\nversion: '1'\naccepts: ['*']\n"
		if err := os.WriteFile(filepath.Join(folder, name, "mapping.yaml"), []byte(head+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		body, address string
		names         []string
		third         string // flag
	}{
		"rows": {"Surname;Ref\nMarsh;1\n;;\n;2\n\"Quill\nfeather\";3\n", "column Surname",
			[]string{"row 2, line 2 (message 1 of 3)\n", "row 4, line 4 (message 2 of 3)\n", "row 5, line 5 (message 3 of 3)\n"}, "--row=5"},
		"batch": {"<B><R><Surname>Marsh</Surname></R><R/><R><Surname>Quill feather</Surname></R></B>", "/B/R/Surname",
			[]string{"\nmessage 1 of 3\n", "\nmessage 2 of 3\n", "\nmessage 3 of 3\n"}, "--message=3"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "m")
			if err := os.WriteFile(file, []byte(c.body), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"mapping", "explain", name, file, "--folder", folder}
			out, err := run(t, args...)
			if err == nil {
				t.Error("a refused message passes")
			}
			says(t, out, append(c.names, "Marsh", "would be refused:\n  Patient.name[0].family: a surname is needed", "Quill feather", c.address)...)
			for _, flag := range []string{"--message=3", c.third} {
				if out, err = run(t, append(args, flag)...); err != nil || strings.Contains(out, "Marsh") || !strings.Contains(out, "Quill feather") || !strings.Contains(out, c.names[2]) {
					t.Errorf("%s: %v: %s", flag, err, out)
				}
			}
			if _, err := run(t, append(args, "--row=3")...); err == nil || !strings.Contains(err.Error(), map[string]string{
				"rows": "in row 2 and the last in row 5", "batch": "say --message, a number from 1 to 3"}[name]) {
				t.Errorf("a row without a message: %v", err)
			}
			if out, err = run(t, append(args, "-o", "json")...); err == nil || strings.Count(out, `"mapping"`) != 3 || strings.Count(out, `"refused"`) != 1 || !json.Valid([]byte(out)) {
				t.Errorf("%v: %s", err, out)
			}
			for flag, want := range map[string]string{"--message=4": "from 1 to 3", "-ohtml": "say which with --message", "-oyaml": "text, json or html"} {
				if _, err := run(t, append(args, flag)...); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", flag, err)
				}
			}
			out, err = run(t, "mapping", "coverage", name, file, "--folder", folder)
			if err != nil {
				t.Error(err)
			}
			says(t, out, "3 messages, 1 of them refused")
			out, err = run(t, "mapping", "diff", name, file, "--folder", folder, "--old-folder", folder)
			if err != nil {
				t.Error(err)
			}
			says(t, out, "3 messages: 0 changed")
		})
	}
}

// TestMappingOutputs: forms for programs and for people.
func TestMappingOutputs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.hl7")
	body := strings.Replace(samples["hl7"].body, "Quillfeather^", "<script>alert(1)</script>^", 1)
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "explain", "hl7v2-ref", file, "--output", "html")
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "&lt;script&gt;", "Patient.name[0].family", "PID-5", "ZZZ-2", "color-scheme")
	if strings.Contains(out, "<script") {
		t.Error("the page runs what a message says")
	}
	for _, args := range [][]string{{"explain", "hl7v2-ref", file, "--output", "json"}, {"lint", "--json"}, {"schema"}} {
		out, err := run(t, append([]string{"mapping"}, args...)...)
		if err != nil || !json.Valid([]byte(out)) {
			t.Errorf("%v: %v, or no JSON", args, err)
		}
	}
	if out, err = run(t, "mapping", "list"); err != nil {
		t.Fatal(err)
	}
	says(t, out, "hl7v2-ref", "generic-json")
	if _, err = run(t, "mapping", "test", "hl7v2-ref", "--min-coverage", "101"); err == nil {
		t.Error("more than everything is covered")
	}
}

// TestMappingOfNoName: a name that is no mapping is said with the folder, what
// is there and what it is near to.
func TestMappingOfNoName(t *testing.T) {
	folder := writeMapping(t, "csv", referralOf("Surname"), map[string]string{"kestrel/mapping.yaml": "mapping: kestrel\n", "a.csv": "Surname\nMarsh\n"})
	file := filepath.Join(folder, "a.csv")
	for _, args := range [][]string{
		{"explain", "kestrl", file}, {"example", "kestrl", file}, {"coverage", "kestrl", file}, {"diff", "kestrl", file, "--old-folder", folder},
		{"lint", "kestrl"}, {"test", "kestrl"}, {"diff", "hl7v2-re", file, "--folder="},
	} {
		name := args[1]
		want := []string{`no mapping "kestrl" in ` + folder, "did you mean kestrel?", "There: kestrel, m"}
		if name != "kestrl" {
			want = []string{`no mapping "hl7v2-re" is shipped`, "did you mean hl7v2-ref?", "There: "}
		}
		_, err := run(t, append([]string{"mapping", "--folder", folder}, args...)...)
		if err == nil {
			t.Fatalf("%v: there is one", args)
		}
		says(t, err.Error(), want...)
	}
	for wrong, want := range map[string]string{filepath.Join(folder, "none"): "there is no folder ", filepath.Join(folder, "m"): "and no other"} {
		if _, err := run(t, "mapping", "lint", "m", "--folder", wrong); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestMappingExplainFindings: of a file only rows are shown of which there is
// something to be said, and the others are counted.
func TestMappingExplainFindings(t *testing.T) {
	folder := writeMapping(t, "csv", strings.Replace(referralOf("Surname"), "  o: ", "    birthDate: <- Born | date(\"dd/MM/yyyy\")\n  o: ", 1), nil)
	file := filepath.Join(t.TempDir(), "a.csv")
	args := []string{"mapping", "explain", "m", file, "--folder", folder, "--findings"}
	for _, tc := range []struct {
		rows    string
		refused bool
		says    []string
		not     string
	}{
		{"Marsh,14/02/1951\nFenn,31/02/1951\n,14/02/1951\nSedge,14/02/1951\n", true,
			[]string{"row 3, line 3 (message 2 of 4)", "not-a-date", "row 4, line 4 (message 3 of 4)", "\n2 of 4 messages without"}, "row 2"},
		{"Marsh,14/02/1951\nFenn,31/02/1951\n", false, []string{"row 3, line 3 (message 2 of 2)", "\n1 of 2 messages without"}, "row 2"},
		{"Marsh,14/02/1951\nSedge,14/02/1951\n", false, []string{"\n2 of 2 messages without"}, "row"},
	} {
		if err := os.WriteFile(file, []byte("Surname,Born\n"+tc.rows), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := run(t, args...)
		if (err != nil) != tc.refused || strings.Contains(out, tc.not) {
			t.Errorf("%v:\n%s", err, out)
		}
		says(t, out, tc.says...)
		if out, err = run(t, append(args, "-o", "json")...); (err != nil) != tc.refused || !json.Valid([]byte(out)) || strings.Contains(out, "Sedge") || out[0] != '[' {
			t.Errorf("%v:\n%s", err, out)
		}
	}
}

// TestMappingCoverageOfRepetitions: an element that one message has once and
// another has several times is one field.
func TestMappingCoverageOfRepetitions(t *testing.T) {
	folder := writeMapping(t, "xml", "  p: {resourceType: Patient, name: [{family: <- Needs.Surname}]}\n", nil)
	args := []string{"mapping", "coverage", "m", "--folder", folder}
	for i, options := range []string{`<Option code="a"/>`, `<Option code="a"/><Option code="b"/>`, `<Option code="c"/>`} {
		file := filepath.Join(folder, fmt.Sprintf("%d.xml", i))
		if err := os.WriteFile(file, []byte("<Needs><Surname>Marsh</Surname>"+options+"</Needs>"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	out, err := run(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "     3        3  /Needs/Option[]/@code, 0.xml")
	if strings.Count(out, "/@code, ") != 1 {
		t.Errorf("one field is counted more than once:\n%s", out)
	}
}
