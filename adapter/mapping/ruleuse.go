package mapping

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/linkloop/linkloop/adapter/element"
)

// RuleUse is one rule of a mapping that can give an element its value, and how
// many messages it gave one for.
type RuleUse struct {
	File     string `json:"file"` // hl7v2-ref/mapping.yaml
	Line     int    `json:"line"`
	Text     string `json:"rule"`    // as written: <- PID-5.1
	Path     string `json:"element"` // FHIR path, [] where an index belongs
	Messages int    `json:"messages"`
}

// Usage counts which rules of a mapping gave elements their values. Conditions
// and what only names a place are no rules here. Not safe for concurrent use.
type Usage struct {
	m      *Mapping
	counts []int // by rule
	seen   []int // the message that counted last
	total  int
}

// NewUsage counts from nothing.
func NewUsage(m *Mapping) *Usage {
	return &Usage{m: m, counts: make([]int, len(m.rules)), seen: make([]int, len(m.rules))}
}

// Add counts a result of the mapping. A rule that reported a finding was used
// as well: its value was there and was looked at.
func (u *Usage) Add(r *Result) {
	u.total++
	for i := range r.Resources {
		u.value(r.Resources[i].Root)
	}
	for _, f := range r.Findings {
		for i := range u.m.rules {
			if u.m.ruleAt(int32(i+1)) == f.Rule {
				u.mark(int32(i + 1))
			}
		}
	}
}

func (u *Usage) mark(rule int32) {
	if i := int(rule) - 1; i >= 0 && i < len(u.counts) && u.seen[i] != u.total {
		u.seen[i] = u.total
		u.counts[i]++
	}
}

func (u *Usage) value(v *element.Value) {
	u.mark(v.Origin.Rule)
	for _, f := range v.Fields {
		u.value(f.Value)
	}
	for _, it := range v.Items {
		u.value(it)
	}
}

// Rules is every rule that can give a value, in the order of the files. The
// uses of a shared fragment count as one: they are one line.
func (u *Usage) Rules() []RuleUse {
	valued := make([]bool, len(u.m.rules)+1)
	for i := range u.m.resources {
		markValued(u.m.resources[i].body, valued)
	}
	var out []RuleUse
	for i := range u.m.rules {
		if !valued[i+1] {
			continue
		}
		r := &u.m.rules[i]
		out = append(out, RuleUse{File: u.m.fileOf(r), Line: r.line, Text: r.text, Path: r.path, Messages: u.counts[i]})
	}
	slices.SortStableFunc(out, func(a, b RuleUse) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	merged := out[:0]
	for _, r := range out {
		if n := len(merged); n > 0 && merged[n-1].File == r.File && merged[n-1].Line == r.Line && merged[n-1].Text == r.Text {
			merged[n-1].Messages = max(merged[n-1].Messages, r.Messages)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// markValued marks the rules of a template that give values, not those of its
// conditions.
func markValued(t *template, valued []bool) {
	if t == nil {
		return
	}
	switch t.shape {
	case isObject, isArray, isFirst:
	default:
		if t.repeat == nil {
			valued[t.rule] = true
		}
	}
	for _, f := range t.fields {
		markValued(f.value, valued)
	}
	for _, it := range t.items {
		markValued(it, valued)
	}
	if t.repeat != nil {
		markValued(t.repeat.body, valued)
	}
}

// Covered is how many of the rules gave a value, and how many there are.
func Covered(rules []RuleUse) (used, all int) {
	for _, r := range rules {
		if r.Messages > 0 {
			used++
		}
	}
	return used, len(rules)
}

// Percent is used of all in percent, rounded down; 100 when there is nothing.
func Percent(used, all int) int {
	if all == 0 {
		return 100
	}
	return 100 * used / all
}

// String is the rule in the form editors and terminals make clickable.
func (r RuleUse) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", r.File, r.Line, r.Path, cell(r.Text))
}
