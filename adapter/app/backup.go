package app

import (
	"context"
	"errors"

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
// data already.
func Restore(ctx context.Context, d config.Data, backup string) error {
	if d.Postgres != "" {
		return errOwnTools
	}
	return sqlite.Restore(ctx, backup, d.Folder)
}

// Compact writes the embedded store anew without the space that is free in it.
// The server must be stopped.
func Compact(ctx context.Context, d config.Data) error {
	if d.Postgres != "" {
		return errOwnTools
	}
	return sqlite.Compact(ctx, d.Folder)
}
