package app

import (
	"context"
	"errors"

	"github.com/linkloop/linkloop/adapter/routing"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/config"
)

// errOwnTools is said where a database server has tools that are better.
var errOwnTools = errors.New("data.postgres: use the tools of PostgreSQL for this (adapter/doc/OPERATIONS.md says how)")

// Backup copies the embedded store with its key, as it is at one moment, into a
// new folder; a server on the same data goes on meanwhile.
func Backup(ctx context.Context, d config.Data, folder string) error {
	if d.Postgres != "" {
		return errOwnTools
	}
	c := sqlite.DefaultConfig()
	c.Path, c.ReadOnly = d.Folder, true
	s, err := sqlite.Open(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(s.Backup(ctx, folder, keyFile), s.Close())
}

// Restore makes the data folder anew from a backup. It refuses where there is
// data already. With stopped nothing leaves for a practice when it is served,
// until a human starts it: what was sent after the backup is owed again there.
func Restore(ctx context.Context, d config.Data, backup string, stopped bool) error {
	if d.Postgres != "" {
		return errOwnTools
	}
	if err := sqlite.Restore(ctx, backup, d.Folder); err != nil || !stopped {
		return err
	}
	s, _, err := openStore(ctx, d, nil)
	if err != nil {
		return err
	}
	err = s.Decide(ctx, func(tx store.Tx) error {
		_, err := routing.Begin(tx, routing.Any, "linkloop restore", "restored from a backup: what was sent after it is owed again")
		return err
	})
	return errors.Join(err, s.Close())
}

// Compact writes the embedded store anew without the space that is free in it.
// The server must be stopped.
func Compact(ctx context.Context, d config.Data) error {
	if d.Postgres != "" {
		return errOwnTools
	}
	return sqlite.Compact(ctx, d.Folder)
}
