package mapping

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// Example is a message with what it must become: one txtar file with the
// sections in.<anything> and want.json or want.err. The text above the
// sections says what the example shows.
type Example struct {
	Name    string // file name without .txtar
	File    string // path within the file system
	Says    string // first line of the comment
	Input   []byte
	archive *txtar.Archive
}

// maxExample bounds one example file.
const maxExample = 6 << 20

// Examples reads the examples of the mapping in a folder, in the order of
// their names. The error is of type Problems.
func Examples(fsys fs.FS, dir string) ([]Example, error) {
	var ps Problems
	folder := path.Join(dir, "examples")
	entries, err := fs.ReadDir(fsys, folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ps.add("examples", 0, 0, "", "the folder cannot be read: %s", plainReason(err))
	}
	var out []Example
	for _, en := range entries {
		name, ok := strings.CutSuffix(en.Name(), ".txtar")
		if !ok || en.IsDir() {
			continue
		}
		file := path.Join(folder, en.Name())
		ex, err := readExample(fsys, file, name)
		if err != nil {
			ps.add("examples/"+en.Name(), 0, 0, "", "%s", err)
			continue
		}
		out = append(out, ex)
	}
	return out, ps.err()
}

func readExample(fsys fs.FS, file, name string) (Example, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return Example{}, fmt.Errorf("the file cannot be read: %s", plainReason(err))
	}
	defer f.Close()
	data, err := readAtMost(f, maxExample)
	if err != nil {
		return Example{}, err
	}
	ex, err := ParseExample(name, data)
	ex.File = file
	return ex, err
}

// ParseExample reads an example that is in no file system.
func ParseExample(name string, data []byte) (Example, error) {
	ex := Example{Name: name, archive: txtar.Parse(data)}
	ex.Says, _, _ = strings.Cut(strings.TrimSpace(string(ex.archive.Comment)), "\n")
	inputs := 0
	for _, s := range ex.archive.Files {
		switch {
		case strings.HasPrefix(s.Name, "in."):
			ex.Input = s.Data
			inputs++
		case s.Name != wantJSON && s.Name != wantErr:
			return ex, fmt.Errorf("unknown section %s: an example has in.<format>, and want.json or want.err", s.Name)
		}
	}
	if inputs != 1 {
		return ex, fmt.Errorf("an example has one section in.<format>, as in -- in.hl7 --")
	}
	return ex, nil
}

const (
	wantJSON = "want.json"
	wantErr  = "want.err"
)

func (x *Example) want(section string) (string, bool) {
	for _, s := range x.archive.Files {
		if s.Name == section {
			return string(s.Data), true
		}
	}
	return "", false
}

// Decode turns bytes of a wire format into a message tree and its type. The
// formats live above this package, so whoever runs examples brings it.
type Decode func(format string, body []byte) (t *message.Tree, messageType string, err error)

// Outcome is how one example came out.
type Outcome struct {
	Example Example
	Diff    string   // empty: as wanted
	Changes []Change // by element, when resources were wanted and came out
	Result  *Result  // what came out; nil when the message was refused
	Refused string   // why the mapping refused it, although resources were wanted
	Misfits []string // why intake would refuse what came out; whoever knows adds them
	Updated []byte   // the example file as it would have to be for the outcome to be wanted
}

// Passed reports whether the example gave what it must.
func (o Outcome) Passed() bool { return o.Diff == "" && len(o.Misfits) == 0 }

// Test runs examples through the mapping.
func (m *Mapping) Test(examples []Example, decode Decode) []Outcome {
	out := make([]Outcome, 0, len(examples))
	for _, ex := range examples {
		out = append(out, m.test(ex, decode))
	}
	return out
}

func (m *Mapping) test(ex Example, decode Decode) Outcome {
	section, got := wantJSON, ""
	res, err := m.mapExample(ex, decode)
	if err != nil {
		section, got = wantErr, Placeless(fault.Of(err).Error())+"\n"
	} else {
		got = string(PrintResult(res))
	}
	want, ok := ex.want(section)
	if section == wantErr {
		want = Placeless(want)
	}
	o := Outcome{Example: ex, Result: res}
	if !ok || want != got {
		other := wantJSON
		if section == wantJSON {
			other = wantErr
		}
		if !ok {
			if want, ok = ex.want(other); !ok {
				want = ""
			}
			if section == wantErr {
				o.Refused = fault.Of(err).Error()
			}
		}
		o.Diff = diff(want, got)
		if wanted, bad := element.Parse([]byte(want), element.Limits{}); bad == nil && res != nil {
			o.Changes = treeChanges(wanted, resultTree(res))
		}
	}
	updated := &txtar.Archive{Comment: ex.archive.Comment}
	for _, s := range ex.archive.Files {
		if strings.HasPrefix(s.Name, "in.") {
			updated.Files = append(updated.Files, s)
		}
	}
	updated.Files = append(updated.Files, txtar.File{Name: section, Data: []byte(got)})
	o.Updated = txtar.Format(updated)
	return o
}

