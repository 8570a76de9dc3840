package load

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// TestStallIsSeenByEveryRequestThatWasDue is the reason for open-loop: a server
// that stops for a second delays 100 requests at 100 a second, not one.
func TestStallIsSeenByEveryRequestThatWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := runPhase(t.Context(), Phase{Work: Read, Rate: 100, Clients: 1, Duration: 2 * time.Second}, probe{},
			func(_ context.Context, i int) verdict {
				if i == 50 {
					time.Sleep(time.Second) // in the bubble: no real time passes
				}
				return verdict{class: done}
			})
		if n := res.Latency.Count(); n != 200 {
			t.Errorf("%d requests, want 200", n)
		}
		// After the stall the requests due meanwhile are late by 990, 980, ... ms:
		// half of the 101 waited for more than half a second.
		if q := res.Latency.Quantile(0.75); q < 450*time.Millisecond || q > 550*time.Millisecond {
			t.Errorf("three quarters within %v, want about 500ms", q)
		}
		if res.Latency.Max() != time.Second {
			t.Errorf("longest %v, want 1s", res.Latency.Max())
		}
	})
}

// TestTooMuchIsSaid: a server that takes half of the rate does not hold the
// phase open for ever, and what was not sent is counted.
func TestTooMuchIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := runPhase(t.Context(), Phase{Work: Read, Rate: 100, Clients: 1, Duration: 20 * time.Second}, probe{},
			func(context.Context, int) verdict {
				time.Sleep(20 * time.Millisecond)
				return verdict{class: done}
			})
		sent := int(res.Latency.Count())
		if sent+res.NotSent != 2000 || sent < 1240 || sent > 1260 {
			t.Errorf("%d sent, %d not sent, want about 1250 and the rest of 2000", sent, res.NotSent)
		}
		if res.Elapsed < 25*time.Second || res.Elapsed > 26*time.Second {
			t.Errorf("took %v, want the duration and the grace", res.Elapsed)
		}
	})
}

func TestClosedLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := runPhase(t.Context(), Phase{Work: Read, Clients: 4, Duration: time.Second}, probe{},
			func(context.Context, int) verdict {
				time.Sleep(10 * time.Millisecond)
				return verdict{class: done}
			})
		if n := res.Latency.Count(); n != 400 || res.Latency.Max() != 10*time.Millisecond {
			t.Errorf("%d requests, longest %v", n, res.Latency.Max())
		}
	})
}

func TestHistogram(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(r.ExpFloat64() * float64(30*time.Millisecond)).Truncate(time.Microsecond)
		h.Add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0, .5, .9, .99, .999, 1} {
		exact := all[max(0, int(q*float64(len(all)))-1)]
		got := h.Quantile(q)
		if got < exact || float64(got) > float64(exact)*1.01+float64(time.Microsecond) {
			t.Errorf("quantile %v is %v, exactly %v", q, got, exact)
		}
	}
	if h.Max() != all[len(all)-1] || h.Count() != uint64(len(all)) {
		t.Errorf("max %v of %d", h.Max(), h.Count())
	}
	if mean := h.Mean(); mean < 29*time.Millisecond || mean > 31*time.Millisecond {
		t.Errorf("mean %v", mean)
	}
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(.5) != 0 || h.Mean() != 0 || h.Max() != 0 {
		t.Error("an empty histogram is not zero")
	}
	h.Add(-time.Second)
	h.Add(100 * time.Hour)
	if h.Quantile(0) > time.Microsecond || h.Quantile(1) != 100*time.Hour && h.Quantile(1) < 2*time.Hour {
		t.Errorf("from %v to %v", h.Quantile(0), h.Quantile(1))
	}
	for us := uint64(0); us < 1<<20; us += 37 {
		i := bucket(us)
		d := time.Duration(us) * time.Microsecond
		if d > upper(i) || i > 0 && d <= upper(i-1) {
			t.Fatalf("%v is in bucket %d, which ends at %v after %v", d, i, upper(i), upper(i-1))
		}
	}
}

