package csvdoc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/message"
)

const sample = "Ref,Kind,NHS_No,\"Family name\",DOB,Story,Phone,Phone\r\n" +
	"R-1,referral,9990000018,Testperson,14 Feb 1970,\"Feels \"\"out of place\"\",\r\nand alone\",01,02\r\n"

var canaries = []string{"9990000018", "Testperson", "14 Feb 1970", "out of place"}

func TestContract(t *testing.T) {
	inboundtest.Run(t, csvdoc.New(), inboundtest.Samples{
		Good: []inboundtest.Sample{
			{Name: "extract", Body: []byte(sample), Type: "referral", Canaries: canaries},
			{Name: "byte order mark and tabs", Body: []byte("\xef\xbb\xbfName\tTown\nCanary Bird\tOtley"), Type: "referral", Canaries: []string{"Canary Bird"}},
			{Name: "semicolons, blank lines, a comma in the text", Body: []byte("\n\nA;B;C;Ref\r\n\r\nx, y;;Z\u00e9e;7\r\n\r\n"), Type: "referral"},
			{Name: "Windows-1252", Body: []byte("Name|Kind\nZo\xeb\x80|withdrawal\n"), Type: "referral", Canaries: []string{"Zoë€"}},
			{Name: "names with a meaning", Body: []byte("DOB-2,PID,resolve,1st,a.b,Ä x,,\n1,2,3,4,5,6,7,8\n"), Type: "referral"},
			{Name: "a bare quotation mark", Body: []byte("Height,Name\n5\" tall,x\n"), Type: "referral"},
		},
		Broken: []inboundtest.Broken{
			{Name: "empty", Body: nil, Kind: fault.Malformed, Place: "header"},
			{Name: "header only", Body: []byte("A,B\n"), Kind: fault.Malformed, Place: "row"},
			{Name: "two rows", Body: []byte("A,B\n1,2\n3,4\n"), Kind: fault.Malformed, Place: "row"},
			{Name: "too few columns", Body: []byte("A,B,C\n1,2\n"), Kind: fault.Malformed, Place: "row"},
			{Name: "too many columns", Body: []byte("A,B,C\n1,2,3,\n"), Kind: fault.Malformed, Place: "row"},
			{Name: "open quotation mark", Body: []byte("A,B\n1,\"2\n"), Kind: fault.Malformed, Place: "row"},
			{Name: "text behind a quotation mark", Body: []byte("A,B\n1,\"2\"3\n"), Kind: fault.Malformed, Place: "row"},
			{Name: "open quotation mark in the header", Body: []byte("A,\"B\n1,2\n"), Kind: fault.Malformed, Place: "header"},
			{Name: "zero byte", Body: []byte("A,B\n1,\x00\n"), Kind: fault.Malformed, Place: "column B"},
			{Name: "long name", Body: []byte("A," + strings.Repeat("n", 201) + "\n1,2\n"), Kind: fault.Malformed, Place: "header, column 2"},
			{Name: "10,000 columns", Body: []byte("A,B\n" + strings.Repeat(",", 9_999) + "x\n"), Kind: fault.TooLarge, Place: "row"},
			{Name: "10,000 columns in the header", Body: []byte(strings.Repeat("c,", 9_999) + "x\n1\n"), Kind: fault.TooLarge, Place: "header"},
			{Name: "a long cell", Body: []byte("A,B\n1," + strings.Repeat("x", 300<<10) + "\n"), Kind: fault.TooLarge, Place: "column B"},
			{Name: "a long row", Body: []byte("A,B\n1," + strings.Repeat("x", 2<<20) + "\n"), Kind: fault.TooLarge, Place: "row"},
		},
		Resolve: resolve,
		Verdict: verdict,
	})
}

// resolve finds the node of "column path"; a name that is no path is found as
// it is written.
func resolve(m *inbound.Message, address string) message.Node {
	path, ok := strings.CutPrefix(address, "column ")
	if !ok {
		return message.Node{}
	}
	p, err := message.ParsePath(path)
	if err != nil {
		return message.Node{}
	}
	return p.First(m.Tree.Root())
}

// verdict reads a receipt with the standard library.
func verdict(r inbound.Reply) (bool, error) {
	var receipt struct {
		Status string
		Errors []struct{ Reason string }
	}
	if err := json.Unmarshal(r.Body, &receipt); err != nil {
		return false, err
	}
	switch receipt.Status {
	case "accepted", "duplicate":
		return true, nil
	case "refused":
		if len(receipt.Errors) == 0 || receipt.Errors[0].Reason == "" {
			return false, errors.New("refused without a reason")
		}
		return false, nil
	}
	return false, fmt.Errorf("status %q", receipt.Status)
}

