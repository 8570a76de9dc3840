package postgres

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
)

// maxTypes bounds the table; FHIR R4 has 148 resource types.
const maxTypes = 1000

// types is the numbers of the resource types. Numbers are never changed, so
// what is known stays right; what is not known may have come from another
// instance.
type types struct {
	mu     sync.RWMutex
	byName map[string]int
}

func (t *types) load(ctx context.Context, c *pgx.Conn) error {
	rows, err := c.Query(ctx, sqlTypes)
	if err != nil {
		return err
	}
	return t.take(rows, nil)
}

const sqlTypes = "SELECT name, id FROM linkloop.type"

// take notes the types that rows tell of, but for those that are not committed
// yet: their numbers may still go to others. What is known already stays,
// because rows may be of an older snapshot.
func (t *types) take(rows pgx.Rows, pending []typeRow) error {
	var found []typeRow
	var row typeRow
	if _, err := pgx.ForEachRow(rows, []any{&row.name, &row.id}, func() error {
		if !slices.Contains(pending, row) {
			found = append(found, row)
		}
		return nil
	}); err != nil {
		return err
	}
	t.add(found)
	return nil
}

// add notes types that are committed.
func (t *types) add(rows []typeRow) {
	if len(rows) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	known := maps.Clone(t.byName)
	if known == nil {
		known = map[string]int{}
	}
	for _, r := range rows {
		known[r.name] = r.id
	}
	t.byName = known
}

func (t *types) number(name string) (int, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	id, ok := t.byName[name]
	return id, ok
}

// highest is the highest number that is known to be given.
func (t *types) highest() (n int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, id := range t.byName {
		n = max(n, id)
	}
	return n
}
