package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/spelling"
	"github.com/linkloop/linkloop/config"
)

func mappingCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "mapping", Short: "Mappings: new, example, lint, test, explain, diff, coverage, schema, list"}
	var folder string
	cmd.PersistentFlags().StringVar(&folder, "folder", "", "folder of mappings (default: the embedded ones)")
	cmd.AddCommand(newCommand(), exampleCommand(&folder), lintCommand(&folder), testCommand(&folder), explainCommand(&folder),
		diffCommand(&folder), coverageCommand(&folder), schemaCommand(), listCommand(&folder))
	return cmd
}

func lintCommand(folder *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "lint [NAME...]", Short: "Report every problem of mappings, with file, line and column",
		RunE: func(cmd *cobra.Command, args []string) error {
			fsys, names, err := mappingNames(*folder, args)
			if err != nil {
				return err
			}
			failed, reports := false, []mapping.Report{}
			for _, n := range names {
				r := app.LintMapping(fsys, n)
				failed = failed || r.Errors > 0
				reports = append(reports, r)
				if !asJSON {
					writeReport(cmd.OutOrStdout(), fsys, r)
				}
			}
			if asJSON {
				if err := writeJSON(cmd.OutOrStdout(), reports); err != nil {
					return err
				}
			}
			if failed {
				return quietError{}
			}
			return nil
		}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the reports as JSON, for editors and pipelines")
	return cmd
}

// writeReport prints the problems of a mapping with paths from the folder of
// mappings, so that a terminal makes them clickable.
func writeReport(w io.Writer, fsys fs.FS, r mapping.Report) {
	for _, p := range r.Problems {
		if _, err := fs.Stat(fsys, p.File); err == nil { // of shared/
			fmt.Fprintln(w, p)
			continue
		}
		fmt.Fprintf(w, "%s/%s\n", r.Mapping, p)
	}
	if r.Errors > 0 {
		fmt.Fprintf(w, "FAIL  %s: %d errors, %d warnings\n", r.Mapping, r.Errors, r.Warnings)
		return
	}
	m, err := app.CompileMapping(fsys, r.Mapping)
	if err != nil {
		fmt.Fprintf(w, "FAIL  %s: %v\n", r.Mapping, err)
		return
	}
	fmt.Fprintf(w, "ok    %s %s (%s)", m.Name(), m.Version(), m.Format())
	if r.Warnings > 0 {
		fmt.Fprintf(w, ", %d warnings", r.Warnings)
	}
	fmt.Fprintln(w)
}

func testCommand(folder *string) *cobra.Command {
	var update, uncovered bool
	var least int
	cmd := &cobra.Command{Use: "test [NAME...]", Short: "Run the examples beside mappings and show what differs",
		RunE: func(cmd *cobra.Command, args []string) error {
			fsys, names, err := mappingNames(*folder, args)
			if err != nil {
				return err
			}
			if update && *folder == "" {
				return errors.New("--update writes files: name their folder with --folder")
			}
			out, failed := cmd.OutOrStdout(), false
			for _, n := range names {
				dir := ""
				if update {
					dir = filepath.Join(*folder, n)
				}
				tested, err := app.TestWithCoverage(fsys, n, dir, out)
				if err != nil {
					failed = true
					writeFailure(out, n, err)
					if update && tested.Examples > 0 {
						fmt.Fprintln(out, tested)
					}
					continue
				}
				rules := tested.Rules
				used, all := mapping.Covered(rules)
				fmt.Fprintf(out, "%d of %d rules gave a value in an example (%d %%)\n", used, all, mapping.Percent(used, all))
				if short := mapping.Percent(used, all) < least; short || uncovered {
					for _, r := range rules {
						if r.Messages == 0 {
							fmt.Fprintln(out, "not exercised:", r)
						}
					}
					if short {
						failed = true
						fmt.Fprintf(out, "FAIL  %s: less than %d %% of its rules are exercised\n", n, least)
					}
				}
				if update {
					fmt.Fprintln(out, tested)
				}
			}
			if failed {
				return quietError{}
			}
			return nil
		}}
	cmd.Flags().BoolVar(&update, "update", false, "write what came out as the expected result")
	cmd.Flags().BoolVar(&uncovered, "uncovered", false, "list the rules that gave a value in no example")
	cmd.Flags().IntVar(&least, "min-coverage", 0, "fail when less than this percentage of the rules gave a value")
	return cmd
}

