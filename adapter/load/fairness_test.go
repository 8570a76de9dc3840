package load_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/load"
)

// TestFairness: both are measured, and the books hold what both were told. How
// long anybody waited is not judged here.
func TestFairness(t *testing.T) {
	_, srv := newFake(t)
	c := load.DefaultConfig()
	c.Target = srv.URL
	f := load.DefaultFairness()
	f.Modest, f.Rate, f.Factor, f.Each = 3, 50, 5, 300*time.Millisecond
	var out bytes.Buffer
	r, err := load.RunFairness(t.Context(), c, f, &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 {
		t.Errorf("problems with a good server: %q", r.Problems)
	}
	if m, g := r.Fair.Modest.Accepted(), r.Fair.Greedy.Accepted(); m != 45 || g != 15 {
		t.Errorf("three times 50 a second for 300 ms, and once: %d and %d accepted, want 45 and 15", m, g)
	}
	if len(r.Contests) != 2 || r.Contests[0].Modest.Accepted() != 45 || r.Contests[0].Greedy.Accepted() != 75 || r.Contests[1].Greedy.Accepted() == 0 {
		t.Errorf("the contests are not what was asked for:\n%s", out.String())
	}
	for _, want := range []string{"modest ", "greedy hl7@50 ", "greedy hl7@250", "greedy hl7*20", "times"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}

// TestFairnessFindsWhatIsLost: a server that keeps nothing is not praised.
func TestFairnessFindsWhatIsLost(t *testing.T) {
	fake, srv := newFake(t)
	fake.lose = true
	c := load.DefaultConfig()
	c.Target = srv.URL
	f := load.DefaultFairness()
	f.Each = 100 * time.Millisecond
	r, err := load.RunFairness(t.Context(), c, f, &bytes.Buffer{})
	if err != nil || len(r.Problems) == 0 || !strings.Contains(r.Problems[0], "LOST") {
		t.Errorf("%v, %q", err, r.Problems)
	}
}