// rulePlace is the place of a rule: hl7v2-ref/mapping.yaml:12:7.
var rulePlace = regexp.MustCompile(`(\.yaml):\d+:\d+`)

// Placeless leaves line and column out of a refusal, so that an example stays
// as it is when a line is put in above.
func Placeless(s string) string { return rulePlace.ReplaceAllString(s, "$1") }

func (m *Mapping) mapExample(ex Example, decode Decode) (*Result, error) {
	t, kind, err := decode(m.format, ex.Input)
	if err != nil {
		return nil, err
	}
	if !m.Accepts(kind) {
		return nil, fault.New(fault.Unsupported, "", "the mapping %s takes %s", m.name, strings.Join(m.accepts, ", "))
	}
	return m.Apply(t, Context{})
}

// WriteOutcomes prints one line an example, differences below it, and a line
// of totals.
func WriteOutcomes(w io.Writer, outcomes []Outcome) error {
	var b strings.Builder
	failed := 0
	for _, o := range outcomes {
		word := "ok    "
		if !o.Passed() {
			word = "FAILED"
			failed++
		}
		fmt.Fprintf(&b, "%s  %-24s  %s\n", word, o.Example.Name, o.Example.Says)
		switch {
		case o.Refused != "":
			b.WriteString("        the message is refused:\n")
			for line := range strings.Lines(o.Refused) {
				b.WriteString("        " + strings.TrimSuffix(line, "\n") + "\n")
			}
		case len(o.Misfits) > 0:
			b.WriteString("        a message like this would be refused:\n")
			for _, text := range o.Misfits {
				b.WriteString("        " + text + "\n")
			}
		case !o.Passed():
			if len(o.Changes) > 0 {
				var table strings.Builder
				if err := WriteChanges(&table, "wanted", "came out", o.Changes); err != nil {
					return err
				}
				for line := range strings.Lines(table.String()) {
					b.WriteString("        " + line)
				}
				continue
			}
			b.WriteString("        lines with - were wanted, lines with + came out\n")
			for line := range strings.Lines(o.Diff) {
				b.WriteString("        " + line)
			}
		}
	}
	fmt.Fprintf(&b, "%d examples, %d failed\n", len(outcomes), failed)
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintResult prints a result for people and for golden files: indented JSON
// with the resources by key, in their order, and the findings, if any.
func PrintResult(r *Result) []byte {
	return append(appendIndented(nil, resultTree(r), 0), '\n')
}

// resultTree is a result as one JSON object.
func resultTree(r *Result) *element.Value {
	resources := element.NewObject()
	for _, res := range r.Resources {
		resources.Fields = append(resources.Fields, element.F(res.Key, res.Root))
	}
	top := element.NewObject()
	top.SetString("intention", r.Intention)
	top.SetString("sent", r.Sent)
	top.Set("resources", resources)
	if len(r.Findings) > 0 {
		list := element.NewArray()
		for _, f := range r.Findings {
			list.Items = append(list.Items, element.NewObject(
				element.S("code", f.Code), element.S("from", f.Address),
				element.S("element", f.Path), element.S("text", f.Text)))
		}
		top.Set("findings", list)
	}
	return top
}

// appendIndented prints JSON with two spaces a level; objects and arrays
// without structures inside that fit a line stay on one.
func appendIndented(dst []byte, v *element.Value, level int) []byte {
	if v.Kind != element.Object && v.Kind != element.Array {
		return v.AppendJSON(dst)
	}
	flat := !slices.ContainsFunc(v.Items, structured) &&
		!slices.ContainsFunc(v.Fields, func(f element.Field) bool { return structured(f.Value) })
	if flat {
		before := len(dst)
		if dst = appendFlat(dst, v); len(dst)-before <= 100 {
			return dst
		}
		dst = dst[:before]
	}
	open, end := byte('{'), byte('}')
	if v.Kind == element.Array {
		open, end = '[', ']'
	}
	dst = append(dst, open)
	line := func(i int) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '\n')
		for range 2 * (level + 1) {
			dst = append(dst, ' ')
		}
	}
	for i, f := range v.Fields {
		line(i)
		dst = element.NewString(f.Name).AppendJSON(dst)
		dst = append(dst, ": "...)
		dst = appendIndented(dst, f.Value, level+1)
	}
	for i, it := range v.Items {
		line(i)
		dst = appendIndented(dst, it, level+1)
	}
	dst = append(dst, '\n')
	for range 2 * level {
		dst = append(dst, ' ')
	}
	return append(dst, end)
}

func structured(v *element.Value) bool {
	return v != nil && (v.Kind == element.Object || v.Kind == element.Array)
}

// appendFlat prints an object or array of scalars on one line.
func appendFlat(dst []byte, v *element.Value) []byte {
	if v.Kind == element.Array {
		dst = append(dst, '[')
		for i, it := range v.Items {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = it.AppendJSON(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i, f := range v.Fields {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = element.NewString(f.Name).AppendJSON(dst)
		dst = append(dst, ": "...)
		dst = f.Value.AppendJSON(dst)
	}
	return append(dst, '}')
}
