package fhirmsg_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/message"
)

var canaries = []string{"9990000018", "Testperson", "Amelia", "1970-02-14", "Example Road", "did not go", "07700900123"}

func sample(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/referral.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// bundle is a message with a readable MessageHeader and what else is given.
func bundle(entries string) []byte {
	return []byte(`{"resourceType":"Bundle","id":"b1","type":"message","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"MessageHeader","id":"h1",` +
		`"eventUri":"urn:event","source":{"endpoint":"urn:me"}}}` + entries + `]}`)
}

func TestContract(t *testing.T) {
	inboundtest.Run(t, fhirmsg.New(), inboundtest.Samples{
		Good: []inboundtest.Sample{
			{Name: "referral", Body: sample(t), ID: "3c0f7a52-6a3e-4b8e-9a55-1f2f3a4b5c6d", Type: "servicerequest-request", Canaries: canaries},
			{Name: "cancelled", Body: []byte(strings.Replace(string(sample(t)), `"code": "new"`, `"code": "update"`, 1)),
				ID: "3c0f7a52-6a3e-4b8e-9a55-1f2f3a4b5c6d", Type: "servicerequest-request|update", Canaries: canaries},
			{Name: "event as URI", Body: bundle(`,{"resource":{"id":"p","name":[{"family":"Canary"}],"resourceType":"Patient"}}`),
				ID: "b1", Type: "urn:event", Canaries: []string{"Canary"}},
		},
		Broken: []inboundtest.Broken{
			{Name: "empty", Body: nil, Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "a resource", Body: []byte(`{"resourceType":"Patient"}`), Kind: fault.Malformed, Place: "/resourceType"},
			{Name: "XML", Body: []byte(`<Bundle/>`), Kind: fault.Malformed, Place: "line 1, column 1"},
			{Name: "no type", Body: []byte(`{"resourceType":"Bundle"}`), Kind: fault.Malformed, Place: "/type"},
			{Name: "a transaction", Body: []byte(`{"resourceType":"Bundle","type":"transaction"}`), Kind: fault.Unsupported, Place: "/type"},
			{Name: "no entry", Body: []byte(`{"resourceType":"Bundle","type":"message","entry":[]}`), Kind: fault.Malformed, Place: "/entry"},
			{Name: "header not first", Body: []byte(`{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"Patient"}}]}`),
				Kind: fault.Malformed, Place: "/entry[0]/resource"},
			{Name: "header without event", Body: []byte(`{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader"}}]}`),
				Kind: fault.Malformed, Place: "/entry[0]/resource/eventCoding", Partial: true},
			{Name: "document with a header", Body: []byte(strings.Replace(string(bundle("")), `"message"`, `"document"`, 1)),
				Kind: fault.Unsupported, Place: "/type", Partial: true},
			{Name: "entry without a resource", Body: bundle(`,{"fullUrl":"urn:uuid:2"}`), Kind: fault.Malformed, Place: "/entry[1]/resource", Partial: true},
			{Name: "resource without a type", Body: bundle(`,{"resource":{"id":"x"}}`), Kind: fault.Malformed, Place: "/entry[1]/resource/resourceType", Partial: true},
			{Name: "resource is a text", Body: bundle(`,{"resource":"x"}`), Kind: fault.Malformed, Place: "/entry[1]/resource/resourceType", Partial: true},
			{Name: "fullUrl twice", Body: bundle(`,{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"}}`), Kind: fault.Malformed, Place: "/entry[1]/fullUrl", Partial: true},
			{Name: "fullUrl is a number", Body: bundle(`,{"fullUrl":1,"resource":{"resourceType":"Patient"}}`), Kind: fault.Malformed, Place: "/entry[1]/fullUrl", Partial: true},
			{Name: "resource twice", Body: bundle(`,{"resource":{"resourceType":"Patient"},"resource":{"resourceType":"Patient"}}`), Kind: fault.Malformed, Place: "*", Partial: true},
			{Name: "member twice", Body: bundle(`,{"resource":{"resourceType":"Patient","gender":"male","gender":"female"}}`), Kind: fault.Malformed, Place: "*", Partial: true},
			{Name: "entry twice", Body: []byte(strings.TrimSuffix(string(bundle("")), "}") + `,"entry":[]}`), Kind: fault.Malformed, Place: "*", Partial: true},
			{Name: "type twice", Body: []byte(strings.TrimSuffix(string(bundle("")), "}") + `,"type":"message"}`), Kind: fault.Malformed, Place: "*", Partial: true},
			{Name: "id too long", Body: []byte(strings.Replace(string(bundle("")), "b1", strings.Repeat("b", 201), 1)), Kind: fault.Malformed, Place: "/id", Partial: true},
			{Name: "cut behind the header", Body: []byte(strings.TrimSuffix(string(bundle("")), "]}")), Kind: fault.Malformed, Place: "*", Partial: true},
			{Name: "content behind", Body: append(bundle(""), '1'), Kind: fault.Malformed, Place: "*", Partial: true},
			{Name: "too many bytes", Body: bundle(strings.Repeat(" ", 5<<20)), Kind: fault.TooLarge},
			{Name: "too many entries", Body: bundle(strings.Repeat(`,{"resource":{"resourceType":"Patient"}}`, 1000)), Kind: fault.TooLarge, Place: "/entry", Partial: true},
			{Name: "too deep", Body: bundle(`,{"resource":{"resourceType":"Patient","x":` + strings.Repeat("[", 60)), Kind: fault.Malformed, Place: "*", Partial: true},
			{Name: "too many values", Body: bundle(`,{"resource":{"resourceType":"Patient","x":[` + strings.Repeat("1,", 200_000) + "1]}}"), Kind: fault.TooLarge, Place: "*", Partial: true},
		},
		Resolve: resolve,
		Verdict: verdict,
	})
}

// resolve follows an address the way a reader of the JSON would.
func resolve(m *inbound.Message, address string) message.Node {
	n := m.Tree.Root()
	if address == "/" {
		return n.Child("Bundle")
	}
	steps := strings.Split(address, "/")[1:]
	if i, ok := index(steps[0], "entry["); ok && len(steps) > 1 && steps[1] == "resource" {
		n = n.First()
		for range i + 1 {
			n = n.Next()
		}
		steps = steps[2:]
	} else {
		n = n.Child("Bundle")
	}
	for _, s := range steps {
		name, rest, listed := strings.Cut(s, "[")
		if n = n.Child(name); !listed {
			continue
		}
		i, ok := index(rest, "")
		if !ok {
			return message.Node{}
		}
		for n = n.First(); i > 0; i-- {
			n = n.Next()
		}
	}
	return n
}

func index(s, prefix string) (int, bool) {
	if !strings.HasPrefix(s, prefix) || !strings.HasSuffix(s, "]") {
		return 0, false
	}
	i, err := strconv.Atoi(s[len(prefix) : len(s)-1])
	return i, err == nil
}

// verdict reads an answer with the standard library.
func verdict(r inbound.Reply) (bool, error) {
	type outcome struct {
		ResourceType string
		Issue        []struct{ Severity, Code, Diagnostics string }
	}
	var top struct {
		outcome
		Type, Timestamp string
		Entry           []struct {
			FullURL  string
			Resource json.RawMessage
		}
	}
	if err := json.Unmarshal(r.Body, &top); err != nil {
		return false, err
	}
	whole := func(o outcome) error {
		if o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
			return errors.New("no OperationOutcome")
		}
		for _, is := range o.Issue {
			if is.Severity == "" || is.Code == "" || is.Diagnostics == "" {
				return fmt.Errorf("incomplete issue %+v", is)
			}
		}
		return nil
	}
	if top.ResourceType == "OperationOutcome" {
		return false, whole(top.outcome)
	}
	if top.ResourceType != "Bundle" || top.Type != "message" || top.Timestamp == "" || len(top.Entry) == 0 {
		return false, errors.New("neither an OperationOutcome nor a message")
	}
	var header struct {
		ResourceType, EventURI string
		EventCoding            struct{ Code string }
		Source                 struct{ Endpoint string }
		Response               struct {
			Identifier, Code string
			Details          struct{ Reference string }
		}
	}
	if err := json.Unmarshal(top.Entry[0].Resource, &header); err != nil {
		return false, err
	}
	if header.ResourceType != "MessageHeader" || header.Response.Identifier == "" || header.Response.Code != "ok" ||
		header.Source.Endpoint == "" || header.EventURI+header.EventCoding.Code == "" {
		return false, fmt.Errorf("incomplete MessageHeader %+v", header)
	}
	if (header.Response.Details.Reference != "") != (len(top.Entry) == 2) {
		return false, errors.New("details and OperationOutcome do not go together")
	}
	if len(top.Entry) == 2 {
		var o outcome
		if err := json.Unmarshal(top.Entry[1].Resource, &o); err != nil {
			return false, err
		}
		if top.Entry[1].FullURL != header.Response.Details.Reference {
			return false, errors.New("details point elsewhere")
		}
		return true, whole(o)
	}
	return true, nil
}

