package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/mapping"
)

// traffic says which messages to run through mappings: files, or the last ones
// that a running linkloop keeps.
type traffic struct {
	client
	last   int
	sender string
	values bool
	output string
}

func (t *traffic) flags(cmd *cobra.Command) {
	t.client.flags(cmd)
	cmd.Flags().IntVar(&t.last, "last", 100, "how many stored messages of each sender, at most 1000; each is written down as read in the audit trail")
	cmd.Flags().StringVar(&t.sender, "sender", "", "only messages of this sender (default: all senders of the mapping)")
	cmd.Flags().BoolVar(&t.values, "values", false, "show values (patient data)")
	cmd.Flags().StringVarP(&t.output, "output", "o", "text", "text or json")
}

// running is the mapping of a name that runs on the server.
func (t *traffic) running(cmd *cobra.Command, name string) (*mapping.Mapping, gateway.MappingView, error) {
	var v gateway.MappingView
	if err := t.call(cmd.Context(), http.MethodGet, "/admin/mappings/"+url.PathEscape(name), &v); err != nil {
		return nil, v, fmt.Errorf("mapping %s of the server: %w", name, err)
	}
	m, err := app.CompileArchive([]byte(v.Files))
	return m, v, err
}

// messages are those of the files, taken apart as the mapping says, or without
// any of the server.
func (t *traffic) messages(cmd *cobra.Command, m *mapping.Mapping, files []string, v gateway.MappingView) ([]app.Stored, error) {
	var out []app.Stored
	for _, f := range files {
		body, err := readSample(f)
		if err != nil {
			return nil, err
		}
		list, err := app.Messages(m, body)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(f), err)
		}
		for _, one := range list {
			name := filepath.Base(f)
			if len(list) > 1 {
				name += " (" + one.Short() + ")"
			}
			out = append(out, app.Stored{Name: name, Body: one.Body})
		}
	}
	if len(files) > 0 {
		return out, nil
	}
	known := false
	for _, s := range v.Senders {
		if t.sender != "" && s.Name != t.sender {
			continue
		}
		known = true
		list, err := t.stored(cmd, s)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	if !known {
		var names []string
		for _, s := range v.Senders {
			names = append(names, s.Name)
		}
		return nil, fmt.Errorf("no sender of this name uses the mapping; those that do: %s", cmp.Or(strings.Join(names, ", "), "none"))
	}
	return out, nil
}

// stored reads the last messages of one sender, newest first.
func (t *traffic) stored(cmd *cobra.Command, s gateway.MappingUser) ([]app.Stored, error) {
	q := url.Values{"limit": {strconv.Itoa(t.last)}, "sender": {s.Name}}
	var list []gateway.MessageView
	if err := t.call(cmd.Context(), http.MethodGet, "/admin/messages?"+q.Encode(), &list); err != nil {
		return nil, err
	}
	out := make([]app.Stored, 0, len(list))
	for _, m := range list {
		id := strconv.FormatInt(m.ID, 10)
		var one gateway.MessageView
		if err := t.call(cmd.Context(), http.MethodGet, "/admin/messages/"+id+"?content=true", &one); err != nil {
			return nil, fmt.Errorf("message %s: %w", id, err)
		}
		out = append(out, app.Stored{Name: id, Body: []byte(one.Body), Constants: s.Constants, Strict: s.Strict})
	}
	return out, nil
}

func diffCommand(folder *string) *cobra.Command {
	t := &traffic{}
	var older string
	cmd := &cobra.Command{Use: "diff NAME [MESSAGE...]", Short: "Show what a changed mapping would make different, before it goes live", Args: cobra.MinimumNArgs(1),
		Long: "Run messages through the mapping that runs and through the one in --folder, and show element by element what differs.\n" +
			"The messages are files, or the last ones that the server at --server keeps; the older mapping is the one that runs there,\n" +
			"or that in --old-folder. A message that the checks of the intake would refuse counts as refused. Nothing is written. The command fails when anything differs.",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, files := args[0], args[1:]
			if err := mappingThere(*folder, name); err != nil {
				return err
			}
			newer, err := app.CompileMapping(mappingFiles(*folder), name)
			if err != nil {
				return err
			}
			var old *mapping.Mapping
			var v gateway.MappingView
			if older == "" || len(files) == 0 {
				if old, v, err = t.running(cmd, name); err != nil {
					return err
				}
			}
			if older != "" {
				if err := mappingThere(older, name); err != nil {
					return fmt.Errorf("the older mapping: %w", err)
				}
				if old, err = app.CompileMapping(mappingFiles(older), name); err != nil {
					return fmt.Errorf("the older mapping, %s: %w", filepath.Join(older, name), err)
				}
			}
			list, err := t.messages(cmd, newer, files, v)
			if err != nil {
				return err
			}
			c, err := app.Compare(old, newer, list)
			if err != nil {
				return err
			}
			if !t.values {
				hideValues(&c)
			}
			if t.output == "json" {
				err = writeJSON(cmd.OutOrStdout(), c)
			} else {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%.12s) -> %s (%.12s)\n", name, old.Version(), old.Hash(), newer.Version(), newer.Hash())
				err = writeComparison(cmd.OutOrStdout(), c, t.values)
			}
			if err == nil && len(c.Differences) > 0 {
				return quietError{}
			}
			return err
		}}
	t.flags(cmd)
	cmd.Flags().StringVar(&older, "old-folder", "", "folder of the older mapping (default: what runs on the server)")
	return cmd
}

