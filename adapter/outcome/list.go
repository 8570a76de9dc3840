// Package outcome turns a finished Task into what is owed to the patient
// record: codes of an allow-list and a summary a GP can read, as one FHIR
// transaction. Pure: no I/O and no clock.
package outcome

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/measure"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// Kind is what a code says.
type Kind string

// The kinds of the list.
const (
	Procedure Kind = "procedure"
	Situation Kind = "situation"
	Measure   Kind = "measure"
	Contact   Kind = "contact" // how a contact with the person was held
)

// declined is the national code for "Social prescribing declined"; what it
// says must never become its opposite, so it is known by name.
const declined = "871711000000103"

// ends are the Task states an outcome comes from.
var ends = []string{"completed", "rejected", "cancelled", "failed"}

// Code is one code that may leave.
type Code struct {
	Code      string   `yaml:"code"`
	Display   string   `yaml:"display"`
	Synonyms  []string `yaml:"synonyms"` // other displays that are accepted; the display leaves
	Kind      Kind     `yaml:"kind"`
	Automatic []string `yaml:"automatic"` // Task states in which it is added without being asked for
	Once      string   `yaml:"once"`      // "episode": at most once for a ServiceRequest
	Minimum   *float64 `yaml:"minimum"`   // of a measure, inclusive
	Maximum   *float64 `yaml:"maximum"`
	Group     string   `yaml:"group"` // a practice may switch a group off; left out: the kind
	Off       bool     `yaml:"off"`   // listed so that it is known not to be allowed
	Source    string   `yaml:"source"`
}

// List is the allow-list.
type List struct {
	Name    string `yaml:"list"`
	Version string `yaml:"version"`
	Codes   []Code `yaml:"codes"`
	Sum     string `yaml:"-"` // SHA-256 of the file, in hexadecimal

	measures *measure.Set
}

