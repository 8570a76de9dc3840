package sqlite

import (
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/linkloop/linkloop/adapter/fault"
)

// After a write or a sync has failed nobody knows what reached the disk, and
// Linux says of a later sync that it went well though it left out the pages of
// the first (https://wiki.postgresql.org/wiki/Fsync_Errors).
//
// A commit bears that: what failed is not part of the log, and the next commit
// writes the same place again, whole, before it syncs. Only what the process
// remembers of the data may be wrong, so the writer's connection is made anew.
//
// A checkpoint does not. SQLite notes how far the log is copied, without a sync
// when a reader kept it from copying all, and a later checkpoint begins there.
// When its sync fails, pages of the earlier one are lost with it, are not
// copied again, and the log is overwritten: acknowledged rows would be gone
// after a power cut. So after a checkpoint that failed there is none until the
// log's index is forgotten, which happens when every connection is closed:
// SQLite then reads the log from its start and copies all of it again.
// TestRandomFaults and TestACopyThatFailedIsDoneAgain cut the power of such a
// disk.

// How often and how long the writer tries to have the data for itself to forget
// how far the log was copied.
const (
	forgetEvery = time.Second
	forgetWait  = 20 * time.Millisecond
)

var errUncertain = errors.New("sqlite: an earlier copy of the log failed; it begins anew first")

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

func isFull(err error) bool {
	var e *sqliteError
	return errors.As(err, &e) && e.primary() == sqlite3.SQLITE_FULL
}

// copyTo runs a checkpoint, unless an earlier one failed. The caller holds
// s.checkpoint.
func (s *Store) copyTo(c *conn, mode int32) error {
	if s.uncertain.Load() {
		return errUncertain
	}
	_, _, err := c.checkpoint(mode)
	if distrusts(err) {
		s.uncertain.Store(true)
	}
	return err
}

// ready brings the writer back after trouble; while it cannot, the writer
// refuses.
func (w *writer) ready() error {
	if w.s.uncertain.Load() && time.Since(w.forgot) > forgetEvery {
		w.forgot = time.Now()
		if err := w.forget(); err != nil {
			return err
		}
	}
	if w.distrusted {
		return w.reopen()
	}
	return nil
}

// forget makes the next checkpoint begin at the start of the log. It closes
// every connection, for which readers must be between two snapshots; when they
// are not, or another process has the data open, the log grows until a later
// try.
func (w *writer) forget() error {
	s := w.s
	s.waited.Store(true)
	s.checkpoint.Lock()
	defer s.checkpoint.Unlock()
	s.waited.Store(false)
	if w.c != nil && w.fromStart() {
		return nil
	}
	taken := s.takeReaders(forgetWait)
	defer func() {
		for range taken {
			s.tickets <- struct{}{}
		}
	}()
	if taken < s.cfg.Readers {
		return nil
	}
	if s.checkpointer != nil {
		_ = s.checkpointer.close()
		s.checkpointer = nil
	}
	w.dismiss()
	if err := w.reopen(); err != nil {
		return err
	}
	w.fromStart()
	return nil
}

// fromStart reports whether nothing of the log counts as copied, so that the
// next checkpoint copies all of it; then checkpoints may go on.
func (w *writer) fromStart() bool {
	_, copied, err := w.c.checkpoint(sqlite3.SQLITE_CHECKPOINT_NOOP)
	if err != nil || copied > 0 {
		return false
	}
	w.s.uncertain.Store(false)
	return true
}

// takeReaders closes idle readers and takes their tickets; the tickets are the
// caller's to give back.
func (s *Store) takeReaders(wait time.Duration) (taken int) {
	over := time.NewTimer(wait)
	defer over.Stop()
	for taken < s.cfg.Readers {
		select {
		case c := <-s.readers:
			_ = c.close()
		case <-s.tickets:
		case <-over.C:
			return taken
		}
		taken++
	}
	return taken
}

// dismiss closes the writer's connection.
func (w *writer) dismiss() {
	if w.c != nil {
		_ = w.c.close() // it is of no use any more
		w.c = nil
	}
	w.distrusted = true
}

// reopen gives the writer a new connection and reads again what it knows of the
// data: the clock and the types.
func (w *writer) reopen() error {
	w.dismiss()
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
	if err == nil && last != w.kept {
		err = w.fresh.begin(c) // a commit that failed is there all the same
	}
	if err != nil {
		return errors.Join(err, c.close())
	}
	w.c, w.distrusted = c, false
	w.last, w.kept = max(w.last, last), last
	w.types = table
	w.s.types.committed.Store(table)
	w.frames = -w.s.stats.walFrames.Load() // the new connection counts from 0
	if w.full {
		w.full = false
		w.makeRoom()
	}
	return nil
}

// makeRoom gives the room of the log back to a disk that is full, as far as the
// log can be copied into the data file without more room.
func (w *writer) makeRoom() {
	if !w.s.checkpoint.TryLock() {
		return // the background is at it, or forget
	}
	defer w.s.checkpoint.Unlock()
	w.c.busyTimeout(shortWait)
	defer w.c.busyTimeout(longWait)
	if err := w.s.copyTo(w.c, checkpointTruncate); err == nil {
		w.frames, w.asked = w.c.pagesWritten(), false
	}
}
