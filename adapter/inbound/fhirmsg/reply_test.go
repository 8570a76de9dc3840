package fhirmsg_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestReplyGolden keeps every answer to the sample as its sender sees it.
func TestReplyGolden(t *testing.T) {
	const file = "testdata/reply.txtar"
	m, err := fhirmsg.New().Decode(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	ok := inbound.Answer{MessageID: 42, Task: "task-1", Request: "request-1", Base: "https://linkloop.example/fhir",
		At: time.Date(2026, 3, 1, 10, 15, 2, 345_000_000, time.UTC)}
	flagged, repeated, refused := ok, ok, ok
	flagged.Flags = []fault.Issue{{Severity: "warning", Code: "check-digit", Place: "/entry[2]/resource/identifier[0]/value",
		Expression: "Patient.identifier[0].value", Text: "the NHS number fails its check digit"}}
	repeated.Duplicate = true
	refused.Fault = fault.New(fault.Profile, "/entry[1]/resource/authoredOn", "a date and time with a zone is expected")
	got := &txtar.Archive{Comment: []byte("Answers to referral.json; go test -update rewrites them.\n")}
	for _, c := range []struct {
		name string
		a    inbound.Answer
	}{{"accepted.json", ok}, {"flagged.json", flagged}, {"repeated.json", repeated}, {"refused.json", refused}} {
		var b bytes.Buffer
		if err := json.Indent(&b, fhirmsg.New().Reply(m, c.a).Body, "", "  "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		got.Files = append(got.Files, txtar.File{Name: c.name, Data: b.Bytes()})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(txtar.Format(got), want) {
		t.Errorf("differs; run with -update and read the diff. Got:\n%s", txtar.Format(got))
	}
}

func TestResponseIdentifierIsAnID(t *testing.T) {
	for in, want := range map[string]string{
		`"id":"b1"`: "b1",
		`"identifier":{"value":"urn:uuid:3c0f7a52-6a3e-4b8e-9a55-1f2f3a4b5c6d"}`: "3c0f7a52-6a3e-4b8e-9a55-1f2f3a4b5c6d",
		`"identifier":{"value":"no id_at all"}`:                                  "h1",
		`"x":1`:                                                                  "h1",
	} {
		body := bytes.Replace(bundle(""), []byte(`"id":"b1"`), []byte(in), 1)
		m, err := fhirmsg.New().Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		reply := fhirmsg.New().Reply(m, inbound.Answer{}).Body
		if !bytes.Contains(reply, []byte(`"response":{"identifier":"`+want+`"`)) {
			t.Errorf("%s: want %s in %s", in, want, reply)
		}
	}
}
