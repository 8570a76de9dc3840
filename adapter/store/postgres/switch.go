package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// switches is the reading room of switches.
type switches struct{ *snapshot }

// Get returns the value of a switch, nil when it is not set.
func (r switches) Get(name string) ([]byte, error) {
	rows, err := r.q.rows("SELECT value FROM linkloop.switch WHERE name = $1", []byte(name))
	if err != nil {
		return nil, asFault(err)
	}
	value, err := pgx.CollectOneRow(rows, pgx.RowTo[[]byte])
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return value, asFault(err)
}

// List returns the switches of a prefix.
func (r switches) List(prefix string) (map[string][]byte, error) {
	rows, err := r.q.rows("SELECT name, value FROM linkloop.switch WHERE name >= $1 AND substring(name FOR $2) = $1 ORDER BY name LIMIT $3",
		[]byte(prefix), len(prefix), store.MaxSwitches)
	if err != nil {
		return nil, asFault(err)
	}
	out := map[string][]byte{}
	var name, value []byte
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		out[string(name)] = append([]byte{}, value...)
		return nil
	})
	return out, asFault(err)
}

// switchWriter is the writing room of switches.
type switchWriter struct {
	switches
	t *tx
}

// Set sets a switch, or removes it when value is nil.
func (w switchWriter) Set(name string, value []byte) error {
	if name == "" || len(name) > 256 || len(value) > 64<<10 {
		return fault.New(fault.Internal, "", "a switch has a name of 1 to 256 bytes and a value of at most 64 KiB")
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	if value != nil {
		value = append([]byte{}, value...)
	}
	w.t.made.switches[name] = value
	return nil
}
