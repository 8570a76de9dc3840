package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a configuration. Neither text quotes a
// value, because a value may be a secret.
type Problem struct {
	Key    string // http.listen, clients[2].role (entries count from 1); empty: the file as a whole
	File   string // the file, empty when the value did not come from it
	Line   int    // from 1; 0 when unknown
	Column int
	Env    string // the environment variable, empty when the value did not come from one
	Text   string // what is wrong
	Advice string // what would be right
}

// String is one line: place, key, what is wrong, what to do.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Env != "":
		fmt.Fprintf(&b, "environment %s: ", p.Env)
	case p.File != "" && p.Line > 0:
		fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	case p.File != "":
		fmt.Fprintf(&b, "%s: ", p.File)
	}
	if p.Key != "" {
		b.WriteString(p.Key + " ")
	}
	b.WriteString(p.Text)
	if p.Advice != "" {
		b.WriteString("; " + p.Advice)
	}
	return b.String()
}

// Problems is every problem of a configuration, in the order of the file,
// then of the environment. It is the error that Load and Parse return.
type Problems []Problem

// Error lists all problems, one a line.
func (ps Problems) Error() string {
	var b strings.Builder
	noun := "problems"
	if len(ps) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(&b, "the configuration has %d %s:", len(ps), noun)
	for _, p := range ps {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// err sorts the problems and makes nil of none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Env, b.Env), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}

// about says that a key, or something it belongs to or contains, already has a
// problem. A second one would only repeat it.
func (ps Problems) about(key string) bool {
	return slices.ContainsFunc(ps, func(p Problem) bool {
		return p.Key == key || p.Key != "" && (within(key, p.Key) || within(p.Key, key))
	})
}

// within says that key is below parent.
func within(key, parent string) bool {
	rest, ok := strings.CutPrefix(key, parent)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}
