package hl7v2_test

import (
	"bytes"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
)

func TestCanonical(t *testing.T) {
	const want = "MSH|^~\\&|A\rPID|1\r"
	for _, body := range []string{
		want, "MSH|^~\\&|A\rPID|1", "MSH|^~\\&|A\nPID|1\n", "MSH|^~\\&|A\r\nPID|1\r\n", "MSH|^~\\&|A\r\r\nPID|1\r\r",
		"\x0bMSH|^~\\&|A\rPID|1\r\x1c\r", "\xef\xbb\xbfMSH|^~\\&|A\rPID|1\r", "\r\nMSH|^~\\&|A\rPID|1\r",
	} {
		if got := hl7v2.New().Canonical([]byte(body)); string(got) != want {
			t.Errorf("%q becomes %q", body, got)
		}
	}
	body := []byte(want)
	if got := hl7v2.New().Canonical(body); &got[0] != &body[0] {
		t.Error("what is canonical is copied")
	}
}

// TestCanonicalBatch: a message in a batch is the one that comes alone.
func TestCanonicalBatch(t *testing.T) {
	one, two := "MSH|^~\\&|A\rPID|1\r", "MSH|^~\\&|A\rPID|2\r"
	for _, batch := range []string{one + two, "BHS|^~\\&\r" + one + two + "BTS|2\r", "BHS|^~\\&\r\n" + one + two} {
		env, err := hl7v2.New().Open([]byte(batch))
		if err != nil || env == nil || len(env.Messages) != 2 {
			t.Fatalf("%q: %v", batch, err)
		}
		for i, want := range []string{one, two} {
			if got := hl7v2.New().Canonical(env.Messages[i]); string(got) != want {
				t.Errorf("%q: message %d is %q", batch, i+1, got)
			}
		}
	}
}

func FuzzCanonical(f *testing.F) {
	f.Add([]byte("\x0bMSH|^~\\&|A\r\n\nPID|1 \x1c\r"))
	f.Fuzz(func(t *testing.T, body []byte) {
		once := hl7v2.New().Canonical(body)
		if twice := hl7v2.New().Canonical(once); !bytes.Equal(once, twice) {
			t.Errorf("%q becomes %q and then %q", body, once, twice)
		}
	})
}
