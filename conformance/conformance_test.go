package conformance_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/conformance"
)

func load(t *testing.T, file string) *element.Value {
	t.Helper()
	b, err := fs.ReadFile(conformance.Files, file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func codes(t *testing.T, file string) []string {
	t.Helper()
	var out []string
	for _, c := range load(t, file).All("concept.code") {
		out = append(out, c.Text)
	}
	return out
}

// TestResources: every FHIR resource of the folder is valid R4 to both
// checkers, and every code has words.
func TestResources(t *testing.T) {
	files, err := fs.Glob(conformance.Files, "*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		v := load(t, file)
		for _, is := range fhir.Check(v) {
			t.Errorf("%s: %s: %s", file, is.Expression, is.Text)
		}
		issues, err := fhir.Strict(v.JSON())
		if err != nil || len(issues) > 0 {
			t.Errorf("%s: google/fhir: %v %v", file, issues, err)
		}
		if want := v.ResourceType() + "-" + v.ID() + ".json"; file != want {
			t.Errorf("%s: its name should be %s", file, want)
		}
		if v.ResourceType() == "CodeSystem" {
			codeSystem(t, file, v)
		}
	}
}

func codeSystem(t *testing.T, file string, v *element.Value) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range v.List("concept") {
		code := c.Str("code")
		if seen[code] {
			t.Errorf("%s: %s stands twice", file, code)
		}
		seen[code] = true
		if c.Str("display") == "" || c.Str("definition") == "" {
			t.Errorf("%s: %s has no display or no definition", file, code)
		}
	}
	if !regexp.MustCompile(`^[A-Z][A-Za-z0-9_]*$`).MatchString(v.Str("name")) {
		t.Errorf("%s: the name breaks csd-0 of R4", file)
	}
	if want := "urn:linkloop:codesystem:" + v.ID(); v.Str("url") != want || v.Str("content") != "complete" {
		t.Errorf("%s: url %s and complete content are expected", file, want)
	}
}

// inCode lists what a pattern finds in the Go files of a folder, tests apart.
func inCode(t *testing.T, folder, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	var out []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range re.FindAllSubmatch(b, -1) {
			out = append(out, string(m[1]))
		}
	}
	if len(out) == 0 {
		t.Errorf("%s: nothing found with %s: the code has changed and this test looks in the wrong place", folder, pattern)
	}
	return out
}

// TestFlagsOfTheCodeAreInTheCodeSystem: a flag that is put on a Task has a
// definition, and a definition has a flag.
func TestFlagsOfTheCodeAreInTheCodeSystem(t *testing.T) {
	used := inCode(t, "adapter/mapping", `e\.(?:unusable|report|reportAt)\([^"\n]*"([a-z-]+)"`)
	used = append(used, inCode(t, "adapter/profile", `\bFlag[A-Z]\w* *= *"([a-z-]+)"`)...)
	used = append(used, inCode(t, "adapter/inbound/*", `\bFlag[A-Z]\w* *= *"([a-z-]+)"`)...)
	for _, v := range []struct{ system, value string }{
		{nhs.SystemNHSNumber, "943476"}, {nhs.SystemNHSNumber, "94347659AB"}, {nhs.SystemNHSNumber, "1111111111"}, {nhs.SystemNHSNumber, "9434765918"},
		{nhs.SystemODSOrganization, "A1"}, {nhs.SystemODSOrganization, "A8_023"},
		{nhs.SystemSNOMED, "123"}, {nhs.SystemSNOMED, "38341x03"}, {nhs.SystemSNOMED, "38341004"},
		{nhs.SystemSNOMED, "1659111000000100"}, {nhs.SystemSNOMED, "680946014"}, {nhs.SystemSNOMED, emisCode(t)},
	} {
		name, member := "identifier", "value"
		if v.system == nhs.SystemSNOMED {
			name, member = "valueCoding", "code"
		}
		r := element.NewObject(element.S("resourceType", "Basic"), element.F(name, element.NewObject(element.S("system", v.system), element.S(member, v.value))))
		flags := profile.Quality([]*element.Value{r})
		if len(flags) != 1 {
			t.Errorf("%s of %s: flags %v, want one", v.value, v.system, flags)
		}
		for _, f := range flags {
			used = append(used, f.Code)
		}
	}
	slices.Sort(used)
	used = slices.Compact(used)
	defined := codes(t, "CodeSystem-data-quality.json")
	slices.Sort(defined)
	if !slices.Equal(used, defined) {
		t.Errorf("flags of the code   %v\nof the code system %v", used, defined)
	}
}

// emisCode is a well-formed id in the namespace of one supplier.
func emisCode(t *testing.T) string {
	t.Helper()
	for d := '0'; d <= '9'; d++ {
		if id := "1" + nhs.NamespaceEMIS + "10" + string(d); len(id) == 11 {
			if s, why := nhs.ParseSnomedID(id); why == nhs.Valid && s.Local() {
				return id
			}
		}
	}
	t.Fatal("no check digit fits")
	return ""
}

// TestBusinessStatusOfTheDemo: what the stories write into Task.businessStatus
// is in the code system.
func TestBusinessStatusOfTheDemo(t *testing.T) {
	defined := codes(t, "CodeSystem-business-status.json")
	for _, code := range inCode(t, "adapter/demo", `p\.progress\(ctx, task, "([a-z-]+)"`) {
		if !slices.Contains(defined, code) {
			t.Errorf("%s is not in the code system", code)
		}
	}
}

// TestUrnsAreExplained: every urn of ours in the code stands among the
// divergences, because inventing an identifier is one.
func TestUrnsAreExplained(t *testing.T) {
	b, err := os.ReadFile("DIVERGENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"adapter/intake", "adapter/outcome", "adapter/demo"} {
		for _, urn := range inCode(t, folder, `"(urn:linkloop:[a-z:-]+)"`) {
			if strings.HasSuffix(urn, ":") {
				urn += "..." // what follows is made while it runs
			}
			if !strings.Contains(string(b), "`"+urn+"`") {
				t.Errorf("%s (%s) is not in DIVERGENCES.md", urn, folder)
			}
		}
	}
}

// TestStandards: the index has four columns, ids of its own, and places that
// exist.
func TestStandards(t *testing.T) {
	b, err := os.ReadFile("STANDARDS.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	if lines[0] != "id\ttitle\tsource\twhere" {
		t.Fatalf("header %q", lines[0])
	}
	seen := map[string]bool{}
	for i, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != 4 || slices.Contains(cells, "") || seen[cells[0]] {
			t.Errorf("line %d: four filled cells with an id of its own are expected", i+2)
			continue
		}
		seen[cells[0]] = true
		for _, place := range strings.Split(cells[3], ", ") {
			if _, err := os.Stat(filepath.Join("..", place)); err != nil {
				t.Errorf("line %d: %s is not there", i+2, place)
			}
		}
	}
}
