package intake_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/conformance"
	"github.com/linkloop/linkloop/mappings"
)

const minimal = "MSH|^~\\&|A|Z00001|B|C|20260101||REF^I12|M-1|P|2.4\rPID|1||9990000379^^^NHS^NH||Canarybird^Jo||19700101|2\r"

func service(t *testing.T, s store.Store, log *bytes.Buffer) *intake.Service {
	t.Helper()
	m, err := mapping.Compile(mappings.Files, "hl7v2-ref")
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{1}, 32)
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	workflow, err := referral.LoadWorkflow(conformance.Files, "workflow-gravity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	svc, err := intake.New(intake.Config{
		Workflow: workflow,
		Rules:    rules, Store: s, Indexer: resource.NewIndexer(key), IDKey: key, BaseURL: "http://test/fhir", Now: time.Now,
		Log:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Senders: []intake.Sender{{Name: "s", FormatName: "hl7v2", Format: hl7v2.New(), Mapping: m}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// broken is a store that is away, in the ways a store can be: it cannot be
// read, or it reads and its commit fails.
type broken struct {
	store.Store
	reads bool
}

func (b broken) View(ctx context.Context, fn func(store.Reader) error) error {
	if b.reads {
		return b.Store.View(ctx, fn)
	}
	return fault.New(fault.Transient, "", "the store cannot be read")
}

func (b broken) Decide(ctx context.Context, fn func(store.Tx) error, _ ...store.Hint) error {
	if b.Store != nil {
		// The decision runs and is then lost, as when the disk fails at the end.
		lost := errors.New("disk")
		_ = b.Store.Decide(ctx, func(tx store.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return lost
		})
	}
	return fault.New(fault.Transient, "", "the store cannot commit")
}

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	c := sqlite.DefaultConfig()
	c.Path = t.TempDir()
	s, err := sqlite.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestStoreAway: nothing is acknowledged that is not on disk, and the sender
// is asked to come again.
func TestStoreAway(t *testing.T) {
	good := open(t)
	for name, s := range map[string]store.Store{"unreadable": broken{}, "commit fails": broken{Store: good, reads: true}} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			res, err := service(t, s, &log).Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(minimal), Received: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			if res.Reply.Status != 503 || !bytes.Contains(res.Reply.Body, []byte("MSA|AE|M-1")) || res.Kind != "transient" {
				t.Errorf("status %d, kind %s, want 503 with an AE", res.Reply.Status, res.Kind)
			}
			if strings.Contains(log.String(), "Canarybird") || log.Len() == 0 {
				t.Error("the log says nothing, or too much")
			}
		})
	}
	err := good.View(t.Context(), func(r store.Reader) error {
		list, err := r.Inbox().List(store.InboxFilter{Limit: 10})
		if len(list) != 0 {
			t.Errorf("%d messages were filed by commits that failed", len(list))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReplayAfterFix: a message that one mapping refuses is accepted by the
// next, by replay or by coming again, and only once.
func TestReplayAfterFix(t *testing.T) {
	s := open(t)
	var log bytes.Buffer
	svc := service(t, s, &log)
	noName := strings.Replace(minimal, "Canarybird^Jo", "", 1)
	first, err := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(noName), Received: time.Now()})
	if err != nil || first.Kind != "unmappable" {
		t.Fatalf("kind %q, err %v", first.Kind, err)
	}
	again, _ := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(noName), Received: time.Now()})
	if !bytes.Equal(first.Reply.Body, again.Reply.Body) || again.MessageID != first.MessageID {
		t.Error("the same refused message got another answer")
	}
	source, err := mappings.Files.ReadFile("hl7v2-ref/mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fixed := bytes.Replace(source, []byte(` | required("a referral names the person it is for, in PID-5")`), nil, 1)
	m, err := mapping.Compile(overlay{mappings.Files, "hl7v2-ref/mapping.yaml", fixed}, "hl7v2-ref")
	if err != nil {
		t.Fatal(err)
	}
	if err := svc.Use([]intake.Sender{{Name: "s", FormatName: "hl7v2", Format: hl7v2.New(), Mapping: m}}); err != nil {
		t.Fatal(err)
	}
	replayed, err := svc.Replay(t.Context(), first.MessageID)
	if err != nil || replayed.Kind != "accepted" || replayed.Task == "" || replayed.MessageID != first.MessageID {
		t.Fatalf("replay: %q, err %v", replayed.Kind, err)
	}
	repeated, _ := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(noName), Received: time.Now()})
	if repeated.Kind != "duplicate" || repeated.Task != replayed.Task {
		t.Errorf("the message once more: %q, Task %q, want a duplicate of %q", repeated.Kind, repeated.Task, replayed.Task)
	}
	twice, err := svc.Replay(t.Context(), first.MessageID)
	if err != nil || twice.Task != replayed.Task {
		t.Errorf("replay of what was accepted: Task %q, err %v", twice.Task, err)
	}
	e, err := svc.Explain(t.Context(), first.MessageID)
	if err != nil || len(e.Steps) == 0 {
		t.Errorf("explain: %d steps, err %v", len(e.Steps), err)
	}
}

// TestSameReferralOtherContent: a referral number that comes again with other
// content is a change, and changes have their own message.
func TestSameReferralOtherContent(t *testing.T) {
	var log bytes.Buffer
	svc := service(t, open(t), &log)
	withNumber := strings.Replace(minimal, "PID|", "RF1||R||||SP-9\rPID|", 1)
	one, _ := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(withNumber), Received: time.Now()})
	if one.Kind != "accepted" {
		t.Fatalf("kind %q", one.Kind)
	}
	other := strings.Replace(strings.Replace(withNumber, "M-1", "M-2", 1), "|R|", "|S|", 1)
	two, _ := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(other), Received: time.Now()})
	if two.Kind != "conflict" || !bytes.Contains(two.Reply.Body, []byte("MSA|AE|M-2")) || !bytes.Contains(two.Reply.Body, []byte("ServiceRequest/")) {
		t.Errorf("kind %q, want a conflict that names the ServiceRequest", two.Kind)
	}
}

// TestReplaysAtOnce: of several replays of one message one accepts it, and the
// others find that it was.
func TestReplaysAtOnce(t *testing.T) {
	var log bytes.Buffer
	s := open(t)
	svc := service(t, s, &log)
	noName := strings.Replace(minimal, "Canarybird^Jo", "", 1)
	first, err := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(noName), Received: time.Now()})
	if err != nil || first.Kind != "unmappable" {
		t.Fatalf("kind %q, err %v", first.Kind, err)
	}
	source, err := mappings.Files.ReadFile("hl7v2-ref/mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fixed := bytes.Replace(source, []byte(` | required("a referral names the person it is for, in PID-5")`), nil, 1)
	m, err := mapping.Compile(overlay{mappings.Files, "hl7v2-ref/mapping.yaml", fixed}, "hl7v2-ref")
	if err != nil {
		t.Fatal(err)
	}
	if err := svc.Use([]intake.Sender{{Name: "s", FormatName: "hl7v2", Format: hl7v2.New(), Mapping: m}}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			res, err := svc.Replay(context.Background(), first.MessageID)
			if err != nil || res.Task == "" {
				t.Errorf("kind %q, err %v", res.Kind, err)
			}
		})
	}
	all.Wait()
	err = s.View(t.Context(), func(r store.Reader) error {
		row, err := r.Inbox().Get(first.MessageID)
		if row.State != store.Accepted || row.Task == "" {
			t.Errorf("the message ended as %s", row.State)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
