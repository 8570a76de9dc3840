package hl7v2

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/message"
)

// Acknowledgement is an answer as its receiver reads it (HL7 v2.5.1 section
// 2.15.8).
type Acknowledgement struct {
	Code string   // MSA-1, table 0008: AA, AE, AR, CA, CE or CR
	ID   string   // MSA-2: control id of the message answered
	Text []string // MSA-3 and the user messages of ERR, or its conditions
}

// Accepted reports that the receiver has the message, and has no error to tell.
func (a Acknowledgement) Accepted() bool { return a.Code == "AA" || a.Code == "CA" }

// Again reports that the receiver may take the same message later.
func (a Acknowledgement) Again() bool { return a.Code == "AE" || a.Code == "CE" }

// Acknowledgements reads an answer: one message, the two of enhanced mode, or
// a batch of them. Errors are Malformed.
func Acknowledgements(answer []byte) ([]Acknowledgement, error) {
	f := New()
	env, err := f.Open(answer)
	if err != nil {
		return nil, err
	}
	messages := [][]byte{answer}
	if env != nil {
		messages = env.Messages
	}
	var out []Acknowledgement
	for _, m := range messages {
		a, err := f.acknowledged(m)
		if err != nil {
			return out, err
		}
		out = append(out, a)
	}
	return out, nil
}

func (f Format) acknowledged(body []byte) (Acknowledgement, error) {
	m, err := f.Decode(body)
	if err != nil {
		return Acknowledgement{}, err
	}
	root := m.Tree.Root()
	msa := root.Child("MSA")
	a := Acknowledgement{Code: text(msa.Child("1")), ID: text(msa.Child("2"))}
	if len(a.Code) != 2 || !strings.Contains(" AA AE AR CA CE CR ", " "+a.Code+" ") {
		return Acknowledgement{}, fault.New(fault.Malformed, "MSA-1", "an acknowledgement code of table 0008 is expected")
	}
	if t := text(msa.Child("3")); t != "" {
		a.Text = append(a.Text, t)
	}
	for n := root.First(); n.Ok(); n = n.Next() {
		if n.Name() != "ERR" {
			continue
		}
		for _, field := range []string{"8", "7", "3"} {
			if t := text(n.Child(field)); t != "" {
				a.Text = append(a.Text, t)
				break
			}
		}
	}
	return a, nil
}

// text is the words of a field: its text, or the second component of a code.
func text(field message.Node) string {
	n := field.First()
	if n.Kind() == message.Object {
		if t := n.Child("2").Value(); t != "" {
			return t
		}
		return n.Child("1").Value()
	}
	return n.Value()
}
