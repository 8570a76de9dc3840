package adapter_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/linkloop/linkloop/"

// layers lists every package, lowest first. A package imports only packages of
// lower layers; a plug-in (inbound/hl7v2) may also import its parent (inbound),
// never a sibling. The names are those of the design.
var layers = []struct {
	name     string
	packages []string
}{
	{"0 ground", []string{"adapter/fault", "adapter/nhs", "adapter/spelling", "mappings", "conformance"}},
	{"0 types", []string{"adapter/message", "adapter/element", "adapter/markup"}},
	{"1 rules", []string{"adapter/mapping", "adapter/terminology", "adapter/codes", "adapter/measure"}},
	{"2 domain", []string{"adapter/fhir", "adapter/fhir/fhirxml", "adapter/referral"}},
	{"3 expressions", []string{"adapter/fhirpath"}},
	{"3 decisions and plug-in interfaces", []string{
		"adapter/profile", "adapter/triage", "adapter/outcome", "adapter/patch",
		"adapter/inbound", "adapter/outbound", "adapter/recordtest", "adapter/resource",
	}},
	{"4 transports", []string{"adapter/exchange", "adapter/mllp/wire", "adapter/mesh"}},
	{"4 plug-ins and state", []string{
		"adapter/inbound/*", "adapter/outbound/*", "adapter/resource/*",
		"adapter/store", "adapter/store/*",
	}},
	{"5 work", []string{"adapter/intake", "adapter/worklist", "adapter/relay", "adapter/routing", "adapter/recall", "adapter/escalation", "adapter/reconciliation", "adapter/rollout", "adapter/scaffold"}},
	{"5 files", []string{"adapter/batch"}},
	{"6 edges", []string{"adapter/gateway", "adapter/mllp", "adapter/console", "adapter/inbox"}},
	{"7 settings", []string{"config"}},
	{"8 wiring", []string{"adapter/app", "adapter/load"}},
	{"8 stories", []string{"adapter/demo"}},
	{"9 commands", []string{"cmd/*"}},
}

// plugins are the folders whose packages adapter/app must wire.
var plugins = []string{"adapter/inbound", "adapter/outbound", "adapter/resource", "adapter/store"}

// homes says who may import a heavy dependency or a door to the outside, and
// why. A dependency stands for itself and everything below its path; the
// longest entry that fits counts.
var homes = map[string]struct {
	allow []string
	why   string
}{
	"github.com/gin-gonic/gin": {[]string{"adapter/gateway"},
		"HTTP is one edge of three; nobody else may depend on its router"},
	"github.com/spf13/viper": {[]string{"config"},
		"everyone else receives a struct; viper lower-cases keys and guesses types"},
	"github.com/hashicorp/go-retryablehttp": {[]string{"adapter/exchange"},
		"only channels talk to other systems; it logs URLs unless told not to"},
	"github.com/google/fhir/go": {[]string{"adapter/fhir"},
		"one door with one set of limits; it adds about 28 MB to whatever links it"},
	"google.golang.org/protobuf": {[]string{"adapter/fhir"},
		"FHIR protos stay behind adapter/fhir"},
	"cel.dev/cel-go": {[]string{"adapter/mapping"},
		"expressions exist in mapping files only, where every one is checked at load"},
	"github.com/go-pdf/fpdf": {[]string{"adapter/outbound/letter"},
		"one place that lays out pages; it writes no tags, which are added there"},
	"github.com/go-fonts": {[]string{"adapter/outbound/letter"},
		"fonts are 1.4 MB that only pages need"},
	"modernc.org/sqlite": {[]string{"adapter/store/*"},
		"one owner of the tables"},
	"github.com/jackc/pgx/v5": {[]string{"adapter/store/*"},
		"one owner of the tables"},
	"modernc.org/libc": {[]string{"adapter/store/*"},
		"one owner of the tables"},
	"database/sql": {[]string{"adapter/store/*"},
		"one owner of the tables"},
	"github.com/spf13/cobra": {[]string{"cmd/*"},
		"flags are the business of a command"},
	"github.com/prometheus": {[]string{"adapter/app", "adapter/gateway"},
		"packages count through small interfaces of their own; only the wiring knows the metrics library"},
	"net/http": {[]string{"adapter/gateway", "adapter/console", "adapter/exchange", "adapter/outbound/*", "adapter/recordtest", "adapter/mesh", "adapter/app", "adapter/load", "adapter/demo", "cmd/*"},
		"no HTTP in the middle: faults carry the status, edges speak it"},
	"net": {[]string{"adapter/*/*test", "adapter/gateway", "adapter/mllp", "adapter/mllp/wire", "adapter/exchange", "adapter/outbound/*", "adapter/mesh", "config", "adapter/app", "adapter/load", "adapter/demo", "cmd/*"},
		"no sockets in the middle"},
	"net/url":   {[]string{"*", "*/*", "*/*/*"}, "text only, no network"},
	"net/netip": {[]string{"*", "*/*", "*/*/*"}, "text only, no network"},
	"testing": {[]string{"adapter/*/*test", "adapter/*test"},
		"test code must not be part of the program"},
	"testing/fstest": {[]string{"adapter/*/*test", "adapter/*test"},
		"test code must not be part of the program"},
}

