package mapping_test

import (
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// TestSharedElsewhere: a fragment is the one beside the mapping, or else the
// shipped one.
func TestSharedElsewhere(t *testing.T) {
	const text = head + "resources:\n  p:\n    resourceType: Patient\n    name: [{$use: shared/fixed}]\n"
	shipped := files("")
	delete(shipped, "m/mapping.yaml")
	fragment := func(word string) string { return "fragment: fixed\ntitle: t\nbody: {text: " + word + "}\n" }
	shipped["shared/fixed.yaml"] = &fstest.MapFile{Data: []byte(fragment("shipped"))}
	own := files(text)
	for _, want := range []string{"shipped", "own"} {
		m, err := mapping.Compile(own, "m", mapping.WithShared(shipped))
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Apply(tree(nil), mapping.Context{})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Get("p").Root.List("name")[0].Str("text"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		own["shared/fixed.yaml"] = &fstest.MapFile{Data: []byte(fragment("own"))}
	}
	if _, err := mapping.Compile(files(text), "m"); err == nil {
		t.Error("found without being there")
	}
}
