package app

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/mapping"
)

// Explained is one message with where everything of its result came from, or
// with why there is nothing to be shown of it.
type Explained struct {
	mapping.Explanation
	Err error
}

// Explain maps every message of a body and says where everything came from, and
// what intake would refuse or flag for what the message says itself. The error is
// about the mapping, or about the body as a whole.
func Explain(fsys fs.FS, name string, body []byte) ([]Explained, error) {
	m, err := CompileMapping(fsys, name)
	if err != nil {
		return nil, err
	}
	list, err := Messages(m, body)
	if err != nil {
		return nil, err
	}
	checks, err := newChecks()
	if err != nil {
		return nil, err
	}
	out := make([]Explained, len(list))
	for i, one := range list {
		tree, res, err := apply(m, one, nil)
		if res == nil {
			out[i].Err = err
			continue
		}
		out[i].Explanation = m.Explained(tree, res)
		j := checks.judge(m, Stored{Body: one})
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
	list, err := Explain(fsys, name, body)
	if err != nil {
		return err
	}
	for i, e := range list {
		if len(list) > 1 {
			fmt.Fprintf(w, "message %d of %d\n", i+1, len(list))
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

// Messages takes a body apart as the intake does: the rows of a file, the
// messages of an envelope; a body that is one message stands for itself. A part
// that is no message is an error.
func Messages(m *mapping.Mapping, body []byte) ([][]byte, error) {
	switch f := FormatOf(m).(type) {
	case inbound.Splitter:
		var out [][]byte
		for p, err := range f.Split(bytes.NewReader(body)) {
			if err == nil {
				err = p.Err
			}
			if err != nil {
				return nil, err
			}
			if p.Note == "" {
				out = append(out, p.Body)
			}
		}
		if len(out) == 0 { // Decode says what is missing
			out = append(out, body)
		}
		return out, nil
	case inbound.Enveloper:
		env, err := f.Open(body)
		if err != nil {
			return nil, err
		}
		if env != nil && len(env.Messages) > 0 {
			return env.Messages, nil
		}
	}
	return [][]byte{body}, nil
}
