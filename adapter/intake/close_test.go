package intake_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/store"
)

// TestClose: a failed message is closed once with a reason that only who reads
// messages sees; it is replayed with no set, answers its sender as before, and
// is opened by its id.
func TestClose(t *testing.T) {
	var log bytes.Buffer
	st := open(t)
	svc := service(t, st, &log)
	const reason = "Canarytrailer, sent every night"
	accept := func(body string) intake.Result {
		t.Helper()
		r, err := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(body), Received: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	unnamed := strings.Replace(minimal, "Canarybird^Jo", "", 1)
	bad, good := accept(unnamed), accept(strings.Replace(minimal, "M-1", "M-2", 1))
	unknown := strings.NewReplacer("REF^I12", "REF^I14", "M-1", "M-3").Replace(minimal)
	early := accept(unknown)
	state := func(id int64) (m store.Message) {
		t.Helper()
		err := st.View(t.Context(), func(r store.Reader) (err error) {
			m, err = r.Inbox().Get(id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for text, kind := range map[string]fault.Kind{"": fault.Malformed, "  ": fault.Malformed, "a\nb": fault.Malformed, strings.Repeat("a", 501): fault.Malformed} {
		if err := svc.Close(t.Context(), bad.MessageID, "op", text); fault.KindOf(err) != kind {
			t.Errorf("closed for %q: %v", text, err)
		}
	}
	if err := svc.Close(t.Context(), good.MessageID, "op", reason); fault.KindOf(err) != fault.IllegalMove {
		t.Errorf("an accepted message is closed: %v", err)
	}
	if err := svc.Close(t.Context(), 999, "op", reason); fault.KindOf(err) != fault.NotFound {
		t.Errorf("what is not there is closed: %v", err)
	}
	for _, id := range []int64{bad.MessageID, early.MessageID} {
		if err := svc.Close(t.Context(), id, "op", " "+reason+" "); err != nil {
			t.Fatal(err)
		}
		if err := svc.Close(t.Context(), id, "op", reason); fault.KindOf(err) != fault.IllegalMove {
			t.Errorf("closed twice: %v", err)
		}
	}
	if m := state(bad.MessageID); m.State != store.ClosedMessage || m.Kind != "unmappable" || !strings.Contains(string(m.Issues), `"text":"`+reason+`"`) || !strings.Contains(string(m.Issues), "PID-5") || len(m.Body) == 0 {
		t.Errorf("closed as %s %s %s", m.State, m.Kind, m.Issues)
	}
	for _, dry := range []bool{true, false} {
		if page, _, err := svc.ReplayFailed(t.Context(), intake.ReplaySet{Dry: dry}); err != nil || len(page) > 0 {
			t.Errorf("replayed %v, %v", page, err)
		}
	}
	for _, body := range []string{unnamed, unknown} { // what answers the same leaves it closed
		r := accept(body)
		if r.Refused == "" || strings.Contains(string(r.Reply.Body), reason) || len(r.Issues()) == 0 || r.Issues()[0].Text == reason {
			t.Errorf("the sender is told %q, %v", r.Refused, r.Issues())
		}
		if m := state(r.MessageID); m.State != store.ClosedMessage {
			t.Errorf("sent again it is %s", m.State)
		}
	}
	if r, err := svc.Replay(t.Context(), bad.MessageID); err != nil || r.Refused != "unmappable" {
		t.Errorf("%+v, %v", r, err)
	}
	if m := state(bad.MessageID); m.State != store.Failed || strings.Contains(string(m.Issues), reason) {
		t.Errorf("opened it is %s: %s", m.State, m.Issues)
	}
	var closed []string
	err := st.View(t.Context(), func(r store.Reader) error {
		closed = nil
		list, err := r.Audit().List(store.AuditFilter{Action: "message closed", Limit: 10})
		for _, e := range list.Lines {
			closed = append(closed, e.Agent+" "+e.Entity)
		}
		return err
	})
	if err != nil || len(closed) != 2 {
		t.Errorf("the audit trail says %v, %v", closed, err)
	}
	if strings.Contains(log.String(), "Canary") {
		t.Errorf("the log tells the reason: %s", log.String())
	}
}
