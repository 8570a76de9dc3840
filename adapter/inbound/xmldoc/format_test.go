package xmldoc_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/markup"
	"github.com/linkloop/linkloop/adapter/message"
)

const sample = `<?xml version="1.0" encoding="UTF-8"?>
<!-- made up -->
<r:Referral xmlns:r="urn:example:referral" xmlns:o="urn:example:other" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="2">
  <r:MessageId>7f3a-1</r:MessageId>
  <r:Patient id="7" xml:lang="en">
    <r:NHSNumber verified="yes">
      9990000018
    </r:NHSNumber>
    <r:Name use="official"><r:Family>Testperson</r:Family><r:Given>Amelia</r:Given><r:Given>Jane</r:Given></r:Name>
    <r:Deceased xsi:nil="true"/><r:Phone/>
  </r:Patient>
  <r:Need code="267076002">Feels out of place &#8212; &quot;alone&quot;</r:Need>
  <r:Sent>2026-03-01T10:15:00Z</r:Sent>
  <r:Need code="1">again</r:Need>
  <r:Note><![CDATA[<p>Would like to walk & talk</p>]]></r:Note>
  <r:Story>Feels <r:b>very</r:b> alone<r:br/>since <r:i at="x">March</r:i>.</r:Story>
  <o:Need>of another namespace</o:Need>
</r:Referral>
`

var canaries = []string{"9990000018", "Testperson", "Amelia", "out of place", "walk & talk"}

// enveloped puts a document into a SOAP envelope.
func enveloped(space, within string) []byte {
	return []byte(`<s:Envelope xmlns:s="` + space + `"><s:Header><a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">urn:uuid:1</a:MessageID></s:Header><s:Body>` + within + `</s:Body></s:Envelope>`)
}

const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

func TestContract(t *testing.T) {
	latin := "<?xml version='1.0' encoding='ISO-8859-1'?><Referral id='1'><Name>Ren\xe9e O\x92Canary</Name></Referral>"
	inboundtest.Run(t, xmldoc.New(), inboundtest.Samples{
		Good: []inboundtest.Sample{
			{Name: "referral", Body: []byte(sample), ID: "7f3a-1", Type: "Referral", Canaries: canaries},
			{Name: "bare", Body: []byte(`<name>Canary Bird</name>`), Type: "name", Canaries: []string{"Canary Bird"}},
			{Name: "Windows-1252 called ISO-8859-1", Body: []byte(latin), ID: "1", Type: "Referral", Canaries: []string{"Renée O’Canary"}},
			{Name: "SOAP 1.1", Body: enveloped(soap11, `<Referral><Name>Canary Bird</Name></Referral>`), ID: "urn:uuid:1", Type: "Referral", Canaries: []string{"Canary Bird"}},
			{Name: "SOAP 1.2, two in the body", Body: enveloped(soap12, `<Referral Id="a"><Name>Canary Bird</Name></Referral><Referral/>`), ID: "a", Type: "Referral", Canaries: []string{"Canary Bird"}},
			{Name: "many children", Body: many(60), Type: "many"},
		},
		Broken: []inboundtest.Broken{
			{Name: "empty", Body: nil, Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "text", Body: []byte(`x`), Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "JSON", Body: []byte(`{}`), Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "cut", Body: []byte("<a>\n <b>"), Kind: fault.Malformed, Place: "line 2, column 5"},
			{Name: "cut behind the id", Body: []byte("<a><id>1</id>\n <b>"), Kind: fault.Malformed, Place: "line 2, column 5", Partial: true},
			{Name: "crossed tags", Body: []byte("<a><b></a></b>"), Kind: fault.Malformed, Place: "line 1, column 7"},
			{Name: "two roots", Body: []byte("<a/><b/>"), Kind: fault.Malformed, Place: "line 1, column 5"},
			{Name: "attribute twice", Body: []byte("<a b='1' b='2'/>"), Kind: fault.Malformed, Place: "line 1, column 10"},
			{Name: "attribute twice by namespace", Body: []byte("<a xmlns:x='u' xmlns:y='u' x:b='1' y:b='2'/>"), Kind: fault.Malformed, Place: "line 1, column 36"},
			{Name: "prefix not declared", Body: []byte("<x:a/>"), Kind: fault.Malformed, Place: "line 1, column 2"},
			{Name: "ampersand", Body: []byte("<a>fish & chips</a>"), Kind: fault.Malformed, Place: "line 1, column 9"},
			{Name: "not UTF-8", Body: []byte("<a>\xe9</a>"), Kind: fault.Malformed, Place: "line 1, column 4"},
			{Name: "control character", Body: []byte("<a>\x00</a>"), Kind: fault.Unsupported, Place: "*"},
			{Name: "control character further on", Body: []byte("<abc>\x00</abc>"), Kind: fault.Malformed, Place: "line 1, column 6"},
			{Name: "UTF-16", Body: []byte("\xff\xfe<\x00a\x00/\x00>\x00"), Kind: fault.Unsupported, Place: "line 1, column 1"},
			{Name: "another encoding", Body: []byte("<?xml version='1.0' encoding='EBCDIC-CP-GB'?><a/>"), Kind: fault.Unsupported, Place: "line 1, column 1"},
			{Name: "document type", Body: []byte(`<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a/>`), Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "billion laughs", Body: []byte(`<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>`), Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "id too long", Body: []byte(`<a><id>` + strings.Repeat("x", 201) + `</id></a>`), Kind: fault.Malformed, Place: "/a/id"},
			{Name: "empty body of an envelope", Body: enveloped(soap11, ""), Kind: fault.Malformed, Place: "/Envelope/Body", Partial: true},
			{Name: "too many bytes", Body: []byte(`<a>` + strings.Repeat("x", 5<<20) + `</a>`), Kind: fault.TooLarge},
			{Name: "too deep", Body: []byte(strings.Repeat("<a>", 350_000)), Kind: fault.Malformed, Place: "line 1, column 193"},
			{Name: "too many elements", Body: []byte("<a>" + strings.Repeat("<b/>", 300_000) + "</a>"), Kind: fault.TooLarge, Place: "*"},
			{Name: "mixed within mixed", Body: []byte(strings.Repeat("<a>x", 60) + strings.Repeat("y", 1<<20) + strings.Repeat("</a>", 60)), Kind: fault.TooLarge, Place: "*"},
		},
		Resolve: resolve,
		Verdict: verdict,
	})
}

