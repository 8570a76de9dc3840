package postgres

import (
	"context"

	"github.com/linkloop/linkloop/adapter/store"
)

// pruneRows is how many rows of a kind one step removes at most.
const pruneRows = 500

// prunes are the statements of a step, by what they are bounded with: $1 is the
// time, $2 the number of rows. Rows that are removed are those that no decision
// changes any more, so the row that decisions wait for is not taken. The newest
// of each kind stays, because ids follow it.
var prunes = []struct {
	before func(store.Retention) int64
	sql    string
}{
	{func(r store.Retention) int64 { return micros(r.Messages) },
		"DELETE FROM linkloop.inbox WHERE id IN (SELECT id FROM linkloop.inbox WHERE received < $1 AND NOT failed AND id < (SELECT max(id) FROM linkloop.inbox) ORDER BY id LIMIT $2)"},
	{func(r store.Retention) int64 { return micros(r.Deliveries) },
		"WITH gone AS (DELETE FROM linkloop.delivery WHERE id IN (SELECT id FROM linkloop.delivery WHERE state IN (2, 3) AND settled > 0 AND settled < $1 " +
			"AND id < (SELECT max(id) FROM linkloop.delivery) ORDER BY id LIMIT $2) RETURNING id, state), " +
			"tallied AS (UPDATE linkloop.tally t SET n = t.n - c.n FROM (SELECT state, count(*) AS n FROM gone GROUP BY state) c WHERE t.state = c.state), " +
			"tried AS (DELETE FROM linkloop.attempt WHERE delivery IN (SELECT id FROM gone)) SELECT id FROM gone"},
	{func(r store.Retention) int64 { return micros(r.History) },
		"WITH old AS (SELECT p.list, p.seq FROM linkloop.type t JOIN linkloop.posting p ON p.list = -t.id AND p.seq < $1 JOIN linkloop.version v ON v.seq = p.seq " +
			"WHERE NOT v.deleted OR EXISTS (SELECT 1 FROM linkloop.version n WHERE n.rid = v.rid AND n.number > v.number AND n.number > 1) LIMIT $2), " +
			"listed AS (DELETE FROM linkloop.posting p USING old WHERE p.list = old.list AND p.seq = old.seq) " +
			"DELETE FROM linkloop.version v USING old WHERE v.seq = old.seq"},
	{func(r store.Retention) int64 { return micros(r.Audit) },
		"DELETE FROM linkloop.audit WHERE id IN (SELECT id FROM linkloop.audit WHERE at < $1 AND id < (SELECT max(id) FROM linkloop.audit) ORDER BY id LIMIT $2)"},
}

// grown are the tables that retention takes rows out of.
var grown = []string{"inbox", "delivery", "attempt", "version", "posting", "audit"}

// Prune removes a bounded number of old rows of each kind. When none is left it
// tells the server to make their space free for what comes, and to give back
// what is free at the end of a table.
func (s *Store) Prune(ctx context.Context, r store.Retention) (removed int, more bool, err error) {
	for _, p := range prunes {
		before := p.before(r)
		if before == 0 {
			continue
		}
		tag, err := s.pool.Exec(ctx, p.sql, before, pruneRows)
		if err != nil {
			return removed, true, asFault(err)
		}
		removed += int(tag.RowsAffected())
		more = more || tag.RowsAffected() >= pruneRows
	}
	if n := s.pruned.Add(int64(removed)); more || n < pruneRows {
		return removed, more, nil
	}
	for _, table := range grown {
		if _, err := s.pool.Exec(ctx, "VACUUM linkloop."+table); err != nil {
			return removed, false, asFault(err)
		}
	}
	s.pruned.Store(0)
	return removed, false, nil
}
