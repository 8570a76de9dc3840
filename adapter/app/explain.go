package app

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
)

// Explained is one message with where everything of its result came from, or
// with why there is nothing to be shown of it.
type Explained struct {
	mapping.Explanation
	Of  Enclosed // which message it is, without its body
	Err error
}

// Explain maps every message of a body and says where everything came from, and
// what intake would refuse or flag for what the message says itself. The error is
// about the mapping, or about the body as a whole. Which selects one of them.
func Explain(fsys fs.FS, name string, body []byte, which Which) ([]Explained, error) {
	m, err := CompileMapping(fsys, name)
	if err != nil {
		return nil, err
	}
	list, err := Messages(m, body)
	if err != nil {
		return nil, err
	}
	if which != (Which{}) {
		i, err := which.index(list)
		if err != nil {
			return nil, err
		}
		list = list[i : i+1]
	}
	checks, err := newChecks()
	if err != nil {
		return nil, err
	}
	out := make([]Explained, len(list))
	for i, one := range list {
		out[i].Of = one
		out[i].Of.Body = nil
		tree, res, err := apply(m, one.Body, nil)
		if res == nil {
			out[i].Err = err
			continue
		}
		out[i].Explanation = m.Explained(tree, res)
		j := checks.judge(m, Stored{Body: one.Body})
		var refused []fault.Issue
		if j.Refused != nil {
			refused = j.Refused.Issues
		}
		out[i].Judge(refused, j.Flags)
	}
	return out, nil
}

// ExplainMapping maps the messages of a body and prints for each element of the
// results where it came from, what was not used, and what could not be used.
func ExplainMapping(fsys fs.FS, name string, body []byte, w io.Writer) error {
	list, err := Explain(fsys, name, body, Which{})
	if err != nil {
		return err
	}
	for _, e := range list {
		if len(list) > 1 {
			fmt.Fprintln(w, e.Of)
		}
		if e.Err != nil {
			return e.Err
		}
		if err := e.WriteText(w); err != nil {
			return err
		}
	}
	return nil
}
