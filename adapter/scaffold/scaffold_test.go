package scaffold_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/scaffold"
)

func tree(t *testing.T, body string) *message.Tree {
	t.Helper()
	m, err := jsondoc.New().Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return m.Tree
}

func propose(t *testing.T, body string) *scaffold.Proposal {
	t.Helper()
	return scaffold.Propose(scaffold.Source{Name: "acme", Format: "json", Year: 2026}, tree(t, body))
}

// TestRecognises: what a member holds is told by its value and its name, and by
// neither what only looks like it.
func TestRecognises(t *testing.T) {
	for _, tc := range []struct{ body, as, path string }{
		{`{"nhs":"999 000 0018"}`, "NHS number", "nhs"},
		{`{"tel":"9990000018"}`, "telephone number", "tel"},
		{`{"person":{"dob":"14/06/1951"}}`, "birth date", "person.dob"},
		{`{"person":{"dateOfBirth":"14.6.51"}}`, "birth date", "person.dateOfBirth"},
		{`{"person":{"DOB":"1951-06-14"}}`, "birth date", "person.DOB"},
		{`{"referral":{"dt":"3 Mar 2026"}}`, "date of the referral", "referral.dt"},
		{`{"a":"kim@example.org"}`, "e-mail address", "a"},
		{`{"a":"07700 900123"}`, "telephone number", "a"},
		{`{"pat":{"sn":"Marsh"}}`, "family name", "pat.sn"},
		{`{"pat":{"nm":{"full":"Ivy Marsh"}}}`, "name in one field", "pat.nm.full"},
		{`{"consent":{"given":"1"}}`, "", "consent.given"},
		{`{"src":{"org":"B86001"}}`, "ODS code", "src.org"},
		{`{"src":{"nm":"Oak Surgery"}}`, "name of an organisation", "src.nm"},
		{`{"gp":{"surgery":"Oak Surgery (B86001)"}}`, "name of an organisation", "gp.surgery"},
		{`{"req":{"no":"000123"}}`, "number of the referral", "req.no"},
		{`{"req":{"pri":"2"}}`, "priority", "req.pri"},
		{`{"need":{"code":"267076002"}}`, "SNOMED CT code", "need.code"},
		{`{"need":{"code":"267076003"}}`, "", "need.code"},
		{`{"postCode":"ls13 2ab"}`, "postcode", "postCode"},
		{`{"reasons":[{"txt":"Lonely"}]}`, "need in words", "reasons.txt"},
		{`{"colour":"blue"}`, "", "colour"},
		{`{"x":"B86001"}`, "ODS code", "x"},
		{`{"x":"3.2.51"}`, "birth date", "x"},
		{`{"x":"F"}`, "gender", "x"},
		{`{"x":"W"}`, "gender", "x"},
		{`{"x":"U"}`, "", "x"},
		{`{"maritalStatus":"M"}`, "", "maritalStatus"},
		{`{"x":"01632.960123"}`, "telephone number", "x"},
		{`{"x":"7700900123"}`, "telephone number", "x"},
		{`{"x":"ls6\u00a02aa"}`, "postcode", "x"},
		{`{"x":"999 000 0018"}`, "NHS number", "x"},
		{`{"nhs":"999 000 0019"}`, "NHS number", "nhs"},
		{`{"x":"4711"}`, "", "x"},
		{`{"list":[{"x":"4711","y":"5","nhs":"9990000018","sn":"Quill"},{"x":"4712","y":"5","nhs":"9990000026","sn":"Marsh"}]}`, "number of the referral", "list.x"},
		{`{"Größe":"x@example.org"}`, "e-mail address", "Größe"},
	} {
		p := propose(t, tc.body)
		got := ""
		for _, g := range p.Found {
			if g.Path == tc.path {
				got = g.As
			}
		}
		if got != tc.as {
			t.Errorf("%s was taken for %q, want %q", tc.body, got, tc.as)
		}
		if strings.HasPrefix(tc.body, `{"list"`) {
			continue // of which other members are not used
		}
		if unused := slices.Contains(p.Unused, tc.path); unused != (tc.as == "") {
			t.Errorf("%s: unused %v, found %v", tc.body, p.Unused, p.Found)
		}
	}
}

