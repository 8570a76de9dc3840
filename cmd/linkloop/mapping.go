package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/config"
)

func mappingCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "mapping", Short: "Mappings: lint, test, explain"}
	var folder string
	cmd.PersistentFlags().StringVar(&folder, "folder", "", "folder of mappings (default: the embedded ones)")

	lint := &cobra.Command{Use: "lint [NAME...]", Short: "Report every problem of mappings, with file, line and column",
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachMapping(cmd, folder, args, func(fsys fs.FS, name string) error {
				m, err := app.CompileMapping(fsys, name)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "ok    %s %s (%s)\n", m.Name(), m.Version(), m.Format())
				return nil
			})
		}}

	var update bool
	test := &cobra.Command{Use: "test [NAME...]", Short: "Run the examples beside mappings and show what differs",
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachMapping(cmd, folder, args, func(fsys fs.FS, name string) error {
				dir := ""
				if update {
					if folder == "" {
						return errors.New("--update writes files: name their folder with --folder")
					}
					dir = filepath.Join(folder, name)
				}
				return app.TestMapping(fsys, name, dir, cmd.OutOrStdout())
			})
		}}
	test.Flags().BoolVar(&update, "update", false, "write what came out as the expected result")

	explain := &cobra.Command{Use: "explain NAME MESSAGE", Short: "Show for each element of the result where it came from", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			return app.ExplainMapping(app.MappingFiles(config.Mappings{Folder: folder}), args[0], body, cmd.OutOrStdout())
		}}
	cmd.AddCommand(lint, test, explain)
	return cmd
}

// eachMapping runs do over the named mappings, or all, and reports every
// failure before it ends.
func eachMapping(cmd *cobra.Command, folder string, names []string, do func(fs.FS, string) error) error {
	fsys := app.MappingFiles(config.Mappings{Folder: folder})
	if len(names) == 0 {
		var err error
		if names, err = app.MappingNames(fsys); err != nil {
			return err
		}
	}
	if len(names) == 0 {
		return errors.New("there is no mapping in this folder")
	}
	failed := false
	for _, n := range names {
		if err := do(fsys, n); err != nil {
			failed = true
			var ps mapping.Problems
			if errors.As(err, &ps) {
				for _, p := range ps {
					fmt.Fprintf(cmd.OutOrStdout(), "%s/%s\n", n, p)
				}
				continue
			}
			fmt.Fprintf(cmd.OutOrStdout(), "FAIL  %s: %v\n", n, err)
		}
	}
	if failed {
		return quietError{}
	}
	return nil
}
