package profile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// FlagProfile is the flag of a resource that was taken though it breaks a
// profile it is held against here. It says how the resource is, not how it
// came: a version that meets the profile has it no more.
const FlagProfile = "profile-broken"

// Gate is what resources are held against when they come in, beside the base
// of R4 and the rules of this house. The nil Gate is none.
type Gate struct {
	library    *Library
	byType     map[string][]string // canonicals
	extensible bool
}

// NewGate names the profiles of a library that every resource of their type is
// held against. A profile that is not there or cannot be used is an error.
func NewGate(l *Library, canonicals []string, extensible bool) (*Gate, error) {
	g := &Gate{library: l, byType: map[string][]string{}, extensible: extensible}
	var errs []error
	for _, c := range canonicals {
		p, why := l.Profile(c)
		if p == nil {
			errs = append(errs, fmt.Errorf("profile %s: %s", c, why))
			continue
		}
		if !slices.Contains(g.byType[p.Type], p.Canonical()) {
			g.byType[p.Type] = append(g.byType[p.Type], p.Canonical())
		}
	}
	return g, errors.Join(errs...)
}

// Holds reports whether resources of a type are held against any profile.
func (g *Gate) Holds(resourceType string) bool { return g != nil && len(g.byType[resourceType]) > 0 }

// Check holds a resource against the profiles of its type. Issues are errors
// and warnings; what could not be checked is told by Report alone.
func (g *Gate) Check(ctx context.Context, v *element.Value, base []fault.Issue) []fault.Issue {
	if !g.Holds(v.ResourceType()) {
		return nil
	}
	issues := g.library.Check(ctx, v, g.byType[v.ResourceType()], Checking{Base: base, Extensible: g.extensible})
	issues = slices.DeleteFunc(issues, func(is fault.Issue) bool { return is.Severity == "information" })
	slices.SortStableFunc(issues, func(a, b fault.Issue) int { return strings.Compare(a.Severity, b.Severity) }) // errors first
	return issues
}

// Report is Check for somebody who asks what is wrong with a resource: with
// the profiles named, those that the resource claims, the definitions of its
// extensions, and with what could not be checked, and why.
func (g *Gate) Report(ctx context.Context, v *element.Value, base []fault.Issue, named []string) []fault.Issue {
	if g == nil {
		g = &Gate{library: NewLibrary()}
	}
	profiles := slices.Clone(g.byType[v.ResourceType()])
	for _, c := range named {
		if !slices.Contains(profiles, c) {
			profiles = append(profiles, c)
		}
	}
	return g.library.CheckClaims(ctx, v, profiles, Checking{Base: base, Extensible: true, Advice: true})
}

// Broken reports whether issues have an error among them.
func Broken(issues []fault.Issue) bool {
	return slices.ContainsFunc(issues, func(is fault.Issue) bool { return is.Severity == "error" || is.Severity == "" })
}
