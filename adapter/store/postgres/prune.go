package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/store"
)

// Bounds of one step of pruning.
const (
	pruneLook = 2000 // rows that are looked at
	pruneRows = 500  // rows that are removed
	// pruneAhead is how many rows that are too new, one after another, end the
	// walk: ids follow time but for what came at about the same moment, and one
	// row of a day when the clock was wrong must not keep the rest for ever.
	pruneAhead = 1000
)

// pruner remembers where a round of pruning stands: the kinds that are left and
// how far the first of them is walked.
type pruner struct {
	step    sync.Mutex // one step at a time
	r       store.Retention
	left    []prunable
	after   int64
	removed map[string]int // from each table, since it was last vacuumed
}

// prunable is one kind of row that is removed when it is old.
type prunable struct {
	// look lists rows in order: id, whether it may go, whether it is too new. $1
	// is the time, $2 the last id that was looked at, $3 how many.
	look string
	// remove takes those of $2 out that still may go; $1 is the time. What it
	// removes no decision changes any more, so the row that decisions wait for
	// is not taken.
	remove string
	before int64
	tables []string
	list   int64 // of the history, $4 and $3 of the statements; else 0
}

const (
	lookMessages = "SELECT id, received < $1 AND NOT failed, received >= $1 FROM linkloop.inbox WHERE id > $2 AND id < (SELECT max(id) FROM linkloop.inbox) ORDER BY id LIMIT $3"
	dropMessages = "DELETE FROM linkloop.inbox WHERE id = ANY($2::bigint[]) AND received < $1 AND NOT failed"

	lookDeliveries = "SELECT id, state IN (2, 3, 7, 8) AND settled > 0 AND settled < $1, created >= $1 FROM linkloop.delivery WHERE id > $2 AND id < (SELECT max(id) FROM linkloop.delivery) ORDER BY id LIMIT $3"
	// The counts are locked in the order in which decisions change them.
	dropDeliveries = "WITH gone AS (DELETE FROM linkloop.delivery WHERE id = ANY($2::bigint[]) AND state IN (2, 3, 7, 8) AND settled > 0 AND settled < $1 RETURNING id, state), " +
		"counts AS MATERIALIZED (SELECT state FROM linkloop.tally WHERE state IN (2, 3, 7, 8) ORDER BY state FOR UPDATE), " +
		"tallied AS (UPDATE linkloop.tally t SET n = t.n - c.n FROM (SELECT l.state, (SELECT count(*) FROM gone g WHERE g.state = l.state) AS n FROM counts l) c WHERE t.state = c.state), " +
		"tried AS (DELETE FROM linkloop.attempt WHERE delivery IN (SELECT id FROM gone)), " +
		"marked AS (DELETE FROM linkloop.mark WHERE delivery IN (SELECT id FROM gone)) SELECT id FROM gone"

	lookReceipts = "SELECT id, received < $1, received >= $1 FROM linkloop.receipt WHERE id > $2 ORDER BY id LIMIT $3"
	dropReceipts = "DELETE FROM linkloop.receipt WHERE id = ANY($2::bigint[]) AND received < $1"

	lookAudit = "SELECT id, at < $1, at >= $1 FROM linkloop.audit WHERE id > $2 AND id < (SELECT max(id) FROM linkloop.audit) ORDER BY id LIMIT $3"
	dropAudit = "DELETE FROM linkloop.audit WHERE id = ANY($2::bigint[]) AND at < $1"

	// The history lists hold exactly what is no longer current, and deletions,
	// of which the current ones stay. seq is unique over all types.
	lookHistory = "SELECT p.seq, NOT v.deleted OR EXISTS (SELECT FROM linkloop.version n WHERE n.rid = v.rid AND n.number > v.number AND n.number > 1), false " +
		"FROM linkloop.posting p JOIN linkloop.version v ON v.seq = p.seq WHERE p.list = $4 AND p.seq < $1 AND p.seq > $2 ORDER BY p.seq LIMIT $3"
	dropHistory = "WITH listed AS (DELETE FROM linkloop.posting WHERE list = $3 AND seq = ANY($2::bigint[]) AND seq < $1) " +
		"DELETE FROM linkloop.version WHERE seq = ANY($2::bigint[]) AND seq < $1"
)

