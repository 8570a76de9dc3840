package jsondoc_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/message"
)

func path(t testing.TB, s string) message.Path {
	p, err := message.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOpen(t *testing.T) {
	f := jsondoc.New(jsondoc.Options{Each: path(t, "export.items"), ID: path(t, "export.items.ref")})
	for _, c := range []struct{ name, body, want string }{
		{"two", "\xef\xbb\xbf{\"a\":1,\"export\":{ \"by\":\"x\", \"items\" : [ {\"ref\":\"1\"} ,\n {\"ref\":\"2\",\"n\":[1,2]} ], \"n\":2}}",
			`{"a":1,"export":{ "by":"x", "items" : [{"ref":"1"}], "n":2}}` + "\n" + `{"a":1,"export":{ "by":"x", "items" : [{"ref":"2","n":[1,2]}], "n":2}}`},
		{"one", `{"export":{"items":[{"ref":"1"}]}}`, `{"export":{"items":[{"ref":"1"}]}}`},
		{"none", `{"export":{"items":[]}}`, ""},
		{"no list", `{"export":{"items":{}}}`, ""},
		{"elsewhere", `{"items":[{},{}]}`, ""},
		{"list twice", `{"export":{"items":[1],"items":[2]}}`, ""},
		{"broken", `{"export":{"items":[{"ref":"1"},{]}}`, ""},
		{"content behind", `{"export":{"items":[{"ref":"1"}]}} x`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			env, err := f.Open([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			if env != nil {
				for i, m := range env.Messages {
					got = append(got, string(m))
					if d, err := f.Decode(m); err != nil || d.ID != string(rune('1'+i)) {
						t.Errorf("message %d: %+v, %v", i, d, err)
					}
				}
			}
			if s := strings.Join(got, "\n"); s != c.want {
				t.Errorf("got\n%s\nwant\n%s", s, c.want)
			}
		})
	}
	if env, err := jsondoc.New().Open([]byte(`{"items":[{},{}]}`)); env != nil || err != nil {
		t.Errorf("without each: %v, %v", env, err)
	}
	many := `{"export":{"items":[` + strings.Repeat("1,", 5000) + `1]}}`
	if _, err := f.Open([]byte(many)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too many: %v", err)
	}
	wide := `{"h":"` + strings.Repeat("x", 1<<20) + `","export":{"items":[` + strings.Repeat("1,", 99) + `1]}}`
	if _, err := f.Open([]byte(wide)); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("too wide: %v", err)
	}
	_, err := f.Decode([]byte(`{"export":{"items":[{"ref":"1"},{"ref":"2"}]}}`))
	if fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "export.items[1]") {
		t.Errorf("several at once: %v", err)
	}
}

// TestWholeDocument: what is wrong with one item and keeps the document from being
// taken apart is not under the id of another; what does not is under its own.
func TestWholeDocument(t *testing.T) {
	f := jsondoc.New(jsondoc.Options{Each: path(t, "items")})
	for name, doc := range map[string]string{
		"syntax":    `{"items":[{"id":"1"},{"id":"2","a":}]}`,
		"truncated": `{"items":[{"id":"1"},{"id":"2"`,
		"encoding":  "{\"items\":[{\"id\":\"1\"},{\"id\":\"2\",\"a\":\"\xe9\"}]}",
		"several":   `{"items":[{"id":"1"},{"id":"2"}]}`,
	} {
		m, err := f.Decode([]byte(doc))
		if m != nil || err == nil || !strings.Contains(err.Error(), "the whole document is refused") || fault.Of(err).Issues[0].Place == "" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	env, err := f.Open([]byte(`{"items":[{"id":"1"},{"id":"2","a":1,"a":2}]}`))
	if err != nil || len(env.Messages) != 2 {
		t.Fatalf("%+v, %v", env, err)
	}
	m, err := f.Decode(env.Messages[1])
	if m == nil || m.ID != "2" || err == nil || strings.Contains(err.Error(), "whole document") {
		t.Errorf("one item: %+v, %v", m, err)
	}
}

// TestNoMessages: a list without items is no fault; a document without the list is
// not taken for that.
func TestNoMessages(t *testing.T) {
	f := jsondoc.New(jsondoc.Options{Each: path(t, "export.items")})
	for _, doc := range []string{`{"export":{"items":[]}}`, `{"a":{"b":[1]},"export":{"items": [ ],"n":0}}`, `{"export":{"items":null}}`} {
		env, err := f.Open([]byte(doc))
		if err != nil || env == nil || len(env.Messages) != 0 {
			t.Errorf("%s: %+v, %v", doc, env, err)
			continue
		}
		if r := env.Answer(time.Time{}, nil); !json.Valid(r.Body) || !strings.Contains(string(r.Body), `{"messages":[],"note":"there is no message`) {
			t.Errorf("%s: %s", doc, r.Body)
		}
	}
	for _, doc := range []string{`{}`, `[]`, `{"items":[]}`, `{"export":{}}`, `{"export":[]}`, `{"export":{"items":{}}}`, `{"export":{"items":""}}`, `{"export":{"items":[]}`, `{"export":{"items":nul}}`, `{"export":{"items":null,"items":[]}}`} {
		if env, err := f.Open([]byte(doc)); env != nil || err != nil {
			t.Errorf("%s: %+v, %v", doc, env, err)
		}
	}
}

func TestAnswerForAll(t *testing.T) {
	f := jsondoc.New(jsondoc.Options{Each: path(t, "items")})
	env, err := f.Open([]byte(`{"items":[{},{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r := env.Answer(time.Time{}, []inbound.Reply{
		f.Reply(nil, inbound.Answer{MessageID: 1}),
		f.Reply(nil, inbound.Answer{MessageID: 2, Fault: fault.New(fault.Unmappable, "items[0].x", "missing")}),
	})
	var got struct {
		Messages []struct{ Status, Receipt string }
	}
	if err := json.Unmarshal(r.Body, &got); err != nil {
		t.Fatalf("%v in %s", err, r.Body)
	}
	if len(got.Messages) != 2 || got.Messages[0].Status != "accepted" || got.Messages[1].Status != "refused" {
		t.Errorf("%+v", got)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"items":[{"a":[1,"]"]}, null , "x"],"b":{}}`))
	f.Add([]byte(`{"items":[1],"items":[2]}`))
	format := jsondoc.New(jsondoc.Options{Each: path(f, "items"), Limits: inbound.JSONLimits{Bytes: 1 << 16, Nodes: 5000}})
	f.Fuzz(func(t *testing.T, body []byte) {
		env, err := format.Open(body)
		if err != nil {
			inboundtest.CheckFault(t, err)
		}
		if env == nil {
			return
		}
		for _, m := range env.Messages {
			if !json.Valid(m) {
				t.Fatalf("%q is no document", m)
			}
		}
	})
}
