package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/load"
)

func loadCommand() *cobra.Command {
	c := load.DefaultConfig()
	var phases []string
	var duration time.Duration
	var start bool
	var tokenFile string
	cmd := &cobra.Command{Use: "load", Short: "Put load on a linkloop, measure it, and compare the books at the end", Args: cobra.NoArgs,
		Long: `Sends made-up referrals, repeats, bad messages, reads, searches and Task changes,
one phase after the other, and prints throughput and latency of each. Latency
counts from when a request was due, so that a stall is seen by every request
that waited. At the end the server's counts must be what was sent.

A phase is WORK@RATE (that many a second, whatever the answers take) or
WORK*CLIENTS (as fast as that many clients go), or WORK alone:
hl7, json, repeat, bad, read, search, move.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Phases = load.DefaultPhases(duration)
			if len(phases) > 0 {
				c.Phases = nil
				for _, s := range phases {
					p, err := load.ParsePhase(s, duration)
					if err != nil {
						return err
					}
					c.Phases = append(c.Phases, p)
				}
			}
			if tokenFile != "" {
				b, err := os.ReadFile(tokenFile)
				if err != nil {
					return err
				}
				c.Token = strings.TrimSpace(string(b))
			}
			if start {
				return loadOwn(cmd, c)
			}
			return runLoad(cmd.Context(), cmd, c)
		}}
	f := cmd.Flags()
	f.StringVar(&c.Target, "target", c.Target, "address of the linkloop to load")
	f.BoolVar(&start, "start", false, "start one for this run, over a new data folder, and stop it afterwards")
	f.IntVar(&c.PID, "pid", 0, "process of the server, for processor time and memory")
	f.StringArrayVar(&phases, "phase", nil, "what to do, repeatable (default: all of it)")
	f.DurationVar(&duration, "duration", 20*time.Second, "length of each phase")
	f.StringVar(&tokenFile, "token-file", "", "file with a bearer token")
	f.StringVar(&c.Owner, "owner", "Organization/load", "who accepts Tasks")
	f.BoolVar(&c.AllowRemote, "allow-remote", false, "allow a target on another machine")
	return cmd
}

func runLoad(ctx context.Context, cmd *cobra.Command, c load.Config) error {
	report, err := load.Run(ctx, c, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	if len(report.Problems) > 0 {
		return quietError{}
	}
	return nil
}

// loadOwn loads a server of its own, in a process of its own.
func loadOwn(cmd *cobra.Command, c load.Config) error {
	folder, err := os.MkdirTemp("", "linkloop-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	server, err := load.Start(cmd.Context(), self, folder)
	if err != nil {
		return err
	}
	c.Target, c.PID = server.URL, server.PID
	err = runLoad(cmd.Context(), cmd, c)
	if stopErr := server.Stop(20 * time.Second); err == nil && stopErr != nil {
		err = fmt.Errorf("the server did not stop cleanly: %w", stopErr)
	}
	return err
}
