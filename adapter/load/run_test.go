package load_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/load"
)

// phases are ten requests of each of some kinds of work, however slow the
// machine is.
func phases(works ...load.Work) []load.Phase {
	var out []load.Phase
	for _, w := range works {
		out = append(out, load.Phase{Work: w, Rate: 100, Clients: 3, Duration: 100 * time.Millisecond})
	}
	return out
}

func TestEveryWorkOnAGoodServer(t *testing.T) {
	f, srv := newFake(t)
	f.token = "t0ken"
	c := load.DefaultConfig()
	c.Target, c.Token, c.PID = srv.URL+"/", f.token, os.Getpid()
	c.Phases = append(phases(load.Works()...), load.Phase{Work: load.HL7, Clients: 2, Duration: 200 * time.Millisecond})
	var out bytes.Buffer
	rep, err := load.Run(t.Context(), c, &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Problems) > 0 {
		t.Errorf("problems with a good server: %q", rep.Problems)
	}
	for _, p := range rep.Phases {
		if p.Phase.Rate > 0 && p.Good() != 10 {
			t.Errorf("%s: %d of 10 were good:\n%s", p.Phase, p.Good(), out.String())
		}
	}
	if p := rep.Phases[0]; p.Accepted() != 10 || p.NotSent != 0 {
		t.Errorf("100 a second for 100 ms: %d accepted, %d not sent, want 10 and 0", p.Accepted(), p.NotSent)
	}
	for _, n := range f.sizes {
		if n < 1200 || n > 1550 {
			t.Fatalf("an HL7 referral of %d bytes, want about 1300 to 1500", n)
		}
	}
	// At most 3 Tasks are in hands at once, so that ten steps end one at least.
	ended := 0
	for _, task := range f.tasks {
		if task["status"] == "completed" {
			ended++
		}
	}
	if ended == 0 {
		t.Error("no Task was completed")
	}
	for _, want := range []string{"nothing lost, nothing doubled", "hl7@100", "hl7*2", "move@100", "good/CPUs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
}

// TestFaultsAreFound gives the generator servers that break a promise.
func TestFaultsAreFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(*fake)
		works []load.Work
		want  string
	}{
		{"loses what it accepted", func(f *fake) { f.lose = true }, []load.Work{load.HL7}, "LOST"},
		{"doubles a repeat", func(f *fake) { f.double = true }, []load.Work{load.HL7, load.Repeat}, "DOUBLED"},
		{"answers a repeat otherwise", func(f *fake) { f.lie = true }, []load.Work{load.HL7, load.Repeat}, "another answer to a repeat"},
		{"accepts anything", func(f *fake) { f.lax = true }, []load.Work{load.Bad}, "bad message accepted"},
		{"is busy", func(f *fake) { f.busy = true }, []load.Work{load.HL7, load.JSON}, "status 503"},
		{"hangs up", func(f *fake) { f.hangUp = true }, []load.Work{load.HL7}, "connection lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, srv := newFake(t)
			c.fault(f)
			cfg := load.DefaultConfig()
			cfg.Target, cfg.Phases = srv.URL, phases(c.works...)
			var out bytes.Buffer
			rep, err := load.Run(t.Context(), cfg, &out)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(rep.Problems, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("problems %q, want %q", all, c.want)
			}
			if strings.Contains(out.String(), "nothing lost") {
				t.Errorf("the report praises it:\n%s", out.String())
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	_, srv := newFake(t)
	for _, c := range []struct {
		name   string
		change func(*load.Config)
		want   string
	}{
		{"another machine", func(c *load.Config) { c.Target = "http://referrals.example:8080" }, "not on this machine"},
		{"no address", func(c *load.Config) { c.Target = "127.0.0.1:8080" }, "must be an http"},
		{"secret in the address", func(c *load.Config) { c.Target = "http://a:b@127.0.0.1" }, "no user name"},
		{"nobody there", func(c *load.Config) { c.Target = "http://127.0.0.1:1" }, "does not answer as a linkloop"},
		{"no linkloop there", func(c *load.Config) { c.Target += "/nothing" }, "does not answer as a linkloop"},
		{"no phases", func(c *load.Config) { c.Phases = nil }, "phases: there is none"},
		{"no clients", func(c *load.Config) { c.Phases[0].Clients = 0 }, "clients must be between"},
		{"run with a separator", func(c *load.Config) { c.Run = "a|b" }, "run: at most 20"},
		{"no timeout", func(c *load.Config) { c.Timeout = 0 }, "timeout: must be above 0"},
		{"repeat of nothing", func(c *load.Config) { c.Phases = phases(load.Repeat) }, "put a phase of hl7 before it"},
		{"read of nothing", func(c *load.Config) { c.Phases = phases(load.Read) }, "put a phase of hl7 before it"},
		{"search of nothing", func(c *load.Config) { c.Phases = phases(load.Search) }, "put a phase of hl7 before it"},
		{"move of nothing", func(c *load.Config) { c.Phases = phases(load.Move) }, "put a phase of hl7 before it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := load.DefaultConfig()
			cfg.Target, cfg.Phases = srv.URL, phases(load.HL7)
			c.change(&cfg)
			if _, err := load.Run(t.Context(), cfg, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestEndedContextStillReports stops a long phase in the middle: what was done
// is counted, and what we cut off is not held against the server.
func TestEndedContextStillReports(t *testing.T) {
	f, srv := newFake(t)
	cfg := load.DefaultConfig()
	cfg.Target = srv.URL
	cfg.Phases = []load.Phase{{Work: load.HL7, Clients: 2, Duration: time.Hour}, {Work: load.Read, Clients: 1, Duration: time.Hour}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f.fifth = cancel
	rep, err := load.Run(ctx, cfg, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Phases) != 1 || rep.Phases[0].Accepted()+rep.Phases[0].Unknown() < 5 || len(rep.Problems) != 0 {
		t.Errorf("%d phases, %d accepted, %d unknown, problems %q", len(rep.Phases), rep.Phases[0].Accepted(), rep.Phases[0].Unknown(), rep.Problems)
	}
}

func TestReportCannotBeWritten(t *testing.T) {
	_, srv := newFake(t)
	cfg := load.DefaultConfig()
	cfg.Target, cfg.Phases = srv.URL, phases(load.HL7)
	if _, err := load.Run(t.Context(), cfg, full{}); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestParsePhase(t *testing.T) {
	for words, want := range map[string]load.Phase{
		"hl7":      {Work: load.HL7, Clients: 16},
		"hl7@300":  {Work: load.HL7, Rate: 300, Clients: 256},
		"read@0.5": {Work: load.Read, Rate: 0.5, Clients: 256},
		"move*4":   {Work: load.Move, Clients: 4},
	} {
		want.Duration = time.Second
		if got, err := load.ParsePhase(words, time.Second); err != nil || got != want {
			t.Errorf("%s: %+v, %v", words, got, err)
		}
	}
	for _, words := range []string{"", "hl8", "hl7@", "hl7@0", "hl7@-1", "hl7@x", "hl7@NaN", "hl7@1e9", "hl7@5x", "hl7*", "hl7*0", "hl7*1.5", "hl7*99999", "hl7 "} {
		if got, err := load.ParsePhase(words, time.Second); err == nil {
			t.Errorf("%q was read as %+v", words, got)
		}
	}
	if _, err := load.ParsePhase("hl7", 0); err == nil {
		t.Error("a phase without duration was taken")
	}
}