// TestRules: what is written for what was recognised.
func TestRules(t *testing.T) {
	for _, tc := range []struct{ body, rule string }{
		{`{"dob":{"d":"4","m":"6","y":"1951"}}`, `birthDate: '<- dob.y and dob.m and dob.d | join("-") | date("yyyy-M-d")'`},
		{`{"dob":"4/6/51"}`, `birthDate: '<- dob | date("d/M/yy", "yy from 1927")'`},
		{`{"referredOn":"03/02/26 9:30"}`, `authoredOn: '<- referredOn | dateTime("dd/MM/yy H:mm", "yy from 2000")`},
		{`{"x":"3.7.51"}`, `birthDate: '<- x | date("d.M.yy", "yy from 1927")'`},
		{`{"referral":{"x":"3.7.51","sent":"1.2.26"}}`, `authoredOn: '<- referral.sent |`},
		{`{"ph":"home 01632 960123, mob 07700 900123 after 6"}`, "- $each: ph | phones\n"},
		{`{"phones":["H:01632 960123","M:07700 900123 after 6"]}`, `<- each phones | phones(rest) | join("; ")`},
		{`{"tel":"E:kim@example.org"}`, `<- tel | replace("E:", "") | trim`},
		{`{"x":"12 Larkspur Row, Leeds, LS6 2AA"}`, "postalCode: <- x | addressPostcode"},
		{`{"why":"<p>Lonely since May &amp; tired</p>"}`, "- text: <- why | html"},
		{`{"subj":{"n":"9990000018","name":"Ivy Marsh"},"usr":{"name":"Pat Thistle","tel":"01632 960001"},"tel":"07700 900123"}`, "value: <- tel | phone"},
		{`{"dob":"1951-06-14"}`, "birthDate: <- dob | date\n"},
		{`{"gp":{"surgery":"Beeston Hill Practice (Leeds) (B86002)"}}`, "value: <- gp.surgery | bracketed(ods)\n"},
		{`{"gp":{"surgery":"Beeston Hill Practice (Leeds) (B86002)"}}`, "name: <- gp.surgery | bracketed(ods, rest)\n"},
		{`{"address":"12 Mill Lane, Leeds, LS13 2AB"}`, "postalCode: <- address | addressPostcode"},
		{`{"address":"12 Mill Lane","town":"Leeds"}`, "city: <- town | trim"},
		{`{"name":"MARSH, Ivy"}`, "prefix: ['<- name | namePrefix']"},
		{`{"ids":[{"t":"MRN","v":"7"},{"t":"NHS","v":"9990000018"}]}`, `ids[where t = "NHS"].v | nhsNumber`},
		{`{"items":[{"surname":"Marsh","nhs":"9990000018"},{"surname":"Quill","nhs":"9990000026"}]}`, "json:\n  each: items\n"},
	} {
		if got := string(propose(t, tc.body).Mapping); !strings.Contains(got, tc.rule) {
			t.Errorf("%s: no %s in\n%s", tc.body, tc.rule, got)
		}
	}
}

// TestElementsWithAttributes: the text of an XML element is what the element is
// called, and an address of a document of several is taken apart too.
func TestElementsWithAttributes(t *testing.T) {
	m, err := xmldoc.New().Decode([]byte(`<X site="B86001"><Case no="C/26/1" raised="02-03-26"><Client nhs="9990000018" sn="Marsh"><Addr>12 Mill Lane, Leeds, LS13 2AB</Addr><Tel type="mob">07700 900123</Tel>
		<Colour shade="dark">blue</Colour></Client><Issue code="267076002">Loneliness</Issue><Issue code="160476009">Debt</Issue></Case><Case no="C/26/2" raised="03-03-26"><Client nhs="9990000026" sn="Quill"/></Case></X>`))
	if err != nil {
		t.Fatal(err)
	}
	p := scaffold.Propose(scaffold.Source{Name: "acme", Format: "xml", Year: 2026}, m.Tree)
	for _, rule := range []string{"xml:\n  each: X.Case\n  id: 'X.Case.@no'\n", "X.Case.Client.Addr | addressPostcode", "<- X.Case.@raised | dateTime(", "<- X.@site | ods",
		"X.Case.Client.Tel.$text | phone", "display: <- .$text | trim", "#   X.Case.Client.Colour.$text\n"} {
		if !strings.Contains(string(p.Mapping), rule) {
			t.Errorf("no %s in\n%s", rule, p.Mapping)
		}
	}
}

