package load_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/load"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/config"
)

// serve starts a whole linkloop that delivers to a record of ours, and returns
// the load on it.
func serve(t *testing.T, senders ...string) load.Config {
	t.Helper()
	record, err := load.NewStandIn(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(record.Close)
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	cfg.Records = []config.Record{{ODS: config.AnyPractice, BaseURL: record.URL}}
	for _, name := range senders {
		cfg.Senders = append(cfg.Senders, config.Sender{Name: name, Mapping: "hl7v2-ref"})
	}
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	c := load.DefaultConfig()
	c.Target, c.Ops, c.Record, c.Owner = a.BaseURL(), a.OpsURL(), record, "Organization/load"
	return c
}

// TestMixedLoadAddsUp puts mixed load on a whole linkloop: what was sent, what
// it holds, what was completed and what the record took agree.
func TestMixedLoadAddsUp(t *testing.T) {
	c := serve(t)
	c.Phases = []load.Phase{{Work: load.Mixed, Clients: 8, Duration: 2 * time.Second}}
	c.Mix = []load.Share{{Work: load.HL7, Weight: 3}, {Work: load.Large, Weight: 1}, {Work: load.JSON, Weight: 2}, {Work: load.FHIR, Weight: 2},
		{Work: load.Repeat, Weight: 1}, {Work: load.Bad, Weight: 3}, {Work: load.Read, Weight: 1}, {Work: load.Search, Weight: 1}, {Work: load.Move, Weight: 12}}
	var out bytes.Buffer
	r, err := load.Run(t.Context(), c, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
	if r.Completed == 0 || r.Record.Creating != int(r.Completed+r.Doubtful) {
		t.Errorf("%d Tasks completed, %d outcomes in the record", r.Completed, r.Record.Creating)
	}
	for _, w := range []load.Work{load.HL7, load.JSON, load.FHIR, load.Repeat, load.Bad, load.Move} {
		if p := r.Phases[0].Parts[w]; p == nil || p.Good() == 0 {
			t.Errorf("no %s went well:\n%s", w, out.String())
		}
	}
}

// TestOutcomesThatAreNotThere: a record that takes nothing is found out.
func TestOutcomesThatAreNotThere(t *testing.T) {
	c := serve(t)
	c.Phases = []load.Phase{{Work: load.Mixed, Clients: 4, Duration: 300 * time.Millisecond}}
	c.Mix = []load.Share{{Work: load.HL7, Weight: 1}, {Work: load.Move, Weight: 6}}
	c.Drain = 0
	c.Record.Set(recordtest.Down)
	r, err := load.Run(t.Context(), c, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(r.Problems, "\n"); r.Completed == 0 || !strings.Contains(all, "are proven") {
		t.Errorf("%d Tasks completed; problems %q", r.Completed, all)
	}
}

// TestFairnessOnAHouse: the contest runs on a whole linkloop and its books are
// right.
func TestFairnessOnAHouse(t *testing.T) {
	f := load.DefaultFairness()
	f.Modest, f.Rate, f.Factor, f.Each = 2, 20, 10, 300*time.Millisecond
	r, err := load.RunFairness(t.Context(), serve(t, "modest-1", "modest-2", "greedy"), f, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
	if r.Fair.Modest.Accepted() == 0 || r.Contests[1].Greedy.Accepted() == 0 {
		t.Error("nothing was accepted")
	}
}
