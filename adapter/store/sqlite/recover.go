package sqlite

import (
	"errors"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/linkloop/linkloop/adapter/fault"
)

// After a write or a sync has failed nobody knows what reached the disk, and
// Linux says of a later sync that it went well though it left out the pages of
// the first (https://wiki.postgresql.org/wiki/Fsync_Errors). SQLite's log
// bears that: what failed is not part of the log, and the next commit writes
// the same place again, whole, before it syncs; a checkpoint that failed copies
// all of its pages again. TestRandomFaults cuts the power of such a disk.
// What this process remembers of the data may be wrong all the same, so the
// connection is not used again.

// distrusts reports whether an error is one after which the connection goes.
func distrusts(err error) bool {
	var e *sqliteError
	if !errors.As(err, &e) {
		return false
	}
	switch e.primary() {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT:
		return false
	}
	return true
}

// reopen gives the writer a new connection and reads again what it knows of the
// data: the clock and the types. While that fails the writer refuses.
func (w *writer) reopen() error {
	c, err := w.s.writing()
	if err != nil {
		return err
	}
	last, err := c.int64Of("SELECT last FROM clock")
	if err == nil && last < w.kept {
		err = fault.New(fault.Internal, "", "the data file has gone back behind what was acknowledged; stop, keep a copy, check the disk and restore the last backup")
	}
	var table *typeTable
	if err == nil {
		table, err = readTypes(c)
	}
	if err != nil {
		return errors.Join(err, c.close())
	}
	frames := w.s.stats.walFrames.Load()
	_ = w.c.close() // it has failed already
	w.c, w.distrusted = c, false
	w.last, w.kept = max(w.last, last), last
	w.types = table
	w.s.types.committed.Store(table)
	w.frames = -frames // the new connection counts from 0
	w.makeRoom()
	return nil
}

// makeRoom gives the room of the log back to a disk that is full, as far as the
// log can be copied into the data file without more room.
func (w *writer) makeRoom() {
	if !w.full {
		return
	}
	w.full = false
	w.s.checkpoint.Lock()
	defer w.s.checkpoint.Unlock()
	w.c.busyTimeout(shortWait)
	defer w.c.busyTimeout(longWait)
	if _, _, err := w.c.checkpoint(checkpointTruncate); err == nil {
		w.frames, w.asked = w.c.pagesWritten(), false
	}
}

func isFull(err error) bool {
	var e *sqliteError
	return errors.As(err, &e) && e.primary() == sqlite3.SQLITE_FULL
}
