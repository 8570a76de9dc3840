package jsondoc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/message"
)

const sample = `{
  "messageId": "7f3a-1", "type": "referral", "sent": "2026-03-01T10:15:00Z",
  "patient": {
    "nhsNumber": "9990000018", "name": [{"family": "Testperson", "given": ["Amelia", "Jane"]}],
    "birthDate": "1970-02-14", "living alone": true, "address": null, "tags": [], "matrix": [[1, 2.50], [3]]
  },
  "needs": [{"code": 267076002, "text": "Feels out of place \u2014 \"alone\""}],
  "PID": {"3": "a segment name and a number as names", "re` + "`" + `al": "x"}
}`

// pathable is the sample without what the path language cannot reach: arrays
// within arrays and a backquote in a name.
var pathable = strings.NewReplacer("re`al", "real", "[[1, 2.50], [3]]", "[1, 2.50, 3]").Replace(sample)

var canaries = []string{"9990000018", "Testperson", "Amelia", "1970-02-14", "out of place"}

func TestContract(t *testing.T) {
	inboundtest.Run(t, jsondoc.New(), inboundtest.Samples{
		Good: []inboundtest.Sample{
			{Name: "referral", Body: []byte(pathable), ID: "7f3a-1", Type: "referral", Canaries: canaries},
			{Name: "bare", Body: []byte(`{"name":"Canary Bird"}`), Type: "referral", Canaries: []string{"Canary Bird"}},
			{Name: "id as a number", Body: []byte("\xef\xbb\xbf" + ` {"id": 12, "type": "withdrawal"} `), ID: "12", Type: "withdrawal"},
			{Name: "many members", Body: many(60), Type: "referral"},
		},
		Broken: []inboundtest.Broken{
			{Name: "empty", Body: nil, Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "array", Body: []byte(`[{}]`), Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "text", Body: []byte(`"x"`), Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "cut", Body: []byte("{\n \"a\": "), Kind: fault.Malformed, Place: "line 2, column 7"},
			{Name: "cut behind the id", Body: []byte("{\"messageId\":\"m\",\n \"a\": "), Kind: fault.Malformed, Place: "line 2, column 7", Partial: true},
			{Name: "member twice", Body: []byte(`{"a":1,"b":2,"a":3}`), Kind: fault.Malformed, Place: "line 1, column 18"},
			{Name: "member twice among many", Body: bytes.Replace(many(60), []byte(`"m59"`), []byte(`"m3"`), 1), Kind: fault.Malformed, Place: "*"},
			{Name: "content behind", Body: []byte(`{} {}`), Kind: fault.Malformed, Place: "line 1, column 4"},
			{Name: "trailing comma", Body: []byte(`{"a":[1,]}`), Kind: fault.Malformed, Place: "line 1, column 9"},
			{Name: "not UTF-8", Body: []byte("{\"a\":\"\xff\"}"), Kind: fault.Malformed, Place: "line 1, column 7"},
			{Name: "half a surrogate", Body: []byte(`{"a":"\ud800"}`), Kind: fault.Malformed, Place: "line 1, column 13"},
			{Name: "raw line break", Body: []byte("{\"a\":\"\n\"}"), Kind: fault.Malformed, Place: "line 1, column 7"},
			{Name: "leading zero", Body: []byte(`{"a":01}`), Kind: fault.Malformed, Place: "*"},
			{Name: "id is an object", Body: []byte(`{"messageId":{}}`), Kind: fault.Malformed, Place: "messageId"},
			{Name: "id too long", Body: []byte(`{"messageId":"` + strings.Repeat("x", 201) + `"}`), Kind: fault.Malformed, Place: "messageId"},
			{Name: "type is an array", Body: []byte(`{"messageId":"1","type":[]}`), Kind: fault.Malformed, Place: "type", Partial: true},
			{Name: "too many bytes", Body: []byte(`{"a":"` + strings.Repeat("x", 5<<20) + `"}`), Kind: fault.TooLarge},
			{Name: "too deep", Body: []byte(`{"a":` + strings.Repeat("[", 50)), Kind: fault.Malformed, Place: "line 1, column 45"},
			{Name: "too many values", Body: []byte(`{"a":[` + strings.Repeat("1,", 200_000) + "1]}"), Kind: fault.TooLarge, Place: "*"},
		},
		Verdict: verdict,
	})
}

