package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

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
			return nil, fmt.Errorf("postgres: %s is not migration %d", name, i+1)
		}
		sql, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out[i] = string(sql)
	}
	return out, nil
}

// migrationLock keeps instances that start together from migrating together.
// The number has no meaning but to be ours.
const migrationLock = 0x6c696e6b6c6f6f70

// migrate brings the schema to this version, all steps in one transaction. Data
// of a newer version is refused: an older binary would write rows that the
// newer one does not expect.
func migrate(ctx context.Context, c *pgx.Conn, readOnly bool) error {
	all, err := steps()
	if err != nil {
		return err
	}
	have, err := schemaVersion(ctx, c)
	if err != nil || have == len(all) {
		return err
	}
	if err := refuse(have, len(all), readOnly); err != nil {
		return err
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	err = climb(ctx, tx, all)
	if err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return tx.Commit(ctx)
}

var errEmpty = fault.New(fault.Conflict, "data.postgres", "the database has no schema of linkloop yet: start the server once")

// Empty reports whether Open failed because the database was never used.
func Empty(err error) bool { return errors.Is(err, errEmpty) }

func refuse(have, know int, readOnly bool) error {
	switch {
	case have > know:
		return fault.New(fault.Conflict, "data.postgres",
			"the data has schema %d and this binary knows up to %d: it was written by a newer version; run that version, or restore a backup made before the upgrade", have, know)
	case readOnly && have == 0:
		return errEmpty
	case readOnly && have < know:
		return fault.New(fault.Conflict, "data.postgres",
			"the data has schema %d and this binary needs %d: start the server once to bring it up to date", have, know)
	}
	return nil
}

func climb(ctx context.Context, tx pgx.Tx, all []string) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	// Another instance may have been first.
	have, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	if err := refuse(have, len(all), false); err != nil {
		return err
	}
	if have == 0 {
		const begin = "CREATE SCHEMA IF NOT EXISTS linkloop; CREATE TABLE linkloop.schema_version (id int PRIMARY KEY CHECK (id = 0), version int NOT NULL); INSERT INTO linkloop.schema_version VALUES (0, 0)"
		if err := script(ctx, tx, begin); err != nil {
			return err
		}
	}
	for i := have; i < len(all); i++ {
		if err := script(ctx, tx, all[i]); err != nil {
			return fmt.Errorf("migration %d: %w", i+1, err)
		}
	}
	_, err = tx.Exec(ctx, "UPDATE linkloop.schema_version SET version = $1", len(all))
	return err
}

// script runs several statements at once, which only the simple protocol does.
func script(ctx context.Context, tx pgx.Tx, sql string) error {
	_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	return err
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// schemaVersion is 0 where there is none of our schema yet. The tables of the
// catalogue are asked, because what the server remembers of names (to_regclass)
// may be older than a lock that was just got.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var there bool
	if err := q.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'linkloop' AND tablename = 'schema_version')").Scan(&there); err != nil || !there {
		return 0, err
	}
	var v int
	err := q.QueryRow(ctx, "SELECT version FROM linkloop.schema_version").Scan(&v)
	return v, err
}
