package xmldoc_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/markup"
	"github.com/linkloop/linkloop/adapter/message"
)

// opened is what a document is taken apart into, a line for each message.
func opened(t *testing.T, f xmldoc.Format, body string) string {
	t.Helper()
	env, err := f.Open([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if env == nil {
		return ""
	}
	var out []string
	for i, m := range env.Messages {
		out = append(out, string(m))
		d, err := f.Decode(m)
		if err != nil || d.ID != string(rune('1'+i)) {
			t.Errorf("message %d: %+v, %v", i, d, err)
		}
	}
	return strings.Join(out, "\n")
}

// TestOpen: each element stands alone with what is around it, byte for byte.
func TestOpen(t *testing.T) {
	f := xmldoc.New(xmldoc.Options{Each: path(t, "B.G.R"), Prefixes: map[string]string{"urn:p": "p"}})
	for _, c := range []struct{ name, body, want string }{
		{"two", "<?xml version='1.0'?>\n<B a='1'><h>x</h>\n<G>\n <R id='1'/>\n <R id='2'><R id='9'/></R>\n</G><t/></B>\n",
			"<?xml version='1.0'?>\n<B a='1'><h>x</h>\n<G>\n <R id='1'/>\n</G><t/></B>\n\n<?xml version='1.0'?>\n<B a='1'><h>x</h>\n<G>\n <R id='2'><R id='9'/></R>\n</G><t/></B>\n"},
		{"one", "<B><G><R><id>1</id></R></G></B>", "<B><G><R><id>1</id></R></G></B>"},
		{"groups", "<B><G><c>a</c><R Id='1'/><R Id='2'/></G><G/><G><c>b</c><R Id='3'/></G></B>",
			"<B><G><c>a</c><R Id='1'/></G></B>\n<B><G><c>a</c><R Id='2'/></G></B>\n<B><G><c>b</c><R Id='3'/></G></B>"},
		{"something between", "<B><G><R id='1'/><!-- a --><n>b</n><R id='2'/> <R id='3'/>c</G></B>",
			"<B><G><R id='1'/><!-- a --><n>b</n>c</G></B>\n<B><G><!-- a --><n>b</n><R id='2'/>c</G></B>\n<B><G><!-- a --><n>b</n><R id='3'/>c</G></B>"},
		{"namespaces", "<x:B xmlns:x='u' xmlns:y='urn:p'><x:G><y:R id='8'/><x:R id='1'/><R id='2'/></x:G></x:B>",
			"<x:B xmlns:x='u' xmlns:y='urn:p'><x:G><y:R id='8'/><x:R id='1'/></x:G></x:B>\n<x:B xmlns:x='u' xmlns:y='urn:p'><x:G><y:R id='8'/><R id='2'/></x:G></x:B>"},
		{"not taken for elements", "<B><!-- <G><R/></G> --><G><![CDATA[<R/>]]><R id='1' x='&lt;R/>'/></G></B>", "<B><!-- <G><R/></G> --><G><![CDATA[<R/>]]><R id='1' x='&lt;R/>'/></G></B>"},
		{"the id of all is the id of none", "<B id='7'><G id='7'><R id='1'/></G></B>", "<B id='7'><G id='7'><R id='1'/></G></B>"},
		{"none", "<B><G><S/></G></B>", ""},
		{"elsewhere", "<B><R id='1'/><R id='2'/></B>", ""},
		{"another root", "<G><R id='1'/><R id='2'/></G>", ""},
		{"broken", "<B><G><R id='1'/><R></G></B>", ""},
		{"content behind", "<B><G><R id='1'/></G></B>x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s := opened(t, f, c.body); s != c.want {
				t.Errorf("got\n%s\nwant\n%s", s, c.want)
			}
		})
	}
	byPrefix := xmldoc.New(xmldoc.Options{Each: path(t, "B.G.`p:R`"), ID: []message.Path{path(t, "B.G.`p:R`.@n")}, Prefixes: map[string]string{"urn:p": "p"}})
	if s := opened(t, byPrefix, "<B xmlns:y='urn:p'><G><R/><y:R n='1'/><y:R n='2'/></G></B>"); strings.Count(s, "<y:R") != 2 || strings.Count(s, "<R/>") != 2 {
		t.Errorf("by a prefix of the mapping: %s", s)
	}
	if env, err := xmldoc.New().Open([]byte("<B><G><R/><R/></G></B>")); env != nil || err != nil {
		t.Errorf("without each: %v, %v", env, err)
	}
	for _, doc := range []string{"<B><G><R id='1'/><R id='2'/></G></B>", "<B><G><R id='1'/></G><G><R id='2'/></G></B>"} {
		if _, err := f.Decode([]byte(doc)); fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "[2]") {
			t.Errorf("several at once: %v", err)
		}
	}
}