// TestChecks: what is dangerous is said first, and no guess goes unsaid.
func TestChecks(t *testing.T) {
	p := propose(t, `{"dob":"4/6/51","surname":"Marsh","messageType":"NEW"}`)
	if len(p.Checks) < 3 || !strings.HasPrefix(p.Checks[0], "NO NUMBER OF THE REFERRAL") || !strings.HasPrefix(p.Checks[1], "NO PRACTICE") {
		t.Errorf("%q", p.Checks)
	}
	if !slices.ContainsFunc(p.Checks[:3], func(c string) bool {
		return strings.HasPrefix(c, "EVERYTHING THAT COMES") && strings.HasSuffix(c, "; messageType may say what a message wants")
	}) {
		t.Errorf("%q", p.Checks)
	}
	if all := strings.Join(p.Checks, "\n"); !strings.Contains(all, "dob has years of two digits, taken for 1927 to 2026") {
		t.Errorf("%s", all)
	}
	for _, c := range p.Checks {
		if !strings.Contains(string(p.Mapping), "# CHECK: "+c+"\n") {
			t.Errorf("the mapping does not say %q", c)
		}
	}
}

// TestDangers: what a sender means by a status or a consent comes before what is
// only unsure, and other places of yes and no are no consent.
func TestDangers(t *testing.T) {
	p := propose(t, `{"id":"R-1","nhs":"9990000018","name":"Ivy Marsh","sex":"F","status":"Open","maritalStatus":"Closed","preferred":"true","Happy to share with GP?":"No"}`)
	at := func(text string) int {
		return slices.IndexFunc(p.Checks, func(c string) bool { return strings.Contains(c, text) })
	}
	if share := at("Happy to share with GP?` holds yes and no"); share < 0 || share > at("holds the whole name") {
		t.Errorf("%q", p.Checks)
	}
	if at("; status may say what a message wants") < 0 || at("preferred") >= 0 || at("maritalStatus") >= 0 {
		t.Errorf("%q", p.Checks)
	}
}

