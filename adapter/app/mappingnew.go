package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/markup"
	"github.com/linkloop/linkloop/adapter/scaffold"
	"github.com/linkloop/linkloop/mappings"
)

// Scaffolded is a new mapping as NewMapping made it.
type Scaffolded struct {
	Files  []txtar.File // by path within its folder
	Format string
	Base   string // shipped mapping that it is a copy of; empty: proposed from the sample
	Found  []scaffold.Guess
	Unused []string // addresses or paths that nothing comes of
	Checks []string // what a person must look at, the most dangerous first
	Bare   string   // why there is no example; empty: there is one
	Report mapping.Report
}

// NewMapping proposes a mapping from a sample message. An empty format is told
// from the sample. HL7 v2 and FHIR messages, whose shape is a standard, begin
// as a copy of the shipped mapping that uses most of the sample; others are
// proposed field by field. The example beside it holds the sample made
// anonymous.
func NewMapping(name, format string, sample []byte) (*Scaffolded, error) {
	if format == "" {
		format = detect(sample)
	}
	f := Formats()[format]
	src := scaffold.Source{Name: name, Format: format, Year: time.Now().Year()}
	note := ""
	if format == "csv" {
		sample, note = plainRows(sample)
	}
	sample = plainest(sample)
	if format == "csv" {
		var whole []byte
		f, src.CSV, whole, sample, src.Doubts = rowsOf(sample)
		src.Records = recordsOf(f, whole)
	}
	if f == nil {
		return nil, fmt.Errorf("there is no format %q: say one of %s with --format", format, strings.Join(formatNames(), ", "))
	}
	msg, err := f.Decode(sample)
	if err != nil {
		return nil, fmt.Errorf("the sample cannot be read as %s: %w", format, err)
	}
	out := &Scaffolded{Format: format}
	var p *scaffold.Proposal
	switch format {
	case "hl7v2", "fhirmsg":
		if out.Base, err = nearestShipped(format, sample); err != nil {
			return nil, err
		}
		p = scaffold.Sample(msg.Tree, true, nil, nil)
		if out.Files, err = copyShipped(out.Base, name); err == nil {
			err = known(p, mappings.Files, out.Base)
		}
	default:
		src.Type = msg.Type
		if note != "" {
			src.Doubts = append(src.Doubts, "the sample is Windows-1252: rows are read as what each of them is, and those that are not UTF-8 are flagged encoding-guessed; once the sender says that it writes nothing else, say encoding: windows-1252 under csv")
		}
		p = scaffold.Propose(src, msg.Tree)
		out.Found, out.Unused, out.Checks = p.Found, p.Unused, p.Checks
		out.Files = append(out.Files, txtar.File{Name: "mapping.yaml", Data: p.Mapping})
		for _, t := range []string{"sex.json", "priority.json"} {
			if data := p.Vocabulary[t]; data != nil {
				out.Files = append(out.Files, txtar.File{Name: "vocabulary/" + t, Data: data})
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if out.Base != "" {
		if err := out.overlooked(name, sample); err != nil {
			return nil, err
		}
		out.Checks = append(out.Checks, scaffold.Doubts(msg.Tree)...)
		slices.SortStableFunc(out.Checks, func(a, b string) int { return dread(a) - dread(b) })
		out.remark()
	}
	anonymous, err := anonymised(f, p, sample)
	if err != nil {
		out.Bare = err.Error()
		fsys, err := out.folder(name)
		if err != nil {
			return nil, err
		}
		out.Report = LintMapping(fsys, name)
		return out, nil
	}
	return out, out.example(name, format, note, anonymous)
}

// plainest is a sample with its values written as they are read; in UTF-8 where
// it is XML. One that cannot be read so stays as it is.
func plainest(sample []byte) []byte {
	text := string(sample)
	latin := !utf8.Valid(sample)
	if encoding, err := markup.Encoding(sample); detectsXML(sample) && err == nil && encoding != "" && encoding != "utf-8" && encoding != "utf8" {
		latin = true
	}
	if latin {
		text = inbound.FromWindows1252(sample)
	}
	if detectsXML(sample) {
		return []byte(scaffold.Plain(text))
	}
	return inEncoding(scaffold.Plain(text), sample)
}

func detectsXML(sample []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(sample, []byte("\ufeff")), " \t\r\n"), []byte("<"))
}

// anonymised is a plain sample with made-up values; the error says what of it
// could not be replaced.
func anonymised(f inbound.Format, p *scaffold.Proposal, sample []byte) ([]byte, error) {
	text := string(sample)
	if !utf8.Valid(sample) {
		text = inbound.FromWindows1252(sample)
	}
	made, err := p.Anonymous(f, text)
	if err != nil {
		return nil, fmt.Errorf("the sample could not be made anonymous: %w", err)
	}
	anonymous := inEncoding(made, sample)
	again, err := f.Decode(anonymous)
	if err != nil {
		return nil, fmt.Errorf("the sample could not be made anonymous: with made-up values in it, it cannot be read any more (%w)", err)
	}
	if leaks := p.Leaks(again.Tree); len(leaks) > 0 {
		return nil, fmt.Errorf("the sample could not be made anonymous: a word or a number of it still stands at %s", strings.Join(leaks, ", "))
	}
	return anonymous, nil
}

// known lets stay what stands in the rules and the tables of a mapping.
func known(p *scaffold.Proposal, fsys fs.FS, name string) error {
	tables, err := fs.Glob(fsys, name+"/vocabulary/*.json")
	if err != nil {
		return err
	}
	for _, file := range append(tables, name+"/mapping.yaml") {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		p.Known(data)
	}
	return nil
}

// example adds the first example, with what comes out of it.
func (s *Scaffolded) example(name, format, note string, sample []byte) error {
	fsys, err := s.folder(name)
	if err != nil {
		return err
	}
	m, err := CompileMapping(fsys, name)
	if err != nil {
		return fmt.Errorf("the proposal does not compile, which should not happen: %w", err)
	}
	list, err := Messages(m, sample)
	if err != nil {
		return err
	}
	sample = list[0].Body // an example is one message
	first := firstExample(format, note, sample)
	s.Files = append(s.Files, txtar.File{Name: "examples/first.txtar", Data: first})
	if fsys, err = s.folder(name); err != nil {
		return err
	}
	examples, err := mapping.Examples(fsys, name)
	if err != nil {
		return err
	}
	o := m.Test(examples, decoder(m))[0]
	s.Files[len(s.Files)-1].Data = o.Updated
	if o.Result == nil {
		s.Checks = append([]string{"THE EXAMPLE IS A REFUSAL: it shows nothing of what the mapping makes of a message. Read want.err in examples/first.txtar"}, s.Checks...)
	}
	if fsys, err = s.folder(name); err != nil {
		return err
	}
	s.Report = LintMapping(fsys, name)
	return nil
}

// overlooked says what of the sample, as it is, the copied mapping does not read:
// first where it refuses it, then NHS numbers and practices, and segments that
// only this sender has.
func (s *Scaffolded) overlooked(name string, sample []byte) error {
	fsys, err := s.folder(name)
	if err != nil {
		return err
	}
	m, err := CompileMapping(fsys, name)
	if err != nil {
		return fmt.Errorf("the copy does not compile, which should not happen: %w", err)
	}
	list, err := Messages(m, sample)
	if err != nil {
		return err
	}
	tree, res, err := apply(m, list[0].Body, nil)
	if err != nil {
		s.Checks = append(s.Checks, "this mapping refuses the sample: "+fault.Of(err).Error())
		return nil
	}
	own := map[string]bool{}
	for _, n := range m.UnmappedNodes(tree, res) {
		at := n.Address()
		s.Unused = append(s.Unused, at)
		if m.Format() == "hl7v2" && strings.HasPrefix(at, "Z") {
			if segment, _, _ := strings.Cut(at, "-"); !own[segment] {
				own[segment] = true
				s.Checks = append(s.Checks, "no rule reads all of "+segment+", which is a segment of this sender's own: consent, urgency, reason or number of the referral may stand there")
			}
		}
		if what := scaffold.Telling(n.Value()); what != "" {
			s.Checks = append(s.Checks, at+" looks like "+what+", and no rule reads it")
		}
	}
	return nil
}

// remark writes what is to be checked at the head of a copied mapping.
func (s *Scaffolded) remark() {
	head, rest, _ := strings.Cut(string(s.Files[0].Data), "\n")
	var b strings.Builder
	b.WriteString(head + "\n")
	for _, c := range s.Checks {
		fmt.Fprintf(&b, "# CHECK: %s\n", strings.Join(strings.Fields(c), " "))
	}
	if len(s.Checks) > 0 {
		b.WriteString("\n")
	}
	b.WriteString(rest)
	s.Files[0].Data = []byte(b.String())
}

// dread orders what is to be checked: a sample of the wrong kind, then a person
// or a practice that is missed.
func dread(check string) int {
	switch {
	case strings.HasPrefix(check, scaffold.Cancelled):
		return -1
	case strings.Contains(check, "an NHS number"):
		return 0
	case strings.Contains(check, "of a practice"):
		return 1
	case strings.Contains(check, "this sender's own"):
		return 2
	}
	return 3
}

// folder is the files as a folder of mappings holds them, with what is shared.
func (s *Scaffolded) folder(name string) (fs.FS, error) {
	arc := &txtar.Archive{}
	for _, f := range s.Files {
		arc.Files = append(arc.Files, txtar.File{Name: name + "/" + f.Name, Data: f.Data})
	}
	err := fs.WalkDir(mappings.Files, "shared", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(mappings.Files, p)
		arc.Files = append(arc.Files, txtar.File{Name: p, Data: data})
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return txtar.FS(arc)
}

// nearestShipped is the shipped mapping of a format that takes the sample and
// leaves least of it unused.
func nearestShipped(format string, sample []byte) (string, error) {
	best, least := "", -1
	for _, n := range mappings.Names() {
		m, err := CompileMapping(mappings.Files, n)
		if err != nil {
			return "", err
		}
		if m.Format() != format {
			continue
		}
		if best == "" {
			best = n
		}
		tree, res, err := apply(m, sample, nil)
		if err != nil {
			continue
		}
		if unused := len(m.Unmapped(tree, res)); least < 0 || unused < least {
			best, least = n, unused
		}
	}
	if best == "" {
		return "", fmt.Errorf("no mapping for %s is shipped to start from", format)
	}
	return best, nil
}

// copyShipped is the mapping and the tables of a shipped mapping under another
// name. Its examples are its own.
func copyShipped(base, name string) ([]txtar.File, error) {
	files := []string{base + "/mapping.yaml"}
	tables, err := fs.Glob(mappings.Files, base+"/vocabulary/*.json")
	if err != nil {
		return nil, err
	}
	var out []txtar.File
	for _, p := range append(files, tables...) {
		data, err := fs.ReadFile(mappings.Files, p)
		if err != nil {
			return nil, err
		}
		if p == files[0] {
			text := strings.Replace(string(data), "mapping: "+base+"\n", "mapping: "+name+"\n", 1)
			text = strings.ReplaceAll(text, "urn:linkloop:sender:"+base+":", "urn:linkloop:sender:"+name+":")
			data = []byte("# Begun as a copy of " + base + ".\n" + text)
		}
		out = append(out, txtar.File{Name: strings.TrimPrefix(p, base+"/"), Data: data})
	}
	return out, nil
}

// detect tells the format of a sample by how it begins.
func detect(sample []byte) string {
	text := strings.TrimLeft(strings.TrimPrefix(string(sample), "\ufeff"), "\x0b \t\r\n")
	switch {
	case strings.HasPrefix(text, "MSH") || strings.HasPrefix(text, "FHS") || strings.HasPrefix(text, "BHS"):
		return "hl7v2"
	case strings.HasPrefix(text, "<"):
		if strings.Contains(text, `"http://hl7.org/fhir"`) {
			return "fhirmsg"
		}
		return "xml"
	case strings.HasPrefix(text, "{"):
		if head := strings.Join(strings.Fields(text), ""); strings.Contains(head, `"resourceType":"Bundle"`) {
			return "fhirmsg"
		}
		return "json"
	case strings.HasPrefix(text, "["):
		return "json"
	}
	return "csv"
}

func formatNames() []string {
	var names []string
	for n := range Formats() {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
