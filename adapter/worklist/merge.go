package worklist

import (
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// together are elements that say one thing: when one side changed one of them
// and the other side another, neither is taken from each.
var together = map[string][]string{
	"Task": {"status", "statusReason"},
}

// merge is a three-way merge of whole resources by their top-level elements:
// base is what the author of mine saw, theirs what is there now. What only one
// side changed is taken from it; what both changed alike is no matter; entries
// that both added to a list are all kept. What both changed otherwise is named,
// and there is no result. Mine wins when theirs was made by the same decision.
func merge(base, mine, theirs *element.Value, mineWins bool) (out *element.Value, clash []string) {
	typ := mine.ResourceType()
	out = element.NewObject()
	for _, name := range names(mine, theirs, base) {
		b, m, t := member(base, name), member(mine, name), member(theirs, name)
		v, ok := mergeOne(name, b, m, t)
		if !ok && !mineWins {
			clash = append(clash, name)
			continue
		}
		if !ok {
			v = m
		}
		if v != nil {
			out.Set(name, v)
		}
	}
	if group := together[typ]; len(clash) == 0 && !mineWins && bothChanged(group, base, mine, theirs) {
		clash = group[:1]
	}
	if len(clash) > 0 {
		return nil, clash
	}
	return out, nil
}

// mergeOne merges one element; nil is absence.
func mergeOne(name string, base, mine, theirs *element.Value) (*element.Value, bool) {
	switch {
	case element.Equal(mine, theirs), element.Equal(base, mine):
		return theirs, true
	case element.Equal(base, theirs):
		return mine, true
	case name == "lastModified", name == "text":
		// When the author changed it, and how a reader sees it: the later word.
		return mine, true
	}
	return appended(base, mine, theirs)
}

// appended merges two lists that begin with all that the base had.
func appended(base, mine, theirs *element.Value) (*element.Value, bool) {
	n := 0
	if base != nil {
		n = len(base.Items)
	}
	if !isList(mine) || !isList(theirs) || base != nil && !isList(base) || len(mine.Items) < n || len(theirs.Items) < n {
		return nil, false
	}
	for i := range n {
		if !element.Equal(base.Items[i], mine.Items[i]) || !element.Equal(base.Items[i], theirs.Items[i]) {
			return nil, false
		}
	}
	out := theirs.Clone()
	for _, it := range mine.Items[n:] {
		if !slices.ContainsFunc(theirs.Items[n:], func(x *element.Value) bool { return element.Equal(x, it) }) {
			out.Items = append(out.Items, it)
		}
	}
	return out, true
}

// bothChanged reports whether both sides changed a group, and not alike.
func bothChanged(group []string, base, mine, theirs *element.Value) bool {
	var byMine, byThem, apart bool
	for _, name := range group {
		b, m, t := member(base, name), member(mine, name), member(theirs, name)
		byMine = byMine || !element.Equal(b, m)
		byThem = byThem || !element.Equal(b, t)
		apart = apart || !element.Equal(m, t)
	}
	return byMine && byThem && apart
}

func isList(v *element.Value) bool { return v != nil && v.Kind == element.Array }

// member is an element, meta without what the server says in it; nil when
// there is none.
func member(v *element.Value, name string) *element.Value {
	x := v.Get(name)
	if name != "meta" || x == nil || x.Kind != element.Object {
		return x
	}
	x = x.Clone()
	x.Remove("versionId")
	x.Remove("lastUpdated")
	if len(x.Fields) == 0 {
		return nil
	}
	return x
}

// names lists the elements of several resources, in the order of the first.
func names(resources ...*element.Value) []string {
	var out []string
	for _, v := range resources {
		for _, f := range v.Fields {
			if !slices.Contains(out, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	return out
}

// clashes refuses a merge.
func clashes(typ string, current, seen int64, elements []string) error {
	f := &fault.Fault{Kind: fault.VersionConflict}
	for _, name := range elements {
		f.Issues = append(f.Issues, fault.Issue{Expression: typ + "." + strings.TrimPrefix(name, "_"),
			Text: fmt.Sprintf("version %d is current, the change was made to version %d, and both changed this element: read it again", current, seen)})
	}
	return f
}
