package mapping_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
)

// run sends one value through functions and returns what comes out, and the
// codes of the findings.
func run(t testing.TB, use, value string) (string, []string) {
	t.Helper()
	m := compile(t, head+"resources:\n  p:\n    resourceType: Patient\n    b: <- ZZZ-2\n    a: ['<- ZZZ-1 | "+use+"']\n")
	tr := message.NewTree(8, nil)
	seg := tr.Add(tr.Root(), "ZZZ", message.Object, "")
	tr.Add(tr.Add(seg, "1", message.List, ""), "", message.Text, value)
	tr.Add(tr.Add(seg, "2", message.List, ""), "", message.Text, "x")
	r, err := m.Apply(tr, mapping.Context{})
	if err != nil && fault.KindOf(err) != fault.TooLarge {
		t.Fatal(err)
	}
	var out, codes []string
	if err != nil {
		return "", []string{"too large"}
	}
	for _, v := range r.Get("p").Root.List("a") {
		out = append(out, v.Text)
	}
	for _, f := range r.Findings {
		codes = append(codes, f.Code+": "+f.Text)
		if len(value) > 5 && strings.Contains(f.Text, value) {
			t.Errorf("%s: the finding shows the value", use)
		}
	}
	return strings.Join(out, " · "), codes
}

// TestReference runs the example of every function.
func TestReference(t *testing.T) {
	for _, f := range mapping.FunctionReference() {
		if f.Says == "" {
			t.Errorf("%s says nothing", f.Name)
		}
		if f.Use == "" {
			if !slices.Contains([]string{"code", "display", "system"}, f.Name) {
				t.Errorf("%s has no example", f.Name)
			}
			continue
		}
		if f.Name == "required" {
			continue
		}
		if got, _ := run(t, f.Use, f.Value); got != f.Gives {
			t.Errorf("%q | %s = %q, want %q", f.Value, f.Use, got, f.Gives)
		}
	}
}

