package mappings_test

import (
	"testing"

	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/mappings"
)

// TestLint: no shipped mapping has anything to be said about it.
func TestLint(t *testing.T) {
	for _, name := range mappings.Names() {
		if r := mapping.Lint(mappings.FS(), name, mapping.WithSchema(fhir.Schema{})); len(r.Problems) > 0 {
			t.Errorf("%s", r)
		}
	}
}
