package app

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/mappings"
)

// errExamples says that examples differ; what differs was printed.
var errExamples = errors.New("examples do not come out as wanted")

// CompileMapping compiles a mapping as the server does, element names included.
// The error is of type mapping.Problems.
func CompileMapping(fsys fs.FS, name string) (*mapping.Mapping, error) {
	return mapping.Compile(fsys, name, mapping.WithSchema(fhir.Schema{}), mapping.WithIntentions(referral.Whole, referral.Brief),
		mapping.WithShared(mappings.FS()))
}

// CompileArchive compiles the files of a mapping that runs, as the server does
// but for the element names, which it checked.
func CompileArchive(archive []byte) (*mapping.Mapping, error) {
	return mapping.CompileArchive(archive, mapping.WithIntentions(referral.Whole, referral.Brief))
}

// LintMapping reports all that is wrong or odd about a mapping.
func LintMapping(fsys fs.FS, name string) mapping.Report {
	return mapping.Lint(fsys, name, mapping.WithSchema(fhir.Schema{}), mapping.WithIntentions(referral.Whole, referral.Brief),
		mapping.WithShared(mappings.FS()), mapping.WithExamples(decoder))
}

// decoder is the wire format of a mapping for its examples.
func decoder(m *mapping.Mapping) mapping.Decode {
	return func(_ string, body []byte) (*message.Tree, string, error) { return decode(m, body) }
}

// decode reads bytes with the format of a mapping.
func decode(m *mapping.Mapping, body []byte) (*message.Tree, string, error) {
	f := FormatOf(m)
	if f == nil {
		return nil, "", fmt.Errorf("there is no format %q", m.Format())
	}
	msg, err := f.Decode(body)
	if err != nil {
		return nil, "", err
	}
	return msg.Tree, msg.Type, nil
}

// TestMapping runs the examples of a mapping and prints how each came out.
// With a folder, what came out is written into the example files there, unless
// intake would refuse it.
func TestMapping(fsys fs.FS, name, updateIn string, w io.Writer) error {
	_, err := TestWithCoverage(fsys, name, updateIn, w)
	return err
}

// Tested is what running the examples of a mapping showed.
type Tested struct {
	Rules    []mapping.RuleUse // with in how many examples each gave a value
	Examples int
	Updated  int // written as they came out
	Failing  int // after that
}

// TestWithCoverage is TestMapping that says what it showed.
func TestWithCoverage(fsys fs.FS, name, updateIn string, w io.Writer) (Tested, error) {
	m, err := CompileMapping(fsys, name)
	if err != nil {
		return Tested{}, err
	}
	usage := mapping.NewUsage(m)
	var t Tested
	err = testMapping(fsys, m, updateIn, usage, &t, w)
	t.Rules = usage.Rules()
	return t, err
}

func testMapping(fsys fs.FS, m *mapping.Mapping, updateIn string, usage *mapping.Usage, t *Tested, w io.Writer) error {
	name := m.Name()
	examples, err := mapping.Examples(fsys, name)
	if err != nil {
		return err
	}
	if len(examples) == 0 {
		return errors.New("there is no example beside this mapping: add examples/NAME.txtar")
	}
	t.Examples = len(examples)
	outcomes := m.Test(examples, decoder(m))
	checks, err := newChecks()
	if err != nil {
		return err
	}
	for i := range outcomes {
		outcomes[i].Misfits = checks.misfits(m, outcomes[i])
	}
	// What is refused comes first: it hides all else that is to be seen.
	slices.SortStableFunc(outcomes, func(a, b mapping.Outcome) int { return cmp.Compare(refusal(b), refusal(a)) })
	fmt.Fprintf(w, "%s %s\n", m.Name(), m.Version())
	if err := mapping.WriteOutcomes(w, outcomes); err != nil {
		return err
	}
	if text := provesNothing(m, outcomes); text != "" {
		fmt.Fprintln(w, "WARNING: "+text)
	}
	for _, o := range outcomes {
		if o.Result != nil {
			usage.Add(o.Result)
		}
		switch {
		case o.Passed():
		case len(o.Misfits) > 0 || updateIn == "": // what would be refused is never wanted
			t.Failing++
		default:
			if err := os.WriteFile(filepath.Join(updateIn, "examples", o.Example.Name+".txtar"), o.Updated, 0o644); err != nil {
				return err
			}
			t.Updated++
		}
	}
	if t.Failing > 0 {
		return errExamples
	}
	return nil
}

// String says what holds after an update.
func (t Tested) String() string {
	switch {
	case t.Updated == 0 && t.Failing == 0:
		return fmt.Sprintf("nothing to update: all %d examples pass", t.Examples)
	case t.Failing == 0:
		return fmt.Sprintf("%d updated to what came out: now all %d examples pass; read the change before you keep it", t.Updated, t.Examples)
	case t.Updated == 0:
		return fmt.Sprintf("not updated: what came out of %d of %d examples would be refused, and they fail as before", t.Failing, t.Examples)
	}
	return fmt.Sprintf("%d updated to what came out, and pass now; not updated: what came out of %d of %d examples would be refused, and they fail as before", t.Updated, t.Failing, t.Examples)
}

// provesNothing says why examples that come out as wanted say nothing of what a
// mapping does; empty: they do say something.
func provesNothing(m *mapping.Mapping, outcomes []mapping.Outcome) string {
	usage, mapped := mapping.NewUsage(m), false
	for _, o := range outcomes {
		if o.Result != nil {
			mapped = true
			usage.Add(o.Result)
		}
	}
	switch {
	case !mapped:
		return "EVERY EXAMPLE IS A REFUSAL: no example shows what the mapping makes of a message. Add one that is taken"
	case !slices.ContainsFunc(usage.Rules(), func(r mapping.RuleUse) bool { return r.Messages > 0 }):
		return "NO RULE GAVE A VALUE IN ANY EXAMPLE: the examples show nothing of what the mapping makes of a message"
	}
	return ""
}

// refusal is 1 for an example that came out as a refusal that nobody wanted.
func refusal(o mapping.Outcome) int {
	if o.Refused != "" || len(o.Misfits) > 0 {
		return 1
	}
	return 0
}

// apply decodes and maps one message with the constants of a sender. Beside an
// error is what was made in spite of it, if anything.
func apply(m *mapping.Mapping, body []byte, constants map[string]string) (*message.Tree, *mapping.Result, error) {
	tree, kind, err := decode(m, body)
	if err != nil {
		return nil, nil, err
	}
	if !m.Accepts(kind) {
		return nil, nil, fault.New(fault.Unsupported, "", "the mapping %s takes messages of type %s", m.Name(), strings.Join(m.AcceptedTypes(), ", "))
	}
	res, err := m.Attempt(tree, mapping.Context{Constants: constants, Received: time.Now()})
	return tree, res, err
}
