package conformance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryHazardIsProven: each hazard of HAZARDS.md has a test that is found by
// its id, each such test a hazard, and every further test that is named exists.
func TestEveryHazardIsProven(t *testing.T) {
	text, err := os.ReadFile("HAZARDS.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, "_test.go") {
			return err
		}
		b, err := os.ReadFile(p)
		for _, m := range function.FindAllSubmatch(b, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]\w+) \|`).FindAllSubmatch(text, -1) {
		ids = append(ids, string(m[1]))
	}
	if len(ids) < 5 {
		t.Fatalf("%d hazards are listed", len(ids))
	}
	proven := map[string]bool{}
	for name := range tests {
		rest, ok := strings.CutPrefix(name, "TestHazard")
		if !ok {
			continue
		}
		of := ""
		for _, id := range ids {
			if strings.HasPrefix(rest, id) && len(id) > len(of) {
				of = id
			}
		}
		if of == "" {
			t.Errorf("%s is of no hazard in HAZARDS.md", name)
		}
		proven[of] = true
	}
	for _, id := range ids {
		if !proven[id] {
			t.Errorf("no test is named TestHazard%s…", id)
		}
	}
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)(?:/[\\w-]+)?`").FindAllSubmatch(text, -1) {
		if name := string(m[1]); !tests[name] && name != "TestHazard" {
			t.Errorf("%s is named and does not exist", name)
		}
	}
}
