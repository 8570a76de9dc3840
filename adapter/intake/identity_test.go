package intake_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/mappings"
)

// otherEnds are bodies of one message as different ways of sending write it.
func otherEnds(text string) []string {
	bare := strings.TrimSuffix(text, "\r")
	return []string{
		text, bare, strings.ReplaceAll(text, "\r", "\n"), strings.ReplaceAll(bare, "\r", "\r\n"),
		"\x0b" + text + "\x1c\r", text + "\r\n\r\n",
	}
}

// TestSameMessageOtherLineEnds: whichever way a message comes first, it is
// known when it comes another way, and is kept as it came.
func TestSameMessageOtherLineEnds(t *testing.T) {
	for i, first := range otherEnds(minimal) {
		s := open(t)
		var log bytes.Buffer
		svc := service(t, s, &log)
		one := accept(t, svc, first)
		if one.Kind != "accepted" {
			t.Fatalf("%d: %q", i, one.Kind)
		}
		for j, body := range otherEnds(minimal) {
			if again := accept(t, svc, body); again.Kind != "duplicate" || again.Task != one.Task || again.Refused != "" {
				t.Errorf("%d came before and %d now: %q %q", i, j, again.Kind, again.Refused)
			}
		}
		err := s.View(t.Context(), func(r store.Reader) error {
			m, err := r.Inbox().Get(one.MessageID)
			if string(m.Body) != first {
				t.Errorf("%d is kept as %q", i, m.Body)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if other := accept(t, svc, strings.Replace(first, "|2", "|1", 1)); other.Kind == "duplicate" {
			t.Errorf("%d: another message is taken for a repeat", i)
		}
	}
}

// TestKeptBeforeCanonical: a message that was kept when only its bytes named it
// is still known, accepted or refused.
func TestKeptBeforeCanonical(t *testing.T) {
	m, err := mapping.Compile(mappings.Files, "hl7v2-ref")
	if err != nil {
		t.Fatal(err)
	}
	bytesOnly := struct{ inbound.Format }{hl7v2.New()}
	for _, c := range []struct{ body, kind string }{
		{minimal, "accepted"},
		{strings.Replace(minimal, "Canarybird^Jo", "", 1), "unmappable"},
	} {
		for i, body := range otherEnds(c.body) {
			s := open(t)
			var log bytes.Buffer
			svc := service(t, s, &log)
			if err := svc.Use([]intake.Sender{{Name: "s", FormatName: "hl7v2", Format: bytesOnly, Mapping: m}}); err != nil {
				t.Fatal(err)
			}
			one := accept(t, svc, body)
			if one.Kind != c.kind {
				t.Fatalf("%d: %q, want %q", i, one.Kind, c.kind)
			}
			later := service(t, s, &log)
			again := accept(t, later, body)
			if again.Kind != "duplicate" || again.MessageID != one.MessageID || again.Task != one.Task {
				t.Errorf("%d, %s: %q as message %d, was %d", i, c.kind, again.Kind, again.MessageID, one.MessageID)
			}
		}
	}
}

func accept(t *testing.T, svc *intake.Service, body string) intake.Result {
	t.Helper()
	r, err := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(body), Received: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