// TestColumnsOfRecords: what some records have in another column, among words or
// as another code is not lost.
func TestColumnsOfRecords(t *testing.T) {
	src := scaffold.Source{Name: "acme", Format: "csv", Year: 2026}
	for _, b := range []string{
		`{"ref":"R-1","nhs":"9990000018","name":"Marsh, Ivy","referred":"03 Nov 2026","sex":"F","priority":"R","address":"12 Mill Lane, Leeds, LS6 2AA","tel":"07700 900123","tel2":"07700 900124"}`,
		`{"ref":"R-2","nhs":"9990000026","name":"Quill, Tom","referred":"4 Nov 2026","sex":"X","priority":"Soon","address":"9 The Green","postcode":"LS6 2AB","tel":"01632 960123","tel2":"ask for Kim"}`,
		`{"ref":"R-3","nhs":"9990000034","name":"Day, Zoe","referred":"5 Nov 2026","sex":"Zoe Day","priority":"U","address":"9 The Green","postcode":"LS6 2AB"}`,
	} {
		src.Records = append(src.Records, tree(t, b))
	}
	got := string(scaffold.Propose(src, src.Records[0]).Mapping)
	for _, want := range []string{
		`postalCode: '= has("postcode") ? postcode(src("postcode")) : addressPostcode(src("address"))'`, `text: '<- address and postcode | text | lines | join(", ")'`,
		"value: <- tel | phone\n", "- $each: tel2 | phones\n", `<- tel2 | phones(rest) | join("; ")`, `dateTime("d MMM yyyy")`,
		`sex.json: what this sender means by its codes (the numbers are those of the NHS Data Dictionary); it does not have "x", so`, `words in priority; it does not have "soon", so`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// TestColumns: a row without a header is told from a header, and its columns get
// names by which they are recognised.
func TestColumns(t *testing.T) {
	row := []string{"SPX-000417", "02/03/26 09:15", "QUILLFEATHER, Zebedée (Mr)", "14/06/51", "999 000 0018", "M", "12 Larkspur Row\nLeeds LS6 2AA",
		"07700 900123 (m) / 01632 960001", "B86001", "Oak Surgery", "Dr P Thistlewood", "N/K", "Lonely since his wife died", "", "03/02/2026"}
	want := "ReferralNo ReferralDate Name Born NHSNumber Sex Address Contact PracticeCode PracticeName Referrer column12 Notes column14 ReferralDate2"
	if got := strings.Join(scaffold.ColumnNames(row), " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !scaffold.IsData(row) {
		t.Error("a row is taken for a header")
	}
	for _, header := range [][]string{{"NHS No", "Surname", "Date of Birth", "Postcode"}, {"ref;1"}, nil} {
		if scaffold.IsData(header) {
			t.Errorf("%q is taken for a row", header)
		}
	}
	for text, nothing := range map[string]bool{"N/K": true, "Not known": true, "-": true, "None": true, "No": false, "": false, "N": false} {
		if scaffold.MeansNothing(text) != nothing {
			t.Errorf("%q means nothing: %v", text, !nothing)
		}
	}
}

// TestWhoseName: the name is that of whoever the NHS number stands with, and a
// second name is named.
func TestWhoseName(t *testing.T) {
	for _, tc := range []struct{ body, rule, check string }{
		{`{"req":{"doc":{"name":"Dr P Thistle"},"pat":{"name":"MARSH, Ivy","nn":"999 000 0018"}}}`,
			"text: '<- req.pat.name | text", "req.pat.name was taken for the name of the person, because it stands with the NHS number; req.doc.name holds a name too"},
		{`{"msg":{"usr":{"surname":"Thistle","forename":"Pat"},"subj":{"ids":{"n":"9990000018"},"surname":"Marsh","forename":"Ivy"}}}`,
			"family: '<- msg.subj.surname | trim", "msg.usr.surname holds a name too"},
		{`{"msg":{"usr":{"surname":"Thistle","forename":"Pat"},"subj":{"n":"9990000018","name":"MARSH, Ivy"}}}`,
			"text: '<- msg.subj.name | text", "msg.usr.surname holds a name too"},
		{`{"gpReferral":{"nhs":"9990000018","surname":"Marsh","staff":{"surname":"Thistle"}}}`,
			"family: '<- gpReferral.surname | trim", "gpReferral.staff.surname holds a name too"},
		{`{"name":"Dr P Thistle","name2":"Ivy Marsh","nhs":"9990000018"}`,
			"text: '<- name2 | text", "name2 was taken for the name of the person; name holds a name too"},
		{`{"name":"Dr P Thistle","nhs":"9990000018"}`, "text: '<- name | text", "begins with the title of a doctor"},
	} {
		p := propose(t, tc.body)
		if got := string(p.Mapping); !strings.Contains(got, tc.rule) {
			t.Errorf("%s: no %s in\n%s", tc.body, tc.rule, got)
		}
		if all := strings.Join(p.Checks, "\n"); !strings.Contains(all, tc.check) {
			t.Errorf("%s: no check %q in\n%s", tc.body, tc.check, all)
		}
	}
	p := propose(t, `{"nhs":"9990000018","name":"Ivy Marsh"}`)
	if all := strings.Join(p.Checks, "\n"); strings.Contains(all, "holds a name too") || strings.Contains(all, "title of a doctor") {
		t.Errorf("one name, and %s", all)
	}
}

// TestNotWithTheNumber: what stands elsewhere than the person is not the
// person's, and is not silently left either.
func TestNotWithTheNumber(t *testing.T) {
	p := propose(t, `{"pat":{"nhs":"9990000018","tel":"07700 900123"},"usr":{"tel":"01632 960001"}}`)
	if got := string(p.Mapping); !strings.Contains(got, "<- pat.tel |") || strings.Contains(got, "<- usr.tel |") {
		t.Errorf("%s", got)
	}
	only := propose(t, `{"msg":{"pat":{"nhs":"9990000018","sn":"Quill"},"usr":{"name":"P Thistle","tel":"01632 960001"}}}`)
	if got := string(only.Mapping); strings.Contains(got, "<- msg.usr.tel |") || !slices.Contains(only.Unused, "msg.usr.tel") {
		t.Errorf("the only number of the message is somebody else's: %s", got)
	}
	if all := strings.Join(p.Checks, "\n"); !strings.Contains(all, "usr.tel looks like a telephone number, but") {
		t.Errorf("%s", all)
	}
}

// TestSays: a guess by looks alone, and a number that is none, are said.
func TestSays(t *testing.T) {
	for body, check := range map[string]string{
		`{"x":"3.2.51"}`:         "x was taken for the birth date by its looks alone",
		`{"nhs":"999 000 0019"}`: "nhs is called an NHS number, and in the sample it is none",
	} {
		if all := strings.Join(propose(t, body).Checks, "\n"); !strings.Contains(all, check) {
			t.Errorf("%s: %s", body, all)
		}
	}
	if w := string(propose(t, `{"x":"W"}`).Vocabulary["sex.json"]); !strings.Contains(w, `"code": "w"`) {
		t.Errorf("W is in no table: %s", w)
	}
}

// TestSegmentLike: a list that would be read as a segment of HL7 v2 where
// brackets follow is quoted there, and nowhere else.
func TestSegmentLike(t *testing.T) {
	got := string(propose(t, `{"IDS":[{"t":"MRN","v":"7"},{"t":"NHS","v":"9990000018"}],"DOB":"14/06/1951"}`).Mapping)
	for _, want := range []string{"`IDS`[where t = \"NHS\"].v | nhsNumber", "<- DOB | date"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// TestPlain: what is read stands there.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		`<?xml version="1.0" encoding="ISO-8859-1"?><a b="&#38;&#x22;">J&#228;ger<!-- Quill --></a>`: `<?xml version="1.0"?><a b="&amp;&quot;">Jäger</a>`,
		"<a><![CDATA[M&S <b>&auml;</b>]]>&#10;x</a>":                                                 `<a>M&amp;S &lt;b&gt;&amp;auml;&lt;/b&gt;` + "\nx</a>",
		`{"a":"Qu\u0069ll \"x\" \u003c","b":"c\/d"}`:                                                 `{"a":"Quill \"x\" <","b":"c/d"}`,
		`MSH|a\X41\b\X7C\`: `MSH|aAb\X7C\`,
		"a;&#228;":         "a;&#228;",
	} {
		if got := scaffold.Plain(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

// TestEveryRecord: what one record leaves empty, writes otherwise or says with
// another word is seen in the others.
func TestEveryRecord(t *testing.T) {
	bodies := []string{
		`{"a":"N","ref":"R-1","nhs":"9990000018","surname":"Marsh","dob":"14.06.1951","sent":"3 Mar 26","contact":"07700 900123","surgery":"Oak Surgery","consent":"J","keen":"J"}`,
		`{"a":"N","ref":"R-2","nhs":"9990000026","surname":"Quill","dob":"1 Jun 51","sent":"29 Feb 26","contact":"wife 07700 900124 after 6","surgery":"Oak Surgery (Leeds) (B86002)","consent":"N","keen":"N","colour":"blue"}`,
		`{"a":"S","ref":"R-3","nhs":"9990000026","surname":"Quill","dob":"2026-02-03","sent":"12 Mar 26","email":"kim@example.org"}`,
	}
	src := scaffold.Source{Name: "acme", Format: "json", Year: 2026}
	for _, b := range bodies {
		src.Records = append(src.Records, tree(t, b))
	}
	p := scaffold.Propose(src, src.Records[0])
	for _, rule := range []string{`dob | date("dd.MM.yyyy", "d MMM yy", "iso", "yy from 1927")`, `sent | dateTime("d MMM yy", "yy from 2000")`,
		"- $each: contact | phones\n", `contact | phones(rest) | join("; ")`, "surgery | bracketed(ods)\n", "value: <- email | trim"} {
		if !strings.Contains(string(p.Mapping), rule) {
			t.Errorf("no %s in\n%s", rule, p.Mapping)
		}
	}
	if !slices.Contains(p.Unused, "colour") {
		t.Errorf("unused %q", p.Unused)
	}
	all := strings.Join(p.Checks, "\n")
	for _, check := range []string{"sent has values that are no dates, or are in a form that is not known here (1 of", "a may say what a row wants", "consent holds yes and no"} {
		if !strings.Contains(all, check) {
			t.Errorf("no check %q in\n%s", check, all)
		}
	}
	if strings.Contains(all, "dob has values") || strings.Contains(all, "colour") || strings.Contains(all, "keen") {
		t.Errorf("%s", all)
	}
	rows := [][]string{{"R-001", "", "9990000018", "N/K"}, {"R-002", "14/06/1951", "", "kim@example.org", "more"}, {"R-003", "03/03/2026"}}
	if got := strings.Join(scaffold.ColumnNames(rows...), " "); got != "ReferralNo Born NHSNumber Email" {
		t.Error(got)
	}
}