func TestFunctions(t *testing.T) {
	for _, tc := range []struct{ use, in, want, finding string }{
		{"nhsNumber", "999-000 0018", "9990000018", ""},
		{"nhsNumber", "12345", "12345", ""},
		{"nhsNumber(valid)", "999 000 0018", "9990000018", ""},
		{"nhsNumber(valid)", "9990000019", "", "not-an-nhs-number: the NHS number fails its check digit"},
		{"nhsNumber(valid)", "9999999999", "", "not-an-nhs-number: the NHS number is one digit repeated"},
		{"ods", "k81003001", "K81003001", ""},
		{"ods", "R0", "", "not-ods-code"},
		{"ods", "Larkfield", "", "not-ods-code"},
		{"ods", "ral", "RAL", ""},
		{"ods(digit)", "ral", "", "not-ods-code"},
		{"ods(digit)", "r0a", "R0A", ""},
		{"ods(digit)", " ", "", ""},

		{`date("dd/MM/yyyy", "MM/yyyy", "yyyy")`, "17/04/1953", "1953-04-17", ""},
		{`date("dd/MM/yyyy", "MM/yyyy", "yyyy")`, "04/1953", "1953-04", ""},
		{`date("dd/MM/yyyy", "MM/yyyy", "yyyy")`, "1953", "1953", ""},
		{`date("dd/MM/yyyy", "MM/yyyy", "yyyy")`, "1953-04-17", "", "not-a-date"},
		{`date("d MMMM yyyy")`, "1 september 1999", "1999-09-01", ""},
		{`date("MMM yyyy")`, "Feb 2001", "2001-02", ""},
		{"date", "195304", "1953-04", ""},
		{"date", "1953-04", "1953-04", ""},
		{"date", "30/02/1953", "", "not-a-date: not a date as HL7 v2 or ISO"},
		{"date", "1953-02-30", "", "not-a-date: a day or a time that does not exist"},
		{"date", "0953-02-03", "", "not-a-date: a day or a time that does not exist, or a year before 1800"},
		{"instant", "20260102", "", "not-a-date: a date without a time of day"},
		{`date("dd/MM/yyyy", "MM/yyyy")`, "30/02/1953", "", "not-a-date: a day or a time that does not exist"},
		{`date("dd/MM/yyyy", "MM/yyyy")`, "1953", "", "not-a-date: not a date in a layout that this rule names"},
		{`dateTime("iso", "dd/MM/yyyy H:mm")`, "2026-06-01T10:30:00Z", "2026-06-01T10:30:00Z", ""},
		{`dateTime("iso", "dd/MM/yyyy H:mm")`, "01/06/2026 9:30", "2026-06-01T09:30:00+01:00", ""},
		{`dateTime("dd/MM/yyyy", "iso")`, "20260601", "2026-06-01", ""},
		{`dateTime("dd/MM/yyyy", "iso")`, "2026-06-31", "", "not-a-date: a day or a time that does not exist"},
		{`date("do MMM yyyy", "do MMMM yyyy")`, "22nd Feb 1938", "1938-02-22", ""},
		{`date("do MMM yyyy", "do MMMM yyyy")`, "1ST February 1938", "1938-02-01", ""},
		{`date("do MMM yyyy")`, "22 Feb 1938", "", "not-a-date: not a date in a layout"},
		{`date("do MMM yyyy")`, "30th Feb 1938", "", "not-a-date: a day or a time that does not exist"},
		{`date("do MMM yyyy")`, "22n", "", "not-a-date"},
		{`dateTime("dd/MM/yyyy HH:mm", "dd/MM/yyyy")`, "01/06/2026 10:30", "2026-06-01T10:30:00+01:00", ""},
		{`dateTime("dd/MM/yyyy HH:mm", "dd/MM/yyyy")`, "01/06/2026", "2026-06-01", ""},

		{`only("Y", "J")`, "N", "", ""},
		{`except("N/A")`, "n/a", "", ""},
		{`except("N/A")`, "Leeds", "Leeds", ""},

		{"postcode", "LS13 2AB", "LS13 2AB", ""},
		{"postcode", " w1a1hq ", "W1A 1HQ", ""},
		{"postcode", "gir0aa", "GIR 0AA", ""},
		{"postcode", "ZZ993VZ", "ZZ99 3VZ", ""},
		{"postcode", "75001 paris", "75001 PARIS", ""},
		{"addressPostcode", "2 Hill, no postcode", "", ""},
		{"addressTown", "12 Mill Lane, Leeds, UK", "Leeds", ""},
		{"addressTown", "12 Mill Lane Leeds LS13 2AB", "", ""},
		{"addressTown", "12 Mill Lane\r\nBakewell\r\nDerbyshire\r\nDE45 1AA", "Bakewell", ""},
		{"addressTown", "Rose Cottage, Kent", "Kent", ""},
		{"addressCounty", "1 The Street, Ash, Kent, CT3 2HH, England", "Kent", ""},
		{"addressLines", "12 Mill Lane Leeds LS13 2AB", "12 Mill Lane Leeds", ""},
		{"addressLines", ", ,", "", ""},
		{"addressTown", "4 Mock Lane, Leeds, LS6 3AA (key safe 1234)", "Leeds", ""},
		{"addressLines", "4 Mock Lane, Leeds, LS6 3AA (key safe 1234)", "4 Mock Lane · (key safe 1234)", ""},
		{"addressTown", "4 Mock Lane, Leeds, LS6 3AA, ring twice", "Leeds", ""},
		{"addressTown", "4 Mock Lane, Leeds, LS6 3AA, West Yorkshire, UK", "Leeds", ""},
		{"addressCounty", "4 Mock Lane, Leeds, LS6 3AA, West Yorkshire, UK", "West Yorkshire", ""},
		{"addressLines", "4 Mock Lane, Leeds, LS6 3AA, West Yorkshire, UK", "4 Mock Lane", ""},
		{"addressTown", "4 Mock Lane, Leeds, LS6", "Leeds", ""},
		{"addressLines", "4 Mock Lane, Leeds, LS6", "4 Mock Lane · LS6", ""},
		{"addressPostcode", "4 Mock Lane, Leeds, LS6", "", ""},
		{"addressTown", "Flat 2, 4 Mock Lane, LS6 3AA", "", ""},
		{"addressLines", "Flat 2, 4 Mock Lane, LS6 3AA", "Flat 2 · 4 Mock Lane", ""},
		{"addressTown", "LS6 3AA, 4 Mock Lane, Leeds", "Leeds", ""},

		{"phone", "07700 900123", "07700900123", ""},
		{"phone", "0044 7700 900123", "07700900123", ""},
		{"phone", "447700900123", "07700900123", ""},
		{"phone", "7700900123", "07700900123", ""},
		{"phone", "(01632) 960 001", "01632960001", ""},
		{"phone", "01632 960001 x12", "01632960001 ext. 12", ""},
		{"phone", "01632 960001 extn: 12", "01632960001 ext. 12", ""},
		{"phone", "Mob: 07700 900123", "07700900123", ""},
		{"phone", "+33 1 99 00 12 34", "+33199001234", ""},
		{"phone", "111", "111", ""},
		{"phone", "07700 900123, after six", "07700 900123, after six", ""},
		{"phone", "44 (0)7700 900123", "07700900123", ""},
		{"phone", "01632 960 0123", "", "not-a-phone-number: a telephone number of the United Kingdom has at most 11 digits"},
		{"phone", "+44 1632 960 0123", "", "not-a-phone-number: a telephone number of the United Kingdom"},
		{"phone", "0044 (0)1632 960 0123 x1", "", "not-a-phone-number: a telephone number of the United Kingdom"},
		{"phone", "016977 1234", "0169771234", ""},
		{"phone", "07700 900 1", "", "not-a-phone-number: a telephone number of the United Kingdom has at least 10 digits"},
		{"phone", "+44 7700 9001 x12", "", "not-a-phone-number: a telephone number of the United Kingdom has at least 10 digits"},
		{"phone", "0800 1111", "08001111", ""},
		{"phone", "999", "999", ""},
		{"phone", "960001 x12", "960001 ext. 12", ""},
		{"phones", "07700 900 1", "", "not-a-phone-number: a telephone number of the United Kingdom has at least 10 digits"},
		{"phone", "00353 1 909 1234", "+35319091234", ""},
		{"phone", "see notes", "", "not-a-phone-number"},
		{"phone", "12345678901234567", "", "not-a-phone-number"},
		{"contactSystem", "www.example.org", "url", ""},
		{"contactSystem", "Fax 01632 960002", "fax", ""},
		{"contactSystem", "01632 960001", "phone", ""},
		{"contactSystem", "none", "", ""},
		{"contactUse", "+44 7624 900123", "mobile", ""},
		{"contactUse", "07600 900123", "", ""},
		{"contactUse", "01632 960001", "", ""},
		{"contactUse", "home: 01632 960001", "home", ""},
		{"contactUse", "w 01632 960001", "work", ""},
		{"contactUse", "home 07700 900123", "mobile", ""},

		{"phones", "home 01632 960123, mob 07700 900123 after 6", "home 01632 960123 · mobile 07700 900123", "words-left"},
		{"phones", "01632 960 0123", "", "not-a-phone-number: a telephone number of the United Kingdom has at most 11 digits"},
		{"phones", "01632 960 0123, 07700 900123", "07700 900123", "words-left"},
		{"phones(rest)", "01632 960 0123, 07700 900123", "01632 960 0123", ""},
		{"phones", "+44 (0)1632 960123", "+44 (0)1632 960123", ""},
		{"phones", "01632 960123 07700 900123", "01632 960123 · 07700 900123", ""},
		{"phones", "07700900123/01632960123", "07700900123 · 01632960123", ""},
		{"phones", "+44 (0)7700 900123 (m) or (01632) 960123 ext 12 (home)", "mobile +44 (0)7700 900123 · home (01632) 960123 ext 12", ""},
		{"phones", "Tel. no: 01632-960-123 - 7700900123", "01632-960-123 · 7700900123", ""},
		{"phones", "44 7700 900123", "44 7700 900123", ""},
		{"phones", "445500900123", "", "not-a-phone-number"},
		{"phones", "07700 900123 (Kim)", "07700 900123", "words-left"},
		{"phones", "01.02.2026 18:30", "", "not-a-phone-number"},
		{"phones", "ask next door", "", "not-a-phone-number"},
		{"phones(rest)", "home 01632 960123, mob 07700 900123 after 6", "after 6", ""},
		{"phones(rest)", "Kim: 01632 960123; not before noon, 07700 900123", "Kim; not before noon", ""},
		{"phones(rest)", "01632 960123", "", ""},

		{"bracketed(ods)", "Beeston Hill Practice (Leeds) (B86002)", "B86002", ""},
		{"bracketed(ods)", "Beeston Hill Practice (B86002) (Leeds)", "B86002", ""},
		{"bracketed(ods)", "Beeston Hill Practice [b86002]", "B86002", ""},
		{"bracketed(ods)", "Beeston Hill Practice (Leeds", "", "not-ods-code"},
		{"bracketed(ods)", "Beeston Hill Practice (Leeds)", "", "not-ods-code"},
		{"bracketed(ods)", "Beeston Hill Practice", "", "not-ods-code"},
		{"bracketed(ods, rest)", "Beeston Hill Practice (Leeds) (B86002)", "Beeston Hill Practice (Leeds)", ""},
		{"bracketed(ods, rest)", "Beeston Hill Practice (Leeds)", "Beeston Hill Practice (Leeds)", ""},
		{"bracketed", "Oak (Leeds (north))", "north", ""},
		{"bracketed", "Oak", "", ""},
		{"bracketed(rest)", "Oak (north) Surgery", "Oak Surgery", ""},

		{"text", "a\vb\fc\x01d\x1e\x00e\tf\r\ng\rh\v", "a\nb\ncde\tf\ng\nh", ""},
		{"lines", "a\vb\x02c", "a · bc", ""},
		{"html", "a\vb\x03c", "a\nbc", ""},
		{"html", "<p>a\vb\x03c\x1ed</p>e &#11;f\fg\nh", "a\nbcd\ne\nf\ng h", ""},
		{`replace("\u000b", "; ")`, "a\vb", "a; b", ""},
		{`split("\u00b7")`, "a\u00b7b", "a · b", ""},
		{"html", "a &lt; b &amp;&amp; c", "a < b && c", ""},
		{"html", "a < b\nand c > d", "a < b\nand c > d", ""},
		{"html", "M&uuml;ller&nbsp;&#8211; &#x41;", "Müller – A", ""},
		{"html", "<div>One\n two</div><ul><li>x</li><li>y</li></ul><!-- z --><script>if (a</b) {}</script><td>c</td><td>d</td>", "One two\nx\ny\nc d", ""},
		{"html", "tired<br/>and sad", "tired\nand sad", ""},
		{"html", "<3 and <unclosed", "<3 and <unclosed", ""},
		{"html", "&amp;auml;", "&auml;", "markup-left"},
		{"text", "M&uuml;ller", "M&uuml;ller", "markup-left"},
		{"text", "R&D; A&E and B & C; &unknown;", "R&D; A&E and B & C; &unknown;", ""},
		{`replace("\t", "-")`, "a\tb", "a-b", ""},
		{`replace("\r", "-")`, "a\rb", "a-b", ""},
		{`replace("\n", "-")`, "a\nb", "a-b", ""},
		{`replace("\\", "-")`, "a\\b", "a-b", ""},

		{"snomed", "871731000000105", "", "not-a-snomed-id: the SNOMED CT id fails its check digit"},
		{"snomed", "1659111000000100", "", "not-a-snomed-id: the SNOMED CT id was truncated to 15 significant digits"},
		{"snomed", "637681000006105", "", "not-a-snomed-id: the SNOMED CT id belongs to one supplier's own namespace"},
		{"snomed", "8T09.", "", "not-a-snomed-id: the SNOMED CT id holds a character"},
		{"snomed", "680946014", "", "not-a-snomed-id: the SNOMED CT id is of another kind"},
		{"snomed(description)", "680946014", "680946014", ""},
		{"snomed(any)", "22298006", "22298006", ""},
		{"readCode", "8T09", "8T09.", ""},
		{"readCode", "XaaEC", "XaaEC", ""},
		{"readCode", "G30..00", "G30..", ""},
		{"readCode", "EMISNQRE582", "EMISNQRE582", ""},
		{"readCode", "EMISR12", "EMISR12", ""},
	} {
		got, findings := run(t, tc.use, tc.in)
		if got != tc.want {
			t.Errorf("%q | %s = %q, want %q", tc.in, tc.use, got, tc.want)
		}
		if joined := strings.Join(findings, "; "); (tc.finding == "") != (joined == "") || !strings.Contains(joined, tc.finding) {
			t.Errorf("%q | %s: findings %q, want %q", tc.in, tc.use, joined, tc.finding)
		}
	}
}

