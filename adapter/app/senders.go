package app

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/conformance"
	"github.com/linkloop/linkloop/mappings"
)

// Formats are the wire formats, by the name that mappings call them. A new
// format is one line here.
func Formats() map[string]inbound.Format {
	return map[string]inbound.Format{
		"hl7v2":   hl7v2.New(),
		"fhirmsg": fhirmsg.New(),
		"json":    jsondoc.New(),
		"xml":     xmldoc.New(),
		"csv":     csvdoc.New(),
	}
}

// FormatOf is the wire format that a mapping is for, set up as the mapping
// says; nil when there is none of that name.
func FormatOf(m *mapping.Mapping) inbound.Format {
	switch m.Format() {
	case "csv":
		c := m.CSV()
		return csvdoc.New(csvdoc.Options{
			Separator: c.Separator, Unquoted: !c.Quotes,
			Header:   map[string]csvdoc.Header{"no": csvdoc.None, "ignored": csvdoc.Ignored}[c.Header],
			Encoding: map[string]csvdoc.Encoding{"utf-8": csvdoc.UTF8, "windows-1252": csvdoc.Windows1252}[c.Encoding],
			Columns:  c.Columns, Absent: c.Absent, ID: c.ID, Type: c.Type, Order: c.Order, Passes: c.Passes, Pad: c.Pad,
		})
	case "json":
		j := m.JSON()
		return jsondoc.New(jsondoc.Options{Each: j.Each, ID: j.ID})
	case "xml":
		x := m.XML()
		return xmldoc.New(xmldoc.Options{Each: x.Each, ID: x.ID, Type: x.Type, Prefixes: x.Prefixes})
	}
	return Formats()[m.Format()]
}

// MappingFiles is the folder of mappings: the configured one, or the embedded.
func MappingFiles(c config.Mappings) fs.FS {
	if c.Folder != "" {
		return os.DirFS(c.Folder)
	}
	return mappings.Files
}

// MappingNames lists the mappings in a folder.
func MappingNames(fsys fs.FS) ([]string, error) {
	files, err := fs.Glob(fsys, "*/mapping.yaml")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f, "/mapping.yaml"))
	}
	slices.Sort(names)
	return names, nil
}

// sendersOf are the senders of a configuration. Without any, every mapping of
// the folder is a sender of its own name.
func sendersOf(cfg config.Config) ([]config.Sender, error) {
	if len(cfg.Senders) > 0 {
		return cfg.Senders, nil
	}
	names, err := MappingNames(MappingFiles(cfg.Mappings))
	if err != nil {
		return nil, fmt.Errorf("mappings.folder: %w", err)
	}
	return ownSenders(names), nil
}

// ownSenders makes a sender of each mapping, by the same name.
func ownSenders(names []string) []config.Sender {
	var list []config.Sender
	for _, n := range names {
		list = append(list, config.Sender{Name: n, Mapping: n})
	}
	return list
}

// mappingsOf names the mappings of senders, each once.
func mappingsOf(list []config.Sender) []string {
	var names []string
	for _, s := range list {
		if !slices.Contains(names, s.Mapping) {
			names = append(names, s.Mapping)
		}
	}
	return names
}

// senders joins senders with their mappings and formats.
func senders(list []config.Sender, compiled map[string]*mapping.Mapping, systems []config.System) ([]intake.Sender, error) {
	var out []intake.Sender
	var errs []error
	for _, s := range list {
		m := compiled[s.Mapping]
		if m == nil {
			errs = append(errs, fmt.Errorf("mapping %s: it does not run", s.Mapping))
			continue
		}
		f := FormatOf(m)
		if f == nil {
			errs = append(errs, fmt.Errorf("mapping %s: there is no format %q", s.Mapping, m.Format()))
			continue
		}
		if m.Format() == "fhirmsg" {
			var err error
			if f, err = fhirFormat(s, systems); err != nil {
				errs = append(errs, fmt.Errorf("sender %s: %w", s.Name, err))
				continue
			}
		} else if s.BaRSTarget != "" || len(s.RepairsOn)+len(s.RepairsOff) > 0 {
			errs = append(errs, fmt.Errorf("sender %s: bars_target and repairs are for FHIR messages, and its mapping is for %s", s.Name, m.Format()))
			continue
		}
		if h, ok := f.(hl7v2.Format); ok {
			f = h.Answering(hl7v2.Answers(s.HL7Answer))
		}
		constants := map[string]string{}
		for _, c := range s.Constants {
			if _, known := m.Constants()[c.Name]; !known {
				errs = append(errs, fmt.Errorf("sender %s: the mapping %s has no constant %q; it has %s", s.Name, m.Name(), c.Name,
					strings.Join(slices.Sorted(maps.Keys(m.Constants())), ", ")))
			}
			constants[mapping.ConstantKey(c.Name, c.For)] = c.Value
		}
		out = append(out, intake.Sender{Name: s.Name, FormatName: m.Format(), Format: f, Mapping: m, Constants: constants,
			UpdateMakes: s.UnknownUpdate == config.UpdateNew, Strict: s.Validation == config.ValidationRefuse})
	}
	return out, errors.Join(errs...)
}

// workflowFile finds a transition table: a name is one that is shipped, a path
// with a suffix is a file.
func workflowFile(table string) (fs.FS, string) {
	if strings.HasSuffix(table, ".yaml") {
		return os.DirFS(filepath.Dir(table)), filepath.Base(table)
	}
	return conformance.Files, "workflow-" + table + ".yaml"
}

// outcomeFile finds the list of outcome codes.
func outcomeFile(path string) (fs.FS, string) {
	if path != "" {
		return os.DirFS(filepath.Dir(path)), filepath.Base(path)
	}
	return mappings.Files, "outcome/codes.yaml"
}
