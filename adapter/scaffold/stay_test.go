package scaffold_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/scaffold"
)

// TestWhatTellsPartsApartStays: keys and types of a form, roles in brackets and
// character sets are what a mapping goes by; a name never is.
func TestWhatTellsPartsApartStays(t *testing.T) {
	made := anonymous(t, jsondoc.New(), false, answered)
	for _, want := range []string{`"ref":"what_for"`, `"ref":"nok_phone"`, `"type":"multiple_choice"`, `"type":"choice"`, `"type":"boolean"`, `(Mrs)`} {
		if !strings.Contains(made, want) {
			t.Errorf("no %s in\n%s", want, made)
		}
	}
	for in, keeps := range map[string]string{
		`{"referrer":"Karen Tate (Care Navigator)"}`:   `(Care Navigator)"`,
		`{"referrer":"Dr P. Quill (GP)"}`:              `(GP)"`,
		`{"surname":"Nurse","referrer":"Ann (Nurse)"}`: ``,
	} {
		made := anonymous(t, jsondoc.New(), false, in)
		if !strings.Contains(made, keeps) || strings.Contains(made, "Tate") || strings.Contains(made, "Quill") || keeps == "" && strings.Contains(made, "Nurse") {
			t.Errorf("%s became %s", in, made)
		}
	}
	for _, in := range []string{`{"by":"Self"}`, `{"surname":"Self","by":"Self"}`} {
		m, err := jsondoc.New().Decode([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		made, err := scaffold.Sample(m.Tree, false, map[string]string{"by": "Practitioner.name[0].text"}, nil).Anonymous(jsondoc.New(), in)
		if named := strings.Contains(in, "surname"); err != nil || strings.Contains(made, "Self") == named {
			t.Errorf("%s became %s, %v", in, made, err)
		}
	}
	for _, in := range []string{
		`{"answers":[{"ref":"pt_name","text":"Ivy Quill"},{"ref":"pt_nhs","text":"9990000018"},{"ref":"dob_quill","text":"14/06/1951"}]}`,
		`{"answers":[{"type":"text","name":"Quill"},{"type":"quill","name":"Marsh"},{"type":"text","name":"Day"}]}`,
	} {
		if made := anonymous(t, jsondoc.New(), false, in); strings.Contains(strings.ToLower(made), "quill") {
			t.Errorf("%s became %s", in, made)
		}
	}
	for _, set := range []string{"UNICODE UTF-8", "UNICODE", "8859/1", "ISO IR87"} {
		made := anonymous(t, hl7v2.New(), true, "MSH|^~\\&|PAS|RX9|L|H|202411180912||REF^I12|M1|P|2.4|||AL|NE|GBR|"+set+"\rPID|1\r")
		if !strings.Contains(made, "|"+set+"\r") {
			t.Errorf("%s became %s", set, made)
		}
	}
}

// TestCodesOfSeveralRecords: a code that several records share stays, and what
// may be a surname does not, however short and in capitals.
func TestCodesOfSeveralRecords(t *testing.T) {
	for _, tc := range []struct {
		rows string
		want string
	}{
		{"nhs;x\n9990000018;LON,MNY\n9990000026;HSG,LON\n9990000034;LON\n9990000042;MNY,ACT\n", "LON,MNY"},
		{"nhs;x\n9990000018;QUILL,IVY\n9990000026;MARSH,IVY\n9990000034;QUILL,TOM\n", ""},
		{"nhs;x\n9990000018;QUILL\n9990000026;MARSH\n9990000034;QUILL\n", ""},
		{"nhs;surname\n9990000018;LEE,DAY\n9990000026;DAY,LEE\n9990000034;LEE\n9990000042;DAY\n", ""},
		{"nhs;x;surname\n9990000018;LEE,DAY;DAY\n9990000026;DAY,LEE;LEE\n9990000034;LEE;x\n9990000042;DAY;x\n", ""},
		{"nhs;x\n9990000018;LON,MNY\n", ""},
	} {
		f := csvdoc.New()
		src := scaffold.Source{Name: "acme", Format: "csv", Year: 2026}
		for p, err := range f.Split(strings.NewReader(tc.rows)) {
			if err != nil {
				t.Fatal(err)
			}
			m, err := f.Decode(p.Body)
			if err != nil {
				t.Fatal(err)
			}
			src.Records = append(src.Records, m.Tree)
		}
		lines := strings.SplitAfter(tc.rows, "\n")
		first := lines[0] + lines[1]
		made, err := scaffold.Propose(src, record(t, f, first)).Anonymous(f, first)
		if err != nil {
			t.Fatal(err)
		}
		value := strings.Split(strings.Split(made, "\n")[1], ";")[1]
		if was := strings.Split(strings.TrimSpace(lines[1]), ";")[1]; tc.want != "" && value != tc.want || tc.want == "" && sharesPiece(value, was) {
			t.Errorf("%s became %q", tc.rows, value)
		}
	}
}

func record(t *testing.T, f csvdoc.Format, text string) *message.Tree {
	t.Helper()
	m, err := f.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m.Tree
}

func sharesPiece(a, b string) bool {
	for p := range strings.SplitSeq(b, ",") {
		if strings.Contains(a, p) {
			return true
		}
	}
	return false
}

// TestMarkupStays: what makes a text HTML stays, but for what its attributes may
// say of somebody; the code of a question of an XML form stays too.
func TestMarkupStays(t *testing.T) {
	for in, want := range map[string]string{
		`{"notes":"<p>Poor hearing &ndash; caf&eacute; &#8211; <span style=\"color:red\">Quill</span><br/></p>"}`: `^\{"notes":"<p>\pL+ \pL+ &ndash; \pL+&eacute; &#8211; <span style=\\"color:red\\">\pL+</span><br/></p>"\}$`,
		`{"notes":"See <a href=\"mailto:kim@quill.example\">her &Quill; page</a>"}`:                               `^\{"notes":"\pL+ <a href=\\"[^"]+\\">\pL+ &\pL+; \pL+</a>"\}$`,
		`{"surname":"Quill","notes":"<p class=\"quill\" id=\"p07700900555\">Lonely &#81;uill</p>"}`:               `^\{"surname":"\pL+","notes":"<p class=\\"\pL+\\" id=\\"[^"]+\\">\pL+ &#[0-9]+;\pL+</p>"\}$`,
		`{"notes":"<Quill kim=\"Quill\"> and <b quill=\"1\">that</b> is all of it"}`:                              `<b \pL+=`,
	} {
		made := anonymous(t, jsondoc.New(), false, in)
		if !regexp.MustCompile(want).MatchString(made) || regexp.MustCompile(`(?i)quill|kim|07700900555|&#81;`).MatchString(made) {
			t.Errorf("%s became %s", in, made)
		}
	}
	made := anonymous(t, xmldoc.New(), false, `<P><Field name="F001" label="NHS No.">9990000018</Field><Field name="F002" label="Surname">Quill</Field><Field name="F007" label="Address">14 Quill Court</Field></P>`)
	if !strings.Contains(made, `name="F007" label="Address"`) || strings.Contains(made, "Quill") {
		t.Error(made)
	}
}

// TestMistakesAndNoPlaceStay: a telephone number that is none becomes none, and
// that somebody has no address, or the address of somebody else, is still seen.
func TestMistakesAndNoPlaceStay(t *testing.T) {
	for in, want := range map[string]string{
		`{"tel":"01482 555 0101"}`:                       `^\{"tel":"01632 960 \d{4}"\}$`,
		`{"postcode":"ZZ99 3VZ"}`:                        `^\{"postcode":"ZZ99 3VZ"\}$`,
		`{"address":"NFA"}`:                              `^\{"address":"NFA"\}$`,
		`{"address":"c/o Quill Centre"}`:                 `^\{"address":"c/o \pL+ Centre"\}$`,
		`{"address":"c/o 12 Quill Row, Leeds, zz993vz"}`: `^\{"address":"c/o \d+ \pL+ \pL+, \pL+, zz993vz"\}$`,
	} {
		if made := anonymous(t, jsondoc.New(), false, in); !regexp.MustCompile(want).MatchString(made) || strings.Contains(made, "Quill") {
			t.Errorf("%s became %s", in, made)
		}
	}
}
