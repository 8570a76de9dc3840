package conformance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	tests, where := map[string]bool{}, map[string][]string{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, "_test.go") {
			return err
		}
		b, err := os.ReadFile(p)
		for _, m := range function.FindAllSubmatch(b, -1) {
			tests[string(m[1])] = true
			where[string(m[1])] = append(where[string(m[1])], p)
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
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)\\w+)(?:/([\\w-]+))?`").FindAllSubmatch(text, -1) {
		name, sub := string(m[1]), string(m[2])
		if !tests[name] && name != "TestHazard" {
			t.Errorf("%s is named and does not exist", name)
		}
		if sub != "" && !slices.ContainsFunc(where[name], func(file string) bool { return holds(file, sub) }) {
			t.Errorf("%s is named, and has no part %s", name, sub)
		}
	}
	for _, row := range regexp.MustCompile(`(?m)^\| [A-Z]\w+ \|.*$`).FindAllString(string(text), -1) {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 6 || slices.Contains(cells[:5], "") {
			t.Errorf("the row does not have hazard, harm, control, residual and tests: %.60s", row)
		}
	}
}

// holds reports whether a file of tests has a part of a name: in its text, or as
// a golden file beside it.
func holds(file, part string) bool {
	if _, err := os.Stat(filepath.Join(filepath.Dir(file), "testdata", part+".txtar")); err == nil {
		return true
	}
	b, err := os.ReadFile(file)
	return err == nil && strings.Contains(string(b), `"`+part+`"`)
}
