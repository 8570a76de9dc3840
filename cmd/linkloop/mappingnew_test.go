package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// awkward is a message of a made-up person in the ways in which suppliers
// write what a mapping needs.
const awkward = `{"ref":"hps\\recep46","sender":"hps\\recep46","ids":[{"kind":"MRN","value":"4471882"},{"kind":"NHS","value":"999 000 0018"}],
"who":{"name":"QUILLFEATHER, Zebedee (Mr)","born":"14/06/1951","sex":"M","contact":"Mob: 07700 900123 / tel: 0113 496 0001 / z@quillfeather.example"},
"gpSurgery":"Riverside Surgery (A81099)","seen":"03/02/26","consent":"verbal","urgency":"routine","sentOn":"2026-02-03T09:00:00Z","status":"new","needs":"lonely; money"}`

// TestMappingNewFindsWhatIsAwkward: what is told apart by its neighbours, what
// stands in one text, and what is escaped is proposed, and the example keeps
// the shape of what it makes anonymous.
func TestMappingNewFindsWhatIsAwkward(t *testing.T) {
	rules, example, out, folder := propose(t, awkward)
	// A sample without a date or a referrer proposes what intake refuses; test says so.
	if said, err := run(t, "mapping", "test", "--folder", folder); err != nil && !strings.Contains(said, "would be refused") {
		t.Errorf("%v: %s", err, said)
	}
	says(t, rules, `ids[where kind = "NHS"].value | nhsNumber`, `gpSurgery | bracketed(ods)`, `gpSurgery | bracketed(ods, rest)`,
		`who.contact | part("/", 1) | part(":", 2) | phone`, `who.contact | part("/", 3) | trim`, "# CHECK: who.contact holds several")
	says(t, out, "CHECK: who.contact holds several")
	for _, mark := range []string{"QUILLFEATHER", "quillfeather", "Zebedee", "recep46", "Riverside", "A81099", "03/02/26", "999 000 0018", "4471882", "0113", "900123", "lonely"} {
		if strings.Contains(example, mark) {
			t.Errorf("the example holds %q", mark)
		}
	}
	says(t, example, ` (Mr)"`, `"TESTPERSON, `, `"contact":"Mob: 07700 900`, `"kind":"MRN"`, `"kind":"NHS"`, `/03/23"`,
		`"consent":"verbal"`, `"status":"new"`, `"urgency":"routine"`, `\\`, `"system": "email", "value": "person`, `"use": "mobile"`, "; ")
}

// TestMappingNewSaysWhatIsDangerous: without a number all referrals are one,
// without a practice no outcome finds its record; both are said first.
func TestMappingNewSaysWhatIsDangerous(t *testing.T) {
	rules, _, out, _ := propose(t, `{"who":{"surname":"Quillfeather","dob":"1951-07-03"},"tags":["x","999 000 0018"]}`)
	says(t, rules, "# CHECK: NO NUMBER OF THE REFERRAL WAS FOUND", "# CHECK: NO PRACTICE WITH AN ODS CODE WAS FOUND", "tags[1] | nhsNumber", "by its position in a list")
	says(t, out, "CHECK: NO NUMBER", "CHECK: NO PRACTICE")
}

// TestMappingNewOfTwoDigitYears: in which hundred years they lie is proposed, and
// said to be no more than that. The help says where the mapping is written.
func TestMappingNewOfTwoDigitYears(t *testing.T) {
	rules, example, out, folder := propose(t, `{"ref":"N-1","referredOn":"3/2/26","who":{"surname":"Quill","nhs":"9990000018","dob":"14-Jun-51"}}`)
	says(t, rules, fmt.Sprintf(`who.dob | date("d-MMM-yy", "yy from %d")`, time.Now().Year()-99), fmt.Sprintf(`referredOn | dateTime("d/M/yy", "yy from %d")`, time.Now().Year()/100*100),
		"# CHECK: who.dob has years of two digits", "# CHECK: referredOn has years of two digits")
	says(t, out, "CHECK: who.dob has years of two digits")
	says(t, example, `"birthDate": "19`, `"authoredOn": "20`)
	if strings.Count(out, "referredOn has years") != 1 || strings.Contains(example, "14-Jun-51") {
		t.Errorf("%s\n%s", out, example)
	}
	if said, err := run(t, "mapping", "lint", "--folder", folder); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	for _, c := range []struct{ name, want string }{{"new", `into which the new one is written (default ".")`}, {"lint", "folder of mappings (default: the embedded ones)"}} {
		if help, err := run(t, "mapping", c.name, "--help"); err != nil || !strings.Contains(help, c.want) {
			t.Errorf("%v: %s", err, help)
		}
	}
}

