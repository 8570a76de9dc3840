package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/config"
)

// dataCommand is a command on the data folder of a configuration.
func dataCommand(cmd *cobra.Command, done string, do func(context.Context, config.Data, []string) error) *cobra.Command {
	var file string
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := settings(file)
		if err != nil {
			return err
		}
		if err := do(cmd.Context(), cfg.Data, args); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), done)
		return nil
	}
	configFile(cmd, &file)
	return cmd
}

func backupCommand() *cobra.Command {
	return dataCommand(&cobra.Command{Use: "backup FOLDER", Short: "Copy the data, as it is at one moment, into a new folder; the server goes on", Args: cobra.ExactArgs(1)},
		"The backup is complete, and what was written was read again and compared. It holds patient data and the key of this installation: keep it as safe as the data.",
		func(ctx context.Context, d config.Data, args []string) error { return app.Backup(ctx, d, args[0]) })
}

func restoreCommand() *cobra.Command {
	var stopped bool
	cmd := dataCommand(&cobra.Command{Use: "restore FOLDER", Short: "Make the data folder anew from a backup; refuses where there is data", Args: cobra.ExactArgs(1)},
		"The data is restored and sound. What was sent to linkloop after the backup must be sent again: what it has already makes nothing new.",
		func(ctx context.Context, d config.Data, args []string) error {
			return app.Restore(ctx, d, args[0], stopped)
		})
	cmd.Flags().BoolVar(&stopped, "stop", false, "send nothing to any practice, until linkloop deliveries start all: time to look at what is owed again")
	return cmd
}

func compactCommand() *cobra.Command {
	return dataCommand(&cobra.Command{Use: "compact", Short: "Give free space of the data file back to the file system; the server must be stopped", Args: cobra.NoArgs},
		"The data file holds no free space any more.",
		func(ctx context.Context, d config.Data, _ []string) error { return app.Compact(ctx, d) })
}
