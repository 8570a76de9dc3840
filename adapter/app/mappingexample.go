package app

import (
	"bytes"
	"fmt"
	"io/fs"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/scaffold"
)

// ExampleOf cuts one message out of a document or a file, as the mapping takes
// it apart, and gives an example of it: made anonymous as NewMapping does, with
// what comes out of it. A message that is refused is an
// example too. The error says what could not be made anonymous.
func ExampleOf(fsys fs.FS, name string, body []byte, which Which) ([]byte, error) {
	m, err := CompileMapping(fsys, name)
	if err != nil {
		return nil, err
	}
	list, err := Messages(m, body)
	if err != nil {
		return nil, err
	}
	at, err := which.index(list)
	if err != nil {
		return nil, err
	}
	one, note := list[at].Body, ""
	if m.Format() == "csv" {
		one, note = plainRows(one)
	}
	one = plainest(one)
	f := FormatOf(m)
	msg, err := f.Decode(one)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read as %s: %w", list[at], m.Format(), err)
	}
	made := map[string]string{}
	if tree, res, err := apply(m, one, nil); err == nil {
		for _, s := range m.Explain(tree, res) {
			made[s.SourceAddress] = s.FHIRPath
		}
	}
	p := scaffold.Sample(msg.Tree, m.Format() == "hl7v2" || m.Format() == "fhirmsg", made, m.Codes())
	if err := known(p, fsys, name); err != nil {
		return nil, err
	}
	anonymous, err := anonymised(f, p, one)
	if err != nil {
		return nil, err
	}
	example, err := mapping.ParseExample("new", firstExample(m.Format(), note, anonymous))
	if err != nil {
		return nil, err
	}
	return m.Test([]mapping.Example{example}, decoder(m))[0].Updated, nil
}

// firstExample is the file of an example of an anonymous message, without what
// must come out. Note is a line about it, or empty.
func firstExample(format, note string, sample []byte) []byte {
	sample = bytes.ReplaceAll(sample, []byte("\r\n"), []byte("\n"))
	kind := format
	switch {
	case format == "hl7v2":
		sample, kind = bytes.ReplaceAll(sample, []byte("\r"), []byte("\n")), "hl7"
	case format == "fhirmsg" && detectsXML(sample):
		kind = "xml"
	case format == "fhirmsg":
		kind = "json"
	}
	if len(sample) > 0 && sample[len(sample)-1] != '\n' {
		sample = append(sample, '\n')
	}
	return txtar.Format(&txtar.Archive{
		Comment: []byte("The sample, made anonymous by rule: NHS number, names, addresses and words are made up.\nRead it before you share it: who somebody is may stand where no rule looks.\n" + note),
		Files:   []txtar.File{{Name: "in." + kind, Data: sample}},
	})
}
