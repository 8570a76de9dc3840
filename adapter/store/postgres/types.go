package postgres

import (
	"context"
	"maps"
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
	rows, err := c.Query(ctx, "SELECT name, id FROM linkloop.type")
	if err != nil {
		return err
	}
	return t.take(rows)
}

func (t *types) take(rows pgx.Rows) error {
	table := map[string]int{}
	var name string
	var id int
	_, err := pgx.ForEachRow(rows, []any{&name, &id}, func() error {
		table[name] = id
		return nil
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName = table
	return nil
}

// add notes types that a commit brought.
func (t *types) add(rows []typeRow) {
	if len(rows) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName = maps.Clone(t.byName)
	for _, r := range rows {
		t.byName[r.name] = r.id
	}
}

func (t *types) number(name string) (int, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	id, ok := t.byName[name]
	return id, ok
}

func (t *types) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byName)
}