// Use takes the measures by which QuestionnaireResponses are scored. It refuses
// them when one has a code that is no measure of the list, or a range beyond
// the list's.
func (l *List) Use(set *measure.Set) error {
	var errs []error
	for _, m := range set.Measures {
		for _, s := range m.Scores {
			if s.Code == "" {
				continue
			}
			c, ok := l.Find(s.Code)
			switch {
			case !ok || c.Kind != Measure:
				errs = append(errs, fmt.Errorf("measure %s: %s of %s is no measure of the list of outcome codes", m.Name, s.Code, s.Name))
			case s.Minimum < *c.Minimum || s.Maximum > *c.Maximum:
				errs = append(errs, fmt.Errorf("measure %s: %s goes from %g to %g, the list of outcome codes says %g to %g", m.Name, s.Name, s.Minimum, s.Maximum, *c.Minimum, *c.Maximum))
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	l.measures = set
	return nil
}

// LoadList reads the list and refuses it as a whole when any code is broken;
// the error joins every problem.
func LoadList(fsys fs.FS, file string) (*List, error) {
	b, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("outcome codes: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	l := &List{Sum: fmt.Sprintf("%x", sha256.Sum256(b))}
	if err := dec.Decode(l); err != nil {
		return nil, fmt.Errorf("outcome codes %s: %w", file, err)
	}
	if err := dec.Decode(new(List)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("outcome codes %s: one document is expected", file)
	}
	if err := l.validate(places(b)); err != nil {
		return nil, fmt.Errorf("outcome codes %s: %w", file, err)
	}
	return l, nil
}

// places are the lines of the codes, for those who correct them.
func places(source []byte) []int {
	var doc struct {
		Codes []yaml.Node `yaml:"codes"`
	}
	if err := yaml.Unmarshal(source, &doc); err != nil {
		return nil
	}
	lines := make([]int, len(doc.Codes))
	for i, n := range doc.Codes {
		lines[i] = n.Line
	}
	return lines
}

// groupName is a code group as routing rules name it.
var groupName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

func (l *List) validate(lines []int) error {
	var errs []error
	if l.Name == "" || l.Version == "" || len(l.Codes) == 0 {
		errs = append(errs, errors.New("list, version and codes are needed"))
	}
	seen := map[string]bool{}
	for i, c := range l.Codes {
		bad := func(format string, args ...any) {
			place := ""
			if i < len(lines) {
				place = fmt.Sprintf("line %d: ", lines[i])
			}
			errs = append(errs, fmt.Errorf("%scodes[%d] %s: %s", place, i, c.Code, fmt.Sprintf(format, args...)))
		}
		if _, why := nhs.ParseConcept(c.Code); why != nhs.Valid {
			bad("the SNOMED CT id %s", why.Text())
		}
		if seen[c.Code] {
			bad("stands twice")
		}
		seen[c.Code] = true
		if c.Group == "" {
			c.Group = string(c.Kind)
			l.Codes[i].Group = c.Group
		}
		if !groupName.MatchString(c.Group) {
			bad("group is a word of lower-case letters, digits and -")
		}
		if c.Display == "" || c.Source == "" {
			bad("display and source are needed")
		}
		switch c.Kind {
		case Contact:
			if c.Minimum != nil || c.Maximum != nil || len(c.Automatic) > 0 || c.Once != "" {
				bad("a kind of contact has no range and is neither automatic nor once")
			}
		case Procedure, Situation:
			if c.Minimum != nil || c.Maximum != nil {
				bad("only a measure has a range")
			}
		case Measure:
			if c.Minimum == nil || c.Maximum == nil || !(*c.Minimum < *c.Maximum) {
				bad("a measure has a minimum below its maximum")
			}
			if len(c.Automatic) > 0 || c.Once != "" {
				bad("a measure has a value, so it is neither automatic nor once")
			}
		default:
			bad("kind is procedure, situation, measure or contact")
		}
		if c.Code == declined && (c.Kind != Situation || len(c.Automatic) > 0 || c.Once != "") {
			bad("declined is a situation that is said, never automatic, every time it is said")
		}
		for _, state := range c.Automatic {
			if !slices.Contains(ends, state) {
				bad("automatic names a state that is none of %s", strings.Join(ends, ", "))
			}
		}
		if c.Once != "" && c.Once != "episode" {
			bad("once is episode or left out")
		}
	}
	return errors.Join(errs...)
}

// Find returns the code if it may leave.
func (l *List) Find(code string) (Code, bool) {
	i := slices.IndexFunc(l.Codes, func(c Code) bool { return c.Code == code && !c.Off })
	if i < 0 {
		return Code{}, false
	}
	return l.Codes[i], true
}

// absent are the ids for somebody who did not attend, with and without a
// reason. SNOMED CT UK: 281399006, 270426007, 185326000.
func (c Code) absent() bool {
	return c.Code == "281399006" || c.Code == "270426007" || c.Code == "185326000"
}

// unlisted says why a concept has no code that may leave, as exactly as the
// rules of SNOMED CT identifiers tell.
func (l *List) unlisted(concept *element.Value) string {
	for _, c := range concept.List("coding") {
		if c.Str("system") != nhs.SystemSNOMED {
			continue
		}
		switch _, why := nhs.ParseConcept(c.Str("code")); why {
		case nhs.Valid:
		case nhs.Local:
			return "this code is a supplier's own (its namespace is EMIS's) and means nothing in another record; it is not on the list of outcomes"
		default:
			return "this is no concept of SNOMED CT (the id " + why.Text() + "), so it is not on the list of outcomes"
		}
	}
	return "this code is not on the list of outcomes"
}

// Allowed names the codes that one may choose, for a refusal: those that leave
// once in an episode are not among them.
func (l *List) Allowed() string {
	return l.named(func(c Code) bool { return c.Once == "" && c.Kind != Contact })
}

// allowed names the codes of the kinds, for a refusal.
func (l *List) allowed(kinds ...Kind) string {
	return l.named(func(c Code) bool { return slices.Contains(kinds, c.Kind) })
}

// named lists codes that may leave.
func (l *List) named(wanted func(Code) bool) string {
	var names []string
	for _, c := range l.Codes {
		if !c.Off && wanted(c) {
			names = append(names, c.Code+" "+c.Display)
		}
	}
	return strings.Join(names, "; ")
}