// TestCells: what each way of writing a cell means, by options.
func TestCells(t *testing.T) {
	for _, c := range []struct {
		name string
		o    csvdoc.Options
		body string
		want map[string]string // path to value; "" for absent
	}{
		{"quotes", csvdoc.Options{}, "A,B,C\n\"a \"\"b\"\"\",\" c \",\"\"\n", map[string]string{"A": `a "b"`, "B": " c ", "C": ""}},
		{"line breaks", csvdoc.Options{}, "A,B\n\"one\r\ntwo\n\nthree\",x\n", map[string]string{"A": "one\ntwo\n\nthree", "B": "x"}},
		{"null words", csvdoc.Options{}, "A,B,C,D,E\nNULL,\"NULL\",\\N,null,  \n", map[string]string{"A": "", "B": "NULL", "C": "", "D": "null", "E": ""}},
		{"own null words", csvdoc.Options{Absent: []string{"-", "n/a"}}, "A,B,C\n\"-\", n/a ,NULL\n", map[string]string{"A": "", "B": "", "C": "NULL"}},
		{"semicolon set", csvdoc.Options{Separator: ';'}, "A,x;B\n1;2\n", map[string]string{"`A,x`": "1", "B": "2"}},
		{"separator within quotation marks does not count", csvdoc.Options{}, "\"a,b,c,d\";B;C\n1;2;3\n", map[string]string{"`a,b,c,d`": "1", "C": "3"}},
		{"header over two lines", csvdoc.Options{}, "\"NHS\nnumber\";B\n1;2\n", map[string]string{"`NHS number`": "1", "B": "2"}},
		{"no header", csvdoc.Options{Header: csvdoc.None}, "1,2,3\n", map[string]string{"column1": "1", "column3": "3", "column4": ""}},
		{"no header, names given", csvdoc.Options{Header: csvdoc.None, Separator: '\t', Columns: []string{"A", "B"}}, "1\t2\n", map[string]string{"A": "1", "B": "2"}},
		{"quotation marks mean nothing", csvdoc.Options{Unquoted: true}, "A\tB\n\"a\t5\"\n", map[string]string{"A": `"a`, "B": `5"`}},
		{"a name twice", csvdoc.Options{}, "Tel,Tel,A\n,02,x\n", map[string]string{"Tel[1]": "02", "A": "x"}},
		{"cells at the end left out", csvdoc.Options{Pad: true}, "A,B,C,D\n1,2\n", map[string]string{"A": "1", "B": "2", "C": "", "D": ""}},
		{"Windows-1252 said", csvdoc.Options{Encoding: csvdoc.Windows1252}, "A,B\n\xc3\xa9,\x93x\x94\n", map[string]string{"A": "Ã©", "B": "“x”"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := csvdoc.New(c.o).Decode([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for path, want := range c.want {
				p, err := message.ParsePath(path)
				if err != nil {
					t.Fatal(err)
				}
				if got := p.First(m.Tree.Root()).Value(); got != want {
					t.Errorf("%s is %q, want %q", path, got, want)
				}
			}
			if len(m.Flags) > 0 {
				t.Errorf("flags %v", m.Flags)
			}
		})
	}
}

// TestLinesThatAreNoRow: around the row of a message they are passed over; what
// is refused for its columns says what to do.
func TestLinesThatAreNoRow(t *testing.T) {
	f := csvdoc.New(csvdoc.Options{Passes: []string{"HDR", "TRL"}})
	m, err := f.Decode([]byte("HDR|a,b\r\nA|B\r\n1|2\r\n\r\nTRL|1\r\n"))
	if err != nil || m.Tree.Root().Child("B").Value() != "2" {
		t.Errorf("%v", err)
	}
	if m, err = csvdoc.New().Decode([]byte("A,B\r1,2\r")); err != nil || m.Tree.Root().Child("B").Value() != "2" {
		t.Errorf("carriage returns alone: %v", err)
	}
	for body, want := range map[string]string{
		"A|B\nTRL|1\n":           "the row is missing",
		"A|B\n1|2\n3|4\nTRL|2\n": "more rows than one",
		"A|B\n1|2\n\"":           "more rows than one",
		"A|B|C\nEND|2\n":         "csv.passes",
		"A|B\nx|y|z\n":           "quotation marks",
	} {
		if _, err := f.Decode([]byte(body)); fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", body, err, want)
		}
	}
	got := f.Rewrite("HDR|a\nA|B\n1|2\nTRL|1\n", func(string) string { return "x" })
	if want := "HDR|x\nA|B\nx|x\nTRL|x\n"; got != want {
		t.Errorf("rewritten %q, want %q", got, want)
	}
}

// TestEncoding: what is not UTF-8 is Windows-1252 and says so, unless UTF-8
// was promised.
func TestEncoding(t *testing.T) {
	body := []byte("Name,Town\nZo\xeb,Otley\n")
	m, err := csvdoc.New().Decode(body)
	if err != nil || m.Tree.Root().Child("Name").Value() != "Zoë" || len(m.Flags) != 1 || m.Flags[0].Code != csvdoc.FlagEncoding {
		t.Errorf("guessed: %v, flags %v", err, m.Flags)
	}
	if _, err = csvdoc.New(csvdoc.Options{Encoding: csvdoc.UTF8}).Decode(body); fault.KindOf(err) != fault.Malformed || fault.Of(err).Issues[0].Place != "column Name" {
		t.Errorf("promised: %v", err)
	}
}

// TestEncodingDoubtful: what is UTF-8 although Windows-1252 is declared is read
// as UTF-8, and says so; what is declared rightly says nothing.
func TestEncodingDoubtful(t *testing.T) {
	f := csvdoc.New(csvdoc.Options{Encoding: csvdoc.Windows1252})
	for body, want := range map[string]string{
		"Name,Town\nZo\xc3\xab,Otley\n":            csvdoc.FlagEncodingDoubtful,
		"\xef\xbb\xbfName,Town\nZoë,Otley\n":       csvdoc.FlagEncodingDoubtful,
		"Name,Gr\xc3\xb6\xc3\x9fe\nZo\xc3\xab,1\n": csvdoc.FlagEncodingDoubtful,
		"Name,Town\nZo\xeb,Otley\n":                "",
		"Name,Town\nZo\xeb,Nestl\xc9\xae\n":        "", // one cell alone could be UTF-8
		"Name,Town\nZoe,Otley\n":                   "",
	} {
		m, err := f.Decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, flag := range m.Flags {
			got += flag.Code
		}
		if name := m.Tree.Root().Child("Name").Value(); got != want || name != "Zoë" && name != "Zoe" {
			t.Errorf("%q: flags %q, name %q", body, got, name)
		}
	}
}

// TestColumnsMustBeThere: a renamed column is found before any row is taken,
// and a header that is no header is not repeated.
func TestColumnsMustBeThere(t *testing.T) {
	f := csvdoc.New(csvdoc.Options{Columns: []string{"NHS_No", "Surname"}})
	_, err := f.Decode([]byte("nhs no,Surname\n1,2\n"))
	if fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "NHS_No is missing; is it the one called nhs no?") {
		t.Errorf("renamed: %v", err)
	}
	_, err = f.Decode([]byte("9990000018,Testperson\n9990000026,Other\n"))
	if err == nil || strings.Contains(err.Error(), "999") || len(fault.Of(err).Issues) != 2 {
		t.Errorf("no header: %v", err)
	}
}

