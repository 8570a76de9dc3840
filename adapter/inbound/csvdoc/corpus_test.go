package csvdoc_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
)

// TestCorpus reads published CSV files, where they are present, as the standard
// library does.
func TestCorpus(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/corpus/vendor-maps/*.csv")
	if len(files) == 0 {
		t.Skip("the corpus is not present")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))).ReadAll()
			if err != nil {
				t.Skip("the standard library cannot read it")
			}
			f := csvdoc.New()
			rows, err := parts(t, f, bytes.NewReader(text))
			if err != nil || len(rows) != len(want)-1 {
				t.Fatalf("%d rows, want %d, %v", len(rows), len(want)-1, err)
			}
			for i, p := range rows {
				m, err := f.Decode(p.Body)
				if err != nil {
					t.Fatalf("row %d: %v", p.Number, err)
				}
				for j, name := range want[0] {
					if got := m.Tree.Root().Child(name).Value(); got != want[i+1][j] {
						t.Errorf("row %d, column %s: %q, want %q", p.Number, name, got, want[i+1][j])
					}
				}
			}
		})
	}
}
