package load

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/recordtest"
	"github.com/linkloop/linkloop/config"
)

// TestTheChecksBite holds the checks of the crash rounds against a good server
// with a ledger, or a record, that says something else.
func TestTheChecksBite(t *testing.T) {
	record, err := NewStandIn(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(record.Close)
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	cfg.Records = []config.Record{{ODS: config.AnyPractice, BaseURL: record.URL}}
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
	l := newLedger("bite")
	c := l.s.client
	c.base = a.BaseURL()
	t.Cleanup(c.http.CloseIdleConnections)
	// As long as it takes for something to be completed, on a slow machine too.
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		l.load(ctx, c, 2, 2).Wait()
		cancel()
		if l.completed() > 0 {
			break
		}
	}
	check := func() string {
		l.problems = nil
		l.checkAll(t.Context(), c, a.OpsURL(), record)
		return strings.Join(l.problems, "\n")
	}
	if got := check(); got != "" || l.completed() == 0 {
		t.Fatalf("%d Tasks completed; problems with a good server: %s", l.completed(), got)
	}
	var open, ended string
	for id, m := range l.tasks {
		if m.completed {
			ended = id
		}
	}
	l.send(t.Context(), c, letter{'H', 500_000}) // one that nobody works on
	for id := range l.read(t.Context(), c).tasks {
		if _, touched := l.tasks[id]; !touched {
			open = id
		}
	}
	for _, x := range []struct {
		name  string
		wrong func() (right func())
		want  string
	}{
		{"another answer", func() func() {
			l.replies[letter{'H', 0}] = append(l.replies[letter{'H', 0}], '!')
			return func() { l.replies[letter{'H', 0}] = l.replies[letter{'H', 0}][:len(l.replies[letter{'H', 0}])-1] }
		}, "repeat gets another answer"},
		{"a referral nobody acknowledged", func() func() {
			kept := l.replies[letter{'H', 500_000}]
			delete(l.replies, letter{'H', 500_000})
			return func() { l.replies[letter{'H', 500_000}] = kept }
		}, "never acknowledged"},
		{"a version that is not there", func() func() {
			kept := l.tasks[ended]
			l.tasks[ended] = moment{kept.version + 100, true}
			return func() { l.tasks[ended] = kept }
		}, "was acknowledged at version"},
		{"an end that is not there", func() func() {
			l.tasks[open] = moment{1, true}
			return func() { delete(l.tasks, open) }
		}, "acknowledged as completed"},
		{"an outcome that is not in the record", func() func() {
			good := record.Record
			record.Record = recordtest.NewRecord()
			return func() { record.Record = good }
		}, "LOST: the record holds 0"},
	} {
		t.Run(x.name, func(t *testing.T) {
			right := x.wrong()
			if got := check(); !strings.Contains(got, x.want) {
				t.Errorf("problems %q, want %q", got, x.want)
			}
			right()
		})
	}
	if got := check(); got != "" {
		t.Errorf("problems with a good server: %s", got)
	}
}
