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

// keepCheckpointing copies the log into the data file beside the writer, which
// goes on meanwhile. The log itself can only begin anew when nobody appends to
// it, and that is afterCommit's part.
func (s *Store) keepCheckpointing() {
	defer close(s.checkpointed)
	for range s.wake {
		s.checkpoint.Lock()
		_ = s.copyInBackground() // the writer sees to it, see recover.go
		s.checkpoint.Unlock()
	}
}

// copyInBackground copies what can be copied beside the writer. The caller holds
// s.checkpoint.
func (s *Store) copyInBackground() error {
	if s.checkpointer == nil {
		c, err := openCheckpointer(s.file)
		if err != nil {
			return err
		}
		s.checkpointer = c
	}
	return s.copyTo(s.checkpointer, checkpointPassive)
}

func openCheckpointer(file string) (*conn, error) {
	c, err := openConn(file, readWrite)
	if err != nil {
		return nil, err
	}
	c.leaveLog()
	if err := c.exec("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// afterCommit bounds the log. At CheckpointPages the background is asked to
// copy, once: a hot page that is copied after every commit costs as much as the
// commits themselves. At WALPages the writer copies what has come since and lets
// the log begin anew, a pause of milliseconds. A reader that has been open for
// long keeps the log growing until it ends; it is tried again every tenth of
// WALPages.
func (w *writer) afterCommit() {
	written := w.c.pagesWritten()
	frames := written - w.frames
	w.s.stats.walFrames.Store(frames)
	if frames < int64(w.s.cfg.CheckpointPages) {
		return
	}
	if frames < int64(w.s.cfg.WALPages) {
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
	w.c.busyTimeout(shortWait)
	err := w.s.copyTo(w.c, checkpointRestart)
	w.c.busyTimeout(longWait)
	w.frames, w.asked = written, false
	if err != nil {
		w.frames, w.asked = written-int64(w.s.cfg.WALPages)*9/10, true
	}
}