func FuzzDecode(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader><eventUri value="urn:e"/></MessageHeader></resource></entry></Bundle>`))
	f.Add(bundle(`,{"fullUrl":"http://x/Patient/1","resource":{"resourceType":"Patient","contained":[{"resourceType":"Organization","id":"o"}]}}`))
	f.Add([]byte(`<ReferralRequest xmlns="http://hl7.org/fhir"><contained><Practitioner><id value="a"/></Practitioner></contained><status value="active"/><requester><agent><reference value="#a"/></agent></requester></ReferralRequest>`))
	f.Add([]byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="message"/><entry><resource><MessageHeader><event><code value="referral-1"/></event></MessageHeader></resource></entry><entry><resource><ReferralRequest><identifier><value value="1"/></identifier></ReferralRequest></resource></entry></Bundle>`))
	format := fhirmsg.New(inbound.JSONLimits{Bytes: 1 << 16, Nodes: 5000})
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := format.Decode(body)
		if err != nil {
			inboundtest.CheckFault(t, err)
		} else {
			inboundtest.CheckTree(t, m)
		}
		for _, a := range []inbound.Answer{{Duplicate: true}, {Fault: fault.New(fault.Profile, "/entry[1]", "text")}} {
			if accepted, err := verdict(fhirmsg.AsJSON(format.Reply(m, a))); err != nil || accepted != (a.Fault == nil) {
				t.Fatalf("reply: accepted %v, %v", accepted, err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := sample(b)
	f := fhirmsg.New()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}