// hideValues leaves which elements differ and how, without what they hold.
func hideValues(c *app.Comparison) {
	word := func(s string) string {
		if s == "" {
			return ""
		}
		return "(a value)"
	}
	for i := range c.Differences {
		for j := range c.Differences[i].Changes {
			x := &c.Differences[i].Changes[j]
			x.Old, x.New = word(x.Old), word(x.New)
		}
	}
}

// valuesHint ends what was shown without values.
const valuesHint = "values are shown with --values (patient data)"

// maxShown bounds the messages that are shown one by one.
const maxShown = 20

func writeComparison(w io.Writer, c app.Comparison, values bool) error {
	for i, d := range c.Differences {
		if i == maxShown {
			fmt.Fprintf(w, "... and %d messages more (--output json lists all)\n", len(c.Differences)-maxShown)
			break
		}
		switch {
		case d.Older == "" && d.Newer == "":
			fmt.Fprintf(w, "\nmessage %s\n", d.Message)
			if err := mapping.WriteChanges(w, "older", "newer", d.Changes); err != nil {
				return err
			}
		case d.Older == "":
			fmt.Fprintf(w, "\nmessage %s would now be refused: %s\n", d.Message, d.Newer)
		case d.Newer == "":
			fmt.Fprintf(w, "\nmessage %s would now be accepted; it was refused: %s\n", d.Message, d.Older)
		default:
			fmt.Fprintf(w, "\nmessage %s is refused for another reason: %s, before: %s\n", d.Message, d.Newer, d.Older)
		}
	}
	if len(c.Elements) > 0 {
		fmt.Fprintln(w, "\nMESSAGES  ELEMENT")
		for _, e := range c.Elements {
			fmt.Fprintf(w, "%8d  %s\n", e.Messages, e.Name)
		}
	}
	_, err := fmt.Fprintf(w, "\n%d messages: %d changed, %d now refused, %d now accepted\n", c.Messages, c.Changed, c.NowRefused, c.NowAccepted)
	if err == nil && !values && c.Changed > 0 {
		_, err = fmt.Fprintln(w, valuesHint)
	}
	return err
}

func coverageCommand(folder *string) *cobra.Command {
	t := &traffic{}
	cmd := &cobra.Command{Use: "coverage NAME [MESSAGE...]", Short: "List the fields of messages that a mapping leaves unused", Args: cobra.MinimumNArgs(1),
		Long: "Run messages through a mapping and list the places that no element came from, with counts, and the rules that never gave a value.\n" +
			"The messages are files, or the last ones that the server at --server keeps; the mapping is that of --folder or, without it, the one that runs there.",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, files := args[0], args[1:]
			var m *mapping.Mapping
			var v gateway.MappingView
			var err error
			if len(files) == 0 {
				if m, v, err = t.running(cmd, name); err != nil {
					return err
				}
			}
			if *folder != "" || m == nil {
				if err := mappingThere(*folder, name); err != nil {
					return err
				}
				if m, err = app.CompileMapping(mappingFiles(*folder), name); err != nil {
					return err
				}
			}
			list, err := t.messages(cmd, m, files, v)
			if err != nil {
				return err
			}
			c := app.Cover(m, list, t.values)
			if t.output == "json" {
				return writeJSON(cmd.OutOrStdout(), c)
			}
			return writeCoverage(cmd.OutOrStdout(), c, t.values)
		}}
	t.flags(cmd)
	return cmd
}

func writeCoverage(w io.Writer, c app.Coverage, values bool) error {
	fmt.Fprintf(w, "%d messages, %d of them refused\n", c.Messages, c.Refused)
	if len(c.Fields) > 0 {
		fmt.Fprintln(w, "\nUNUSED  PRESENT  FIELD, FOR EXAMPLE IN MESSAGE")
	}
	for _, f := range c.Fields {
		fmt.Fprintf(w, "%6d  %7d  %s, %s", f.Unmapped, f.Present, f.Address, f.Example)
		if values {
			fmt.Fprintf(w, " = %q", f.Value)
		}
		fmt.Fprintln(w)
	}
	idle := slices.DeleteFunc(slices.Clone(c.Rules), func(r mapping.RuleUse) bool { return r.Messages > 0 })
	if len(idle) > 0 {
		fmt.Fprintln(w, "\nRules that gave a value for none of these messages:")
	}
	for _, r := range idle {
		fmt.Fprintln(w, "  "+r.String())
	}
	if len(c.Fields) > 0 && !values {
		fmt.Fprintln(w, "\n"+valuesHint)
	}
	return nil
}