// Prune does one step of a round. A round walks each kind once, from the oldest
// on; more is false at its end, when the server has been told to make the space
// free for what comes and to give back what is free at the end of a table.
// Another retention begins a new round. The newest message, delivery and line of
// the audit trail stay whatever their age, because ids follow them.
func (s *Store) Prune(ctx context.Context, r store.Retention) (removed int, more bool, err error) {
	p := &s.pruner
	p.step.Lock()
	defer p.step.Unlock()
	if p.left == nil || p.r != r {
		kinds, err := s.prunables(ctx, r)
		if err != nil {
			return 0, true, asFault(err)
		}
		p.r, p.left, p.after = r, kinds, 0
	}
	for len(p.left) > 0 {
		n, end, err := s.pruneStep(ctx, p.left[0])
		if err != nil {
			return 0, true, asFault(err)
		}
		if end {
			p.left, p.after = p.left[1:], 0
		}
		if n > 0 || !end {
			return n, true, nil
		}
	}
	if err := s.vacuum(ctx); err != nil {
		return 0, true, asFault(err)
	}
	p.left = nil
	return 0, false, nil
}

// prunables are the kinds that the retention speaks of.
func (s *Store) prunables(ctx context.Context, r store.Retention) ([]prunable, error) {
	kinds := []prunable{}
	for _, k := range []prunable{
		{look: lookMessages, remove: dropMessages, before: micros(r.Messages), tables: []string{"inbox"}},
		{look: lookDeliveries, remove: dropDeliveries, before: micros(r.Deliveries), tables: []string{"delivery", "attempt"}},
		{look: lookReceipts, remove: dropReceipts, before: micros(r.Messages), tables: []string{"receipt"}},
		{look: lookAudit, remove: dropAudit, before: micros(r.Audit), tables: []string{"audit"}},
	} {
		if k.before != 0 {
			kinds = append(kinds, k)
		}
	}
	if r.History.IsZero() {
		return kinds, nil
	}
	rows, err := s.pool.Query(ctx, "SELECT id FROM linkloop.type ORDER BY id")
	if err != nil {
		return nil, err
	}
	types, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for _, typ := range types {
		kinds = append(kinds, prunable{look: lookHistory, remove: dropHistory, before: micros(r.History), tables: []string{"version", "posting"}, list: -typ})
	}
	return kinds, err
}

// pruneStep looks at some rows and removes of them what is old.
func (s *Store) pruneStep(ctx context.Context, kind prunable) (removed int, end bool, err error) {
	p := &s.pruner
	args := []any{kind.before, p.after, pruneLook}
	if kind.list != 0 {
		args = append(args, kind.list)
	}
	rows, err := s.pool.Query(ctx, kind.look, args...)
	if err != nil {
		return 0, false, err
	}
	var ids []int64
	var old, tooNew bool
	looked, newer, seen := p.after, 0, 0
	for rows.Next() && len(ids) < pruneRows && newer < pruneAhead {
		if err := rows.Scan(&looked, &old, &tooNew); err != nil {
			rows.Close()
			return 0, false, err
		}
		seen++
		if old {
			ids = append(ids, looked)
		}
		if newer++; !tooNew {
			newer = 0
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return 0, false, err
	}
	end = newer == pruneAhead || seen < pruneLook && len(ids) < pruneRows
	if len(ids) > 0 {
		args := []any{kind.before, ids}
		if kind.list != 0 {
			args = append(args, kind.list)
		}
		tag, err := s.pool.Exec(ctx, kind.remove, args...)
		if err != nil {
			return 0, false, err
		}
		removed = int(tag.RowsAffected())
		for _, table := range kind.tables {
			p.removed[table] += removed
		}
	}
	p.after = looked
	return removed, end, nil
}

// vacuum makes the space of removed rows free where it is worth it; the rest is
// left to the server's own vacuum.
func (s *Store) vacuum(ctx context.Context) error {
	for table, n := range s.pruner.removed {
		if n < pruneRows {
			continue
		}
		if _, err := s.pool.Exec(ctx, "VACUUM linkloop."+table); err != nil {
			return err
		}
		delete(s.pruner.removed, table)
	}
	return nil
}
