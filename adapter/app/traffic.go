package app

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/conformance"
)

// Stored is a message to run through mappings again.
type Stored struct {
	Name      string // its number, or the name of its file
	Body      []byte
	Constants map[string]string // of its sender
	Strict    bool              // its sender's referrals are refused for what is flagged otherwise
}

// Difference is how one message comes out of two mappings. Changes hold
// patient data.
type Difference struct {
	Message string           `json:"message"`
	Older   string           `json:"olderRefuses,omitempty"` // reason; empty: it takes the message
	Newer   string           `json:"newerRefuses,omitempty"`
	Changes []mapping.Change `json:"changes,omitempty"`
}

// Comparison is how a set of messages comes out of two mappings.
type Comparison struct {
	Messages    int          `json:"messages"`
	NowRefused  int          `json:"nowRefused"`
	NowAccepted int          `json:"nowAccepted"`
	Changed     int          `json:"changed"` // taken by both, and different
	Elements    []Count      `json:"elements"`
	Differences []Difference `json:"differences"`
}

// Count is in how many messages something was seen.
type Count struct {
	Name     string `json:"element"`
	Messages int    `json:"messages"`
}

// Compare runs messages through two mappings and the checks of the intake, with
// the profiles that it has where the configuration names none.
func Compare(older, newer *mapping.Mapping, list []Stored) (Comparison, error) {
	checks, err := newChecks()
	if err != nil {
		return Comparison{}, err
	}
	out := Comparison{Messages: len(list), Elements: []Count{}, Differences: []Difference{}}
	counts := map[string]int{}
	for _, s := range list {
		a, errA := checks.apply(older, s)
		b, errB := checks.apply(newer, s)
		d := Difference{Message: s.Name, Older: reason(errA), Newer: reason(errB)}
		switch {
		case errA == nil && errB == nil:
			d.Changes = mapping.Changes(a, b)
			if len(d.Changes) == 0 {
				continue
			}
			out.Changed++
			var seen []string
			for _, c := range d.Changes {
				if g := c.General(); !slices.Contains(seen, g) {
					seen = append(seen, g)
					counts[g]++
				}
			}
		case errA == nil:
			out.NowRefused++
		case errB == nil:
			out.NowAccepted++
		case mapping.Placeless(d.Older) == mapping.Placeless(d.Newer): // a line above moves all below it
			continue
		}
		out.Differences = append(out.Differences, d)
	}
	for name, n := range counts {
		out.Elements = append(out.Elements, Count{name, n})
	}
	slices.SortFunc(out.Elements, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Name, b.Name))
	})
	return out, nil
}

// checks are those of the intake, without anything stored.
type checks struct{ intake *intake.Service }

func newChecks() (checks, error) {
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		return checks{}, err
	}
	gate, err := newGate(config.Default().Validation, slog.New(slog.DiscardHandler))
	if err != nil {
		return checks{}, err
	}
	key := make([]byte, 32) // of ids that nobody sees
	s, err := intake.New(intake.Config{
		Rules: rules, Gate: gate, IDKey: key, Indexer: resource.NewIndexer(key), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	return checks{s}, err
}

// apply is what a mapping makes of a message that intake would take.
func (c checks) apply(m *mapping.Mapping, s Stored) (*mapping.Result, error) {
	_, res, err := apply(m, s.Body, s.Constants)
	if err != nil {
		return nil, err
	}
	if f := c.judge(m, s).Refused; f != nil {
		return nil, f
	}
	return res, nil
}

// judge is what intake makes of a message for what it says itself.
func (c checks) judge(m *mapping.Mapping, s Stored) intake.Judgement {
	sender := intake.Sender{Format: FormatOf(m), FormatName: m.Format(), Mapping: m, Constants: s.Constants, Strict: s.Strict}
	return c.intake.Judge(sender, intake.Submission{Body: s.Body, Received: time.Now()})
}

// reason words a refusal; faults name places and rules, never values.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Error()
}

// Field is a place of messages, and in how many of them nothing came of it.
type Field struct {
	Address  string `json:"address"` // without the numbers of repetitions
	Unmapped int    `json:"unmapped"`
	Present  int    `json:"present"`
	Example  string `json:"example"` // message and full address
	Value    string `json:"value,omitempty"`
}

// Coverage is what a mapping makes of the fields of a set of messages.
type Coverage struct {
	Messages int               `json:"messages"`
	Refused  int               `json:"refused"`
	Fields   []Field           `json:"fields"` // those that were left unused at least once
	Rules    []mapping.RuleUse `json:"rules"`
}

// Cover runs messages through a mapping and counts what it left unused. Items
// of lists that the mapping tells apart are counted by their kind. values adds
// an example value, which is patient data.
func Cover(m *mapping.Mapping, list []Stored, values bool) Coverage {
	out := Coverage{Messages: len(list), Fields: []Field{}}
	usage, kinds := mapping.NewUsage(m), mapping.NewKinds()
	for _, s := range list {
		tree, res, err := apply(m, s.Body, s.Constants)
		if err != nil {
			out.Refused++
			continue
		}
		usage.Add(res)
		kinds.Learn(tree, res)
	}
	fields := map[string]*Field{}
	for _, s := range list {
		tree, res, err := apply(m, s.Body, s.Constants)
		if err != nil {
			continue
		}
		c := counting{s, kinds.Of(tree, res), values, fields}
		unused := m.UnmappedNodes(tree, res)
		c.each(unused, func(f *Field) { f.Unmapped++ })
		c.each(present(tree), func(f *Field) { f.Present++ })
	}
	for _, f := range fields {
		if f.Unmapped > 0 {
			out.Fields = append(out.Fields, *f)
		}
	}
	slices.SortFunc(out.Fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(b.Unmapped, a.Unmapped), strings.Compare(a.Address, b.Address))
	})
	out.Rules = usage.Rules()
	return out
}

// counting is one message whose places are counted.
type counting struct {
	message Stored
	kinds   map[int32]string
	values  bool
	fields  map[string]*Field
}

// each visits the fields of places, each field once. The first unused place of a
// field is its example.
func (c counting) each(nodes []message.Node, visit func(*Field)) {
	seen := map[string]bool{}
	for _, n := range nodes {
		place := mapping.Place(n, c.kinds)
		// An element that stands once in one message and several times in another
		// is one field, known by the form that says that it may repeat.
		field := strings.ReplaceAll(place, "[]", "")
		f := c.fields[field]
		if f == nil {
			f = &Field{Address: place}
			c.fields[field] = f
		}
		if len(place) > len(f.Address) {
			f.Address = place
		}
		if seen[field] {
			continue
		}
		seen[field] = true
		visit(f)
		if f.Unmapped > 0 && f.Example == "" {
			f.Example = c.message.Name
			if at := n.Address(); at != place {
				f.Example += ": " + at
			}
			if c.values {
				f.Value = n.Value()
			}
		}
	}
}

// present are the places of a message that hold a value.
func present(tree *message.Tree) (out []message.Node) {
	for id := int32(1); int(id) < tree.Len(); id++ {
		n := tree.Node(id)
		if k := n.Kind(); k != message.Object && k != message.List && n.Value() != "" {
			out = append(out, n)
		}
	}
	return out
}
