package markup_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/markup"
)

// tokens writes down what a scanner gives, neighbouring texts as one.
func tokens(text string, lim markup.Limits) (string, error) {
	s, err := markup.NewScanner(text, lim)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	var data strings.Builder
	flush := func() {
		if data.Len() > 0 {
			fmt.Fprintf(&b, "%q ", data.String())
			data.Reset()
		}
	}
	for {
		kind, err := s.Next()
		if err != nil {
			return "", err
		}
		if kind != markup.Text {
			flush()
		}
		switch kind {
		case markup.Done:
			return strings.TrimSpace(b.String()), nil
		case markup.Start:
			fmt.Fprintf(&b, "<%s|%s", s.Name().Space, s.Name().Local)
			for _, a := range s.Attributes() {
				fmt.Fprintf(&b, " %s|%s=%q", a.Space, a.Local, a.Value)
			}
			b.WriteString("> ")
		case markup.Stop:
			fmt.Fprintf(&b, "</%s|%s> ", s.Name().Space, s.Name().Local)
		case markup.Text:
			data.WriteString(s.Value())
		}
	}
}

func TestTokens(t *testing.T) {
	for in, want := range map[string]string{
		`<a/>`: `<|a> </|a>`,
		"\ufeff<?xml version=\"1.0\" encoding='x' standalone='yes' ?>\n<!-- c --><?p i?><a ></a >\n": `<|a> </|a>`,
		`<a b="1" c='"'/>`:                                         `<|a |b="1" |c="\""> </|a>`,
		`<a xmlns="u" b="1"><c xmlns=""/><d/></a>`:                 `<u|a |b="1"> <|c> </|c> <u|d> </u|d> </u|a>`,
		`<p:a xmlns:p="u" p:b="1" b="2" xml:lang="e"><c/></p:a>`:   `<u|a u|b="1" |b="2" http://www.w3.org/XML/1998/namespace|lang="e"> <|c> </|c> </u|a>`,
		`<a xmlns:p="u"><p:b xmlns:p="v"/><p:c/></a>`:              `<|a> <v|b> </v|b> <u|c> </u|c> </|a>`,
		"<a>x&lt;&#65;&#x42;\r\ny\r<![CDATA[<&]]><!-- - --> z</a>": `<|a> "x<AB\ny\n<& z" </|a>`,
		"<a b='x\r\ny\tz&#10;&quot;'/>":                            `<|a |b="x y z\n\""> </|a>`,
		"<é·/>":                                                    `<|é·> </|é·>`,
	} {
		got, err := tokens(in, markup.Limits{})
		if err != nil || got != want {
			t.Errorf("%s\ngot  %s (%v)\nwant %s", in, got, err, want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for in, place := range map[string]string{
		"": "line 1, column 1", " ": "line 1, column 2", "a": "line 1, column 1", "<": "line 1, column 1", "<a": "line 1, column 3", "<a b": "line 1, column 5",
		"<a b=": "line 1, column 6", "<a b=1/>": "line 1, column 6", "<a b='1/>": "line 1, column 6", "<a b='1'c='2'/>": "line 1, column 9", "<a b='<'/>": "line 1, column 7",
		"<a/ >": "line 1, column 3", "< a/>": "line 1, column 2", "<1/>": "line 1, column 2", "<-a/>": "line 1, column 2", "<a>": "line 1, column 4", "<a></b>": "line 1, column 4",
		"<a></a": "line 1, column 4", "<a></ab>": "line 1, column 4", "</a>": "line 1, column 1", "<a/></a>": "line 1, column 5", "<a/>x": "line 1, column 5", "<a/><a/>": "line 1, column 5",
		"<a>]]></a>": "line 1, column 4", "<a>&</a>": "line 1, column 4", "<a>&x</a>": "line 1, column 4", "<a>&x;</a>": "line 1, column 4", "<a>&#0;</a>": "line 1, column 4",
		"<a>&#xD800;</a>": "line 1, column 4", "<a>&#x110000;</a>": "line 1, column 4", "<a>&#;</a>": "line 1, column 4", "<a>&#+1;</a>": "line 1, column 4", "<a>&#xFFFE;</a>": "line 1, column 4",
		"<a>\x01</a>": "line 1, column 4", "<a>\xff</a>": "line 1, column 4", "<a>\uffff</a>": "line 1, column 4", "<a><!-- -- --></a>": "line 1, column 4", "<a><!-- </a>": "line 1, column 4",
		"<a><![CDATA[</a>": "line 1, column 4", "<![CDATA[]]><a/>": "line 1, column 1", "<!DOCTYPE a><a/>": "line 1, column 1", "<a><!ENTITY x 'y'></a>": "line 1, column 4",
		"<?xml version='1.0'?><?xml version='1.0'?><a/>": "line 1, column 22", " <?xml version='1.0'?><a/>": "line 1, column 2", "<?xml encoding='x'?><a/>": "line 1, column 1",
		"<?xml version='1.0' standalone='maybe'?><a/>": "line 1, column 39", "<?xml version='1.0'": "line 1, column 1", "<?p": "line 1, column 1", "<?p:q?><a/>": "line 1, column 1",
		"<p:a/>": "line 1, column 2", "<a p:b='1'/>": "line 1, column 4", "<a:b:c xmlns:a='u'/>": "line 1, column 2", "<:a/>": "line 1, column 2", "<a:/>": "line 1, column 2", "<a xmlns:p=''/>": "line 1, column 4",
		"<a xmlns:xmlns='u'/>": "line 1, column 4", "<a xmlns:xml='u'/>": "line 1, column 4", "<a xmlns='http://www.w3.org/XML/1998/namespace'/>": "line 1, column 4", "<a b='1'\nb='2'/>": "line 2, column 1",
		"<a xmlns='u' xmlns='v'/>": "line 1, column 14", "<a xmlns:x='u' xmlns:y='u' x:b='' y:b=''/>": "line 1, column 35", "<xmlns:a/>": "line 1, column 2", "<a xmlns:='u'/>": "line 1, column 4", "<a xmlns:1='u'/>": "line 1, column 4", "<a xmlns:b:c='u'/>": "line 1, column 4",
	} {
		_, err := tokens(in, markup.Limits{})
		var f *fault.Fault
		if !errors.As(err, &f) || f.Kind != fault.Malformed && f.Kind != fault.Unsupported || f.Issues[0].Place != place {
			t.Errorf("%q: %v, want a fault at %s", in, err, place)
		}
	}
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		lim  markup.Limits
		kind fault.Kind
	}{
		"bytes":          {"<aaaa/>", markup.Limits{Bytes: 6}, fault.TooLarge},
		"depth":          {"<a><b><c/></b></a>", markup.Limits{Depth: 2}, fault.Malformed},
		"elements":       {"<a><b/><b/></a>", markup.Limits{Nodes: 2}, fault.TooLarge},
		"texts":          {"<a>x<b/>y</a>", markup.Limits{Nodes: 3}, fault.TooLarge},
		"all attributes": {"<a b='1' c='2'/>", markup.Limits{Nodes: 2}, fault.TooLarge},
		"attributes":     {"<a b='1' xmlns='2'/>", markup.Limits{Attributes: 1}, fault.TooLarge},
		"name":           {"<" + strings.Repeat("a", 300) + "/>", markup.Limits{}, fault.TooLarge},
		"namespaces":     {strings.Repeat("<a xmlns:a='1' xmlns:b='1' xmlns:c='1' xmlns:d='1'>", 30), markup.Limits{}, fault.TooLarge},
	} {
		if _, err := tokens(c.text, c.lim); fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}
}

func TestEncoding(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "<a/>": "", "<?xml version='1.0'?>": "", "<?xml version='1.0' encoding = \"ISO-8859-1\" ?>": "iso-8859-1",
		"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>": "utf-8", "<?xml-stylesheet encoding='x'?>": "", "<?xml version='1.0' encoding='x": "",
		"<?xml version='1.0'?><a encoding='x'/>": "",
	} {
		if got, err := markup.Encoding([]byte(in)); got != want || err != nil {
			t.Errorf("%q: %q (%v), want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"\xff\xfe<\x00", "\xfe\xff\x00<", "<\x00a\x00", "\x00<\x00a", "\x00\x00\x00<"} {
		if _, err := markup.Encoding([]byte(in)); fault.KindOf(err) != fault.Unsupported {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// FuzzTokens: what is taken, the standard library takes too, and gives the
// same elements, attributes and texts.
func FuzzTokens(f *testing.F) {
	for _, s := range []string{
		`<p:a xmlns:p="u" p:b="1"><c xmlns="v">x&amp;<![CDATA[y]]></c><!-- z --></p:a>`, "<?xml version='1.0'?>\n<a b='&#x10FFFF;&lt;'/>",
		`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`, `<a xmlns="u"><b xmlns=""/></a>`, "<a>\r\n\r</a>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := tokens(text, markup.Limits{Bytes: 1 << 16, Nodes: 5000})
		if err != nil {
			var flt *fault.Fault
			if !errors.As(err, &flt) {
				t.Fatalf("%v is no fault", err)
			}
			return
		}
		want, err := standard(text)
		if err != nil {
			if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
				return // it has the names of an older edition of XML
			}
			t.Fatalf("the standard library: %v", err)
		}
		// The standard library keeps line ends and tabs in attributes, which XML
		// reads as spaces.
		space := strings.NewReplacer(`\r`, " ", `\n`, " ", `\t`, " ", "\r", " ", "\n", " ", "\t", " ")
		if got, want = space.Replace(got), space.Replace(want); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// standard is tokens by the standard library.
func standard(text string) (string, error) {
	d := xml.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var b strings.Builder
	var data bytes.Buffer
	flush := func() {
		if data.Len() > 0 {
			fmt.Fprintf(&b, "%q ", data.String())
			data.Reset()
		}
	}
	depth := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			return strings.TrimSpace(b.String()), nil
		}
		if err != nil {
			return "", err
		}
		switch x := token.(type) {
		case xml.StartElement:
			flush()
			depth++
			fmt.Fprintf(&b, "<%s|%s", x.Name.Space, x.Name.Local)
			for _, a := range x.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					fmt.Fprintf(&b, " %s|%s=%q", a.Name.Space, a.Name.Local, a.Value)
				}
			}
			b.WriteString("> ")
		case xml.EndElement:
			flush()
			depth--
			fmt.Fprintf(&b, "</%s|%s> ", x.Name.Space, x.Name.Local)
		case xml.CharData:
			if depth > 0 {
				data.Write(x)
			}
		}
	}
}

func BenchmarkScanner(b *testing.B) {
	text := "<a xmlns='u'>" + strings.Repeat("<entry id='1'><name value='Some text of a name'/><code>text &amp; more</code></entry>\n", 200) + "</a>"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := markup.NewScanner(text, markup.Limits{})
		if err != nil {
			b.Fatal(err)
		}
		for kind := markup.Start; kind != markup.Done; {
			if kind, err = s.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
