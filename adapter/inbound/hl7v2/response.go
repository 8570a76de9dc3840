package hl7v2

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/referral"
)

// Answers is how a referral REF^I12 to REF^I15 that is accepted is answered.
type Answers string

// The kinds of answers. A refusal is always an ACK, which has room for reasons.
const (
	AnswerAsked Answers = ""    // RRI for a question (I15), else ACK
	AnswerACK   Answers = "ack" // ACK
	AnswerRRI   Answers = "rri" // RRI
)

// responds reports whether an answer is a response message RRI.
func (f Format) responds(m *inbound.Message, a inbound.Answer) bool {
	if m == nil || m.Tree == nil || a.Fault != nil {
		return false
	}
	kind, event, _ := strings.Cut(m.Type, "^")
	if kind != "REF" || event != "I12" && event != "I13" && event != "I14" && event != "I15" {
		return false
	}
	return f.answers == AnswerRRI || f.answers == AnswerAsked && a.Intention == referral.Status && a.State != nil
}

// referralStates are Task.status as values of table 0283. What the table has no
// value for is left out; the code of the Task stands beside it.
var referralStates = map[string][2]string{
	"requested": {"P", "Pending"}, "received": {"P", "Pending"},
	"accepted": {"A", "Accepted"}, "ready": {"A", "Accepted"}, "in-progress": {"A", "Accepted"},
	"on-hold": {"A", "Accepted"}, "completed": {"A", "Accepted"},
	"rejected": {"R", "Rejected"},
}

const taskStatus = "http://hl7.org/fhir/task-status"

// referral writes RF1 of an RRI (HL7 v2.4 section 11.6.1): the status, the
// sender's number as it was sent, when the status was reached, and the number
// of the referral here. The segments that would repeat who it is about are left
// out.
func (w *ack) referral(m *inbound.Message, a inbound.Answer) {
	var fields [12]func()
	if s := a.State; s != nil {
		fields[1] = func() {
			if v, ok := referralStates[s.Task]; ok {
				w.components(v[0], v[1], "HL70283", s.Task, s.Task, taskStatus)
			} else {
				w.components("", "", "", s.Task, s.Task, taskStatus)
			}
		}
		fields[9] = func() {
			if !s.Updated.IsZero() {
				w.out = s.Updated.UTC().AppendFormat(w.out, "20060102150405-0700")
			}
		}
	}
	if six := m.Tree.Root().Child("RF1").Child("6").First(); six.Ok() {
		fields[6] = func() { w.encoded(six, w.sep.component) }
	}
	if a.Request != "" {
		fields[11] = func() { w.components(a.Request, "linkloop") }
	}
	w.segment("RF1")
	for _, write := range fields[1:] {
		w.next()
		if write != nil {
			write()
		}
	}
	w.end()
}

func (w *ack) components(texts ...string) {
	for i, t := range texts {
		if i > 0 {
			w.component()
		}
		w.text(t)
	}
}

// encoded writes a value as it was sent: components at their numbers.
func (w *ack) encoded(n message.Node, separator byte) {
	if n.Kind() != message.Object {
		w.text(clip(n.Value()))
		return
	}
	at := 1
	for c := n.First(); c.Ok(); c = c.Next() {
		for ; separator != 0 && at < len(numbers) && numbers[at] != c.Name(); at++ {
			w.out = append(w.out, separator)
		}
		w.encoded(c, w.sep.subcomponent)
	}
}

// stands says in words how a referral stands; "" when that was not asked.
func stands(a inbound.Answer) string {
	if a.State == nil || a.Fault != nil || a.Intention == referral.New || a.Intention == "" {
		return ""
	}
	s := "the Task is " + a.State.Task
	if b := a.State.Business; b != nil {
		s += ", doing " + b.Code
	}
	if r := a.State.Reason; r != nil {
		s += ", because " + r.Code
	}
	return s
}
