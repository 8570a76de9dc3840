package sqlite

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/store"
	"time"
)

// Bare is the loop that the store is measured against: the same rows into the
// same tables with the same grouping, and nothing else. No reads, no checks, no
// savepoints, no queue, one goroutine.
type Bare struct {
	c   *conn
	seq int64
}

func OpenBare(place string) (*Bare, error) {
	c, err := openConn(filepath.Join(place, dataFile), readWrite)
	if err != nil {
		return nil, err
	}
	return &Bare{c: c, seq: time.Now().UnixMicro()}, c.exec("PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536; PRAGMA wal_autocheckpoint=16000")
}

func (b *Bare) Begin() error  { return b.c.run("BEGIN IMMEDIATE") }
func (b *Bare) Commit() error { return b.c.run("COMMIT") }
func (b *Bare) Close() error  { return b.c.close() }

func (b *Bare) File(m store.Message, writes []store.Write, d store.Delivery) error {
	insert := func(sql string, bind func(s *stmt)) error {
		s := b.c.stmt(sql)
		defer s.done()
		bind(s)
		return s.exec()
	}
	for i, w := range writes {
		b.seq++
		f := w.Index.Pack()
		if err := insert("INSERT INTO version (seq, rid, number, deleted, facts, body) VALUES (?, ?, 1, 0, ?, ?)", func(s *stmt) {
			s.int(b.seq).int(b.seq).blob(f).blob(element.Stamp(w.Body, 1, time.UnixMicro(b.seq)))
		}); err != nil {
			return err
		}
		if err := insert("INSERT INTO resource (type, id, rid, seq) VALUES (?, ?, ?, ?)", func(s *stmt) { s.int(int64(i)).id(w.ID).int(b.seq).int(b.seq) }); err != nil {
			return err
		}
		for term := range f.Terms() {
			if err := insert("INSERT INTO posting (list, seq) VALUES (?, ?)", func(s *stmt) { s.int(int64(term)).int(b.seq) }); err != nil {
				return err
			}
		}
		for _, r := range w.Index.Ranges {
			if err := insert("INSERT INTO span (param, wide, low, seq, high) VALUES (?, 0, ?, ?, ?)", func(s *stmt) { s.int(int64(r.Param)).int(r.Low).int(b.seq).int(r.High) }); err != nil {
				return err
			}
		}
	}
	if err := insert("INSERT INTO inbox (dedupe, sender, message, format, received, mapping, failed, issues, kind, task, request, "+
		"reply_status, reply_type, seen, reply, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", func(s *stmt) { bindMessage(s, m) }); err != nil {
		return err
	}
	if d.Key != "" {
		if err := insert("INSERT INTO delivery (key, state, wake, due, fence, attempts, created, settled, lane, channel, task, payload) VALUES (?, 0, 1, 1, 0, 0, 1, 0, ?, ?, ?, ?)", func(s *stmt) {
			s.text(d.Key).text(d.Lane).text(d.Channel).text(d.Task).blob(d.Payload)
		}); err != nil {
			return err
		}
	}
	return insert("INSERT INTO audit (at, agent, action, entity, version, outcome) VALUES (?, 'northgate-surgery', 'intake', ?, 0, 'success')", func(s *stmt) {
		s.int(b.seq).text("Task/" + m.Task)
	})
}

// WALFrames is how many pages the log holds since it last began anew.
func (s *Store) WALFrames() int64 { return s.stats.walFrames.Load() }

// VacuumInto is the other way to copy a store that is in use.
func (s *Store) VacuumInto(file string) error {
	return s.view(context.Background(), func(snap *snapshot) error {
		if err := snap.c.run("COMMIT"); err != nil { // it cannot run inside of a transaction
			return err
		}
		if err := snap.c.exec("PRAGMA query_only=0"); err != nil {
			return err
		}
		q := snap.c.stmt("VACUUM INTO ?")
		err := q.text(file).exec()
		q.done()
		return errors.Join(err, snap.c.exec("PRAGMA query_only=1"), snap.c.run("BEGIN"))
	})
}

// CopyLog is what the background does when it is asked.
func (s *Store) CopyLog() error {
	s.checkpoint.Lock()
	defer s.checkpoint.Unlock()
	return s.copyInBackground()
}

// FreshPlan is how SQLite goes about reading what is beyond the table of terms.
func (s *Store) FreshPlan() (lines []string, err error) {
	c, err := openConn(filepath.Join(s.cfg.Path, dataFile), readOnly)
	if err != nil {
		return nil, err
	}
	defer c.close()
	q := c.stmt("EXPLAIN QUERY PLAN " + sqlFresh)
	defer q.done()
	q.int(0)
	for {
		ok, err := q.step()
		if err != nil || !ok {
			return lines, err
		}
		lines = append(lines, q.string(3))
	}
}
