package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
)

func exampleCommand(folder *string) *cobra.Command {
	var which app.Which
	var as string
	cmd := &cobra.Command{Use: "example NAME MESSAGE", Short: "Make an anonymous example of a message, or of one in a document", Args: cobra.ExactArgs(2),
		Long: "Cut one message out of a document or a file (a row of CSV, a message of a batch, an item that the mapping takes apart), make it\n" +
			"anonymous as new does, and write it with what comes out of it to NAME/examples/ in --folder; without --folder it is printed.\n" +
			"Read it before you share it: who somebody is may stand where no rule looks. Nothing that exists is overwritten.",
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if which == (app.Which{}) {
				which.Message = 1
			}
			if as == "" {
				base := strings.TrimSuffix(filepath.Base(args[1]), filepath.Ext(args[1]))
				as = fmt.Sprintf("%s-%d", strings.Trim(strings.Join(strings.FieldsFunc(strings.ToLower(base), func(r rune) bool {
					return (r < 'a' || r > 'z') && (r < '0' || r > '9')
				}), "-"), "-"), max(which.Row, which.Message))
			}
			if !mappingName.MatchString(as) || len(as) > 64 {
				return fmt.Errorf("%q is no name of an example: small letters, digits and hyphens; give it with --as", as)
			}
			if err := mappingThere(*folder, name); err != nil {
				return err
			}
			body, err := readSample(args[1])
			if err != nil {
				return err
			}
			example, err := app.ExampleOf(mappingFiles(*folder), name, body, which)
			if err != nil {
				return err
			}
			if *folder == "" {
				_, err = cmd.OutOrStdout().Write(example)
				return err
			}
			path := filepath.Join(*folder, name, "examples", as+".txtar")
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if os.IsExist(err) {
				return fmt.Errorf("%s exists already: give another name with --as", path)
			}
			if err != nil {
				return err
			}
			if _, err = f.Write(example); err == nil {
				err = f.Close()
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: made anonymous by rule, with what came out; read it before you keep or share it\n", path)
			}
			return err
		}}
	whichFlags(cmd, &which, "take", "the first")
	cmd.Flags().StringVar(&as, "as", "", "name of the example (default: that of the file, with the number)")
	return cmd
}