func explainCommand(folder *string) *cobra.Command {
	var output string
	var which app.Which
	var findings bool
	cmd := &cobra.Command{Use: "explain NAME MESSAGE", Short: "Show for each element of the result where it came from", Args: cobra.ExactArgs(2),
		Long: "Show for each element of the result its value, the place of the message it came from and the line of the mapping.\n" +
			"Of a file with several messages (rows of CSV, a batch of HL7 v2, a document that its mapping takes apart) each is shown,\n" +
			"the first 20 of them as text. At the end stands what would be flagged, or why the message would be refused, as far as the message\n" +
			"itself says; the command fails when one would be refused. What is shown is data of the patient in the message.",
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := readSample(args[1])
			if err != nil {
				return err
			}
			if err := mappingThere(*folder, args[0]); err != nil {
				return err
			}
			list, err := app.Explain(mappingFiles(*folder), args[0], body, which)
			if err != nil {
				return err
			}
			all := len(list)
			if !findings {
				return writeExplained(cmd.OutOrStdout(), list, output, all > 1)
			}
			list = slices.DeleteFunc(list, func(e app.Explained) bool {
				return e.Err == nil && len(e.Findings)+len(e.Refused)+len(e.Flags) == 0
			})
			if len(list) > 0 || output == "json" {
				err = writeExplained(cmd.OutOrStdout(), list, output, true)
			}
			if output == "text" {
				fmt.Fprintf(cmd.OutOrStdout(), "\n%d of %d messages without findings, flags and refusal are not shown\n", all-len(list), all)
			}
			return err
		}}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text, json, or html for one page that needs nothing else")
	cmd.Flags().BoolVar(&findings, "findings", false, "show only messages that have findings, are flagged or would be refused, and count the others")
	whichFlags(cmd, &which, "show", "all")
	return cmd
}

// whichFlags say which message of a file or a document is meant.
func whichFlags(cmd *cobra.Command, which *app.Which, what, otherwise string) {
	cmd.Flags().IntVar(&which.Message, "message", 0, "of several messages the one to "+what+", counted from 1 (default: "+otherwise+")")
	cmd.Flags().IntVar(&which.Row, "row", 0, "of a file with rows the one to "+what+", by its number in the receipt, where the header and rows passed over count")
	cmd.MarkFlagsMutuallyExclusive("message", "row")
}

// place is where a message stands in a file with rows, as in its receipt.
type place struct {
	Number int `json:"number,omitempty"`
	Line   int `json:"line,omitempty"`
}

// writeExplained prints explanations. A message that is refused says why, and
// the others follow; the command fails. Several is a list also where it is of one.
func writeExplained(w io.Writer, list []app.Explained, output string, several bool) error {
	if !several && list[0].Err != nil {
		return list[0].Err
	}
	var err error
	switch {
	case output == "html" && len(list) > 1:
		return fmt.Errorf("there are %d messages, and a page is of one: say which with --message or --row", len(list))
	case output == "html":
		err = list[0].WriteHTML(w)
	case output == "json" && !several:
		err = list[0].WriteJSON(w)
	case output == "json":
		all := make([]any, 0, len(list))
		for _, e := range list {
			at := place{e.Of.Number, e.Of.Line}
			if e.Err != nil {
				all = append(all, struct {
					place
					Refused []mapping.Reason `json:"refused"`
				}{at, []mapping.Reason{{Text: e.Err.Error()}}})
				continue
			}
			all = append(all, struct {
				place
				mapping.Explanation
			}{at, e.Explanation})
		}
		err = writeJSON(w, all)
	case output == "text":
		err = writeExplainedText(w, list)
	default:
		return fmt.Errorf("--output is text, json or html, not %q", output)
	}
	if err == nil && slices.ContainsFunc(list, func(e app.Explained) bool { return e.Err != nil || len(e.Refused) > 0 }) {
		return quietError{}
	}
	return err
}