// TestEnvelope: id and kind come from their columns, which must be there.
func TestEnvelope(t *testing.T) {
	f := csvdoc.New(csvdoc.Options{ID: "Ref", Type: "Kind", DefaultType: "row"})
	m, err := f.Decode([]byte("Ref,Kind,A\n R-1 ,withdrawal,x\n"))
	if err != nil || m.ID != "R-1" || m.Type != "withdrawal" {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err = f.Decode([]byte("Ref,Kind,A\n,,x\n")); err != nil || m.ID != "" || m.Type != "row" {
		t.Errorf("%+v, %v", m, err)
	}
	m, err = f.Decode([]byte("Ref,Kind,A\n" + strings.Repeat("9", 201) + ",,2\n"))
	if m == nil || fault.KindOf(err) != fault.Malformed || fault.Of(err).Issues[0].Place != "column Ref" {
		t.Errorf("a long id: %+v, %v", m, err)
	}
	for _, o := range []csvdoc.Options{{ID: "X"}, {Type: "X"}, {Order: []string{"X"}}} {
		if _, err := csvdoc.New(o).Decode([]byte("A,B\n1,2\n")); err == nil || !strings.Contains(err.Error(), "column X is missing") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// FuzzDecode looks for panics, faults of other kinds, and nodes without a place.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{sample, "A;B\n1;2", "a\tb\n\"x\ty\"\t\n", "\xef\xbb\xbfA\r\n1\r\n", "A,A\n,\n", "\"\n\",\"\"\"\"\n", "a|b\nNULL|\\N\n", "\"a\"\r,b\n1,2\n"} {
		f.Add([]byte(s), byte(0))
	}
	f.Fuzz(func(t *testing.T, body []byte, kind byte) {
		format := csvdoc.New(csvdoc.Options{Header: csvdoc.Header(kind % 3), Encoding: csvdoc.Encoding(kind / 3 % 3), Unquoted: kind&64 != 0,
			Limits: csvdoc.Limits{Row: 500, Cell: 100, Columns: 20}})
		m, err := format.Decode(body)
		if err != nil {
			inboundtest.CheckFault(t, err)
			return
		}
		inboundtest.CheckTree(t, m)
		if again, err := format.Decode(bytes.Clone(body)); err != nil || again.Tree.Len() != m.Tree.Len() {
			t.Fatalf("decodes differently the second time: %v", err)
		}
	})
}
