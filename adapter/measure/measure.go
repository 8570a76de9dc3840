// Package measure scores questionnaires by item: which items, which numbers,
// what becomes of missing answers, and which code the score leaves with. A
// measure is one file with its examples, under mappings/measures or in a folder
// of the operator's own. No wording of a questionnaire is part of it: licensed
// texts come with the Questionnaire of whoever is licensed. Pure: no I/O and no
// clock.
package measure

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// Bounds of a measure file.
const (
	maxFile   = 256 << 10 // bytes
	maxItems  = 200
	maxScores = 20
)

// Measure is a questionnaire that can be scored.
type Measure struct {
	Name    string `yaml:"measure"`
	Title   string `yaml:"title"`
	Version string `yaml:"version"`
	Source  string `yaml:"source"` // where codes, ranges and rules were published
	// Questionnaires are the canonical addresses of the Questionnaires whose
	// responses are scored by this measure, without |version.
	Questionnaires []string  `yaml:"questionnaires"`
	Scores         []Score   `yaml:"scores"`
	Examples       []Example `yaml:"examples"`
}

// Score is one number that comes of the answers.
type Score struct {
	Name  string   `yaml:"name"`  // as a reader sees it
	Code  string   `yaml:"code"`  // SNOMED CT; empty: a slot, and the score is told in words and leaves with no code
	Items []string `yaml:"items"` // linkIds of the Questionnaire
	// ItemMinimum and ItemMaximum are the range of one answer, inclusive.
	ItemMinimum float64 `yaml:"item_minimum"`
	ItemMaximum float64 `yaml:"item_maximum"`
	// ItemDecimals is how many places an answer may have; 0: whole numbers.
	ItemDecimals int `yaml:"item_decimals"`
	// Reversed items count as minimum + maximum - answer.
	Reversed []string `yaml:"reversed"`
	// Answers gives the number of a coded answer whose coding carries none.
	Answers map[string]float64 `yaml:"answers"`
	// Missing is how many answers may be missing; each then counts as the mean
	// of the others. 0: no score unless every item is answered.
	Missing int `yaml:"missing"`
	// Decimals is to how many places a score with missing answers is rounded.
	Decimals int `yaml:"decimals"`
	// Conversion is a published table from raw to converted scores. Empty: the
	// score is the raw sum.
	Conversion map[string]float64 `yaml:"conversion"`
	Minimum    float64            `yaml:"minimum"` // of the score that leaves, inclusive
	Maximum    float64            `yaml:"maximum"`
	Note       string             `yaml:"note"` // what a reader of the score must know, such as "raw score"
}

// Example is answers and what comes of them.
type Example struct {
	Name    string             `yaml:"name"`
	Answers map[string]float64 `yaml:"answers"`
	// Want is the score as text by the name of the Score, or none.
	Want map[string]string `yaml:"want"`
}

// Set is every measure that is known.
type Set struct {
	Measures []Measure
	Sums     map[string]string // SHA-256 of each file in hexadecimal, by file name
	files    map[string][]byte
}

// Files are the contents of the measures by file name, for their approval.
func (s *Set) Files() map[string][]byte { return s.files }

// Load reads every .yaml file of a folder and refuses them as a whole when any
// is broken or its examples do not come out. The error joins every problem.
func Load(fsys fs.FS, folder string) (*Set, error) {
	names, err := fs.Glob(fsys, path.Join(folder, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("measures: %w", err)
	}
	set := &Set{Sums: map[string]string{}, files: map[string][]byte{}}
	var errs []error
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("measures: %w", err)
		}
		m, err := Parse(b)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path.Base(name), err))
			continue
		}
		for _, other := range set.Measures {
			if clash := other.clash(m); clash != "" {
				errs = append(errs, fmt.Errorf("%s: %s belongs to %s too", path.Base(name), clash, other.Name))
			}
		}
		set.Measures = append(set.Measures, m)
		set.files[path.Base(name)] = b
		set.Sums[path.Base(name)] = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	return set, errors.Join(errs...)
}

// clash names what two measures both claim.
func (m Measure) clash(other Measure) string {
	if m.Name == other.Name {
		return "the name " + m.Name
	}
	for _, q := range m.Questionnaires {
		if slices.Contains(other.Questionnaires, q) {
			return "the questionnaire " + q
		}
	}
	return ""
}

