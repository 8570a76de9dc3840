package batch_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/message"
)

// house is an intake that does as it is told.
type house struct {
	format inbound.Format
	mu     sync.Mutex
	bodies []string
	accept func(ctx context.Context, body string, nth int) (intake.Result, error)
}

func (h *house) Sender(name string) (intake.Sender, bool) {
	return intake.Sender{Name: name, Format: h.format}, name == "s"
}

func (h *house) Accept(ctx context.Context, sub intake.Submission) (intake.Result, error) {
	h.mu.Lock()
	h.bodies = append(h.bodies, string(sub.Body))
	n := len(h.bodies)
	h.mu.Unlock()
	if h.accept != nil {
		return h.accept(ctx, string(sub.Body), n)
	}
	return intake.Result{Kind: "accepted", MessageID: int64(n)}, nil
}

func take(ctx context.Context, h *house, body io.Reader) *batch.Receipt {
	t := batch.New(batch.Config{Intake: h, Parallel: 4, MaxMessage: 100, Now: time.Now})
	return t.Take(ctx, batch.File{Sender: "s", Body: body})
}

func many(n int) string {
	var b strings.Builder
	b.WriteString("Ref,N\n")
	for i := range n {
		fmt.Fprintf(&b, "R-%d,%d\n", i%7, i)
	}
	return b.String()
}

// TestLanesKeepTheirOrder: rows of one referral come in the order of the file,
// however long each takes.
func TestLanesKeepTheirOrder(t *testing.T) {
	var mu sync.Mutex
	last := map[string]int{}
	busy, most := 0, 0
	h := &house{format: csvdoc.New(csvdoc.Options{Order: []string{"Ref"}}), accept: func(_ context.Context, body string, nth int) (intake.Result, error) {
		ref, number, _ := strings.Cut(strings.TrimSpace(strings.Split(body, "\n")[1]), ",")
		var n int
		fmt.Sscan(number, &n)
		mu.Lock()
		busy++
		most = max(most, busy)
		if before, seen := last[ref]; seen && before > n {
			t.Errorf("row %d of %s came before %d", before, ref, n)
		}
		last[ref] = n
		mu.Unlock()
		time.Sleep(time.Duration(nth%3) * 200 * time.Microsecond)
		mu.Lock()
		busy--
		mu.Unlock()
		return intake.Result{Kind: "accepted", MessageID: 1}, nil
	}}
	c := take(t.Context(), h, strings.NewReader(many(300)))
	if c.Status != batch.Complete || c.Accepted != 300 || c.HTTP() != 200 || !c.Taken() {
		t.Errorf("%+v", c)
	}
	if most > 4 || most < 2 {
		t.Errorf("%d rows were in work at once, want up to 4", most)
	}
}

// TestABusyStoreSlowsTheFileDown instead of losing rows.
func TestABusyStoreSlowsTheFileDown(t *testing.T) {
	busy := intake.Result{Kind: "transient", Refused: "transient"}
	h := &house{format: csvdoc.New(), accept: func(_ context.Context, _ string, nth int) (intake.Result, error) {
		if nth%3 == 1 {
			return busy, nil
		}
		return intake.Result{Kind: "accepted", MessageID: 1}, nil
	}}
	if c := take(t.Context(), h, strings.NewReader(many(20))); c.Status != batch.Complete || c.Accepted != 20 {
		t.Errorf("%+v", c)
	}
	// A store that never comes back ends the file when its time is over.
	h.accept = func(context.Context, string, int) (intake.Result, error) { return busy, nil }
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c := take(ctx, h, strings.NewReader(many(20)))
	if c.Status != batch.Partial || !c.Again() || c.Taken() || c.HTTP() != 503 || c.Messages != 0 || c.Untaken == 0 || !strings.Contains(c.Reason, "send the whole file again") {
		t.Errorf("%+v", c)
	}
}

