package conformance_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// behaviours is how many there are of each letter in FHIR-REST.md: the list that
// a serious R4 server is held against.
var behaviours = []struct {
	letter string
	n      int
}{
	{"G", 13}, {"R", 5}, {"C", 4}, {"U", 8}, {"PA", 8}, {"D", 4}, {"H", 3}, {"S", 17}, {"T", 12}, {"M", 3}, {"O", 3},
}

var (
	goProof = regexp.MustCompile("`(adapter/[a-z0-9/]+)`((?:,? `(?:Test|Fuzz)[A-Za-z0-9_]+`)+)")
	jsProof = regexp.MustCompile("`clients/([a-z]+\\.test\\.mjs)` “([^”]+)”")
	name    = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
)

// TestBehavioursAreProven: each behaviour stands in FHIR-REST.md once, with tests
// that are there, or with the reason why it is not done.
func TestBehavioursAreProven(t *testing.T) {
	b, err := os.ReadFile("FHIR-REST.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, line := range strings.Split(string(b), "\n") {
		cells := strings.Split(line, " | ")
		id := strings.TrimPrefix(cells[0], "| ")
		if len(cells) != 3 || id == "" || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
			continue
		}
		if _, twice := rows[id]; twice {
			t.Errorf("%s stands twice", id)
		}
		rows[id] = cells[2]
	}
	total := 0
	for _, l := range behaviours {
		for i := range l.n {
			id := fmt.Sprintf("%s%d", l.letter, i+1)
			total++
			proof, ok := rows[id]
			switch {
			case !ok:
				t.Errorf("%s is not there", id)
			case !strings.Contains(proof, "Test") && !strings.Contains(proof, "Not done: ") && !jsProof.MatchString(proof):
				t.Errorf("%s has neither a test nor a reason", id)
			}
		}
	}
	if len(rows) != total {
		t.Errorf("%d behaviours, want %d", len(rows), total)
	}
	tests := map[string]map[string]bool{}
	for id, proof := range rows {
		named := 0
		for _, m := range goProof.FindAllStringSubmatch(proof, -1) {
			if tests[m[1]] == nil {
				tests[m[1]] = testsOf(t, filepath.Join("..", m[1]))
			}
			for _, n := range name.FindAllStringSubmatch(m[2], -1) {
				named++
				if !tests[m[1]][n[1]] {
					t.Errorf("%s: %s has no %s", id, m[1], n[1])
				}
			}
		}
		if all := len(name.FindAllString(proof, -1)); named != all {
			t.Errorf("%s: %d of %d tests stand behind no package", id, all-named, all)
		}
		for _, m := range jsProof.FindAllStringSubmatch(proof, -1) {
			script, err := os.ReadFile(filepath.Join("clients", m[1]))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(script), "test('"+strings.ReplaceAll(m[2], "'", `\'`)+"'") {
				t.Errorf("%s: %s has no test %q", id, m[1], m[2])
			}
		}
	}
}

// testsOf lists the tests and fuzz targets of a package.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no tests (%v)", folder, err)
	}
	out := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				out[fn.Name.Name] = true
			}
		}
	}
	return out
}