func TestNames(t *testing.T) {
	for _, tc := range []struct{ in, prefix, given, family string }{
		{"SMITH, John (Mr)", "Mr", "John", "SMITH"},
		{"Smith, Mr John Paul", "Mr", "John · Paul", "Smith"},
		{"SMITH, John, Mr", "Mr", "John", "SMITH"},
		{"Mr. John Smith", "Mr", "John", "Smith"},
		{"Prof Dr Ada Hale", "Prof Dr", "Ada", "Hale"},
		{"John SMITH", "", "John", "SMITH"},
		{"SMITH John", "", "John", "SMITH"},
		{"SMITH John Mr", "Mr", "John", "SMITH"},
		{"Smith John Mr", "Mr", "John", "Smith"},
		{"SMITH J A", "", "J · A", "SMITH"},
		{"Smith J", "", "J", "Smith"},
		{"J A Smith", "", "J · A", "Smith"},
		{"DE SOUZA Maria", "", "Maria", "DE SOUZA"},
		{"Mary Ann O'NEILL", "", "Mary · Ann", "O'NEILL"},
		{"Ludwig van der Berg", "", "Ludwig", "van der Berg"},
		{"John Lord", "", "John", "Lord"},
		{"Master", "", "", "Master"},
		{"Smith", "", "", "Smith"},
		{"SMITH, ", "", "", "SMITH"},
		{"JOHN SMITH", "", "JOHN", "SMITH"},
		{"(Mr)", "Mr", "", ""},
		{"SMITH, John (", "", "John", "SMITH"},
	} {
		prefix, _ := run(t, "namePrefix", tc.in)
		given, _ := run(t, "givenNames", tc.in)
		family, _ := run(t, "familyName", tc.in)
		if prefix != tc.prefix || given != tc.given || family != tc.family {
			t.Errorf("%q: %q, %q, %q; want %q, %q, %q", tc.in, prefix, given, family, tc.prefix, tc.given, tc.family)
		}
	}
}

// TestFunctionsAreTotal: no value, however odd or long, makes a function panic.
func TestFunctionsAreTotal(t *testing.T) {
	long := strings.Repeat("A1 2BC, (", 100_000)
	for _, f := range mapping.FunctionReference() {
		if f.Use == "" || f.Name == "required" {
			continue
		}
		for _, v := range []string{"", " ", "\xff\xfe", "(", ",", ")(,", "é", "٣٤", "\x00", "+", "ext", "....", long} {
			run(t, f.Use, v)
		}
	}
}
