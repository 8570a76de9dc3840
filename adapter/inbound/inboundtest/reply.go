package inboundtest

import (
	"bytes"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

// decided and base are what every answer of the suite carries.
var decided = time.Date(2026, 3, 1, 10, 15, 2, 345678000, time.UTC)

const base = "https://linkloop.example/fhir"

// replies answers every good sample, and nobody, in every way there is.
func replies(t *testing.T, f inbound.Format, s Samples) {
	accepted := inbound.Answer{At: decided, MessageID: 42, Task: "task-1", Request: "request-1", Base: base}
	flagged := accepted
	flagged.Flags = []fault.Issue{
		{Severity: "warning", Code: "nhs-number", Place: "PID-3[2].1", Expression: "Patient.identifier[0].value", Text: "the NHS number fails its check digit"},
		{Severity: "information", Place: "mapping.yaml:12:7", Text: "line one\r\nline | two ^ & ~ \\ \"quoted\" <b> \u00e9"},
	}
	duplicate := accepted
	duplicate.Duplicate = true
	for _, g := range s.Good {
		m, err := f.Decode(g.Body)
		if err != nil {
			t.Fatal(err)
		}
		for name, a := range map[string]inbound.Answer{"accepted": accepted, "flagged": flagged, "duplicate": duplicate} {
			t.Run(g.Name+"/"+name, func(t *testing.T) {
				r := f.Reply(m, a)
				checkReply(t, s, r, g, true)
				if r.Status != 200 {
					t.Errorf("status %d, want 200", r.Status)
				}
			})
		}
		for _, k := range fault.Kinds() {
			t.Run(g.Name+"/"+k.String(), func(t *testing.T) { replyFault(t, f, s, m, g, k) })
		}
	}
	for _, k := range fault.Kinds() {
		t.Run("unreadable/"+k.String(), func(t *testing.T) { replyFault(t, f, s, nil, Sample{}, k) })
	}
}

// replyFault answers with a fault of the kind in three shapes: located and
// awkward to write, bare, and with more reasons than anyone reads.
func replyFault(t *testing.T, f inbound.Format, s Samples, m *inbound.Message, g Sample, k fault.Kind) {
	many := &fault.Fault{Kind: k}
	for range 1000 {
		many.Issues = append(many.Issues, fault.Issue{Place: "OBX[2]-5[1].1.2", Text: "is not allowed here"})
	}
	for _, flt := range []*fault.Fault{
		fault.New(k, "PID-3[2].1", "a | b ^ c & d ~ e \\ f \"g\" \r\n <h> \x01 \u00e9 \xff"),
		{Kind: k},
		many,
	} {
		r := f.Reply(m, inbound.Answer{Fault: flt, At: decided, MessageID: 42, Base: base})
		if r.Status != k.Row().HTTP {
			t.Errorf("status %d, want %d", r.Status, k.Row().HTTP)
		}
		if len(r.Body) == 0 && k.Row().ACK == "" {
			continue
		}
		checkReply(t, s, r, g, k == fault.Duplicate)
		if len(r.Body) > 64<<10 {
			t.Errorf("the reply has %d bytes", len(r.Body))
		}
	}
}

func checkReply(t *testing.T, s Samples, r inbound.Reply, g Sample, want bool) {
	t.Helper()
	accepted, err := s.Verdict(r)
	if err != nil {
		t.Fatalf("not well-formed: %v\n%s", err, r.Body)
	}
	if accepted != want {
		t.Errorf("the reply says accepted %v, want %v\n%s", accepted, want, r.Body)
	}
	if r.ContentType == "" {
		t.Error("no content type")
	}
	for _, c := range g.Canaries {
		if bytes.Contains(r.Body, []byte(c)) {
			t.Errorf("the reply repeats canary %q", c)
		}
	}
}