// TestARowThatFailsInsideIsNotLostSilently: other rows go on, and the file is
// not complete.
func TestARowThatFailsInsideIsNotLostSilently(t *testing.T) {
	h := &house{format: csvdoc.New(), accept: func(_ context.Context, body string, _ int) (intake.Result, error) {
		if strings.Contains(body, "R-1") {
			return intake.Result{Kind: "internal", Refused: "internal"}, nil
		}
		return intake.Result{Kind: "accepted", MessageID: 1}, nil
	}}
	c := take(t.Context(), h, strings.NewReader(many(3)))
	if c.Status != batch.Partial || c.Accepted != 2 || c.Untaken != 1 || c.Again() || c.HTTP() != 500 || len(c.Entries) != 1 || c.Entries[0].Number != 3 {
		t.Errorf("%+v", c)
	}
}

// TestNothingIsTriedBehindWhatCouldNotBeTaken within a lane, and a file of
// which nothing can be taken is given up.
func TestNothingIsTriedBehindWhatCouldNotBeTaken(t *testing.T) {
	h := &house{format: csvdoc.New(csvdoc.Options{Order: []string{"Ref"}}), accept: func(_ context.Context, body string, _ int) (intake.Result, error) {
		switch {
		case strings.Contains(body, "R-1,1\n"):
			return intake.Result{}, fault.New(fault.Internal, "", "broken")
		case strings.Contains(body, "R-1,"):
			t.Errorf("%q was tried", body)
		}
		return intake.Result{Kind: "accepted", MessageID: 1}, nil
	}}
	c := take(t.Context(), h, strings.NewReader(many(21)))
	if c.Status != batch.Partial || c.Accepted != 18 || c.Untaken != 3 {
		t.Errorf("%+v", c)
	}
	h = &house{format: csvdoc.New(), accept: func(context.Context, string, int) (intake.Result, error) {
		return intake.Result{}, fault.New(fault.Internal, "", "broken")
	}}
	if c := take(t.Context(), h, strings.NewReader(many(10_000))); c.Status != batch.Partial || c.Untaken > 110 || c.HTTP() != 500 {
		t.Errorf("%s, %d untaken", c.Status, c.Untaken)
	}
}

// TestWhatEndsAFile and what the receipt then says.
func TestWhatEndsAFile(t *testing.T) {
	for _, x := range []struct {
		name   string
		format inbound.Format
		body   io.Reader
		status batch.Status
		http   int
		again  bool
		word   string
	}{
		{"cut off", csvdoc.New(), io.MultiReader(strings.NewReader(many(3)), iotest.ErrReader(errors.New("Canarybird"))), batch.Partial, 408, true, "could not be read to its end"},
		{"cut off at once", csvdoc.New(), iotest.ErrReader(errors.New("Canarybird")), batch.Partial, 408, true, "could not be read to its end"},
		{"too large", csvdoc.New(), io.MultiReader(strings.NewReader(many(3)), iotest.ErrReader(fault.New(fault.TooLarge, "", "too much"))), batch.Partial, 413, false, "too much"},
		{"no rows", csvdoc.New(), strings.NewReader(""), batch.Refused, 400, false, "empty"},
		{"header alone", csvdoc.New(), strings.NewReader("A,B\n"), batch.Complete, 200, false, ""},
		{"one message", jsondoc.New(), strings.NewReader("{}"), batch.Complete, 200, false, ""},
		{"one message, too large", jsondoc.New(), strings.NewReader(strings.Repeat("x", 101)), batch.Refused, 413, false, "larger than 100"},
		{"one message, empty", jsondoc.New(), strings.NewReader(""), batch.Refused, 400, false, "empty"},
	} {
		c := take(t.Context(), &house{format: x.format}, x.body)
		if c.Status != x.status || c.HTTP() != x.http || c.Again() != x.again || !strings.Contains(c.Reason, x.word) || strings.Contains(c.Reason, "Canary") {
			t.Errorf("%s: %s, %d, again %v, %q", x.name, c.Status, c.HTTP(), c.Again(), c.Reason)
		}
	}
	if c := batch.New(batch.Config{Intake: &house{}, Now: time.Now}).Take(t.Context(), batch.File{Sender: "x"}); c.Status != batch.Refused || c.HTTP() != 404 {
		t.Errorf("unknown sender: %+v", c)
	}
}

