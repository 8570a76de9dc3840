package store

import "strings"

// A closed message stands in the tables as a failed one whose kind begins with
// closedMark: whatever knows failed messages only, such as retention or a
// release before this one, keeps it as those.
const closedMark = "closed:"

// ClosedFrom and ClosedTo enclose the kinds of closed messages as filed.
const (
	ClosedFrom = closedMark
	ClosedTo   = "closed;"
)

// Filed is how the state of a message stands in the tables.
func (m Message) Filed() (failed bool, kind string) {
	switch m.State {
	case Failed:
		return true, m.Kind
	case ClosedMessage:
		return true, closedMark + m.Kind
	default:
		return false, m.Kind
	}
}

// Unfile sets the state of a message to what stands in the tables.
func (m *Message) Unfile(failed bool, kind string) {
	m.State, m.Kind = Accepted, kind
	if !failed {
		return
	}
	m.State = Failed
	if was, closed := strings.CutPrefix(kind, closedMark); closed {
		m.State, m.Kind = ClosedMessage, was
	}
}
