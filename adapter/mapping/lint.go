package mapping

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Report is all that can be said about a mapping without a message, for tools.
type Report struct {
	Mapping  string   `json:"mapping"`
	Errors   int      `json:"errors"`
	Warnings int      `json:"warnings"`
	Problems Problems `json:"problems"` // by file, line and column
}

// Lint reports everything that is wrong with the mapping in a folder, and
// everything that was hardly meant: what is never used, what can never be
// reached, systems and codes that look misspelt, missing examples. With a
// Shaper as WithSchema it checks the elements as well.
func Lint(fsys fs.FS, dir string, options ...Option) Report {
	r := Report{Mapping: path.Base(path.Clean(dir)), Problems: Problems{}}
	c, ps := newCompiler(fsys, dir, options...)
	if c != nil {
		if ps = c.problems; len(ps) == 0 {
			c.unused()
			c.rowOrder()
			for _, t := range c.m.tableList {
				c.checkTargets(t)
			}
			c.examples(fsys, dir)
		}
		ps = slices.Concat(ps, c.problems[len(ps):], c.warnings)
	}
	var sorted Problems
	if errors.As(ps.err(), &sorted) {
		r.Problems = sorted
	}
	for _, p := range r.Problems {
		if p.Severity == Warning {
			r.Warnings++
		} else {
			r.Errors++
		}
	}
	return r
}

// touch notes that something with a name is used: a constant, a let, an $as.
func (c *compiler) touch(kind, name string) { c.used[kind+" "+name] = true }

// unused warns of names and tables that nothing asks for.
func (c *compiler) unused() {
	for _, d := range c.names {
		if !c.used[d.kind+" "+d.name] {
			c.warn(d.at, "", "%s %s is not used", d.kind, d.name)
		}
	}
	for _, t := range c.m.tableList {
		if !c.used["table "+t.name] {
			c.warnFile(t.file, "", "the table is not used")
		}
	}
}

// declaration is a name that a mapping makes.
type declaration struct {
	kind, name string
	at         position
}

func (c *compiler) made(kind string, k *yaml.Node) {
	c.names = append(c.names, declaration{kind, k.Value, c.start(k)})
}

// examples reports broken examples, and that there is none.
func (c *compiler) examples(fsys fs.FS, dir string) {
	list, err := Examples(fsys, dir)
	var ps Problems
	if errors.As(err, &ps) {
		c.problems = append(c.problems, ps...)
	}
	if err == nil {
		c.unseen(list)
	}
	if err == nil && len(list) == 0 {
		c.warnFile("examples", "add examples/NAME.txtar", "there is no example: nothing shows that the mapping does what it should")
	}
}

// contradiction warns of conditions that can never both hold.
func (c *compiler) contradiction(when, unless *yaml.Node) {
	if when != nil && unless != nil && squeezed(when.Value) == squeezed(unless.Value) {
		c.warn(c.start(unless), "", "$when and $unless ask the same: the element is never made")
	}
}

// refusal warns of a condition that leaves out the Consent of somebody whose
// answer was sent as false. HL7 v2 and FHIR have codes for answers.
func (c *compiler) refusal(when *yaml.Node) {
	if when == nil || c.m.hl7 || c.m.format == "fhirmsg" || strings.Contains(when.Value, "|") {
		return
	}
	if path, plain := strings.CutPrefix(when.Value, "<-"); plain {
		first, _, _ := strings.Cut(strings.TrimSpace(path), " ")
		c.warn(c.start(when), fmt.Sprintf(`$when: '= has("%s")'`, first), "an answer of false makes no Consent, so that a refusal is lost")
	}
}

func squeezed(s string) string { return strings.Join(strings.Fields(s), " ") }

// unreachable warns of alternatives behind one that always comes out.
func (c *compiler) unreachable(list *yaml.Node, items []*template) {
	if len(list.Content) != len(items) {
		return
	}
	for i, it := range items[:max(len(items)-1, 0)] {
		if c.always(it) {
			c.warn(c.start(list.Content[i+1]), "", "never reached: the alternative above always comes out")
			return
		}
	}
}

// always reports a template that gives something whatever the message holds.
func (c *compiler) always(t *template) bool {
	if len(t.when) > 0 || t.repeat != nil {
		return false
	}
	switch t.shape {
	case isConstant:
		return true
	case isNamed:
		return c.m.constants[t.index].text != ""
	case isArrow:
		n := len(t.arrow.calls)
		return n > 0 && t.arrow.calls[n-1].fn.name == "default" && t.arrow.calls[n-1].args[0] != ""
	case isObject:
		return len(t.needs) == 0 && !slices.ContainsFunc(t.fields, func(f field) bool {
			return f.value.shape != isConstant && f.value.shape != isNamed
		})
	}
	return false
}

// odd warns of a rule that says something twice or in vain.
func (c *compiler) odd(at position, a *arrow) {
	seen := map[string]bool{}
	for i := range a.sources {
		if says := a.sources[i].says; seen[says] {
			c.warn(at, "", "%s stands twice in the rule", says)
		} else {
			seen[says] = true
		}
	}
	for i := range a.calls {
		if call := &a.calls[i]; a.reason != "" && i == len(a.calls)-1 && call.fn.name == "default" {
			c.warn(at, "", "required never refuses behind a default")
		}
	}
}

// Err is the errors of the report as Compile would return them; nil: none.
func (r Report) Err() error {
	return slices.DeleteFunc(slices.Clone(r.Problems), func(p Problem) bool { return p.Severity == Warning }).err()
}

// String is the report for people, one problem a line and a line of totals.
func (r Report) String() string {
	var b strings.Builder
	for _, p := range r.Problems {
		fmt.Fprintln(&b, p)
	}
	fmt.Fprintf(&b, "%s: %d errors, %d warnings\n", r.Mapping, r.Errors, r.Warnings)
	return b.String()
}