// TestADocumentWithoutMessages is accepted and noted, and nothing is taken in.
func TestADocumentWithoutMessages(t *testing.T) {
	items, err := message.ParsePath("items")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{format: jsondoc.New(jsondoc.Options{Each: items})}
	if c := take(t.Context(), h, strings.NewReader(`{"items":[]}`)); !c.Taken() || c.Messages != 0 || len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "no message") {
		t.Errorf("%+v", c)
	}
	x := batch.New(batch.Config{Intake: h, Now: time.Now})
	r, err := x.Message(t.Context(), intake.Submission{Sender: "s", Body: []byte(`{"items":[]}`)}, func(context.Context, func(context.Context) error) error { return errors.New("no turn is needed") })
	if err != nil || r.Status != 200 || !strings.Contains(string(r.Body), "no message") || len(h.bodies) > 0 {
		t.Errorf("%d %s, %v, %d taken in", r.Status, r.Body, err, len(h.bodies))
	}
}

// TestARepeatedReferralIsRepeated: what made nothing is not counted as accepted.
func TestARepeatedReferralIsRepeated(t *testing.T) {
	h := &house{format: csvdoc.New(), accept: func(_ context.Context, _ string, nth int) (intake.Result, error) {
		kind := "accepted"
		if nth > 1 {
			kind = fault.Duplicate.String()
		}
		return intake.Result{Kind: kind, MessageID: int64(nth)}, nil
	}}
	if c := take(t.Context(), h, strings.NewReader(many(3))); c.Accepted != 1 || c.Repeated != 2 || c.HTTP() != 200 || c.Status != batch.Complete {
		t.Errorf("%+v", c)
	}
}

// TestReceiptsAreBounded, in order, and safe to open.
func TestReceiptsAreBounded(t *testing.T) {
	h := &house{format: csvdoc.New(csvdoc.Options{Limits: csvdoc.Limits{Row: 20}}), accept: func(context.Context, string, int) (intake.Result, error) {
		return intake.Result{Kind: "unmappable", Refused: "unmappable", MessageID: 1}, nil
	}}
	c := take(t.Context(), h, strings.NewReader("=A,B\n"+strings.Repeat("x", 50)+"\n"+strings.Repeat("1,2\n", 10_100)))
	if c.Refused != 10_101 || len(c.Entries) != 10_000 || c.Unlisted != 101 || c.HTTP() != 422 {
		t.Fatalf("%d refused, %d listed, %d not", c.Refused, len(c.Entries), c.Unlisted)
	}
	if e := c.Entries[0]; e.Number != 2 || e.Kind != "too-large" || e.Message != 0 || e.Reasons[0].Place != "row 2" {
		t.Errorf("%+v", e)
	}
	for i := range c.Entries[1:] {
		if c.Entries[i].Number >= c.Entries[i+1].Number {
			t.Fatal("the entries are not in the order of the file")
		}
	}
	var b bytes.Buffer
	if err := c.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var again batch.Receipt
	if err := json.Unmarshal(b.Bytes(), &again); err != nil || again.Refused != c.Refused || len(again.Entries) != len(c.Entries) {
		t.Error("the JSON does not say the same", err)
	}
	b.Reset()
	c.Entries = []batch.Entry{{Number: 2, Line: 3, Kind: "x", Reasons: []batch.Reason{{Place: "=cmd()", Reason: "a, \"b\""}}}}
	if err := c.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][4] != "'=cmd()" || rows[1][6] != `a, "b"` || !strings.Contains(rows[2][6], "10101 refused") {
		t.Errorf("%v, %v", rows, err)
	}
}