func TestPeopleAreValidAndStable(t *testing.T) {
	seen := map[string]bool{}
	for i := range 20_000 {
		n := nhsNumber(7, i)
		if number, reason := nhs.ParseNumber(n); reason != nhs.Valid || number != n || !nhs.ReservedForTests(n) {
			t.Fatalf("number %d: %s", i, reason.Text())
		}
		seen[n] = true
	}
	// A candidate without a check digit passes its place to the next number.
	if len(seen) < 18_000 {
		t.Errorf("%d numbers in 20000", len(seen))
	}
	n := nhsNumber(7, 3)
	if personOf(7, n) != personOf(7, n) {
		t.Error("the same number is two people")
	}
	for _, x := range needs {
		if _, reason := nhs.ParseConcept(x.code); reason != nhs.Valid {
			t.Errorf("%s: %s", x.text, reason.Text())
		}
	}
}

func TestMessages(t *testing.T) {
	w := writer{run: "r1", seed: 1, at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	ids := map[string]bool{}
	for i := range 500 {
		m := string(w.hl7(i))
		if m != string(w.hl7(i)) {
			t.Fatal("the same message twice is not the same")
		}
		segments := strings.Split(strings.TrimSuffix(m, "\r"), "\r")
		msh := strings.Split(segments[0], "|")
		if len(msh) < 12 || msh[8] != "REF^I12" || len(msh[9]) > 20 || ids[msh[9]] {
			t.Fatalf("message %d has a bad header", i)
		}
		ids[msh[9]] = true
		if rf1 := strings.Split(segments[1], "|"); rf1[0] != "RF1" || !strings.HasPrefix(rf1[6], msh[9]+"^") {
			t.Fatalf("message %d: RF1-6 is not its number", i)
		}
		j, err := w.json(i)
		if err != nil || len(j) < 500 {
			t.Fatalf("JSON message %d: %d bytes, %v", i, len(j), err)
		}
	}
	if n := len(w.large(3)); n < 9_000 || n > 11_000 {
		t.Errorf("a large referral of %d bytes, want about 10,000", n)
	}
	if got := escape(`O'Brien|^~\&`); got != `O'Brien\F\\S\\R\\E\\T\` {
		t.Errorf("escaped as %s", got)
	}
}

func TestMoved(t *testing.T) {
	body := []byte(`{"resourceType":"Task","id":"1","status":"requested"}`)
	for _, want := range []string{"accepted", "in-progress", "completed"} {
		next, ended, err := moved(body, "Organization/1")
		if err != nil || ended != (want == "completed") || !strings.Contains(string(next), `"status":"`+want+`"`) {
			t.Fatalf("to %s: %s, %v, %v", want, next, ended, err)
		}
		if !strings.Contains(string(next), `"owner":{"reference":"Organization/1"}`) {
			t.Errorf("%s without its owner: %s", want, next)
		}
		body = next
	}
	for _, bad := range []string{`{`, `{}`, `{"status":"failed"}`, string(body)} {
		if _, _, err := moved([]byte(bad), ""); err == nil {
			t.Errorf("%s was moved", bad)
		}
	}
}

func TestProcess(t *testing.T) {
	d, err := parseStat([]byte("42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 100 1 1"))
	if err != nil || d != 2*time.Second {
		t.Errorf("%v, %v", d, err)
	}
	for _, bad := range []string{"", "42 (a", "42 (a) S 1", "42 (a) S 1 42 42 0 -1 4194560 100 0 0 0 x 50 0", "42 (a) S 1 42 42 0 -1 4194560 100 0 0 0 1 x 0"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if got := statusSize([]byte("Name:\tx\nVmRSS:\t  1234 kB\n"), "VmRSS:"); got != 1234*1024 {
		t.Errorf("VmRSS %d", got)
	}
	if got := statusSize([]byte("Name:\tx\n"), "VmRSS:"); got != 0 {
		t.Errorf("VmRSS %d where there is none", got)
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc on this system")
	}
	u, err := usageOf(os.Getpid())
	if err != nil || u.RSS < 1<<20 || u.Peak < u.RSS {
		t.Errorf("%+v, %v", u, err)
	}
}

func BenchmarkHL7Message(b *testing.B) {
	w := writer{run: "r1", seed: 1, at: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w.hl7(i)
	}
}
