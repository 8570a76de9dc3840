package csvdoc_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
)

func parts(t testing.TB, f csvdoc.Format, r io.Reader) ([]inbound.Part, error) {
	t.Helper()
	var out []inbound.Part
	for p, err := range f.Split(r) {
		if err != nil {
			return out, err
		}
		if p.Note == "" && (p.Err == nil) == (p.Body == nil) {
			t.Fatalf("row %d has a body: %v, and an error: %v", p.Number, p.Body != nil, p.Err)
		}
		out = append(out, p)
	}
	return out, nil
}

// TestRowsAreFound: rows, their numbers and lines, however the file arrives.
func TestRowsAreFound(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, file string
		o          csvdoc.Options
		want       string // number/line: body of each row, or the kind of its fault
	}{
		{"plain", "A,B\n1,2\n3,4", csvdoc.Options{}, `2/2:"A,B\n1,2\n" 3/3:"A,B\n3,4\n"`},
		{"byte order mark and carriage returns", "\xef\xbb\xbfA,B\r\n1,2\r\n", csvdoc.Options{}, `2/2:"A,B\n1,2\n"`},
		{"line breaks in cells", "A,B\n\"1\n\n\",2\n3,4\n", csvdoc.Options{}, `2/2:"A,B\n\"1\n\n\",2\n" 3/5:"A,B\n3,4\n"`},
		{"blank rows count", "A,B\n\n1,2\n,\n\n3,4\n\n\n", csvdoc.Options{}, `3/3:"A,B\n1,2\n" 6/6:"A,B\n3,4\n"`},
		{"blank lines before the header", "\r\n\nA;B\n1;2\n", csvdoc.Options{}, `4/4:"A;B\n1;2\n"`},
		{"a quotation mark that nobody closed", "A,B\n1,\"2\n3,4\n5,6\n", csvdoc.Options{}, `2/2:"A,B\n1,\"2\n" 3/3:"A,B\n3,4\n" 4/4:"A,B\n5,6\n"`},
		{"one that a later row closes", "A,B\n1,\"2\n3,\"4\"\n5,6\n", csvdoc.Options{}, `2/2:"A,B\n1,\"2\n" 3/3:"A,B\n3,\"4\"\n" 4/4:"A,B\n5,6\n"`},
		{"text behind a closing quotation mark", "A,B\n\"1\"x,2\n3,4\n", csvdoc.Options{}, `2/2:"A,B\n\"1\"x,2\n" 3/3:"A,B\n3,4\n"`},
		{"a row that is too long", "A,B\n1," + long + "\n3,4\n", csvdoc.Options{}, `2/2:too-large 3/3:"A,B\n3,4\n"`},
		{"rows behind an open quotation mark that is too far away", "A,B\n1,\"2\n3,4\n5," + long + "\n7,8\n", csvdoc.Options{}, `2/2:"A,B\n1,\"2\n" 3/3:"A,B\n3,4\n" 4/4:too-large 5/5:"A,B\n7,8\n"`},
		{"no header", "1,2\n3,4\n", csvdoc.Options{Header: csvdoc.None}, `1/1:"1,2\n" 2/2:"3,4\n"`},
		{"header passed over", "A,B\n1,2\n", csvdoc.Options{Header: csvdoc.Ignored}, `1/1! 2/2:"1,2\n"`},
		{"a preamble and a trailer", "HDR|x,y|2\nA|B\n1|2\n\nTRL|1\n", csvdoc.Options{Passes: []string{"HDR", "TRL"}}, `1/1-1 3/3:"A|B\n1|2\n" 5/5-1`},
		{"two lines of preamble and no header", "HDR,1\n\"HDR\",\"2\n3\"\n1,2\n TRL ,\n3,4\n", csvdoc.Options{Header: csvdoc.None, Passes: []string{"HDR", "TRL"}},
			`1/1-1 2/2-1 3/4:"1,2\n" 4/5-1 5/6:"3,4\n"`},
		{"two lines of preamble", "\n\xef\xbb\xbfHDR,1\n\nHDR;\nA,B\n1,2\n", csvdoc.Options{Passes: []string{"HDR", "\ufeffHDR"}}, `2/2-2 6/6:"A,B\n1,2\n"`},
		{"a preamble in front of a header that is passed over", "\xef\xbb\xbfHDR\nA,B\n1,2\n", csvdoc.Options{Header: csvdoc.Ignored, Passes: []string{"HDR"}}, `1/1-1 2/2! 3/3:"1,2\n"`},
		{"no preamble this time", "A,B\n1,2\n", csvdoc.Options{Passes: []string{"HDR"}}, `2/2:"A,B\n1,2\n"`},
		{"a mark that is not the whole cell", "A,B\nTRLX,2\nx,TRL\n", csvdoc.Options{Passes: []string{"TRL"}}, `2/2:"A,B\nTRLX,2\n" 3/3:"A,B\nx,TRL\n"`},
		{"carriage returns alone", "A,B\r1,2\r\r\"3\r\",4", csvdoc.Options{}, `2/2:"A,B\n1,2\n" 4/4:"A,B\n\"3\n\",4\n"`},
		{"carriage returns alone, without a header", "1,2\r3,4\r", csvdoc.Options{Header: csvdoc.None}, `1/1:"1,2\n" 2/2:"3,4\n"`},
		{"one row without a line end", "1,2", csvdoc.Options{Header: csvdoc.None}, `1/1:"1,2\n"`},
		{"a carriage return in a cell", "A,B\n1\r,2\n\"3\r\",4\n", csvdoc.Options{}, `2/2:"A,B\n1\r,2\n" 3/3:"A,B\n\"3\r\",4\n"`},
		{"a carriage return in a cell of one row", "\"1\r\",2", csvdoc.Options{Header: csvdoc.None}, `1/1:"\"1\r\",2\n"`},
		{"header alone", "A,B\n", csvdoc.Options{}, ``},
		{"end of file of DOS", "A,B\n1,x\n\x1a", csvdoc.Options{}, `2/2:"A,B\n1,x\n" 3/3!`},
		{"end of file of DOS, and a line end", "A,B\n1,x\r\n\x1a\x00\r\n", csvdoc.Options{}, `2/2:"A,B\n1,x\n" 3/3!`},
		{"a control character that is not the last", "A,B\n\x1a\n1,x\n", csvdoc.Options{}, `2/2:"A,B\n\x1a\n" 3/3:"A,B\n1,x\n"`},
		{"in the order of the first that is there", "A,B,C\n1,x,\n2,y,x\n3,y,NULL\n", csvdoc.Options{Order: []string{"C", "B"}}, `2/2/x:"A,B,C\n1,x,\n" 3/3/x:"A,B,C\n2,y,x\n" 4/4/y:"A,B,C\n3,y,NULL\n"`},
		{"in order", "A,B\n1, x \n2,\n", csvdoc.Options{Order: []string{"B"}}, `2/2/x:"A,B\n1, x \n" 3/3:"A,B\n2,\n"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Limits.Row = 200
			f := csvdoc.New(c.o)
			for way, r := range map[string]io.Reader{
				"whole": strings.NewReader(c.file), "byte by byte": iotest.OneByteReader(strings.NewReader(c.file)), "end with data": iotest.DataErrReader(strings.NewReader(c.file)),
			} {
				ps, err := parts(t, f, r)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, p := range ps {
					s := fmt.Sprintf("%d/%d", p.Number, p.Line)
					if p.Lane != "" {
						s += "/" + p.Lane
					}
					switch {
					case p.Passed > 0:
						s += fmt.Sprintf("-%d", p.Passed)
					case p.Note != "":
						s += "!"
					case p.Err != nil:
						s += ":" + fault.KindOf(p.Err).String()
					default:
						s += fmt.Sprintf(":%q", p.Body)
					}
					got = append(got, s)
				}
				if g := strings.Join(got, " "); g != c.want {
					t.Errorf("%s:\n got %s\nwant %s", way, g, c.want)
				}
			}
		})
	}
}

// TestFilesThatAreNone end at once, with a reason.
func TestFilesThatAreNone(t *testing.T) {
	failure := errors.New("the line broke")
	for _, c := range []struct {
		name string
		r    io.Reader
		o    csvdoc.Options
		kind fault.Kind
		word string
	}{
		{"empty", strings.NewReader(""), csvdoc.Options{}, fault.Malformed, "empty"},
		{"blank", strings.NewReader("\n\r\n"), csvdoc.Options{}, fault.Malformed, "empty"},
		{"UTF-16", strings.NewReader("\xff\xfeA\x00,\x00B\x00"), csvdoc.Options{}, fault.Unsupported, "UTF-16"},
		{"UTF-16 without a mark", strings.NewReader(strings.Join(strings.Split(plainRows, ""), "\x00")), csvdoc.Options{Header: csvdoc.None}, fault.Unsupported, "zero bytes"},
		{"gzip", strings.NewReader("\x1f\x8b\x08\x00\n\n"), csvdoc.Options{Header: csvdoc.None}, fault.Unsupported, "gzip, and rows of text are expected; unpack it"},
		{"a workbook", iotest.OneByteReader(strings.NewReader("PK\x03\x04\n\r\n")), csvdoc.Options{Header: csvdoc.Ignored}, fault.Unsupported, "workbook"},
		{"an old workbook", strings.NewReader("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\n"), csvdoc.Options{}, fault.Unsupported, "Office"},
		{"noise", bytes.NewReader(noise(4096)), csvdoc.Options{Header: csvdoc.None}, fault.Unsupported, "not text"},
		{"commas for bars", strings.NewReader("A|B|C\n" + plainRows), csvdoc.Options{}, fault.Malformed, "the first 20 rows have one column each, and 3 are expected, with bars between them; there are commas in them"},
		{"commas for bars, without a header", strings.NewReader(plainRows), csvdoc.Options{Header: csvdoc.None, Separator: '|', Columns: []string{"A", "B", "C"}}, fault.Malformed, "3 are expected"},
		{"commas for bars, without names", strings.NewReader(plainRows), csvdoc.Options{Header: csvdoc.None, Separator: '|'}, fault.Malformed, "several are expected"},
		{"commas for bars, with quotation marks", strings.NewReader("h\n\"1, a\",2\n\"3\",4\n"), csvdoc.Options{Header: csvdoc.Ignored, Separator: '|', Columns: []string{"A", "B"}}, fault.Malformed, "the first 2 rows"},
		{"semicolons for commas, with short rows", strings.NewReader("1;2\n3;4\n"), csvdoc.Options{Header: csvdoc.None, Pad: true, Columns: []string{"A", "B"}}, fault.Malformed, "semicolons in them"},
		{"commas for bars in the header", strings.NewReader("A,B,C\n" + plainRows), csvdoc.Options{Separator: '|', Columns: []string{"A", "B"}}, fault.Malformed, "the header has one column, and several are expected, with bars between them; there are commas in it"},
		{"commas for bars in a header with quotation marks", strings.NewReader("\"A\",\"B\"\n" + plainRows), csvdoc.Options{Separator: '|'}, fault.Malformed, "there are commas in it"},
		{"lines of words", strings.NewReader("A,B\n" + strings.Repeat("Testperson\n", 30)), csvdoc.Options{}, fault.Malformed, "csv.passes"},
		{"a column is missing", strings.NewReader("A,B\n1,2\n"), csvdoc.Options{Columns: []string{"C"}}, fault.Malformed, "C is missing"},
		{"no end of the header", io.LimitReader(zeros{}, 64<<20), csvdoc.Options{}, fault.TooLarge, "first row"},
		{"nothing but a preamble", strings.NewReader("HDR,1\nTRL\n"), csvdoc.Options{Passes: []string{"HDR", "TRL"}}, fault.Malformed, "the header is missing"},
		{"open quotation mark in the header", strings.NewReader("A,\"B\n1,2\n"), csvdoc.Options{}, fault.Malformed, "quotation marks"},
	} {
		ps, err := parts(t, csvdoc.New(c.o), c.r)
		ps = slices.DeleteFunc(ps, func(p inbound.Part) bool { return p.Note != "" })
		if len(ps) > 0 || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %d rows, %v", c.name, len(ps), err)
		}
	}
	ps, err := parts(t, csvdoc.New(), io.MultiReader(strings.NewReader("A,B\n1,2\n3"), iotest.ErrReader(failure)))
	if len(ps) != 1 || !errors.Is(err, failure) {
		t.Errorf("cut off: %d rows, %v", len(ps), err)
	}
	if _, err = parts(t, csvdoc.New(), stuck{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", err)
	}
}

// plainRows are rows of three columns.
var plainRows = strings.Repeat("1,2,3\n", 30)

// noise is what a file that is compressed or encrypted looks like.
func noise(n int) []byte {
	out := make([]byte, n)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(out)
	return out
}

// TestFilesThatAreSome: a row that is not divided does not end a file of which
// others are, or which has no other.
func TestFilesThatAreSome(t *testing.T) {
	for _, c := range []struct {
		name, file string
		o          csvdoc.Options
		rows       int
	}{
		{"one column", "A\n1\n2\n", csvdoc.Options{}, 2},
		{"one column of words with commas", "A\n1;2\n2;3\n", csvdoc.Options{Separator: ','}, 2},
		{"a trailer alone", "A,B\nEND\n", csvdoc.Options{}, 1},
		{"a row behind others", "A,B\n" + strings.Repeat("x\n", 19) + "1,2\n", csvdoc.Options{}, 20},
		{"short rows", "A,B\n1\n2\n", csvdoc.Options{Pad: true}, 2},
		{"a separator that nobody named", "1\n2\n", csvdoc.Options{Header: csvdoc.None}, 2},
		{"control characters", "A,B\n\x01\x02\x03\xeb,2\n", csvdoc.Options{}, 1},
		{"filled up", "A,B\n1,2\n" + strings.Repeat("\x00", 600), csvdoc.Options{}, 1},
	} {
		ps, err := parts(t, csvdoc.New(c.o), strings.NewReader(c.file))
		ps = slices.DeleteFunc(ps, func(p inbound.Part) bool { return p.Note != "" })
		if err != nil || len(ps) != c.rows {
			t.Errorf("%s: %d rows, %v", c.name, len(ps), err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestARowIsTheSameInEveryFile: what is kept of a row does not depend on what
// stands around it, and decodes as it stood there.
func TestARowIsTheSameInEveryFile(t *testing.T) {
	f := csvdoc.New()
	row := "\"Zo\xeb, \"\"Z\"\"\n\",x;y;z\r\n"
	var bodies [][]byte
	for _, file := range []string{"A,B\n" + row, "A,B\n\n1,2\n3;3;3,4\n" + row + "5,6\n", "\xef\xbb\xbf\nA,B\r\n" + row + row} {
		ps, err := parts(t, f, strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(ps, func(p inbound.Part) bool { return bytes.Contains(p.Body, []byte("Zo")) })
		bodies = append(bodies, ps[i].Body)
		m, err := f.Decode(ps[i].Body)
		if err != nil || m.Tree.Root().Child("B").Value() != "x;y;z" || m.Tree.Root().Child("A").Value() != "Zoë, \"Z\"\n" {
			t.Errorf("%q decodes as %q (%v)", ps[i].Body, m.Tree.Root().Child("A").Value(), err)
		}
	}
	for _, b := range bodies[1:] {
		if !bytes.Equal(b, bodies[0]) {
			t.Errorf("%q and %q are different messages", b, bodies[0])
		}
	}
}

// TestMemoryDoesNotGrow: a file of 200 MB passes through a window.
func TestMemoryDoesNotGrow(t *testing.T) {
	row := []byte("R-1,9990000018," + strings.Repeat("text ", 400) + "\n")
	r := io.MultiReader(strings.NewReader("Ref,NHS_No,Story\n"), &repeat{row: row, left: 100_000})
	var most, before runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for _, err := range csvdoc.New().Split(r) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%20_000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&most)
			if most.HeapAlloc > before.HeapAlloc+4<<20 {
				t.Fatalf("%d bytes are held after %d rows", most.HeapAlloc-before.HeapAlloc, n)
			}
		}
	}
	if n != 100_000 {
		t.Errorf("%d rows", n)
	}
}

// repeat is a row many times.
type repeat struct {
	row  []byte
	at   int
	left int
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.row[r.at:])
	if r.at += n; r.at == len(r.row) {
		r.at = 0
		r.left--
	}
	return n, nil
}

// FuzzSplit compares with the standard library on files that it takes, and
// looks for rows that depend on how the file arrives.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"A,B\n1,2\n", "A,B\r\n\"1\r\n\",\"\"\"\"\r\n\n3,4", "A,B\n1,\"2\n3,\"4\"\n", "\"A\n\",B\n\"\",\n", "A\n\"x\"y\n"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, file []byte, piece uint8) {
		format := csvdoc.New(csvdoc.Options{Separator: ',', Passes: []string{"HDR"}, Limits: csvdoc.Limits{Row: 400, Cell: 1000, Columns: 1000}})
		one, err1 := parts(t, format, bytes.NewReader(file))
		two, err2 := parts(t, format, &pieces{file, int(piece)%7 + 1})
		if (err1 == nil) != (err2 == nil) || len(one) != len(two) {
			t.Fatalf("whole: %d rows, %v; in pieces: %d rows, %v", len(one), err1, len(two), err2)
		}
		for i := range one {
			if one[i].Number != two[i].Number || one[i].Line != two[i].Line || !bytes.Equal(one[i].Body, two[i].Body) {
				t.Fatalf("row %d depends on how the file arrives", i)
			}
		}
		if err1 == nil {
			asStandard(t, format, file, one)
		}
	})
}

type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.size)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// asStandard compares cell by cell with encoding/csv where both can read.
func asStandard(t *testing.T, f csvdoc.Format, file []byte, rows []inbound.Part) {
	file = bytes.TrimPrefix(file, []byte("\xef\xbb\xbf"))
	if bytes.ContainsAny(file, "\r\x00") || len(file) > 300 {
		return // a lone carriage return is a line break to nobody and everybody
	}
	r := csv.NewReader(bytes.NewReader(file))
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		return
	}
	all = slices.DeleteFunc(all, func(row []string) bool { return strings.Trim(strings.Join(row, ""), " \t") == "" })
	if len(all) == 0 || len(all) != len(rows)+1 {
		// A cell of blanks in quotation marks is no blank row to us, and a row
		// of separators is none to the standard library.
		if !bytes.Contains(file, []byte(`"`)) && len(all) > 0 {
			t.Fatalf("%d rows, the standard library has %d", len(rows), len(all)-1)
		}
		return
	}
	for i, p := range rows {
		m, err := f.Decode(p.Body)
		if err != nil || len(m.Flags) > 0 {
			continue
		}
		var ours, theirs []string
		for n := m.Tree.Root().First(); n.Ok(); n = n.Next() {
			if n.First().Ok() {
				return // a name that stands twice
			}
			ours = append(ours, n.Value())
		}
		for _, c := range all[i+1] {
			if v := strings.TrimSpace(c); v != "" && v != "NULL" && v != `\N` {
				theirs = append(theirs, c)
			}
		}
		ours = slices.DeleteFunc(ours, func(v string) bool { return v == "NULL" || v == `\N` })
		if !slices.Equal(ours, theirs) {
			t.Fatalf("row %d: %q, the standard library reads %q", i, ours, theirs)
		}
	}
}

func BenchmarkSplitAndDecode(b *testing.B) {
	row := []byte("R-1,referral,9990000018,Testperson,14 Feb 1970,\"Feels \"\"out of place\"\", and alone\",01,02\n")
	f := csvdoc.New()
	b.ReportAllocs()
	b.SetBytes(int64(len(row)))
	r := io.MultiReader(strings.NewReader("Ref,Kind,NHS_No,Family name,DOB,Story,Phone,Mobile\n"), &repeat{row: row, left: b.N})
	for p, err := range f.Split(r) {
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Decode(p.Body); err != nil {
			b.Fatal(err)
		}
	}
}