// TestMappingNewOfRowsWithoutHeader: columns are named by their looks, words for
// nothing are told, line ends within cells are read, and the example is UTF-8.
func TestMappingNewOfRowsWithoutHeader(t *testing.T) {
	rules, example, out, folder := propose(t, "SPX-417;02/03/26 9:15;\"QUILL, Zebed\xe9e (Mr)\";14/06/51;999 000 0018;N/K;\"12 Larkspur Row\r\nLeeds, LS6 2AA\";B86001;\"Lonely \x96 wants \"\"company\"\";\r\nmoney too\"\r\n"+
		"SPX-418;03/03/26 9:20;MARSH, Ivy;1/2/60;9990000026;-;x;B86001;y\r\n")
	says(t, rules, "header: no", "separator: semicolon", "columns: [ReferralNo, ReferralDate, Name, Born, NHSNumber, column6, Address, PracticeCode, Notes]",
		`absent: ['N/K', '-', 'NULL', '\N']`, "<- NHSNumber | nhsNumber", "# CHECK: the sample has no header")
	says(t, out, "CHECK: the sample has no header")
	says(t, example, `"birthDate": "1970-06-14"`, "02/03/23 9:30", "–", "This file is UTF-8", `"text": "`)
	for _, mark := range []string{"QUILL", "Zebed", "Larkspur", "Lonely", "999 000 0018", "SPX-418", "SPX-417", "02/03/26", "B86001"} {
		if strings.Contains(example, mark) {
			t.Errorf("the example holds %q: %s", mark, example)
		}
	}
	for _, c := range []string{"lint", "test"} {
		if said, err := run(t, "mapping", c, "--folder", folder); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	}
}

// TestMappingNewOfRowsOfOtherWidths: a preamble and a trailer do not say how many
// columns a file has; they are said, by their lines, with a header and without.
func TestMappingNewOfRowsOfOtherWidths(t *testing.T) {
	rows := "SPX-417;02/03/26;QUILL, Zebedee;14/06/51;999 000 0018;B86001\nSPX-418;03/03/26;\"MARSH,\nIvy\";1/2/60;9990000026;B86001\nSPX-419;03/03/26;DAY, Kim;1/2/61;9990000034;B86001\n"
	rules, example, out, _ := propose(t, "HDR;Kestrel, Leeds;0330\n"+rows+"TRL;0003\n")
	says(t, rules, "columns: [ReferralNo, ReferralDate, Name, Born, NHSNumber, PracticeCode]", "<- NHSNumber | nhsNumber",
		"passes: ['HDR', 'TRL']\n", "# CHECK: most rows have 6 columns, but line 1 has 3, line 6 has 2: a preamble, a trailer, or rows that are broken; passes under csv lists")
	says(t, out, "CHECK: most rows have 6 columns")
	if strings.Contains(example, "HDR") || !strings.Contains(example, ";14/06/70;") {
		t.Errorf("the example is not the first row: %s", example)
	}
	rules, example, _, _ = propose(t, "Export of 21/11/26\nref;sent;name;dob;nhs;practice code\n"+rows)
	says(t, rules, "<- nhs | nhsNumber", "line 1 has 1:", "each of them would be refused")
	says(t, example, "-- in.csv --\nref;sent;")
	rules, _, _, _ = propose(t, "T;Kestrel\n"+strings.ReplaceAll(rows, "SPX-417", "T")+"LEE;x\n")
	says(t, rules, "line 1 has 2, line 6 has 2")
	if strings.Contains(rules, "passes:") || strings.Contains(rules, "LEE") {
		t.Errorf("a row may be passed over: %s", rules)
	}
	if rules, _, out, _ = propose(t, rows); strings.Contains(out, "most rows") || strings.Contains(rules, "passes") {
		t.Error(out)
	}
}