func many(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<m%d>%d</m%d><all/>`, i, i, i)
	}
	return []byte("<many>" + b.String() + "</many>")
}

// resolve follows an address as an XPath of this dialect.
func resolve(m *inbound.Message, address string) message.Node {
	n := m.Tree.Root()
	if rest, soap := strings.CutPrefix(address, "/Envelope/Body/"); soap {
		address = "/" + rest
	} else if rest, soap := strings.CutPrefix(address, "/Envelope/Header"); soap {
		address = "/soap:Header" + rest
	}
	for _, step := range strings.Split(address[1:], "/") {
		name, index, _ := strings.Cut(strings.TrimSuffix(step, "]"), "[")
		if name == "text()" {
			name = "$text"
		}
		n = n.Child(name)
		if index == "" {
			continue
		}
		i, err := strconv.Atoi(index)
		if err != nil || n.Kind() != message.List {
			return message.Node{}
		}
		n = n.First()
		for range i - 1 {
			n = n.Next()
		}
	}
	return n
}

type issue struct {
	Field    string `xml:"field"`
	Element  string `xml:"element"`
	Code     string `xml:"code"`
	Severity string `xml:"severity"`
	Reason   string `xml:"reason"`
}

type receipt struct {
	XMLName xml.Name `xml:"receipt"`
	Status  string   `xml:"status"`
	Task    string   `xml:"task"`
	Flags   []issue  `xml:"flag"`
	Errors  []issue  `xml:"error"`
}

// verdict reads a receipt with the standard library, in an envelope or not.
func verdict(r inbound.Reply) (bool, error) {
	var body struct {
		Receipt *receipt `xml:"Body>receipt"`
		Eleven  *receipt `xml:"Body>Fault>detail>receipt"`
		Twelve  *receipt `xml:"Body>Fault>Detail>receipt"`
	}
	rec := &receipt{}
	if bytes.Contains(r.Body, []byte("<soap:Envelope")) {
		if err := xml.Unmarshal(r.Body, &body); err != nil {
			return false, err
		}
		fault := body.Eleven
		if fault == nil {
			fault = body.Twelve
		}
		if (body.Receipt == nil) == (fault == nil) {
			return false, errors.New("neither an answer nor a fault")
		}
		if rec = body.Receipt; rec == nil {
			if rec = fault; rec.Status != "refused" {
				return false, errors.New("accepted with a fault")
			}
		}
	} else if err := xml.Unmarshal(r.Body, rec); err != nil {
		return false, err
	}
	said := inboundtest.Receipt{Status: rec.Status, Task: rec.Task}
	for _, e := range rec.Errors {
		said.Reasons = append(said.Reasons, e.Reason)
	}
	return said.Accepted()
}

func decode(t *testing.T, f xmldoc.Format, body string) *inbound.Message {
	t.Helper()
	m, err := f.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func path(t testing.TB, text string) message.Path {
	t.Helper()
	p, err := message.ParsePath(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

// TestPaths: what a mapping writes, what it gets, and where that stands.
func TestPaths(t *testing.T) {
	m := decode(t, xmldoc.New(), sample)
	soap := decode(t, xmldoc.New(), string(enveloped(soap11, `<Referral><Name>A</Name></Referral>`)))
	for _, c := range []struct {
		m                    *inbound.Message
		path, value, address string
	}{
		{m, "Referral.MessageId", "7f3a-1", "/Referral/MessageId"},
		{m, "Referral.@version", "2", "/Referral/@version"},
		{m, "Referral.Patient.NHSNumber", "9990000018", "/Referral/Patient/NHSNumber"},
		{m, "Referral.Patient.NHSNumber.$text", "9990000018", "/Referral/Patient/NHSNumber/text()"},
		{m, "Referral.Patient.NHSNumber.@verified", "yes", "/Referral/Patient/NHSNumber/@verified"},
		{m, "Referral.Patient.@xml:lang", "en", "/Referral/Patient/@xml:lang"},
		{m, "Referral.Patient.Name.Given", "Amelia", "/Referral/Patient/Name/Given[1]"},
		{m, "Referral.Patient.Name.Given[1]", "Jane", "/Referral/Patient/Name/Given[2]"},
		{m, "Referral.Patient.Deceased", "", "/Referral/Patient/Deceased"},
		{m, "Referral.Patient.Deceased.@xsi:nil", "true", "/Referral/Patient/Deceased/@xsi:nil"},
		{m, "Referral.Patient.Phone", "", "/Referral/Patient/Phone"},
		{m, "Referral.Need[where @code = 1]", "again", "/Referral/Need[2]"},
		{m, "Referral.Need", "Feels out of place — \"alone\"", "/Referral/Need[1]"},
		{m, "Referral.Need[2]", "of another namespace", "/Referral/Need[3]"},
		{m, "Referral.Note", "<p>Would like to walk & talk</p>", "/Referral/Note"},
		{m, "Referral.Story", "Feels very alone\nsince March.", "/Referral/Story"},
		{m, "Referral.Story.b", "very", "/Referral/Story/b"},
		{soap, "Referral.Name", "A", "/Envelope/Body/Referral/Name"},
		{soap, "soap:Header.MessageID", "urn:uuid:1", "/Envelope/Header/MessageID"},
	} {
		n := path(t, c.path).First(c.m.Tree.Root())
		if n.Value() != c.value || n.Address() != c.address {
			t.Errorf("%s: %q at %s, want %q at %s", c.path, n.Value(), n.Address(), c.value, c.address)
		}
	}
	if n := path(t, "Referral.Patient.Deceased").First(m.Tree.Root()); !n.First().Ok() || n.First().Kind() != message.Null {
		t.Error("an attribute is taken for the text of its element")
	}
}

func TestOptions(t *testing.T) {
	f := xmldoc.New(xmldoc.Options{
		ID:       []message.Path{path(t, "Doc.Head.Ref"), path(t, "Doc.`o:Number`")},
		Type:     path(t, "Doc.Head.@kind"),
		Prefixes: map[string]string{"urn:o": "o"},
	})
	for in, want := range map[string]string{
		`<Doc><Head kind="x"><Ref>a</Ref></Head></Doc>`:                                                           "a x",
		`<Doc xmlns:q="urn:o"><Number>1</Number><q:Number>2</q:Number></Doc>`:                                     "2 Doc",
		`<Doc xmlns:q="urn:o" q:a="1"><Number>1</Number></Doc>`:                                                   " Doc",
		`<s:Envelope xmlns:s="` + soap12 + `"><s:Body><Doc><Head><Ref>b</Ref></Head></Doc></s:Body></s:Envelope>`: "b Doc",
	} {
		m := decode(t, f, in)
		if got := m.ID + " " + m.Type; got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	if m := decode(t, xmldoc.New(xmldoc.Options{DefaultType: "referral"}), "<a/>"); m.Type != "referral" {
		t.Errorf("type %q", m.Type)
	}
	if _, err := f.Decode([]byte(`<Doc><Head><Ref><x>1</x></Ref></Head></Doc>`)); fault.KindOf(err) != fault.Malformed {
		t.Errorf("an id with elements: %v", err)
	}
}

func TestUsualIDs(t *testing.T) {
	for in, want := range map[string]string{
		`<a id="1"/>`:                                "1",
		`<a ID="1"><messageID>2</messageID></a>`:     "2",
		`<a><id root="x"/></a>`:                      "",
		`<a><id/><Id>3</Id></a>`:                     "3",
		`<a><id x="y">4</id></a>`:                    "4",
		`<a><id>5</id><id>6</id></a>`:                "",
		string(enveloped(soap12, `<a id="1"/>`)):     "1",
		string(enveloped(soap12, `<a><b>1</b></a>`)): "urn:uuid:1",
	} {
		if m := decode(t, xmldoc.New(), in); m.ID != want {
			t.Errorf("%s: id %q, want %q", in, m.ID, want)
		}
	}
}

func TestReceipt(t *testing.T) {
	f := xmldoc.New()
	m := decode(t, f, sample)
	soap := decode(t, f, string(enveloped(soap11, `<a id="1"/>`)))
	a := inbound.Answer{MessageID: 42, Task: "t1", Request: "r1", Base: "https://x.example/fhir",
		Flags: []fault.Issue{{Severity: "warning", Code: "check-digit", Place: "/Referral/Patient/NHSNumber", Text: "a < b & c"}}}
	const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	for _, c := range []struct {
		name string
		m    *inbound.Message
		a    inbound.Answer
		want string
	}{
		{"accepted", m, a, `<receipt><status>accepted</status><messageId>7f3a-1</messageId><receipt>42</receipt>` +
			`<serviceRequest>https://x.example/fhir/ServiceRequest/r1</serviceRequest><task>https://x.example/fhir/Task/t1</task>` +
			`<flag><field>/Referral/Patient/NHSNumber</field><code>check-digit</code><severity>warning</severity><reason>a &lt; b &amp; c</reason></flag></receipt>`},
		{"refused, SOAP", soap, inbound.Answer{Fault: fault.New(fault.Unmappable, "/Envelope/Body/a", "no")},
			`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Client</faultcode><faultstring>the message was refused</faultstring><detail>` +
				`<receipt><status>refused</status><messageId>1</messageId><error><field>/Envelope/Body/a</field><reason>no</reason></error></receipt></detail></soap:Fault></soap:Body></soap:Envelope>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(f.Reply(c.m, c.a).Body); got != head+c.want+"\n" {
				t.Errorf("got\n%swant\n%s", got, head+c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sample))
	f.Add(enveloped(soap11, `<a><b c="d">e</b><b/></a>`))
	f.Add(enveloped(soap12, `<a>x<b/>y</a><a/>`))
	f.Add([]byte("<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>"))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`))
	f.Add(many(30))
	format := xmldoc.New(xmldoc.Options{Limits: markup.Limits{Bytes: 1 << 16, Nodes: 5000}, Prefixes: map[string]string{"urn:o": "o"}})
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := format.Decode(body)
		if err != nil {
			inboundtest.CheckFault(t, err)
		} else {
			inboundtest.CheckTree(t, m)
			d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
			d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) {
				b, err := io.ReadAll(r)
				return strings.NewReader(inbound.FromWindows1252(b)), err
			}
			for err == nil {
				_, err = d.Token()
			}
			// It has the names of an older edition of XML.
			if err != io.EOF && !bytes.ContainsFunc(body, func(r rune) bool { return r >= utf8.RuneSelf }) {
				t.Fatalf("the standard library refuses what was taken: %v", err)
			}
		}
		inboundtest.CheckReplies(t, format, m, "/a/b", verdict)
	})
}

func BenchmarkDecode(b *testing.B) { inboundtest.BenchmarkDecode(b, xmldoc.New(), []byte(sample)) }
