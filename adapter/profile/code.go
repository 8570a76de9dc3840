package profile

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// bound ties an element to a code system of this house: a coding of that
// system has one of its codes. Codings of other systems are free, because a
// tool may say the same in words of its own beside ours.
type bound struct {
	path   string // of a CodeableConcept that may stand once
	system string
	codes  map[string]bool
	says   string // the codes, in the order of the file
}

// loadCodes reads the code systems that rules name, in the order of their
// paths.
func loadCodes(fsys fs.FS, files map[string]string) ([]bound, error) {
	var out []bound
	for path, file := range files {
		b, err := loadSystem(fsys, file)
		if err != nil {
			return nil, err
		}
		b.path = path
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b bound) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

// loadSystem reads a FHIR CodeSystem. One that does not hold all its codes
// cannot be checked against, so content must be complete.
// https://hl7.org/fhir/R4/codesystem.html
func loadSystem(fsys fs.FS, file string) (bound, error) {
	b, err := fs.ReadFile(fsys, file)
	if err != nil {
		return bound{}, fmt.Errorf("code system: %w", err)
	}
	v, err := element.Parse(b, element.Limits{})
	if err != nil {
		return bound{}, fmt.Errorf("code system %s: %w", file, err)
	}
	out := bound{system: v.Str("url"), codes: map[string]bool{}}
	var order []string
	for _, c := range v.All("concept.code") {
		out.codes[c.Text] = true
		order = append(order, c.Text)
	}
	if v.ResourceType() != "CodeSystem" || v.Str("content") != "complete" || out.system == "" || len(order) == 0 {
		return bound{}, fmt.Errorf("code system %s: a CodeSystem with a url, concepts and complete content is expected", file)
	}
	out.says = strings.Join(order, ", ")
	return out, nil
}

func (b *bound) check(v *element.Value, typ string) []fault.Issue {
	var out []fault.Issue
	for i, coding := range v.At(b.path).List("coding") {
		if coding.Str("system") != b.system || b.codes[coding.Str("code")] {
			continue
		}
		out = append(out, fault.Issue{
			Code:       "code-invalid",
			Expression: typ + "." + b.path + ".coding[" + strconv.Itoa(i) + "].code",
			Text:       "the code must be one of " + b.system + ": " + b.says,
		})
	}
	return out
}
