package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/element"
)

// maxQuestionnaire bounds a Questionnaire that is checked, in bytes.
const maxQuestionnaire = 5 << 20

func measuresCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "measures", Short: "The measures by which questionnaires are scored: list, check"}
	var file string
	list := &cobra.Command{Use: "list", Short: "Show every measure with its scores", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := outcomeRules(file)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "MEASURE\tSCORE\tITEMS\tRANGE\tCODE")
			for _, m := range r.Measures.Measures {
				for _, s := range m.Scores {
					code := s.Code
					if code == "" {
						code = "none: told in the letter only"
					}
					fmt.Fprintf(w, "%s\t%s\t%d\t%g to %g\t%s\n", m.Name, s.Name, len(s.Items), s.Minimum, s.Maximum, code)
				}
			}
			return w.Flush()
		}}
	check := &cobra.Command{Use: "check QUESTIONNAIRE", Short: "Say whether a FHIR Questionnaire (a JSON file) is scored, and what keeps it from that", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := outcomeRules(file)
			if err != nil {
				return err
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			if info.Size() > maxQuestionnaire {
				return fmt.Errorf("%s is larger than %d bytes", args[0], maxQuestionnaire)
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			q, err := element.Parse(b, element.Limits{})
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			m, ok := r.Measures.Of(q.Str("url"))
			if !ok {
				return fmt.Errorf("no measure scores %s; its address belongs under questionnaires of a measure", args[0])
			}
			problems := m.Fits(q)
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
			if len(problems) > 0 {
				return quietError{}
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s scores it.\n", m.Name, m.Version)
			return nil
		}}
	for _, c := range []*cobra.Command{list, check} {
		configFile(c, &file)
	}
	cmd.AddCommand(list, check)
	return cmd
}