// TestMappingNewOfSeveral: a document with several referrals is taken apart.
func TestMappingNewOfSeveral(t *testing.T) {
	rules, _, out, _ := propose(t, `{"export":{"items":[
{"ref":"N-1","patient":{"surname":"Quill","nhs":"9990000018","dob":"1951-06-14"}},
{"ref":"N-2","patient":{"surname":"Marsh","nhs":"9990000026","dob":"1960-02-01"}}]}}`)
	says(t, rules, "json:\n  each: export.items\n  id: export.items.ref\n", "export.items.patient.nhs | nhsNumber")
	says(t, out, "CHECK: each item of export.items")
	rules, example, _, folder := propose(t, `<Batch><By>Z00001</By><Referral><Ref>N-1</Ref><Person><Surname>Quill</Surname><NHSNumber>9990000018</NHSNumber></Person></Referral>
<Referral><Ref>N-2</Ref><Person><Surname>Marsh</Surname><NHSNumber>9990000026</NHSNumber></Person></Referral></Batch>`)
	says(t, rules, "xml:\n  each: Batch.Referral\n  id: Batch.Referral.Ref\n", "Batch.Referral.Person.NHSNumber | nhsNumber")
	if strings.Count(example, "<Referral>") != 1 || !strings.Contains(example, `"family": "Testperson"`) {
		t.Errorf("the example is not one message: %s", example)
	}
	if said, err := run(t, "mapping", "lint", "--folder", folder); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// TestMappingNewOfReferences: values that XML writes as character references or
// as CDATA, and comments beside them, are made anonymous like any other, and the
// example holds them plainly.
func TestMappingNewOfReferences(t *testing.T) {
	rules, example, out, folder := propose(t, `<?xml version="1.0" encoding="ISO-8859-1"?><R><!-- for Quillj&#228;ger --><No>N-1</No><Pat><NHS>999 000 0018</NHS>`+
		`<Surname>Quillj&#228;ger</Surname><Forename><![CDATA[Zebedee & Co]]></Forename></Pat><Story>Zebedee feels lonely since &#x2014; well, since <![CDATA[<b>May</b> &nbsp;]]>.</Story></R>`)
	says(t, rules, "<- R.Pat.Surname | trim", "<- R.Pat.NHS | nhsNumber")
	if strings.Contains(out, "there is no example") {
		t.Error(out)
	}
	for _, mark := range []string{"uillj", "ebedee", "&#", "CDATA", "<!--", "lonely", "999 000 0018", "ISO-8859-1"} {
		if strings.Contains(example, mark) {
			t.Errorf("the example holds %q: %s", mark, example)
		}
	}
	says(t, example, "<Surname>Testperson</Surname>", `"family": "Testperson"`)
	if said, err := run(t, "mapping", "lint", "--folder", folder); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// TestMappingNewOfEscapes: what is escaped is replaced as it is read.
func TestMappingNewOfEscapes(t *testing.T) {
	_, example, out, _ := propose(t, "MSH|^~\\&|EPR|Z00001|TIE|LL|20260302091500||REF^I12^REF_I12|M-1|P|2.5.1\rPID|1||9990000018^^^NHS^NH||Quill\\H\\feather\\N\\^Zebedee||19510703|2|||||||||S\r"+
		"OBX|1|TX|NEED^Need^L||Anxious since redundancy men\\S\\s shed, son Toby in jail||||||F\r")
	if strings.Contains(out, "there is no example") {
		t.Error(out)
	}
	for _, mark := range []string{"Quill", "feather", "Zebedee", "Anxious", "Toby", "men", "9990000018", "19510703"} {
		if strings.Contains(example, mark) {
			t.Errorf("the example holds %q: %s", mark, example)
		}
	}
	says(t, example, "REF^I12^REF_I12", "|||||||||S\n", "Testperson")
}

// TestMappingNewWithoutExample: a sample that cannot be made anonymous still
// gives a mapping, and what is wrong with it is named.
func TestMappingNewWithoutExample(t *testing.T) {
	folder, sample := t.TempDir(), filepath.Join(t.TempDir(), "sample")
	if err := os.WriteFile(sample, []byte(`{"ref":"N-1","nhs":"9990000018","surname":"Quill","people":{"Quill":1}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "new", "acme", "--from", sample, "--folder", folder)
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "CHECK: there is no example", "the member 1 of people looks like somebody's data")
	if _, err := os.Stat(filepath.Join(folder, "acme", "mapping.yaml")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "acme", "examples")); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

// TestMappingNewSaysThatItsExampleIsARefusal: new and test say it.
func TestMappingNewSaysThatItsExampleIsARefusal(t *testing.T) {
	_, _, out, folder := propose(t, "MSH|^~\\&|EPR|Z00001|TIE|LL|20260302091500||REF^A04|M-1|P|2.3\rPID|1||9990000018^^^NHS^NH||Quill^Zebedee\r")
	says(t, out, "CHECK: THE EXAMPLE IS A REFUSAL")
	said, err := run(t, "mapping", "test", "--folder", folder)
	if err != nil {
		t.Error(err)
	}
	says(t, said, "WARNING: EVERY EXAMPLE IS A REFUSAL")
	_, _, _, folder = propose(t, awkward)
	if said, _ := run(t, "mapping", "test", "--folder", folder); strings.Contains(said, "WARNING") {
		t.Error(said)
	}
}

// TestMappingNewOfStandards: what is to be checked of a copied mapping stands at
// its head, the most dangerous first, and nothing is said of an ordinary message.
func TestMappingNewOfStandards(t *testing.T) {
	const msh, pid = "MSH|^~\\&|EPR|A81001|TIE|LL|20260302091500||REF^I12|M-1|P|2.4\rRF1||||||R-17|20260302\r", "PID|1||9990000018^^^NHS^NH||Quill^Zebedee||19510703|M"
	const prd, doctor = "PRD|RP|Thistle^Pat^^^Dr|||01632 960001\r", "\rPV1|1|O||||||G9912345^THISTLE^Pat^^^Dr"
	for _, tc := range []struct{ body, says string }{
		{msh + prd + pid + doctor + "\r", ""},
		{msh + pid + doctor + "\r", "PV1-8 is taken for who refers where no PRD names anybody"},
		{msh + prd + pid + "|||||H:01632 960123~M:07700 900123 (text ok)\r", "PID-13 holds letters beside a telephone number"},
		{msh + prd + pid + "|||||01632 960123\r", ""},
		{strings.Replace(msh, "I12", "I14", 1) + prd + pid + "\r", "THE SAMPLE LOOKS LIKE A CANCELLATION (MSH-9.2)"},
		{strings.Replace(msh, "RF1|", "RF1|WDN^Withdrawn by GP", 1) + prd + pid + "\r", "THE SAMPLE LOOKS LIKE A CANCELLATION (RF1-1.2)"},
		{msh + prd + pid + "\rZRF|1|9990000026\r", "ZRF-2 looks like an NHS number"},
	} {
		rules, _, out, _ := propose(t, tc.body)
		if tc.says == "" && strings.Contains(rules+out, "CHECK") {
			t.Errorf("%s: %s", tc.body, out)
		}
		if tc.says != "" {
			says(t, rules, "# Begun as a copy of hl7v2-ref.\n# CHECK: "+tc.says)
			says(t, out, "CHECK: "+tc.says)
		}
	}
	for body, cancelled := range map[string]bool{
		`{"id":"1","status":"cancelled","surname":"Quill"}`:          true,
		`{"id":"1","action":"C","surname":"Quill"}`:                  true,
		`{"id":"1","messageType":"Withdrawal","surname":"Quill"}`:    true,
		`{"id":"1","status":"new","surname":"Quill"}`:                false,
		`{"id":"1","status":"new","notes":"cancelled her GP visit"}`: false,
	} {
		if rules, _, _, _ := propose(t, body); strings.Contains(rules, "# CHECK: THE SAMPLE LOOKS LIKE A CANCELLATION") != cancelled {
			t.Errorf("%s: %s", body, rules)
		}
	}
}

// TestMappingNewByRecords: rows without a header tell the record's id by that it
// differs, and codes of a sex by all of them.
func TestMappingNewByRecords(t *testing.T) {
	rules, _, out, _ := propose(t, "k;n;p;g;d\n4711;999 000 0018;Marsh;W;3.2.51\n4712;999 000 0026;Quill;U;4.11.60\n4713;9990000034;Day;M;1.1.70\n")
	says(t, rules, `<- k | trim | required("a referral has a number")`, "<- g | lower | code(sex)", `<- d | date("d.M.yy"`, "<- n | nhsNumber")
	says(t, out, "k was taken for the number of the referral by its looks alone")
}

// propose makes a mapping from a sample and returns its rules, its example,
// what was said and the folder.
func propose(t *testing.T, body string) (rules, example, out, folder string) {
	t.Helper()
	folder = t.TempDir()
	sample := filepath.Join(t.TempDir(), "sample")
	if err := os.WriteFile(sample, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "mapping", "new", "acme", "--from", sample, "--folder", folder)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, f := range []string{"mapping.yaml", "examples/first.txtar"} {
		b, err := os.ReadFile(filepath.Join(folder, "acme", filepath.FromSlash(f)))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	return texts[0], texts[1], out, folder
}
