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
		{`{"person":{"DOB":"1951-06-14"}}`, "birth date", "person.`DOB`"},
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
		{`{"dob":"1951-06-14"}`, "birthDate: <- dob | date\n"},
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
		"X.Case.Client.Tel.$text | trim", "display: <- .$text | trim", "#   X.Case.Client.Colour.$text\n"} {
		if !strings.Contains(string(p.Mapping), rule) {
			t.Errorf("no %s in\n%s", rule, p.Mapping)
		}
	}
}

// TestChecks: what is dangerous is said first, and no guess goes unsaid.
func TestChecks(t *testing.T) {
	p := propose(t, `{"dob":"4/6/51","surname":"Marsh"}`)
	if len(p.Checks) < 3 || !strings.HasPrefix(p.Checks[0], "NO NUMBER OF THE REFERRAL") || !strings.HasPrefix(p.Checks[1], "NO PRACTICE") {
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

// TestAnonymous: nothing of who somebody is stays, and what stays in another
// spelling is found.
func TestAnonymous(t *testing.T) {
	const body = `{"nhs":"999 000 0018","surname":"Quillfeather","dob":"14/06/51","story":"Zebedee Quillfeather of 12 Larkspur Row has felt alone for some time now.","kind":"routine"}`
	p := propose(t, body)
	out := string(p.Anonymous([]byte(body)))
	for _, mark := range []string{"999 000 0018", "Quillfeather", "Larkspur", "14/06/51"} {
		if strings.Contains(out, mark) {
			t.Errorf("%s holds %s", out, mark)
		}
	}
	if !strings.Contains(out, `"kind":"routine"`) || !strings.Contains(out, "/70\"") {
		t.Errorf("%s", out)
	}
	if leaks := p.Leaks(tree(t, out)); len(leaks) > 0 {
		t.Errorf("leaks %v", leaks)
	}
	escaped := strings.Replace(body, "Quillfeather\"", `Qu\u0069llfeather"`, 1)
	if leaks := p.Leaks(tree(t, string(p.Anonymous([]byte(escaped))))); !slices.Equal(leaks, []string{"surname"}) {
		t.Errorf("leaks %v", leaks)
	}
	again := string(p.Anonymous([]byte(body)))
	if again != out {
		t.Error("twice the same sample, and two examples")
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
