package batch_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/intake"
)

// TestAKeptReceiptIsBounded: of a file with more reasons than there is room
// for, the first are kept, and how many are not.
func TestAKeptReceiptIsBounded(t *testing.T) {
	n := 0
	h := &house{format: csvdoc.New(), accept: func(context.Context, string, int) (intake.Result, error) {
		return intake.Result{Kind: "unmappable", Refused: "unmappable", MessageID: 1}, nil
	}}
	var kept batch.Kept
	taker := batch.New(batch.Config{Intake: h, Parallel: 4, MaxMessage: 1 << 20, Now: time.Now, Keep: func(_ context.Context, k batch.Kept) error {
		n++
		kept = k
		return nil
	}})
	c := taker.Take(t.Context(), batch.File{Sender: "s", Received: time.Now(), Body: strings.NewReader(many(12_000))})
	if n != 1 || kept.ID != c.ID || kept.Sender != "s" || kept.Heading.String() != "complete 12000 0 0 12000" || len(kept.Body) > 1<<20 {
		t.Fatalf("kept %d times: %q of %q, %s, %d bytes; the receipt is %q", n, kept.ID, kept.Sender, kept.Heading, len(kept.Body), c.ID)
	}
	read, err := batch.Read(kept.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(read.Entries)+read.Unlisted != 12_000 || read.Refused != 12_000 || read.Entries[0].Number != c.Entries[0].Number {
		t.Errorf("%d entries and %d unlisted", len(read.Entries), read.Unlisted)
	}
	for _, damaged := range [][]byte{nil, []byte("{}"), kept.Body[:len(kept.Body)/2]} {
		if _, err := batch.Read(damaged); err == nil {
			t.Error("a damaged receipt was read")
		}
	}
}

// TestAReceiptThatCannotBeKept has no id, and says the same.
func TestAReceiptThatCannotBeKept(t *testing.T) {
	h := &house{format: csvdoc.New(), accept: func(context.Context, string, int) (intake.Result, error) {
		return intake.Result{Kind: "accepted", MessageID: 1}, nil
	}}
	taker := batch.New(batch.Config{Intake: h, MaxMessage: 1 << 20, Now: time.Now, Keep: func(context.Context, batch.Kept) error { return errors.New("away") }})
	if c := taker.Take(t.Context(), batch.File{Sender: "s", Body: strings.NewReader(many(3))}); c.ID != "" || c.Accepted != 3 {
		t.Errorf("%+v", c)
	}
}
