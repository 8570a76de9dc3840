package outboundtest

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/linkloop/linkloop/adapter/outbound"
)

// lies are bodies that come with 200. A channel that reads them takes none of
// them for a yes; one that does not is content with the status. Neither repeats
// a word of them.
func (s suite) lies(t *testing.T) {
	var body atomic.Value
	ch := s.open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, body.Load().(string))
	})))
	want := outbound.Retry
	if s.right == "" && s.taken != nil {
		want = outbound.Delivered
	}
	for name, lie := range map[string]string{
		"nothing":                 "",
		"a page":                  "<html><body>Sign in, " + Canary + "</body></html>",
		"null":                    "null",
		"an empty object":         "{}",
		"an OperationOutcome":     `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"processing","diagnostics":"` + Canary + `"}]}`,
		"a searchset":             `{"resourceType":"Bundle","type":"searchset","entry":[{}]}`,
		"a message without entry": `{"resourceType":"Bundle","type":"message","entry":[]}`,
		"what was sent":           string(s.payload),
		"half of it":              `{"resourceType":"Bundle","type":"message","entry":[{"resource":`,
		"two of them":             s.right + s.right,
		"deep":                    strings.Repeat(`{"a":`, 10_000),
	} {
		body.Store(lie)
		if name == "two of them" && s.right == "" {
			continue
		}
		if res := s.deliver(t, t.Context(), ch, s.payload); res.State != want {
			t.Errorf("%s: %s (%s), want %s", name, res.State, res.Reason, want)
		}
	}
	if s.right == "" {
		return
	}
	body.Store(s.right)
	if res := s.deliver(t, t.Context(), ch, s.payload); res.State != outbound.Delivered {
		t.Errorf("the right answer: %s (%s), want delivered", res.State, res.Reason)
	}
}

// nothing that is no payload of the channel is sent.
func (s suite) nothing(t *testing.T) {
	var asked atomic.Int32
	ch := s.open(t, serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })))
	for _, payload := range []string{"", "null", "[]", Canary, string(s.payload[:len(s.payload)/2])} {
		if res := s.deliver(t, t.Context(), ch, []byte(payload)); res.State != outbound.Dead {
			t.Errorf("%.60s: %s, want dead", payload, res.State)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the peer was asked %d times", n)
	}
}
