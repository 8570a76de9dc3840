package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

const (
	dataFile = "linkloop.db"
	lockFile = "linkloop.lock"
)

// pageSize is 4 KiB although larger pages hold our rows a little tighter: most
// index rows of a referral go to pages of their own, and each page touched is
// written whole to the log.
const pageSize = 4096

// incremental is PRAGMA auto_vacuum of a file that can be cut, step by step.
const incremental = 2

// Store is an open data folder. It is safe for concurrent use.
type Store struct {
	cfg   Config
	file  string
	lock  *conn // holds the lock file while the store is open
	types *types
	fresh atomic.Pointer[generation] // the oldest generation of index rows that a new reader may need
	shelf *store.Shelf

	queue   chan *decision
	closing sync.RWMutex // held for reading while something is put into queue
	closed  bool
	stopped chan struct{} // closed when the writer has ended
	endErr  error         // of the writer's end

	readers chan *conn    // idle read connections
	tickets chan struct{} // one per read connection that may exist

	checkpointer *conn
	wake         chan struct{} // asks the checkpointer to look
	checkpointed chan struct{} // closed when it has ended
	checkpoint   sync.Mutex    // one checkpoint at a time; guards checkpointer
	uncertain    atomic.Bool   // a checkpoint failed, see recover.go
	caughtUp     atomic.Bool   // the background has left little of the log to copy
	waited       atomic.Bool   // the store closes, or begins the log anew after trouble

	stats  counters
	pruner pruner
}

var _ store.Store = (*Store)(nil)

// Open opens the data folder, brings its schema up to date and takes the lock
// that keeps a second server away. Errors: fault.Conflict when another process
// has the folder open for writing or the data is newer than this binary;
// fault.Transient or fault.Internal when the file cannot be used.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fault.Wrap(fault.Conflict, err, "the store's configuration is not valid")
	}
	s := &Store{
		cfg: cfg.withDefaults(), file: filepath.Join(cfg.Path, dataFile),
		stopped: make(chan struct{}), checkpointed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	s.shelf = store.NewShelf(s.cfg.CacheMB << 20 / 2)
	s.queue = make(chan *decision, s.cfg.Queue)
	s.readers = make(chan *conn, s.cfg.Readers)
	s.tickets = make(chan struct{}, s.cfg.Readers)
	for range s.cfg.Readers {
		s.tickets <- struct{}{}
	}
	if err := ctx.Err(); err != nil {
		return nil, asFault(err)
	}
	var err error
	if s.cfg.ReadOnly {
		err = s.openReadOnly()
	} else {
		err = s.openWriter(ctx)
	}
	if err != nil {
		return nil, asFault(errors.Join(err, s.release()))
	}
	return s, nil
}

func (s *Store) openReadOnly() error {
	c, err := s.reader()
	if err != nil {
		return err
	}
	close(s.stopped)
	close(s.checkpointed)
	s.readers <- c
	<-s.tickets
	if err := migrate(c, true); err != nil {
		return err
	}
	s.types, err = loadTypes(c)
	return err
}

func (s *Store) openWriter(ctx context.Context) error {
	_, missing := os.Stat(s.cfg.Path)
	if err := os.MkdirAll(s.cfg.Path, 0o700); err != nil {
		return transient(err, "the data folder cannot be made; check that its parent exists and may be written to")
	}
	if missing != nil {
		if err := syncFolder(filepath.Dir(filepath.Clean(s.cfg.Path))); err != nil {
			return diskFault(err, "the name of the data folder may not be on disk")
		}
	}
	// Made here because SQLite would let everybody read them; its log follows
	// the permissions of the database.
	for _, name := range []string{filepath.Join(s.cfg.Path, lockFile), s.file} {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return transient(err, "the files of the data folder cannot be opened; check that this user may write to it")
		}
		if err := f.Close(); err != nil {
			return transient(err, "the files of the data folder cannot be closed")
		}
	}
	// SQLite syncs the names of its logs, not that of a file that is there.
	if err := syncFolder(s.cfg.Path); err != nil {
		return diskFault(err, "the names of the data files may not be on disk")
	}
	var err error
	if s.lock, err = takeLock(filepath.Join(s.cfg.Path, lockFile)); err != nil {
		return err
	}
	if err := compactOld(ctx, s.file); err != nil {
		return err
	}
	c, err := s.writing()
	if err != nil {
		return err
	}
	err = migrate(c, false)
	var w *writer
	if err == nil {
		s.types, err = loadTypes(c)
	}
	if err == nil {
		w, err = newWriter(s, c)
	}
	if err == nil {
		s.checkpointer, err = s.openCheckpointer()
	}
	if err != nil {
		return errors.Join(err, c.close())
	}
	go w.run()
	go s.keepCheckpointing()
	return nil
}

