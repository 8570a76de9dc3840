package sqlite

import (
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// How long the writer waits for readers to leave the log: briefly, because
// everyone waits for the writer.
const (
	shortWait = 20 * time.Millisecond
	longWait  = 5 * time.Second
)

const (
	checkpointPassive  = sqlite3.SQLITE_CHECKPOINT_PASSIVE
	checkpointRestart  = sqlite3.SQLITE_CHECKPOINT_RESTART
	checkpointTruncate = sqlite3.SQLITE_CHECKPOINT_TRUNCATE
)

// Copies of the log beside the writer, one after the other, and when they have
// caught up with it: what the writer then has to copy itself is a pause of one
// or two milliseconds.
const (
	mostCopies = 5
	caughtUp   = 600 // pages
)

// keepCheckpointing copies the log into the data file beside the writer, which
// goes on meanwhile, until little is left. The log itself can only begin anew
// when nobody appends to it, and that is afterCommit's part.
func (s *Store) keepCheckpointing() {
	defer close(s.checkpointed)
	for range s.wake {
		s.checkpoint.Lock()
		for range mostCopies {
			began := s.stats.walFrames.Load()
			if s.copyInBackground() != nil { // the writer sees to it, see recover.go
				break
			}
			if s.stats.walFrames.Load()-began < caughtUp {
				s.caughtUp.Store(true)
				break
			}
		}
		s.checkpoint.Unlock()
	}
}

// copyInBackground copies what can be copied beside the writer, and waits for
// the disk: a checkpoint that others write beside does not, and then everyone
// would wait for all of these pages when the writer ends the log. The caller
// holds s.checkpoint.
func (s *Store) copyInBackground() error {
	if s.checkpointer == nil {
		c, err := s.openCheckpointer()
		if err != nil {
			return err
		}
		s.checkpointer = c
	}
	if err := s.copyTo(s.checkpointer, checkpointPassive); err != nil {
		return err
	}
	err := s.checkpointer.syncData()
	if err != nil {
		s.uncertain.Store(true)
	}
	return err
}

// openCheckpointer opens the connection that copies beside the writer, and rests
// between pages while the log has room.
func (s *Store) openCheckpointer() (*conn, error) {
	c, err := openConn(s.file, readWrite)
	if err != nil {
		return nil, err
	}
	c.leaveLog()
	err = c.exec("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0")
	if err == nil {
		err = c.rest(func() bool { return s.stats.walFrames.Load() >= int64(s.cfg.WALPages) || s.waited.Load() })
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// afterCommit bounds the log. At CheckpointPages the background is asked to
// copy, once: a hot page that is copied after every commit costs as much as the
// commits themselves. When it has caught up, or at WALPages, the writer copies
// what has come since and lets the log begin anew. A reader that has been open
// for long keeps the log growing until it ends; it is tried again every tenth
// of WALPages.
func (w *writer) afterCommit() {
	written := w.c.pagesWritten()
	frames := written - w.frames
	w.s.stats.walFrames.Store(frames)
	if frames < int64(w.s.cfg.CheckpointPages) {
		return
	}
	if frames < int64(w.s.cfg.WALPages) && !w.s.caughtUp.Load() {
		if !w.asked {
			w.asked = true
			select {
			case w.s.wake <- struct{}{}:
			default: // it has not even begun with the last request
			}
		}
		return
	}
	if !w.s.checkpoint.TryLock() {
		if frames < 2*int64(w.s.cfg.WALPages) {
			return // the background is at it; look again after the next commit
		}
		w.s.checkpoint.Lock()
	}
	defer w.s.checkpoint.Unlock()
	w.s.caughtUp.Store(false)
	w.c.busyTimeout(shortWait)
	err := w.s.copyTo(w.c, checkpointRestart)
	w.c.busyTimeout(longWait)
	w.frames, w.asked = written, false
	if err != nil {
		w.frames, w.asked = written-int64(w.s.cfg.WALPages)*9/10, true
	}
}
