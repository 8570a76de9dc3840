// Package mappings holds the mappings that are shipped with linkloop: one
// folder for each sender or kind of sender, with its mapping.yaml, its code
// tables (vocabulary/*.json, FHIR ConceptMaps) and its examples
// (examples/*.txtar). It is data: package mapping compiles it, and README.md
// says how to read and write it.
package mappings

import (
	"embed"
	"io/fs"
)

// The patterns name the parts of a mapping one by one, so that no Go file and
// no editor's leftovers are embedded.
//
//go:embed */mapping.yaml */vocabulary/*.json */examples/*.txtar
var files embed.FS

// FS is every shipped mapping; a mapping is a folder at the top.
func FS() fs.FS { return files }

// Names lists the shipped mappings in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if _, err := fs.Stat(files, e.Name()+"/mapping.yaml"); err == nil {
			names = append(names, e.Name())
		}
	}
	return names
}