// writing opens the connection of the writer. page_size and auto_vacuum must
// come before the first write, and the file keeps them; the switch to WAL is
// one. On a file that has the mode already, setting it would be another, and
// with SQLite's own checkpoint after it.
func (s *Store) writing() (*conn, error) {
	c, err := openConn(s.file, readWrite)
	if err != nil {
		return nil, err
	}
	c.leaveLog()
	err = c.exec(fmt.Sprintf("PRAGMA wal_autocheckpoint=0; PRAGMA busy_timeout=5000; PRAGMA page_size=%d", pageSize))
	var mode int64
	if err == nil {
		mode, err = c.int64Of("PRAGMA auto_vacuum")
	}
	if err == nil && mode != incremental {
		err = c.exec("PRAGMA auto_vacuum=INCREMENTAL")
	}
	if err == nil {
		err = c.exec(fmt.Sprintf("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; "+
			"PRAGMA cache_size=-%d; PRAGMA journal_size_limit=%d", s.cfg.CacheMB*1024, int64(s.cfg.WALPages*pageSize)))
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// takeLock keeps other servers away for as long as the connection is open. The
// lock is SQLite's own on a file of its own: it works on every platform, and
// the operating system drops it when the process dies in whatever way.
func takeLock(file string) (*conn, error) {
	c, err := openConn(file, readWrite)
	if err != nil {
		return nil, err
	}
	if err := c.exec("PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE"); err != nil {
		var e *sqliteError
		if errors.As(err, &e) && (e.primary() == sqlite3.SQLITE_BUSY || e.primary() == sqlite3.SQLITE_LOCKED) {
			err = fault.Wrap(fault.Conflict, err,
				"another linkloop has this data folder open for writing; stop it, or give this one another data.folder")
		}
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// reader opens a read connection. query_only guards against our own mistakes.
func (s *Store) reader() (*conn, error) {
	mode := readWrite // a reader of a WAL writes to its shared index
	if s.cfg.ReadOnly {
		mode = readOnly
	}
	c, err := openConn(s.file, mode)
	if err != nil {
		return nil, err
	}
	c.leaveLog()
	c.busyTimeout(5 * time.Second)
	kib := max(s.cfg.CacheMB*1024/s.cfg.Readers, 1024)
	if err := c.exec(fmt.Sprintf("PRAGMA query_only=1; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-%d", kib)); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Close takes no more decisions, finishes those that wait, copies the log into
// the data file and closes it. It waits for the snapshots that are open.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	s.waited.Store(true)
	close(s.queue)
	s.closing.Unlock()
	<-s.stopped
	close(s.wake)
	<-s.checkpointed
	return asFault(errors.Join(s.endErr, s.release()))
}

// release waits for the snapshots that are open and closes everything, the
// lock last.
func (s *Store) release() error {
	var errs []error
	for range s.cfg.Readers {
		select {
		case c := <-s.readers:
			errs = append(errs, c.close())
		case <-s.tickets:
		}
	}
	for _, c := range []*conn{s.checkpointer, s.lock} {
		if c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(errs...)
}

// counters are what Stats reads.
type counters struct {
	decisions, failed, refused, commits, failedCommits, walFrames, clockAhead atomic.Int64
}

// Now is the clock of this machine, which nobody else shares the data with.
func (s *Store) Now() time.Time { return s.cfg.Now().UTC() }
