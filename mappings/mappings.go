// Package mappings holds the mappings that are shipped with linkloop: one
// folder for each sender or kind of sender, with its mapping.yaml, its code
// tables (vocabulary/*.json, FHIR ConceptMaps) and its examples
// (examples/*.txtar). Folders without a mapping.yaml hold other rules that
// integration teams may read and replace, such as outcome/codes.yaml. It is
// data: package mapping compiles it, and README.md says how to read and write it.
package mappings

import (
	"embed"
	"io/fs"
)

// Files is everything that is shipped; a mapping is a folder at the top. The
// patterns name the kinds of files, so that no Go file and no editor's
// leftovers are embedded.
//
//go:embed */*.yaml */vocabulary/*.json */examples/*.txtar
var Files embed.FS

// FS is Files for those who read folders without knowing where they live.
func FS() fs.FS { return Files }

// Names lists the shipped mappings in alphabetical order.
func Names() []string {
	entries, err := Files.ReadDir(".")
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if _, err := fs.Stat(Files, e.Name()+"/mapping.yaml"); err == nil {
			names = append(names, e.Name())
		}
	}
	return names
}
