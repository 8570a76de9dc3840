package sqlite

import (
	"time"

	"github.com/linkloop/linkloop/adapter/store"
)

// audit is the reading room of the audit trail.
type audit struct{ *snapshot }

func (s *snapshot) Audit() store.AuditReader { return audit{s} }

// List looks at AuditScan lines at most.
func (a audit) List(f store.AuditFilter) (store.AuditPage, error) {
	limit, before := f.Bounds()
	window := a.c.stmt("SELECT id, at FROM (SELECT id, at FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?) ORDER BY id LIMIT 1")
	defer window.done()
	ok, err := window.int(before).int(store.AuditScan).step()
	if err != nil || !ok {
		return store.AuditPage{}, asFault(err)
	}
	last, oldest := window.int64(0), instant(window.int64(1))
	s := a.c.stmt("SELECT id, at, agent, action, entity, version, outcome FROM audit WHERE id >= ?1 AND id < ?2" +
		" AND (?3 = '' OR agent = ?3) AND (?4 = '' OR action = ?4) AND (?5 = '' OR entity = ?5) AND at >= ?6 AND at < ?7 ORDER BY id DESC LIMIT ?8")
	defer s.done()
	s.int(last).int(before).text(f.Agent).text(f.Action).text(f.Entity).int(micros(f.Since)).int(until(f.Until)).int(int64(limit))
	var lines []store.AuditLine
	for {
		ok, err := s.step()
		if err != nil {
			return store.AuditPage{}, asFault(err)
		}
		if !ok {
			return f.Page(lines, last, oldest), nil
		}
		lines = append(lines, store.AuditLine{ID: s.int64(0), AuditEvent: store.AuditEvent{At: instant(s.int64(1)), Agent: s.string(2),
			Action: s.string(3), Entity: s.string(4), Version: s.int64(5), Outcome: s.string(6)}})
	}
}

// until is the end of a time, for ever when it is zero.
func until(t time.Time) int64 {
	if t.IsZero() {
		return 1<<63 - 1
	}
	return micros(t)
}
