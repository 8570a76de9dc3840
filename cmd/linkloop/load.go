package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/load"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
)

// loadFlags are the flags of the command that are no settings of the load.
type loadFlags struct {
	phases         []string
	duration       time.Duration
	mix, tokenFile string
	start          bool
	soak, fairness bool
	rate           float64
	postgres       string
	settings       []string
}

func loadCommand() *cobra.Command {
	c := load.DefaultConfig()
	var o loadFlags
	cmd := &cobra.Command{Use: "load", Short: "Put load on a linkloop, measure it, and compare the books at the end", Args: cobra.NoArgs,
		Long: `Sends made-up referrals, repeats, bad messages, reads, searches and Task changes,
one phase after the other, and prints throughput and latency of each. Latency
counts from when a request was due, so that a stall is seen by every request
that waited. At the end the server's counts must be what was sent; with --start
a stand-in record is started too, and must hold what was completed.

A phase is WORK@RATE (that many a second, whatever the answers take) or
WORK*CLIENTS (as fast as that many clients go), or WORK alone:
hl7, large, json, fhir, repeat, bad, read, search, move, and mixed, which is all
of them by turns, as --mix says.

--soak finds the peak of the mix, unless --rate gives one, and then stays at 70 %
of it for --duration. --fairness measures what one of eight senders at 50 times its
share (--rate, per second) costs the others; it needs --start.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.apply(&c); err != nil {
				return err
			}
			if o.start {
				return loadOwn(cmd, c, o)
			}
			return runLoad(cmd.Context(), cmd, c, o)
		}}
	f := cmd.Flags()
	f.StringVar(&c.Target, "target", c.Target, "address of the linkloop to load")
	f.BoolVar(&o.start, "start", false, "start one for this run, over a new data folder, and stop it afterwards")
	f.StringVar(&o.postgres, "postgres", "", "with --start: address of an empty PostgreSQL database to use instead of the embedded one; start makes a temporary server")
	f.StringArrayVar(&o.settings, "setting", nil, "with --start: a setting of the server, such as LINKLOOP_HTTP_MAX_WORKING=8, repeatable")
	f.IntVar(&c.PID, "pid", 0, "process of the server, for processor time and memory")
	f.StringVar(&c.Ops, "ops", "", "address of its operations port, such as http://127.0.0.1:8081, for metrics and deliveries")
	f.StringArrayVar(&o.phases, "phase", nil, "what to do, repeatable (default: all of it)")
	f.StringVar(&o.mix, "mix", "", "weights of the mix, such as hl7=20,json=8,move=20")
	f.DurationVar(&o.duration, "duration", 20*time.Second, "length of each phase")
	f.BoolVar(&o.soak, "soak", false, "stay at 70 % of the peak, and see what grows")
	f.BoolVar(&o.fairness, "fairness", false, "measure what a greedy sender costs the others")
	f.Float64Var(&o.rate, "rate", 0, "requests a second of --soak, or of each sender of --fairness")
	f.StringVar(&o.tokenFile, "token-file", "", "file with a bearer token")
	f.StringVar(&c.Owner, "owner", "Organization/load", "who accepts Tasks")
	f.BoolVar(&c.AllowRemote, "allow-remote", false, "allow a target on another machine")
	return cmd
}

// apply puts the flags into the settings.
func (o loadFlags) apply(c *load.Config) error {
	c.Phases = load.DefaultPhases(o.duration)
	if len(o.phases) > 0 {
		c.Phases = nil
		for _, s := range o.phases {
			p, err := load.ParsePhase(s, o.duration)
			if err != nil {
				return err
			}
			c.Phases = append(c.Phases, p)
		}
	}
	if o.mix != "" {
		mix, err := load.ParseMix(o.mix)
		if err != nil {
			return err
		}
		c.Mix = mix
	}
	if o.tokenFile != "" {
		b, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return err
		}
		c.Token = strings.TrimSpace(string(b))
	}
	switch {
	case o.soak && o.fairness:
		return errors.New("--soak and --fairness are two runs")
	case (o.postgres != "" || len(o.settings) > 0) && !o.start:
		return errors.New("--postgres and --setting are about the server that --start starts")
	case o.fairness && !o.start:
		return errors.New("--fairness needs --start: the server must know its senders")
	}
	return nil
}

// runLoad makes the load and fails when the server did something wrong.
func runLoad(ctx context.Context, cmd *cobra.Command, c load.Config, o loadFlags) error {
	var problems []string
	var err error
	switch {
	case o.soak:
		s := load.DefaultSoak()
		s.Rate = o.rate
		if cmd.Flags().Changed("duration") {
			s.Length = o.duration
		}
		var r load.Report
		r, err = load.RunSoak(ctx, c, s, cmd.OutOrStdout())
		problems = r.Problems
	case o.fairness:
		var r load.FairnessReport
		r, err = load.RunFairness(ctx, c, o.contest(), cmd.OutOrStdout())
		problems = r.Problems
	default:
		var r load.Report
		r, err = load.Run(ctx, c, cmd.OutOrStdout())
		problems = r.Problems
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return quietError{}
	}
	return nil
}

func (o loadFlags) contest() load.Fairness {
	f := load.DefaultFairness()
	f.Each = o.duration
	if o.rate > 0 {
		f.Rate = o.rate
	}
	return f
}

// loadOwn loads a server of its own, in a process of its own, which delivers to
// a record of its own.
func loadOwn(cmd *cobra.Command, c load.Config, o loadFlags) error {
	folder, err := os.MkdirTemp("", "linkloop-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	record, err := load.NewStandIn(nil)
	if err != nil {
		return err
	}
	defer record.Close()
	env := append(record.Env(""), o.settings...)
	if o.fairness {
		env = append(env, o.contest().Env()...)
	}
	if o.postgres == "start" {
		pg, err := postgrestest.New("", postgrestest.Worn()) // our folder is closed to the user that PostgreSQL runs as
		if err != nil {
			return err
		}
		defer func() {
			if err := pg.Remove(); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "linkloop:", err)
			}
		}()
		if o.postgres, err = pg.CreateDatabase(); err != nil {
			return err
		}
	}
	if o.postgres != "" {
		env = append(env, "LINKLOOP_DATA_POSTGRES="+o.postgres)
	}
	server, err := load.Start(cmd.Context(), self, folder, env...)
	if err != nil {
		return err
	}
	c.Target, c.PID, c.Ops, c.Record = server.URL, server.PID, server.Ops, record
	err = runLoad(cmd.Context(), cmd, c, o)
	if stopErr := server.Stop(20 * time.Second); err == nil && stopErr != nil {
		err = fmt.Errorf("the server did not stop cleanly: %w", stopErr)
	}
	return err
}
