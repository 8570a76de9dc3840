package inboundtest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

// Receipt is what a receipt says (inbound.ReceiptTree), however it is written.
type Receipt struct {
	Status  string
	Task    string
	Reasons []string // of its errors
}

// Accepted reports whether the receipt is one of acceptance; a receipt that
// says two things at once is an error.
func (r Receipt) Accepted() (bool, error) {
	switch r.Status {
	case "accepted", "duplicate":
		if len(r.Reasons) > 0 {
			return false, errors.New("accepted with errors")
		}
		return true, nil
	case "refused":
		if len(r.Reasons) == 0 || r.Reasons[0] == "" || r.Task != "" {
			return false, errors.New("refused without a reason")
		}
		return false, nil
	}
	return false, fmt.Errorf("status %q", r.Status)
}

// CheckReplies checks that an acceptance and a refusal of whatever was decoded
// can be read again as such.
func CheckReplies(t *testing.T, f inbound.Format, m *inbound.Message, place string, verdict func(inbound.Reply) (bool, error)) {
	t.Helper()
	for _, a := range []inbound.Answer{{}, {Fault: fault.New(fault.Profile, place, "text")}} {
		if accepted, err := verdict(f.Reply(m, a)); err != nil || accepted != (a.Fault == nil) {
			t.Fatalf("reply: accepted %v, %v", accepted, err)
		}
	}
}

// BenchmarkDecode times a format over one message.
func BenchmarkDecode(b *testing.B, f inbound.Format, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}
