package postgres

import (
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/store"
)

// audit is the reading room of the audit trail.
type audit struct{ *snapshot }

func (s *snapshot) Audit() store.AuditReader { return audit{s} }

// List looks at AuditScan lines at most.
func (a audit) List(f store.AuditFilter) (store.AuditPage, error) {
	limit, before := f.Bounds()
	rows, err := a.q.rows("SELECT id, at FROM (SELECT id, at FROM linkloop.audit WHERE id < $1 ORDER BY id DESC LIMIT $2) w ORDER BY id LIMIT 1", before, store.AuditScan)
	if err != nil {
		return store.AuditPage{}, asFault(err)
	}
	edge, err := pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (e [2]int64, err error) { return e, row.Scan(&e[0], &e[1]) })
	if errors.Is(err, pgx.ErrNoRows) {
		return store.AuditPage{}, nil
	}
	if err != nil {
		return store.AuditPage{}, asFault(err)
	}
	rows, err = a.q.rows("SELECT id, at, agent, action, entity, version, outcome FROM linkloop.audit WHERE id >= $1 AND id < $2"+
		" AND ($3::bytea = '' OR agent = $3) AND ($4::bytea = '' OR action = $4) AND ($5::bytea = '' OR entity = $5) AND at >= $6 AND at < $7 ORDER BY id DESC LIMIT $8",
		edge[0], before, []byte(f.Agent), []byte(f.Action), []byte(f.Entity), micros(f.Since), until(f.Until), limit)
	if err != nil {
		return store.AuditPage{}, asFault(err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l store.AuditLine, err error) {
		var agent, action, entity, outcome []byte
		var at int64
		err = row.Scan(&l.ID, &at, &agent, &action, &entity, &l.Version, &outcome)
		l.At, l.Agent, l.Action, l.Entity, l.Outcome = instant(at), string(agent), string(action), string(entity), string(outcome)
		return l, err
	})
	if err != nil {
		return store.AuditPage{}, asFault(err)
	}
	return f.Page(lines, edge[0], instant(edge[1])), nil
}

// until is the end of a time, for ever when it is zero.
func until(t time.Time) int64 {
	if t.IsZero() {
		return 1<<63 - 1
	}
	return micros(t)
}