// Parse reads one measure and runs its examples.
func Parse(b []byte) (Measure, error) {
	if len(b) > maxFile {
		return Measure{}, fmt.Errorf("a measure has at most %d bytes", maxFile)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	var m Measure
	if err := dec.Decode(&m); err != nil {
		return Measure{}, err
	}
	if err := dec.Decode(new(Measure)); !errors.Is(err, io.EOF) {
		return Measure{}, errors.New("one document is expected")
	}
	if err := m.validate(); err != nil {
		return Measure{}, err
	}
	return m, m.test()
}

func (m Measure) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if m.Name == "" || m.Title == "" || m.Version == "" || m.Source == "" {
		bad("measure, title, version and source are needed")
	}
	if len(m.Questionnaires) == 0 {
		bad("questionnaires: name at least one by its canonical address")
	}
	for _, q := range m.Questionnaires {
		if q == "" || strings.Contains(q, "|") {
			bad("questionnaires: a canonical address without a version is expected")
		}
	}
	if len(m.Scores) == 0 || len(m.Scores) > maxScores {
		bad("scores: from 1 to %d are expected", maxScores)
	}
	if len(m.Examples) == 0 {
		bad("examples: at least one is expected")
	}
	seen := map[string]bool{}
	for i, s := range m.Scores {
		at := fmt.Sprintf("scores[%d]", i)
		if s.Name == "" || seen[s.Name] {
			bad("%s: a name of its own is needed", at)
		}
		seen[s.Name] = true
		if s.Code != "" {
			if _, why := nhs.ParseConcept(s.Code); why != nhs.Valid {
				bad("%s.code: the SNOMED CT id %s", at, why.Text())
			}
		}
		for _, err := range s.validate() {
			bad("%s.%w", at, err)
		}
	}
	return errors.Join(errs...)
}

func (s Score) validate() []error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(s.Items) == 0 || len(s.Items) > maxItems {
		bad("items: from 1 to %d are expected", maxItems)
	}
	for i, id := range s.Items {
		if id == "" || slices.Contains(s.Items[:i], id) {
			bad("items[%d]: a linkId of its own is needed", i)
		}
	}
	for _, id := range s.Reversed {
		if !slices.Contains(s.Items, id) {
			bad("reversed: %s is no item", id)
		}
	}
	if !(s.ItemMinimum < s.ItemMaximum) || !finite(s.ItemMinimum, s.ItemMaximum) {
		bad("item_minimum: below item_maximum")
	}
	if !(s.Minimum < s.Maximum) || !finite(s.Minimum, s.Maximum) {
		bad("minimum: below maximum")
	}
	if s.Missing < 0 || s.Missing >= max(1, len(s.Items)) {
		bad("missing: from 0 to fewer than the items")
	}
	if s.Decimals < 0 || s.Decimals > 2 || s.ItemDecimals < 0 || s.ItemDecimals > 2 {
		bad("decimals and item_decimals: from 0 to 2")
	}
	for raw := range s.Conversion {
		if _, err := strconv.ParseFloat(raw, 64); err != nil {
			bad("conversion: %s is no raw score", raw)
		}
	}
	if len(s.Conversion) > 0 && s.Missing > 0 {
		bad("conversion: a table of raw scores needs every answer, so missing is 0")
	}
	// Without a table the range follows from the items; another one would
	// refuse what is right or let through what cannot be.
	if n := float64(len(s.Items)); len(s.Conversion) == 0 && len(errs) == 0 && (s.Minimum != n*s.ItemMinimum || s.Maximum != n*s.ItemMaximum) {
		bad("minimum: %d items from %g to %g give %g to %g", len(s.Items), s.ItemMinimum, s.ItemMaximum, n*s.ItemMinimum, n*s.ItemMaximum)
	}
	return errs
}

func finite(numbers ...float64) bool {
	return !slices.ContainsFunc(numbers, func(n float64) bool { return math.IsNaN(n) || math.IsInf(n, 0) })
}

// test runs the examples.
func (m Measure) test() error {
	var errs []error
	for _, ex := range m.Examples {
		answers := Answers{Numbers: ex.Answers}
		results, err := m.Score(answers)
		got := map[string]string{}
		for _, r := range results {
			if r.Value != "" {
				got[r.Score.Name] = r.Value
			}
		}
		switch {
		case err != nil && len(ex.Want) > 0:
			errs = append(errs, fmt.Errorf("example %q: %w", ex.Name, err))
		case len(ex.Want) != len(got):
			errs = append(errs, fmt.Errorf("example %q: %v came out, %v is wanted", ex.Name, got, ex.Want))
		default:
			for name, want := range ex.Want {
				if got[name] != want {
					errs = append(errs, fmt.Errorf("example %q: %s is %q, %q is wanted", ex.Name, name, got[name], want))
				}
			}
		}
	}
	return errors.Join(errs...)
}