func writeExplainedText(w io.Writer, list []app.Explained) error {
	for i, e := range list {
		if i == maxShown {
			fmt.Fprintf(w, "\n... and %d messages more (--message or --row shows one, --output json all)\n", len(list)-maxShown)
			break
		}
		if e.Of.All > 1 {
			fmt.Fprintf(w, "\n%s\n", e.Of)
		}
		if e.Err != nil {
			fmt.Fprintf(w, "A message like this would be refused:\n  %v\n", e.Err)
			continue
		}
		if err := e.WriteText(w); err != nil {
			return err
		}
	}
	return nil
}

func schemaCommand() *cobra.Command {
	var fragment bool
	cmd := &cobra.Command{Use: "schema", Short: "Print the JSON Schema of mapping.yaml, for editors", Args: cobra.NoArgs,
		Long: "Print the JSON Schema of mapping.yaml. Editors with a YAML language server complete and check by it when the first line of the file is\n" +
			"# yaml-language-server: $schema=../mapping.schema.json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema := mapping.JSONSchema()
			if fragment {
				schema = mapping.FragmentSchema()
			}
			_, err := cmd.OutOrStdout().Write(schema)
			return err
		}}
	cmd.Flags().BoolVar(&fragment, "fragment", false, "the schema of shared fragments instead")
	return cmd
}

func listCommand(folder *string) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the mappings of a folder", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fsys, names, err := mappingNames(*folder, nil)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tVERSION\tFORMAT\tSHA256\tTITLE")
			for _, n := range names {
				m, err := app.CompileMapping(fsys, n)
				if err != nil {
					fmt.Fprintf(w, "%s\t-\t-\t-\tdoes not compile: linkloop mapping lint %s\n", n, n)
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%.12s\t%s\n", m.Name(), m.Version(), m.Format(), m.Hash(), m.Title())
			}
			return w.Flush()
		}}
}

// mappingFiles is the folder of mappings; empty means the embedded ones.
func mappingFiles(folder string) fs.FS { return app.MappingFiles(config.Mappings{Folder: folder}) }

// mappingThere says what to do about a name that is no mapping of the folder;
// empty: of those that are shipped.
func mappingThere(folder, name string) error {
	names, err := app.MappingNames(mappingFiles(folder))
	if err != nil || slices.Contains(names, name) {
		return err
	}
	var text string
	switch _, missing := os.Stat(folder); {
	case folder == "":
		text = fmt.Sprintf("no mapping %q is shipped: name the folder it is in with --folder", name)
	case missing != nil:
		return fmt.Errorf("there is no folder %s: --folder is the folder in which each mapping has its own", folder)
	case len(names) == 0:
		return fmt.Errorf("there is no mapping %q in %s, and no other: --folder is the folder in which each mapping has its own", name, folder)
	default:
		text = fmt.Sprintf("there is no mapping %q in %s", name, folder)
	}
	if near, distance := spelling.Nearest(name, names); near != "" && distance <= maxMisspelt {
		text += fmt.Sprintf("; did you mean %s?", near)
	}
	if more := len(names) - maxListed; more > 0 {
		names = append(names[:maxListed:maxListed], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("%s\nThere: %s", text, strings.Join(names, ", "))
}

const (
	maxMisspelt = 3  // letters
	maxListed   = 30 // mappings
)

// mappingNames is the folder and the mappings that were named, or all.
func mappingNames(folder string, names []string) (fs.FS, []string, error) {
	fsys := mappingFiles(folder)
	for _, name := range names {
		if err := mappingThere(folder, name); err != nil {
			return nil, nil, err
		}
	}
	if len(names) == 0 {
		var err error
		if names, err = app.MappingNames(fsys); err != nil {
			return nil, nil, err
		}
	}
	if len(names) == 0 {
		return nil, nil, errors.New("there is no mapping in this folder")
	}
	return fsys, names, nil
}

// writeFailure prints what is wrong with a mapping.
func writeFailure(w io.Writer, name string, err error) {
	var ps mapping.Problems
	if !errors.As(err, &ps) {
		fmt.Fprintf(w, "FAIL  %s: %v\n", name, err)
		return
	}
	for _, p := range ps {
		fmt.Fprintf(w, "%s/%s\n", name, p)
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
