package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/codes"
)

func codesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "codes", Short: "The codes that may leave for a record: list, verify, approve"}
	var file, output string
	list := &cobra.Command{Use: "list", Short: "Show every code with its rules and who approved it when, as a table or as a FHIR ValueSet", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := outcomeRules(file)
			if err != nil {
				return err
			}
			switch output {
			case "text":
				approval(cmd.OutOrStdout(), r)
				return listCodes(cmd.OutOrStdout(), r)
			case "valueset":
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", r.List.ValueSet())
				return err
			}
			return errors.New("--output is text or valueset")
		}}
	list.Flags().StringVar(&output, "output", "text", "text or valueset")

	verify := &cobra.Command{Use: "verify", Short: "Check the list, the measures and who approved them; status 1 unless they may be used", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := outcomeRules(file)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s", r.Content.Message())
			if err := r.Check(); err != nil {
				return err
			}
			if r.File == "" {
				fmt.Fprintln(out, "These are the rules that are part of the program; no approval is configured, so none is asked for.")
				return nil
			}
			fmt.Fprintf(out, "Approved by %s (%s).\n", codes.By(r.By), r.File)
			return nil
		}}

	var name, key string
	approve := &cobra.Command{Use: "approve", Short: "Sign the list and the measures as they are; two people do, each with a key of their own", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := outcomeRules(file)
			if err != nil {
				return err
			}
			return approveCodes(cmd.OutOrStdout(), r, name, key)
		}}
	approve.Flags().StringVar(&name, "name", "", "who approves, as in workflow.approvers")
	approve.Flags().StringVar(&key, "key", "", "file with the private key, as linkloop codes key writes it")

	for _, c := range []*cobra.Command{list, verify, approve} {
		configFile(c, &file)
	}
	pair := &cobra.Command{Use: "key FILE", Short: "Make a key pair: the private key into a new file, the public one for workflow.approvers", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return makeKey(cmd.OutOrStdout(), args[0]) }}
	cmd.AddCommand(list, verify, approve, pair)
	return cmd
}

func outcomeRules(file string) (*app.OutcomeRules, error) {
	cfg, err := settings(file)
	if err != nil {
		return nil, err
	}
	return app.ReadOutcomeRules(cfg.Workflow)
}

// approval says who approved the list and when, or that it may not be used.
func approval(out io.Writer, r *app.OutcomeRules) {
	switch err := r.Check(); {
	case err != nil:
		fmt.Fprintf(out, "NOT APPROVED: %v\n", err)
	case r.File == "":
		fmt.Fprintln(out, "Part of the program; no approval is configured.")
	default:
		fmt.Fprintf(out, "Approved by %s.\n", codes.By(r.By))
	}
}

func listCodes(out io.Writer, r *app.OutcomeRules) error {
	fmt.Fprintf(out, "%s %s, sha256 %s\n\n", r.List.Name, r.List.Version, r.List.Sum)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CODE\tDISPLAY\tKIND\tGROUP\tRULES")
	for _, c := range r.List.Codes {
		var rules []string
		if c.Off {
			rules = append(rules, "off: does not leave")
		}
		if len(c.Automatic) > 0 {
			rules = append(rules, "added when "+strings.Join(c.Automatic, ", "))
		}
		if c.Once != "" {
			rules = append(rules, "once in an "+c.Once)
		}
		if c.Minimum != nil {
			rules = append(rules, fmt.Sprintf("%g to %g", *c.Minimum, *c.Maximum))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Code, c.Display, c.Kind, c.Group, strings.Join(rules, "; "))
	}
	return w.Flush()
}

// approveCodes adds a signature to the approval. One of another content is
// replaced: what was approved before is not approved any more.
func approveCodes(out io.Writer, r *app.OutcomeRules, name, keyFile string) error {
	if name == "" || keyFile == "" {
		return errors.New("--name and --key are needed")
	}
	if r.File == "" {
		return errors.New("no approval is configured, so none is asked for; set workflow.codes or workflow.approval, and name two workflow.approvers")
	}
	pem, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	key, err := codes.ParsePrivateKey(pem)
	if err != nil {
		return fmt.Errorf("%s: %w", keyFile, err)
	}
	if !known(r.Known, name, key) {
		return fmt.Errorf("%s with this key is none of workflow.approvers; the public key is %s", name, public(key))
	}
	approval := r.Content
	switch b, err := os.ReadFile(r.File); {
	case err == nil:
		before, err := codes.Read(b)
		if err != nil {
			return fmt.Errorf("%s: %w", r.File, err)
		}
		if differs := before.Covers(r.Content); differs == nil {
			approval = before
		} else {
			fmt.Fprintf(out, "The approval there is of another content and is replaced:\n%s\n", differs)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := approval.Sign(name, key, time.Now()); err != nil {
		return err
	}
	b, err := approval.Write()
	if err != nil {
		return err
	}
	if err := replaceFile(r.File, b); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s", approval.Message())
	if by, err := approval.Verify(r.Known); err != nil {
		fmt.Fprintf(out, "Approved by %s; %v.\n", codes.By(by), err)
	} else {
		fmt.Fprintf(out, "Approved by %s. The list is used from the next start.\n", codes.By(by))
	}
	return nil
}

func known(approvers []codes.Approver, name string, key ed25519.PrivateKey) bool {
	for _, a := range approvers {
		if a.Name == name && a.Key.Equal(key.Public()) {
			return true
		}
	}
	return false
}

func public(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

// replaceFile writes beside and renames, so that nobody reads half a file.
func replaceFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := errors.Join(f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func makeKey(out io.Writer, file string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	pem, err := codes.WritePrivateKey(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(pem); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	fmt.Fprintf(out, "The private key is in %s; it stays with you alone. Under workflow.approvers of the configuration:\n  - name: your-name\n    key: %s\n", file, public(key))
	return nil
}
