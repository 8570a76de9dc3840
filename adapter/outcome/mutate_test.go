package outcome_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outcome"
)

// vocabulary is what mutations put into a tree: what matters to an outcome, and
// what must never leave.
var vocabulary = []string{
	"871731000000106", "871711000000103", "871691000000100", "22298006", "390893007", "718466001", "",
	"http://snomed.info/sct", "urn:x", "completed", "rejected", "final", "entered-in-error", "Patient/p1", "Patient/p2",
	"Procedure", "Observation", "NaN", "0x1p4", "\u0000", "2026-07-01", "code", "coding", "system", "status", "output",
	"valueInteger", "valueQuantity", "valueCodeableConcept", "valueReference", "valueString", "statusReason", "type",
	"subject", "effectivePeriod", "extension", "performedPeriod", "note", "comparator", "identifier",
}

// mutate changes one thing somewhere in a tree.
func mutate(v *element.Value, r *rand.Rand) {
	word := vocabulary[r.IntN(len(vocabulary))]
	if n := len(v.Fields) + len(v.Items); n > 0 && r.IntN(4) > 0 {
		if i := r.IntN(n); i < len(v.Fields) {
			mutate(v.Fields[i].Value, r)
		} else {
			mutate(v.Items[i-len(v.Fields)], r)
		}
		return
	}
	switch v.Kind {
	case element.Object:
		switch i := r.IntN(max(1, len(v.Fields))); {
		case len(v.Fields) == 0 || r.IntN(3) == 0:
			v.SetString(word, vocabulary[r.IntN(len(vocabulary))])
		case r.IntN(2) == 0:
			v.Fields[i].Name = word
		default:
			v.Remove(v.Fields[i].Name)
		}
	case element.Array:
		if len(v.Items) == 0 || r.IntN(2) == 0 {
			v.Items = append(v.Items, element.NewString(word))
		} else {
			v.Items = append(v.Items, v.Items[r.IntN(len(v.Items))].Clone())
		}
	case element.Number:
		v.Text = []string{"0", "-1", "7", "35", "36", "1e2", "1e999", "20.00"}[r.IntN(8)]
	default:
		*v = element.Value{Kind: element.Kind(r.IntN(6)), Text: word}
		switch v.Kind {
		case element.Number:
			v.Text = "20"
		case element.Bool:
			v.Text = "true"
		case element.Null, element.Object, element.Array:
			v.Text = ""
		}
	}
}

// TestMutations changes the Task and the outputs of each golden file in up to
// eight places, many times, the same every time it runs.
func TestMutations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	list := shipped(t)
	owing := 0
	for n, file := range files {
		rest := parts(t, strings.TrimSuffix(filepath.Base(file), ".txtar"))
		for seed := range 150 {
			r := rand.New(rand.NewPCG(uint64(n), uint64(seed)))
			in := read(t, rest)
			for range 1 + r.IntN(8) {
				mutate(in.Task, r)
				for _, ref := range outcome.References(in.Task) {
					if o := in.Outputs[ref]; o != nil {
						mutate(o, r)
					}
				}
			}
			task := in.Task.Clone()
			if judge(t, list, in) {
				owing++
			}
			if t.Failed() {
				t.Fatalf("%s, seed %d: %s", file, seed, task.JSON())
			}
		}
	}
	if owing < 1000 {
		t.Errorf("%d of the mutations owe anything: the test proves little", owing)
	}
}
