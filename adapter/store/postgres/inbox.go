package postgres

import (
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// inbox is the reading room of messages.
type inbox struct{ *snapshot }

const messageColumns = "id, dedupe, sender, message, format, received, mapping, failed, issues, kind, task, request, reply_status, reply_type, seen"

// Get returns a message with its bytes.
func (r inbox) Get(id int64) (store.Message, error) {
	return r.one("SELECT "+messageColumns+", reply, body FROM linkloop.inbox WHERE id = $1", id)
}

// Find returns the message with this identity.
func (r inbox) Find(dedupe [32]byte) (store.Message, error) {
	return r.one("SELECT "+messageColumns+", reply, body FROM linkloop.inbox WHERE dedupe = $1", dedupe[:])
}

// ForTask returns the message that made the Task, the first when several name
// it.
func (r inbox) ForTask(task string) (store.Message, error) {
	if task == "" {
		return store.Message{}, notFound()
	}
	return r.one(sqlForTask, []byte(task))
}

const sqlForTask = "SELECT " + messageColumns + ", reply, body FROM linkloop.inbox WHERE task = $1 ORDER BY id LIMIT 1"

// Bounds of one page.
const (
	defaultPage = 50
	maxPage     = 1000
)

// isClosed is true of the rows of closed messages.
const isClosed = "(coalesce(kind, ''::bytea) >= '" + store.ClosedFrom + "'::bytea AND coalesce(kind, ''::bytea) < '" + store.ClosedTo + "'::bytea)"

// List returns messages without Body and Reply.
func (r inbox) List(f store.InboxFilter) ([]store.Message, error) {
	sql := "SELECT " + messageColumns + " FROM linkloop.inbox WHERE id < $1 AND id > $2"
	args := []any{below(f.Before), f.After}
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
		args = append(args, []byte(f.Sender))
		sql += " AND sender = $" + strconv.Itoa(len(args))
	}
	if f.Task != "" {
		args = append(args, []byte(f.Task))
		sql += " AND task = $" + strconv.Itoa(len(args))
	}
	order := " ORDER BY id DESC LIMIT "
	if f.Oldest {
		order = " ORDER BY id LIMIT "
	}
	rows, err := r.q.rows(sql+order+strconv.Itoa(listLimit(f.Limit)), args...)
	if err != nil {
		return nil, asFault(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Message, error) {
		m, err := scanMessage(row, false)
		return *m, err
	})
	return list, asFault(err)
}

func below(id int64) int64 {
	if id <= 0 {
		return unboundedHigh
	}
	return id
}

func listLimit(n int) int {
	if n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

func (r inbox) one(sql string, args ...any) (store.Message, error) {
	rows, err := r.q.rows(sql, args...)
	if err != nil {
		return store.Message{}, asFault(err)
	}
	m, err := collectMessage(rows)
	if m == nil {
		m = &store.Message{}
	}
	return *m, err
}

// collectMessage reads the one message of rows.
func collectMessage(rows pgx.Rows) (*store.Message, error) {
	m, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (*store.Message, error) { return scanMessage(row, true) })
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, notFound()
	}
	return m, asFault(err)
}

func scanMessage(row pgx.CollectableRow, whole bool) (*store.Message, error) {
	m := &store.Message{}
	var dedupe, sender, message, format, mapping, kind, task, request, replyType []byte
	var received int64
	var failed bool
	into := []any{&m.ID, &dedupe, &sender, &message, &format, &received, &mapping, &failed, &m.Issues, &kind, &task, &request, &m.ReplyStatus, &replyType, &m.Seen}
	if whole {
		into = append(into, &m.Reply, &m.Body)
	}
	if err := row.Scan(into...); err != nil {
		return m, err
	}
	copy(m.Dedupe[:], dedupe)
	m.Sender, m.MessageID, m.Format, m.Mapping = string(sender), string(message), string(format), string(mapping)
	m.Task, m.Request, m.ReplyType, m.Received = string(task), string(request), string(replyType), instant(received)
	m.Unfile(failed, string(kind))
	return m, nil
}

// inboxWriter is the writing room of messages.
type inboxWriter struct {
	inbox
	t *tx
}

// Find answers from what the group has read and made, else from the database.
func (w inboxWriter) Find(dedupe [32]byte) (store.Message, error) {
	c := &w.t.w.cache
	m, known := c.byDedupe[dedupe]
	if !known {
		rows, err := w.t.direct("SELECT "+messageColumns+", reply, body FROM linkloop.inbox WHERE dedupe = $1", dedupe[:])
		if err != nil {
			return store.Message{}, err
		}
		m, err = collectMessage(rows)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return store.Message{}, err
		}
		c.byDedupe[dedupe] = m
		if m != nil {
			c.messages[m.ID] = m
		}
	}
	if m == nil {
		return store.Message{}, notFound()
	}
	return *m, nil
}

// Get is like Find, by id.
func (w inboxWriter) Get(id int64) (store.Message, error) {
	if m := w.t.w.cache.messages[id]; m != nil {
		return *m, nil
	}
	rows, err := w.t.direct("SELECT "+messageColumns+", reply, body FROM linkloop.inbox WHERE id = $1", id)
	if err != nil {
		return store.Message{}, err
	}
	m, err := collectMessage(rows)
	if err != nil {
		return store.Message{}, err
	}
	w.t.w.cache.messages[id], w.t.w.cache.byDedupe[m.Dedupe] = m, m
	return *m, nil
}

// Add stores a message. A second one with the same identity is fault.Duplicate.
func (w inboxWriter) Add(m store.Message) (int64, error) {
	if err := w.check(m); err != nil {
		return 0, err
	}
	if _, err := w.Find(m.Dedupe); err == nil {
		return 0, fault.New(fault.Duplicate, "", "already received")
	} else if fault.KindOf(err) != fault.NotFound {
		return 0, err
	}
	w.t.w.ids.message++
	m.ID = w.t.w.ids.message
	w.keep(&m)
	return m.ID, nil
}

// Replace overwrites the message with m.ID: fault.NotFound when there is none.
func (w inboxWriter) Replace(m store.Message) error {
	if err := w.check(m); err != nil {
		return err
	}
	was, err := w.Get(m.ID)
	if err != nil {
		return err
	}
	if was.Dedupe != m.Dedupe {
		set(w.t, w.t.w.cache.byDedupe, was.Dedupe, nil)
	}
	w.keep(&m)
	return nil
}

func (w inboxWriter) keep(m *store.Message) {
	w.t.made.messages[m.ID] = m
	set(w.t, w.t.w.cache.messages, m.ID, m)
	set(w.t, w.t.w.cache.byDedupe, m.Dedupe, m)
}

func (w inboxWriter) check(m store.Message) error {
	if !m.State.Known() {
		return fault.New(fault.Internal, "", "a message must end as accepted, failed or closed")
	}
	return w.t.writing()
}