// pure packages decide and do nothing else: same input, same answer, so that a
// decision can be replayed and explained years later.
var pure = []string{
	"adapter/fault", "adapter/nhs", "adapter/spelling", "adapter/message", "adapter/element", "adapter/markup", "adapter/mapping", "adapter/terminology",
	"adapter/codes", "adapter/measure", "adapter/referral", "adapter/triage", "adapter/outcome", "adapter/profile", "adapter/fhirpath", "adapter/patch", "adapter/inbound/*",
}

// impure are the imports and calls that a pure package goes without.
var (
	impureImports = []string{"os", "os/exec", "net", "net/http", "database/sql", "math/rand", "math/rand/v2", "crypto/rand", "log", "log/slog"}
	impureCalls   = []string{"time.Now", "time.Since", "time.Until", "time.Sleep", "time.After", "time.NewTimer", "time.NewTicker"}
)

// packageFiles is what the tests need to know about one package.
type packageFiles struct {
	imports  []string // of files that are not tests
	docs     []string // files with a package comment
	decls    int      // declarations other than imports
	calls    []string // pkg.Func mentioned
	testOnly bool
}

// packages reads every package of the module: file by file, without building,
// so that the tests also run while a package does not compile.
func packages(t *testing.T) map[string]*packageFiles {
	t.Helper()
	out := map[string]*packageFiles{}
	err := filepath.WalkDir("..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || (strings.HasPrefix(name, ".") && name != "..") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		rel, err := filepath.Rel("..", filepath.Dir(p))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		if out[pkg] == nil {
			out[pkg] = &packageFiles{testOnly: true}
		}
		if strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		out[pkg].read(f, filepath.Base(p))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 5 {
		t.Fatalf("found %d packages only: the tests look at the wrong folder", len(out))
	}
	return out
}

// read adds one file.
func (p *packageFiles) read(f *ast.File, name string) {
	p.testOnly = false
	if f.Doc != nil {
		p.docs = append(p.docs, name)
	}
	for _, im := range f.Imports {
		if s, err := strconv.Unquote(im.Path.Value); err == nil {
			p.imports = append(p.imports, s)
		}
	}
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.IMPORT {
			p.decls++
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				p.calls = append(p.calls, x.Name+"."+s.Sel.Name)
			}
		}
		return true
	})
}

// rank is the layer of a package, -1 when it has none.
func rank(pkg string) int {
	return slices.IndexFunc(layers, func(l struct {
		name     string
		packages []string
	}) bool {
		return matchAny(l.packages, pkg)
	})
}

func matchAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, pkg); return ok && err == nil })
}

// home finds the entry of homes for an import: the import itself or the longest
// path above it.
func home(imported string) (string, bool) {
	for p := imported; p != "." && p != "/"; p = path.Dir(p) {
		if _, ok := homes[p]; ok {
			return p, true
		}
	}
	return "", false
}

func TestLayers(t *testing.T) {
	for pkg, files := range packages(t) {
		if pkg == "adapter" || files.testOnly {
			continue
		}
		r := rank(pkg)
		if r < 0 {
			t.Errorf("%s is in no layer: add it to layers, as low as its imports allow", pkg)
			continue
		}
		for _, im := range files.imports {
			dep, ours := strings.CutPrefix(im, module)
			if !ours {
				continue
			}
			if d := rank(dep); d >= r && path.Dir(pkg) != dep {
				t.Errorf("%s (layer %s) imports %s (layer %s): a package imports only lower layers", pkg, layers[r].name, dep, layers[d].name)
			}
		}
	}
}

