package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
)

var mappingName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

func newCommand() *cobra.Command {
	var from, format, into string
	cmd := &cobra.Command{Use: "new NAME --from SAMPLE", Short: "Propose a mapping from a sample message, with a first example", Args: cobra.ExactArgs(1),
		Long: "Propose a mapping from a sample message of any format, with code tables and a first example, and write it into the folder NAME\n" +
			"below --folder, or below the folder at hand without one. The sample is made anonymous in the example. Nothing that exists is overwritten.",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if !mappingName.MatchString(name) || len(name) > 64 {
				return fmt.Errorf("%q is no name of a mapping: small letters, digits and hyphens", name)
			}
			sample, err := readSample(from)
			if err != nil {
				return err
			}
			s, err := app.NewMapping(name, format, sample)
			if err != nil {
				return err
			}
			dir := filepath.Join(into, name)
			if _, err := os.Stat(dir); err == nil {
				return fmt.Errorf("%s exists already: to propose again, give another name or remove the folder", dir)
			}
			for _, f := range s.Files {
				path := filepath.Join(dir, filepath.FromSlash(f.Name))
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(path, f.Data, 0o644); err != nil {
					return err
				}
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s: a mapping for %s", dir, s.Format)
			if s.Base != "" {
				fmt.Fprintf(out, ", begun as a copy of %s, which uses most of the sample", s.Base)
			}
			fmt.Fprintln(out)
			for _, g := range s.Found {
				fmt.Fprintf(out, "  %-24s <- %s\n", g.As, g.Path)
			}
			if len(s.Unused) > 0 {
				fmt.Fprintln(out, "Nothing comes of these places of the sample:")
				for _, u := range s.Unused {
					fmt.Fprintln(out, "  "+u)
				}
			}
			for _, c := range s.Checks {
				fmt.Fprintln(out, "CHECK: "+c)
			}
			for _, p := range s.Report.Problems {
				fmt.Fprintf(out, "%s/%s\n", name, p)
			}
			if s.Bare != "" {
				fmt.Fprintf(out, "CHECK: there is no example: %s. Write examples/first.txtar with made-up values.\n", s.Bare)
			} else {
				fmt.Fprintln(out, "The example holds the sample made anonymous: read it before you share it.")
			}
			fmt.Fprintf(out, "Next: read %s, then linkloop mapping test %s --folder %s\n", filepath.Join(dir, "mapping.yaml"), name, into)
			return nil
		}}
	// The other commands read the folder; this one writes into it.
	cmd.Flags().StringVar(&into, "folder", ".", "folder of mappings, into which the new one is written")
	cmd.Flags().StringVar(&from, "from", "", "file with a sample message")
	cmd.Flags().StringVar(&format, "format", "", "hl7v2, fhirmsg, json, xml or csv (default: told from the sample)")
	if err := cmd.MarkFlagRequired("from"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}
