package sqlite

import (
	"context"
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/linkloop/linkloop/adapter/fault"
)

// retryAfter is what a caller is told to wait when the store is busy or its
// disk is in trouble.
const retryAfter = time.Second

// notFound is made anew each time, because callers may add to a fault.
func notFound() error {
	return &fault.Fault{Kind: fault.NotFound, Issues: []fault.Issue{{Text: "not found"}}}
}

// asFault gives an error of the database its kind. Trouble that passes (a full
// disk, a failing write, a lock) is Transient: nothing was acknowledged, and
// the same decision may be sent again. Faults pass through.
func asFault(err error) error {
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if errors.As(err, &f) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return transient(err, "the caller gave up before the store answered")
	}
	var e *sqliteError
	if errors.As(err, &e) {
		switch e.primary() {
		case sqlite3.SQLITE_FULL:
			return transient(err, "the disk of the store is full")
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return transient(err, "the disk of the store does not answer as it should")
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
			return transient(err, "the store is busy")
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
			return transient(err, "the store may not write to its data folder")
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fault.Wrap(fault.Internal, err, "the data file is damaged; stop, keep a copy and restore the last backup")
		}
	}
	return fault.Wrap(fault.Internal, err, "the store failed")
}

func transient(cause error, text string) *fault.Fault {
	f := fault.Wrap(fault.Transient, cause, "%s", text)
	f.RetryAfter = retryAfter
	return f
}