func many(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":%d`, i, i)
	}
	return []byte("{" + b.String()[1:] + "}")
}

// verdict reads a receipt with the standard library.
func verdict(r inbound.Reply) (bool, error) {
	var receipt struct {
		Status                                   string
		MessageID, Receipt, ServiceRequest, Task string
		Flags, Errors                            []struct{ Field, Element, Code, Severity, Reason string }
	}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&receipt); err != nil {
		return false, err
	}
	said := inboundtest.Receipt{Status: receipt.Status, Task: receipt.Task}
	for _, e := range receipt.Errors {
		said.Reasons = append(said.Reasons, e.Reason)
	}
	return said.Accepted()
}

func TestReceipt(t *testing.T) {
	f := jsondoc.New()
	m, err := f.Decode([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	a := inbound.Answer{MessageID: 42, Task: "t1", Request: "r1", Base: "https://x.example/fhir",
		Flags: []fault.Issue{{Severity: "warning", Code: "check-digit", Place: "patient.nhsNumber", Text: "the NHS number fails its check digit"}}}
	const accepted = `"messageId":"7f3a-1","receipt":"42","serviceRequest":"https://x.example/fhir/ServiceRequest/r1","task":"https://x.example/fhir/Task/t1",` +
		`"flags":[{"field":"patient.nhsNumber","code":"check-digit","severity":"warning","reason":"the NHS number fails its check digit"}]}` + "\n"
	for _, c := range []struct {
		name   string
		change func(*inbound.Answer)
		want   string
	}{
		{"accepted", func(*inbound.Answer) {}, `{"status":"accepted",` + accepted},
		{"duplicate", func(a *inbound.Answer) { a.Duplicate = true }, `{"status":"duplicate",` + accepted},
		{"refused", func(a *inbound.Answer) {
			*a = inbound.Answer{MessageID: 43, Fault: fault.New(fault.Unmappable, "needs[0].code", "not in the list of needs")}
		}, `{"status":"refused","messageId":"7f3a-1","receipt":"43","errors":[{"field":"needs[0].code","reason":"not in the list of needs"}]}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := a
			c.change(&answer)
			if got := string(f.Reply(m, answer).Body); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	m, err := jsondoc.New().Decode([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var walk func(n message.Node)
	walk = func(n message.Node) {
		if k := n.Kind(); k != message.Object && k != message.List {
			got = append(got, n.Address())
		}
		for c := n.First(); c.Ok(); c = c.Next() {
			walk(c)
		}
	}
	walk(m.Tree.Root())
	want := "messageId type sent patient.nhsNumber patient.name[0].family patient.name[0].given[0] patient.name[0].given[1] " +
		"patient.birthDate patient.`living alone` patient.address patient.matrix[0][0] patient.matrix[0][1] patient.matrix[1][0] " +
		"needs[0].code needs[0].text `PID`.`3` `PID`.`re`al`"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

func TestOptions(t *testing.T) {
	f := jsondoc.New(jsondoc.Options{IDFields: []string{"ref", "number"}, TypeField: "kind", DefaultType: "note"})
	for in, want := range map[string]string{
		`{"number":1}`:                        "1 note",
		`{"number":1,"ref":"a","kind":"x"}`:   "a x",
		`{"ref":null,"number":2,"kind":null}`: "2 note",
		`{"messageId":"no","type":"no"}`:      " note",
	} {
		m, err := f.Decode([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.ID + " " + m.Type; got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"a":[null,true,-1.5e+3,"\ud83d\ude00\\\/\b\f\n\r\t"],"":{}}`))
	f.Add(many(40))
	format := jsondoc.New(jsondoc.Options{Limits: inbound.JSONLimits{Bytes: 1 << 16, Nodes: 5000}})
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := format.Decode(body)
		if err != nil {
			inboundtest.CheckFault(t, err)
		} else {
			inboundtest.CheckTree(t, m)
			if !json.Valid(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))) {
				t.Fatal("accepted what is not JSON")
			}
		}
		inboundtest.CheckReplies(t, format, m, "a.b", verdict)
	})
}

func BenchmarkDecode(b *testing.B) { inboundtest.BenchmarkDecode(b, jsondoc.New(), []byte(sample)) }