// TestWholeDocument: what is wrong with one element and keeps the document from
// being taken apart is not under the id of another.
func TestWholeDocument(t *testing.T) {
	f := xmldoc.New(xmldoc.Options{Each: path(t, "B.R"), ID: []message.Path{path(t, "B.R.@id")}})
	for name, doc := range map[string]string{
		"entity":    "<B><R id='1'/>\n<R id='2'>&nbsp;</R></B>",
		"truncated": "<B><R id='1'/>\n<R id='2'><n>a",
		"encoding":  "<B><R id='1'/>\n<R id='2'>\xe9</R></B>",
		"several":   "<B><R id='1'/>\n<R id='2'/></B>",
	} {
		m, err := f.Decode([]byte(doc))
		if m != nil || err == nil || !strings.Contains(err.Error(), "the whole document is refused") || fault.Of(err).Issues[0].Place == "" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	m, err := f.Decode(enveloped(soap11, "<B><R id='1'/><R id='2'>&nbsp;</R></B>"))
	if m == nil || m.ID != "" {
		t.Fatalf("in SOAP: %+v, %v", m, err)
	}
	if s := string(f.Reply(m, inbound.Answer{Fault: fault.Of(err)}).Body); !strings.Contains(s, "<soap:Fault>") || strings.Contains(s, "messageId") || wellFormed(s) != nil {
		t.Errorf("in SOAP: %s", s)
	}
}

// TestNoMessages: a document of messages without one is no fault; a document in
// whose place for messages something else stands is not taken for that.
func TestNoMessages(t *testing.T) {
	f := xmldoc.New(xmldoc.Options{Each: path(t, "B.G.R")})
	for _, doc := range []string{
		"<B/>", "<B xmlns='urn:b' a='1'></B>", "<B><made>2026-03-02</made>\n<G>\n</G></B>", "<B><G><count>0</count></G></B>", "<B><h a='1'><d/></h><G/></B>", "<B><G/><G/></B>",
		string(enveloped(soap11, "<B><G/></B>")),
	} {
		env, err := f.Open([]byte(doc))
		if err != nil || env == nil || len(env.Messages) != 0 {
			t.Errorf("%s: %+v, %v", doc, env, err)
			continue
		}
		r := env.Answer(time.Time{}, nil)
		if s := string(r.Body); !strings.Contains(s, "<receipts><note>there is no message") || wellFormed(s) != nil {
			t.Errorf("%s: %s", doc, s)
		}
	}
	for _, doc := range []string{
		"<G/>", "<R/>", "<B", "<B/>x", "<B><G><Q><n>a</n></Q></G></B>", "<B><G><Q n='a'/></G></B>", "<B><G>a</G></B>", "<B><G/><G><![CDATA[a]]></G></B>", "<B><Q><R/></Q></B>",
		string(enveloped(soap11, "<G/>")), string(enveloped(soap11, "")),
	} {
		if env, err := f.Open([]byte(doc)); env != nil || err != nil {
			t.Errorf("%s: %+v, %v", doc, env, err)
		}
	}
}

// TestOpenEncodings: offsets are those of the bytes as received.
func TestOpenEncodings(t *testing.T) {
	f := xmldoc.New(xmldoc.Options{Each: path(t, "B.R")})
	for name, doc := range map[string]string{
		"Windows-1252": "<?xml version='1.0' encoding='windows-1252'?><B><h>\x80\xe9</h><R id='1'>\x93\xe9\x94</R>\n<!-- \x80 --><R id='2'>\xfc</R><t>\x85</t></B>",
		"UTF-8":        "<B><h>€é</h><R id='1'>“é”</R>\n<!-- € --><R id='2'>ü</R><t>…</t></B>",
		"marked":       "\xef\xbb\xbf<B><h>€é</h><R id='1'>“é”</R>\n<!-- € --><R id='2'>ü</R><t>…</t></B>",
	} {
		t.Run(name, func(t *testing.T) {
			env, err := f.Open([]byte(doc))
			if err != nil || len(env.Messages) != 2 {
				t.Fatalf("%+v, %v", env, err)
			}
			for i, want := range []string{"“é”", "ü"} {
				d, err := f.Decode(env.Messages[i])
				if err != nil {
					t.Fatal(err)
				}
				for p, text := range map[string]string{"B.R.$text": want, "B.h": "€é", "B.t": "…"} {
					if got := path(t, p).First(d.Tree.Root()).Value(); got != text {
						t.Errorf("%s of message %d is %q, want %q", p, i, got, text)
					}
				}
			}
		})
	}
}

// TestOpenSOAP: the envelope stays around each message, and stands around the
// answers.
func TestOpenSOAP(t *testing.T) {
	f := xmldoc.New(xmldoc.Options{Each: path(t, "B.R")})
	for _, space := range []string{soap11, soap12} {
		env, err := f.Open(enveloped(space, "<B><R id='1'><n>a</n></R><R id='2'><n>b</n></R></B>"))
		if err != nil || len(env.Messages) != 2 {
			t.Fatalf("%+v, %v", env, err)
		}
		var replies []inbound.Reply
		for i, m := range env.Messages {
			d, err := f.Decode(m)
			if err != nil || d.ID != string(rune('1'+i)) || path(t, "B.R.n").First(d.Tree.Root()).Address() != "/Envelope/Body/B/R/n" {
				t.Fatalf("%+v, %v in %s", d, err, m)
			}
			a := inbound.Answer{MessageID: int64(40 + i)}
			if i == 1 {
				a.Fault = fault.New(fault.Unmappable, "/B/R/n", "missing")
			}
			replies = append(replies, f.Reply(d, a))
		}
		r := env.Answer(time.Time{}, replies)
		s := string(r.Body)
		if n := strings.Count(s, "<soap:Envelope"); n != 1 || !strings.Contains(s, space) || !strings.Contains(s, "<soap:Body><receipts>\n<receipt><status>accepted") ||
			!strings.Contains(s, "\n<receipt><status>refused") || !strings.HasSuffix(s, "</receipts></soap:Body></soap:Envelope>\n") || r.ContentType != replies[0].ContentType {
			t.Errorf("%s %s", r.ContentType, s)
		}
		if err := wellFormed(s); err != nil {
			t.Errorf("%v in %s", err, s)
		}
	}
}

func wellFormed(s string) error {
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestOpenBounds: neither many messages nor much around each of them.
func TestOpenBounds(t *testing.T) {
	f := xmldoc.New(xmldoc.Options{Each: path(t, "B.R")})
	if env, err := f.Open([]byte("<B>" + strings.Repeat("<R/>\n", 5000) + "</B>")); err != nil || len(env.Messages) != 5000 || len(env.Messages[4999]) > 20 {
		t.Errorf("%v", err)
	}
	for name, doc := range map[string]string{
		"many":    "<B>" + strings.Repeat("<R/>", 5001) + "</B>",
		"wide":    "<B><h>" + strings.Repeat("x", 1<<20) + "</h>" + strings.Repeat("<R/>", 100) + "</B>",
		"between": "<B>" + strings.Repeat("<R/><!-- "+strings.Repeat("x", 800)+" -->", 4000) + "</B>",
	} {
		if _, err := f.Open([]byte(doc)); fault.KindOf(err) != fault.TooLarge || !strings.Contains(err.Error(), "B.R") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzOpen: each message is a document, and none holds two of the elements.
func FuzzOpen(f *testing.F) {
	for _, s := range []string{
		"<B><G><R id='1'/><R id='2'/></G><G><R/></G></B>", "<B><G>a<R>&amp;</R><!-- x --><R/></G></B>", string(enveloped(soap11, "<B><G><R/><R/></G></B>")),
		"<?xml version='1.0' encoding='latin1'?><B>\xe9<G><R>\x80</R>\x85<R/></G></B>", "\xef\xbb\xbf<B><G><R/></G></B>",
	} {
		f.Add([]byte(s))
	}
	format := xmldoc.New(xmldoc.Options{Each: path(f, "B.G.R"), Limits: markup.Limits{Bytes: 1 << 16, Nodes: 5000}})
	f.Fuzz(func(t *testing.T, body []byte) {
		env, err := format.Open(body)
		if err != nil {
			inboundtest.CheckFault(t, err)
		}
		if env == nil {
			return
		}
		for _, m := range env.Messages {
			if _, err := format.Decode(m); err != nil {
				t.Fatalf("%v of %q from %q", err, m, body)
			}
		}
	})
}
