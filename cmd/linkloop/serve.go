package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/config"
)

// configFile adds the --config flag.
func configFile(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "config", "", "configuration file (default: $LINKLOOP_CONFIG, or embedded defaults)")
}

func settings(file string) (config.Config, error) {
	return config.Load(config.Options{File: file, Env: os.Environ()})
}

// logger writes to w as the configuration asks.
func logger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	opt := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, opt))
	}
	return slog.New(slog.NewJSONHandler(w, opt))
}

func serveCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "serve", Short: "Serve until told to stop", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(file)
			if err != nil {
				return err
			}
			log := logger(cfg.Log, os.Stderr)
			a, err := app.New(cmd.Context(), cfg, app.Options{Log: log})
			if err != nil {
				return err
			}
			a.Start()
			fmt.Fprintf(cmd.ErrOrStderr(), "linkloop serves %s (FHIR: %s/fhir), operations on %s\n", a.BaseURL(), a.BaseURL(), a.OpsURL())
			hangup := make(chan os.Signal, 1)
			signal.Notify(hangup, syscall.SIGHUP)
			var failed error
			for serving := true; serving; {
				select {
				case failed = <-a.Failed():
					serving = false
				case <-hangup:
					reload(cmd.Context(), a, file, log)
				case <-cmd.Context().Done():
					serving = false
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), cfg.HTTP.ShutdownTimeout)
			defer cancel()
			return errors.Join(failed, a.Stop(ctx))
		}}
	configFile(cmd, &file)
	return cmd
}

// reload reads the configuration and the mappings again; a bad one leaves the
// old one running.
func reload(ctx context.Context, a *app.App, file string, log *slog.Logger) {
	cfg, err := settings(file)
	if err == nil {
		err = a.Reload(cfg)
	}
	if err != nil {
		log.Error("not reloaded, the old configuration stays in use", "reason", err.Error())
	}
	if err := a.CheckMappings(ctx); err != nil {
		log.Error("the mappings were not looked at", "reason", err.Error())
	}
}

func configCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "config", Short: "Print the configuration in effect, secrets hidden", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(file)
			if err != nil {
				return err
			}
			return cfg.WriteEffective(cmd.OutOrStdout())
		}}
	configFile(cmd, &file)
	return cmd
}

func doctorCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "doctor", Short: "Check configuration, store, mappings, peers and clock, and say what to do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(file)
			if err != nil {
				fmt.Fprintf(cmd.OutOrStdout(), "FAIL  configuration\n%v\n", err)
				return quietError{}
			}
			if !app.Doctor(cmd.Context(), cfg, cmd.OutOrStdout()) {
				return quietError{}
			}
			return nil
		}}
	configFile(cmd, &file)
	return cmd
}
