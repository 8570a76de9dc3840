package hl7v2_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/referral"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var at = time.Date(2026, 3, 1, 10, 15, 2, 0, time.FixedZone("BST", 3600))

// TestGolden decodes in.hl7 of each file and compares the tree, one line for
// each leaf, and the acknowledgements of acceptance (want.aa), of acceptance
// with a flag (want.flag) and of refusal (want.ae), to a question about a
// referral also how it stands (want.rri, want.ack), or the fault (want.err) and
// the answer to it. Lines of the files end in LF; the wire has CR.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := strings.ReplaceAll(string(ar.Files[0].Data), "\n", "\r")
			want := &txtar.Archive{Comment: ar.Comment, Files: []txtar.File{ar.Files[0]}}
			for _, part := range outcome(in) {
				want.Files = append(want.Files, txtar.File{Name: part[0], Data: []byte(strings.ReplaceAll(part[1], "\r", "\n"))})
			}
			got := txtar.Format(want)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if string(got) != string(txtar.Format(ar)) {
				t.Errorf("differs; run with -update and read the diff. Got:\n%s", got)
			}
		})
	}
}

// outcome is what becomes of a message, as pairs of file name and content.
func outcome(in string) [][2]string {
	format := hl7v2.New()
	m, err := format.Decode([]byte(in))
	if err != nil {
		f := fault.Of(err)
		return [][2]string{{"want.err", f.Error() + "\n"}, {"want.ar", string(format.Reply(m, inbound.Answer{Fault: f, At: at}).Body)}}
	}
	ok := inbound.Answer{At: at, MessageID: 1, Task: "t", Request: "r"}
	flagged, refused := ok, ok
	flagged.Flags = []fault.Issue{{Severity: "warning", Code: "check-digit", Place: "PID-3[2].1", Expression: "Patient.identifier[0].value", Text: "the NHS number fails its check digit"}}
	refused.Fault = &fault.Fault{Kind: fault.Unmappable, Issues: []fault.Issue{
		{Place: "RF1-10[2].1", Expression: "ServiceRequest.reasonCode[1]", Text: "the code is not in the list of reasons"},
		{Place: "mapping.yaml:12:7", Text: "no rule fits"},
	}}
	out := [][2]string{
		{"want.tree", tree(m)},
		{"want.aa", string(format.Reply(m, ok).Body)},
		{"want.flag", string(format.Reply(m, flagged).Body)},
		{"want.ae", string(format.Reply(m, refused).Body)},
	}
	if strings.HasSuffix(m.Type, "^I15") {
		asked := ok
		asked.Intention = referral.Status
		asked.State = &inbound.State{Task: "in-progress", Request: "active", Updated: at,
			Business: &inbound.Coding{System: "https://example.org/doing", Code: "contacted"}}
		ended := asked
		ended.State = &inbound.State{Task: "cancelled", Request: "revoked", Updated: at}
		out = append(out, [2]string{"want.rri", string(format.Reply(m, asked).Body)},
			[2]string{"want.rri-cancelled", string(format.Reply(m, ended).Body)},
			[2]string{"want.ack", string(format.Answering(hl7v2.AnswerACK).Reply(m, asked).Body)})
	}
	return out
}

// tree prints type and id, then each leaf with its address.
func tree(m *inbound.Message) string {
	var b strings.Builder
	b.WriteString(m.Type + " " + m.ID + "\n")
	var walk func(message.Node)
	walk = func(n message.Node) {
		switch n.Kind() {
		case message.Null:
			b.WriteString(n.Address() + " = null\n")
		case message.Text:
			b.WriteString(n.Address() + " = " + strconv.Quote(n.Value()) + "\n")
		}
		for c := n.First(); c.Ok(); c = c.Next() {
			walk(c)
		}
	}
	walk(m.Tree.Root())
	return b.String()
}
