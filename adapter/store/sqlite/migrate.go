package sqlite

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// steps returns the migrations in order. Their numbers run from 1 without gaps.
func steps() ([]string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	out := make([]string, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		if n, err := strconv.Atoi(number); err != nil || n != i+1 {
			return nil, fmt.Errorf("sqlite: %s is not migration %d", name, i+1)
		}
		sql, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out[i] = string(sql)
	}
	return out, nil
}

// migrate brings the schema to this version, each step in a transaction of its
// own. Data of a newer version is refused: an older binary would write rows
// that the newer one does not expect.
func migrate(c *conn, readOnly bool) error {
	all, err := steps()
	if err != nil {
		return err
	}
	have, err := c.int64Of("PRAGMA user_version")
	if err != nil {
		return err
	}
	switch {
	case have > int64(len(all)):
		return newer(have, len(all))
	case readOnly && have < int64(len(all)):
		return fault.New(fault.Conflict, "store.path",
			"the data has schema %d and this binary needs %d: start the server once to bring it up to date", have, len(all))
	}
	for i := int(have); i < len(all); i++ {
		if err := c.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		if err := c.exec(all[i] + "; PRAGMA user_version = " + strconv.Itoa(i+1) + "; COMMIT"); err != nil {
			if c.inTransaction() {
				err = errors.Join(err, c.exec("ROLLBACK"))
			}
			return fmt.Errorf("migration %d: %w", i+1, err)
		}
	}
	return nil
}

func newer(have int64, known int) error {
	return fault.New(fault.Conflict, "store.path",
		"the data has schema %d and this binary knows up to %d: it was written by a newer version; run that version, or restore a backup made before the upgrade", have, known)
}
