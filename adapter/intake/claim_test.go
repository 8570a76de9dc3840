package intake_test

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

// TestClaim: a claim is held by one, given back at once or ended by time when
// its holder is never heard of again, and of no use once the message is decided.
func TestClaim(t *testing.T) {
	var ahead atomic.Int64 // how far the clock was moved on
	c := sqlite.DefaultConfig()
	c.Path, c.Now = t.TempDir(), func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s, err := sqlite.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	svc := service(t, s, new(bytes.Buffer))
	claim := func(key, want string) *intake.Claim {
		t.Helper()
		c, before, err := svc.Claim(t.Context(), "s", key)
		if err != nil {
			t.Fatal(err)
		}
		got := "held"
		switch {
		case before != nil:
			got = "decided"
		case c != nil:
			got = "mine"
		}
		if got != want {
			t.Fatalf("the claim is %s, want %s", got, want)
		}
		return c
	}
	mine := claim("a", "mine")
	claim("a", "held")
	claim("b", "mine")
	mine.Release(t.Context())
	claim("a", "mine")
	claim("a", "held")
	ahead.Store(int64(9 * time.Second))
	claim("a", "held")
	ahead.Store(int64(31 * time.Second))
	mine = claim("a", "mine")
	claim("a", "held")

	res, err := svc.Accept(t.Context(), intake.Submission{Sender: "s", Body: []byte(minimal), Received: time.Now(), Key: "a"})
	if err != nil || res.MessageID == 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	claim("a", "decided")
	mine.Release(t.Context())
	claim("a", "decided")

	// Who claims and releases without end is held off until the slot is over.
	for n := 0; ; n++ {
		c, _, err := svc.Claim(t.Context(), "s", "c")
		if err != nil {
			t.Fatal(err)
		}
		if c == nil {
			if n == 0 {
				t.Error("the first claim was held")
			}
			break
		}
		if n > 1000 {
			t.Fatal(fmt.Sprint("claimed ", n, " times in one slot"))
		}
		c.Release(t.Context())
	}
}
