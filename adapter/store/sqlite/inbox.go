package sqlite

import (
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// inbox is the reading room of messages.
type inbox struct{ *snapshot }

const messageColumns = "id, dedupe, sender, message, format, received, mapping, failed, issues, kind, task, request, reply_status, reply_type, seen"

// Get returns a message with its bytes.
func (r inbox) Get(id int64) (store.Message, error) {
	s := r.c.stmt("SELECT " + messageColumns + ", reply, body FROM inbox WHERE id = ?")
	defer s.done()
	return oneMessage(s.int(id))
}

// Find returns the message with this identity.
func (r inbox) Find(dedupe [32]byte) (store.Message, error) {
	s := r.c.stmt("SELECT " + messageColumns + ", reply, body FROM inbox WHERE dedupe = ?")
	defer s.done()
	return oneMessage(s.blob(dedupe[:]))
}

// ForTask returns the message that made the Task, the first when several name
// it.
func (r inbox) ForTask(task string) (store.Message, error) {
	if task == "" {
		return store.Message{}, notFound()
	}
	s := r.c.stmt("SELECT " + messageColumns + ", reply, body FROM inbox WHERE task = ? AND task IS NOT NULL ORDER BY id LIMIT 1")
	defer s.done()
	return oneMessage(s.text(task))
}

// isClosed is true of the rows of closed messages.
const isClosed = "(coalesce(kind, '') >= '" + store.ClosedFrom + "' AND coalesce(kind, '') < '" + store.ClosedTo + "')"

// List returns messages without Body and Reply.
func (r inbox) List(f store.InboxFilter) ([]store.Message, error) {
	sql := "SELECT " + messageColumns + " FROM inbox WHERE id < ? AND id > ?"
	switch f.State {
	case store.Failed:
		sql += " AND failed AND NOT " + isClosed
	case store.ClosedMessage:
		sql += " AND failed AND " + isClosed
	case store.Accepted:
		sql += " AND NOT failed"
	case "":
	default:
		return nil, fault.New(fault.Unsupported, "", "no such message state")
	}
	if f.Sender != "" {
		sql += " AND sender = ?"
	}
	if f.Task != "" {
		sql += " AND task = ? AND task IS NOT NULL"
	}
	order := " ORDER BY id DESC LIMIT ?"
	if f.Oldest {
		order = " ORDER BY id LIMIT ?"
	}
	s := r.c.stmt(sql + order)
	defer s.done()
	s.int(below(f.Before))
	s.int(f.After)
	if f.Sender != "" {
		s.text(f.Sender)
	}
	if f.Task != "" {
		s.text(f.Task)
	}
	s.int(listLimit(f.Limit))
	var out []store.Message
	for {
		ok, err := s.step()
		if err != nil {
			return nil, asFault(err)
		}
		if !ok {
			return out, nil
		}
		out = append(out, readMessage(s))
	}
}

func below(id int64) int64 {
	if id <= 0 {
		return unboundedHigh
	}
	return id
}

func listLimit(n int) int64 {
	if n <= 0 {
		return defaultPage
	}
	return int64(min(n, maxPage))
}

func oneMessage(s *stmt) (store.Message, error) {
	ok, err := s.step()
	if err != nil {
		return store.Message{}, asFault(err)
	}
	if !ok {
		return store.Message{}, notFound()
	}
	m := readMessage(s)
	m.Reply, m.Body = s.bytes(15), s.bytes(16)
	return m, nil
}

func readMessage(s *stmt) store.Message {
	m := store.Message{
		ID: s.int64(0), Sender: s.string(2), MessageID: s.string(3), Format: s.string(4),
		Received: instant(s.int64(5)), Mapping: s.string(6), Issues: s.bytes(8), Task: s.string(10), Request: s.string(11),
		ReplyStatus: int(s.int64(12)), ReplyType: s.string(13), Seen: s.int64(14),
	}
	copy(m.Dedupe[:], s.view(1))
	m.Unfile(s.int64(7) != 0, s.string(9))
	return m
}

// inboxWriter is the writing room of messages.
type inboxWriter struct {
	inbox
	t *tx
}

// Add stores a message. A second one with the same identity is fault.Duplicate.
func (w inboxWriter) Add(m store.Message) (int64, error) {
	if err := w.check(m); err != nil {
		return 0, err
	}
	known := w.c.stmt("SELECT 1 FROM inbox WHERE dedupe = ?")
	defer known.done()
	if ok, err := known.blob(m.Dedupe[:]).step(); err != nil {
		return 0, asFault(err)
	} else if ok {
		return 0, fault.New(fault.Duplicate, "", "already received")
	}
	if err := w.t.writing(); err != nil {
		return 0, err
	}
	s := w.c.stmt("INSERT INTO inbox (dedupe, sender, message, format, received, mapping, failed, issues, kind, task, request, " +
		"reply_status, reply_type, seen, reply, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	defer s.done()
	if err := bindMessage(s, m).exec(); err != nil {
		return 0, w.t.breaks(err)
	}
	return w.c.inserted(), nil
}

// Replace overwrites the message with m.ID: fault.NotFound when there is none.
func (w inboxWriter) Replace(m store.Message) error {
	if err := w.check(m); err != nil {
		return err
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	s := w.c.stmt("UPDATE inbox SET dedupe = ?, sender = ?, message = ?, format = ?, received = ?, mapping = ?, failed = ?, issues = ?, " +
		"kind = ?, task = ?, request = ?, reply_status = ?, reply_type = ?, seen = ?, reply = ?, body = ? WHERE id = ?")
	defer s.done()
	if err := bindMessage(s, m).int(m.ID).exec(); err != nil {
		return w.t.breaks(err)
	}
	if w.c.changed() == 0 {
		return notFound()
	}
	return nil
}

func (w inboxWriter) check(m store.Message) error {
	if !m.State.Known() {
		return fault.New(fault.Internal, "", "a message must end as accepted, failed or closed")
	}
	return nil
}

func bindMessage(s *stmt, m store.Message) *stmt {
	failed, kind := m.Filed()
	return s.blob(m.Dedupe[:]).optional(m.Sender).optional(m.MessageID).optional(m.Format).int(micros(m.Received)).
		optional(m.Mapping).bool(failed).blob(m.Issues).optional(kind).optional(m.Task).optional(m.Request).
		int(int64(m.ReplyStatus)).optional(m.ReplyType).int(m.Seen).blob(m.Reply).blob(m.Body)
}