func TestHomes(t *testing.T) {
	for pkg, files := range packages(t) {
		for _, im := range files.imports {
			h, ok := home(im)
			if ok && !matchAny(homes[h].allow, pkg) {
				t.Errorf("%s imports %s, which belongs to %s: %s", pkg, im, strings.Join(homes[h].allow, ", "), homes[h].why)
			}
		}
	}
}

func TestPurePackagesHaveNoEffects(t *testing.T) {
	for pkg, files := range packages(t) {
		if !matchAny(pure, pkg) || strings.HasSuffix(pkg, "test") {
			continue
		}
		for _, im := range files.imports {
			if slices.Contains(impureImports, im) {
				t.Errorf("%s imports %s: it decides only, its caller reads, writes and knows the time", pkg, im)
			}
		}
		for _, c := range files.calls {
			if slices.Contains(impureCalls, c) {
				t.Errorf("%s uses %s: the time is given to it", pkg, c)
			}
		}
	}
}

// TestPluginsAreWired fails when a plug-in exists that adapter/app does not
// know. Folders ending in test hold the suite of a kind of plug-in.
func TestPluginsAreWired(t *testing.T) {
	all := packages(t)
	app := all["adapter/app"]
	if app == nil {
		t.Skip("adapter/app does not exist")
	}
	for pkg, files := range all {
		if !slices.Contains(plugins, path.Dir(pkg)) || strings.HasSuffix(pkg, "test") || files.testOnly {
			continue
		}
		if !slices.Contains(app.imports, module+pkg) {
			t.Errorf("%s is not wired in adapter/app: wire it or remove it", pkg)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	for pkg, files := range packages(t) {
		switch {
		case files.testOnly:
		case len(files.docs) == 0:
			t.Errorf("%s has no package comment: say what it is for", pkg)
		case len(files.docs) > 1:
			t.Errorf("%s has %d package comments, in %s: keep one", pkg, len(files.docs), strings.Join(files.docs, ", "))
		}
		// adapter itself is the page that explains the others.
		if pkg != "adapter" && !files.testOnly && files.decls == 0 {
			t.Errorf("%s declares nothing: a package appears with its first user", pkg)
		}
	}
}

// TestRulesNameRealThings keeps the tables honest: a pattern without wildcard
// for a package that the design does not have would allow nothing and say
// nothing.
func TestRulesNameRealThings(t *testing.T) {
	for _, h := range slices.Sorted(maps.Keys(homes)) {
		for _, p := range homes[h].allow {
			if !strings.Contains(p, "*") && rank(p) < 0 {
				t.Errorf("homes[%q] allows %s, which is in no layer", h, p)
			}
		}
		if homes[h].why == "" {
			t.Errorf("homes[%q] gives no reason", h)
		}
	}
	for _, p := range pure {
		if !strings.Contains(p, "*") && rank(p) < 0 {
			t.Errorf("pure names %s, which is in no layer", p)
		}
	}
}

// TestTheRulesBite runs the rules on made-up cases, so that they cannot pass
// because they match nothing.
func TestTheRulesBite(t *testing.T) {
	for pkg, want := range map[string]string{
		"adapter/fault": "0 ground", "adapter/inbound/hl7v2": "4 plug-ins and state", "adapter/store/storetest": "4 plug-ins and state",
		"cmd/linkloop": "9 commands", "config": "7 settings",
	} {
		if r := rank(pkg); r < 0 || layers[r].name != want {
			t.Errorf("rank(%s) = %d, want %s", pkg, r, want)
		}
	}
	for _, pkg := range []string{"adapter/util", "adapter/inbound/hl7v2/deep", "adapter", "pkg/x"} {
		if r := rank(pkg); r >= 0 {
			t.Errorf("rank(%s) = %s, want none", pkg, layers[r].name)
		}
	}
	for im, want := range map[string]string{
		"github.com/google/fhir/go/proto/google/fhir/proto/r4/core/codes_go_proto": "github.com/google/fhir/go",
		"net/http/httptest": "net/http", "net/url": "net/url", "net/mail": "net", "modernc.org/sqlite/lib": "modernc.org/sqlite",
	} {
		if got, ok := home(im); !ok || got != want {
			t.Errorf("home(%s) = %q, want %q", im, got, want)
		}
	}
	if got, ok := home("github.com/google/uuid"); ok {
		t.Errorf("home of uuid is %s, want none", got)
	}
}
