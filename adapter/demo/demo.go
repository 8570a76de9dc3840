// Package demo plays the whole story of linkloop once, on example referrals:
// a GP system sends, a link worker works, the outcome is found in the patient
// record. Everything goes over real HTTP; only the patient record is a
// stand-in, a second FHIR endpoint beside linkloop.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/config"
)

// Options are the flags of the command.
type Options struct {
	Exit   bool
	Listen string // address of linkloop; the record and the operations port take free ones
	Folder string // data folder; empty: a temporary one, removed at the end
	Out    io.Writer
}

// storyTime bounds one story.
const storyTime = 20 * time.Second

// ErrUnfinished says that a referral did not reach its end.
var ErrUnfinished = errors.New("a referral did not reach its end")

// Run plays the stories. Without Exit it then serves until ctx ends.
func Run(ctx context.Context, o Options) error {
	folder := o.Folder
	if folder == "" {
		tmp, err := os.MkdirTemp("", "linkloop-demo-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		folder = tmp
	}
	record, err := newStandIn()
	if err != nil {
		return err
	}
	defer record.close()

	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = o.Listen, "127.0.0.1:0", folder
	cfg.Relay.BackoffMin, cfg.Relay.BackoffMax = 100*time.Millisecond, 500*time.Millisecond
	cfg.Records = []config.Record{{ODS: config.AnyPractice, BaseURL: record.url(), AllowPlainHTTP: true}}
	a, err := app.New(ctx, cfg, app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("%w\nIf the port is taken, choose another: linkloop demo --listen 127.0.0.1:9090", err)
	}
	a.Start()
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(stop); err != nil {
			fmt.Fprintln(o.Out, "stop:", err)
		}
	}()
	fmt.Fprintf(o.Out, opening, a.BaseURL(), record.url())
	p := &player{base: a.BaseURL(), http: &http.Client{Timeout: 10 * time.Second}, record: record}
	failed := play(ctx, p, o.Out)
	if failed > 0 {
		fmt.Fprintf(o.Out, "\n%d of %d stories did not reach their end.\n", failed, len(stories))
	} else {
		fmt.Fprintf(o.Out, "\nAll %d stories reached their end. The patient record holds %s.\n", len(stories), record.holds())
	}
	if o.Exit {
		if failed > 0 {
			return ErrUnfinished
		}
		return nil
	}
	fmt.Fprintf(o.Out, exploring, a.BaseURL(), p.lastTask, record.url(), a.OpsURL())
	<-ctx.Done()
	return nil
}

const opening = `linkloop serves            %s/fhir
the patient record, a
stand-in, is reached at    %s

Nobody in these stories exists. The NHS numbers are from the 999 range, which is
never given out.
`

const exploring = `
Still serving: explore, and stop with Ctrl-C.

  the worklist      curl '%[1]s/fhir/Task?_sort=-_lastUpdated&_count=3&_include=Task:patient'
  one referral      curl '%[1]s/referrals/%[2]s/timeline'
  what was refused  curl '%[1]s/admin/messages?status=failed'

Also there: %[1]s/fhir/metadata, the record at %[3]s, metrics at %[4]s/metrics
`

// play plays every story and prints its timeline; it returns how many did not
// reach their end.
func play(ctx context.Context, p *player, out io.Writer) (failed int) {
	for i, s := range stories {
		fmt.Fprintf(out, "\n%d. %s\n%s\n", i+1, s.title, indent(s.tells))
		one, cancel := context.WithTimeout(ctx, storyTime)
		p.said = nil
		task, err := s.play(one, p)
		if task != "" {
			p.lastTask = task
			printTimeline(one, p, task, out)
		}
		for _, line := range p.said {
			fmt.Fprintln(out, indent(line))
		}
		cancel()
		switch {
		case err != nil:
			failed++
			fmt.Fprintf(out, "   NOT AT ITS END: %v\n", err)
		default:
			fmt.Fprintf(out, "   ✓ %s\n", s.end)
		}
	}
	return failed
}

func indent(text string) string {
	return "   " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n   ")
}

func printTimeline(ctx context.Context, p *player, task string, out io.Writer) {
	events, err := p.timeline(ctx, task)
	if err != nil {
		fmt.Fprintf(out, "   no timeline: %v\n", err)
		return
	}
	for _, e := range squeeze(events) {
		fmt.Fprintf(out, "     %s  %s\n", e.At.Local().Format("15:04:05.000"), e.What)
	}
}

// squeeze writes a run of failed attempts as its first and its number.
func squeeze(events []referral.Event) []referral.Event {
	var out []referral.Event
	run := 0
	flush := func() {
		if run > 1 {
			out[len(out)-1].What += fmt.Sprintf(" (and %d more)", run-1)
		}
		run = 0
	}
	for _, e := range events {
		if strings.HasPrefix(e.What, "write-back attempt failed") {
			if run++; run > 1 {
				continue
			}
		} else {
			flush()
		}
		out = append(out, e)
	}
	flush()
	return out
}
