package app

import (
	"bytes"
	"fmt"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/mapping"
)

// Enclosed is one message of a body, with where it stands there.
type Enclosed struct {
	Count, All int    // which message of how many; from 1
	Part       string // what the receipt calls it, such as row; empty: it has no name but its count
	Number     int    // of the part as the receipt has it: rows that are passed over count
	Line       int    // of the file
	Body       []byte
}

// String names the message as the receipt of its file does.
func (e Enclosed) String() string {
	count := fmt.Sprintf("message %d of %d", e.Count, e.All)
	if e.Part == "" {
		return count
	}
	return fmt.Sprintf("%s %d, line %d (%s)", e.Part, e.Number, e.Line, count)
}

// Short is the name for a list.
func (e Enclosed) Short() string {
	if e.Part == "" {
		return fmt.Sprint(e.Count)
	}
	return fmt.Sprintf("%s %d", e.Part, e.Number)
}

// Which says which message of a body is meant: by its count, or by its row.
type Which struct {
	Message int // from 1; 0: not said
	Row     int // as the receipt numbers it; 0: not said
}

func (w Which) index(list []Enclosed) (int, error) {
	if w.Row == 0 {
		if w.Message < 1 || w.Message > len(list) {
			return 0, fmt.Errorf("--message is a number from 1 to %d", len(list))
		}
		return w.Message - 1, nil
	}
	if list[0].Part == "" {
		return 0, fmt.Errorf("--row is for files with rows: say --message, a number from 1 to %d", len(list))
	}
	for i, e := range list {
		if e.Number == w.Row {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no message in row %d: the first is in row %d and the last in row %d, as the receipt counts",
		w.Row, list[0].Number, list[len(list)-1].Number)
}

// Messages takes a body apart as the intake does: the rows of a file, the
// messages of an envelope; a body that is one message stands for itself. A part
// that is no message is an error.
func Messages(m *mapping.Mapping, body []byte) ([]Enclosed, error) {
	out, err := enclosed(m, body)
	for i := range out {
		out[i].Count, out[i].All = i+1, len(out)
	}
	return out, err
}

func enclosed(m *mapping.Mapping, body []byte) (out []Enclosed, err error) {
	switch f := FormatOf(m).(type) {
	case inbound.Splitter:
		for p, err := range f.Split(bytes.NewReader(body)) {
			if err == nil {
				err = p.Err
			}
			if err != nil {
				return nil, err
			}
			if p.Note == "" && p.Passed == 0 {
				out = append(out, Enclosed{Part: f.PartName(), Number: p.Number, Line: p.Line, Body: p.Body})
			}
		}
	case inbound.Enveloper:
		env, err := f.Open(body)
		if err != nil {
			return nil, err
		}
		if env != nil {
			for _, one := range env.Messages {
				out = append(out, Enclosed{Body: one})
			}
		}
	}
	if len(out) == 0 { // Decode says what is missing
		out = append(out, Enclosed{Body: body})
	}
	return out, nil
}
