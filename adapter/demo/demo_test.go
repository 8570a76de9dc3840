package demo_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/demo"
)

// TestEveryStoryReachesItsEnd plays the demo as a user does, over real HTTP.
func TestEveryStoryReachesItsEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := demo.Run(ctx, demo.Options{Exit: true, Listen: "127.0.0.1:0", Folder: t.TempDir(), Out: &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"found in the patient record",              // proof, not a claim
		"Has lost 10 kg; blood pressure is stable", // the published story
		"No action needed from the practice",       // first thing a GP looks for
		"MSA|CE|DEMO-2",                            // the refusal is the sender's own kind of answer
		"PID-5",                                    // and names the field
		"reason 871711000000103",                   // declined, in the national code
		"fails its check digit",                    // the flag the link worker sees
		"write-back attempt failed",                // the outage was real
		"; 0 stand twice",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
	if strings.Contains(out.String(), "another system") {
		t.Error("a timeline does not know the codes of its own house")
	}
}

// TestPortTaken says what to do.
func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	err = demo.Run(t.Context(), demo.Options{Exit: true, Listen: taken.Addr().String(), Out: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("got %v, want advice to choose another port", err)
	}
}
