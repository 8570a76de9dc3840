package sqlite

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
	"unsafe"

	"modernc.org/libc"
	_ "modernc.org/sqlite" // its start-up patches the library on some platforms
	sqlite3 "modernc.org/sqlite/lib"
)

// conn is one connection, used by one goroutine at a time. It talks to SQLite
// through the library's C interface and not through database/sql, because
// binding and stepping there cost more than SQLite's own work on our small
// rows; BenchmarkDrivers has the figures.
type conn struct {
	tls   *libc.TLS
	db    uintptr
	cell  uintptr // 16 bytes for results that C returns through pointers
	stmts map[string]*stmt
	pace  *pace // of a connection whose writes rest
}

// openMode says what a connection may do with the file.
type openMode int32

const (
	readWrite openMode = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX
	readOnly  openMode = sqlite3.SQLITE_OPEN_READONLY | sqlite3.SQLITE_OPEN_NOMUTEX
)

// openConn opens a connection. NOMUTEX is safe because no two goroutines ever
// share a connection at the same time.
func openConn(file string, mode openMode) (*conn, error) {
	c := &conn{tls: libc.NewTLS(), stmts: map[string]*stmt{}}
	c.cell = sqlite3.Xsqlite3_malloc(c.tls, 16)
	name, err := libc.CString(file)
	if err != nil || c.cell == 0 {
		c.tls.Close()
		return nil, fmt.Errorf("sqlite: out of memory")
	}
	defer libc.Xfree(c.tls, name)
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, c.cell, int32(mode), 0)
	c.db = c.pointer()
	if rc != sqlite3.SQLITE_OK {
		err := c.fail(rc)
		_ = c.close()
		return nil, err
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	return c, nil
}

// pointer reads what C wrote into the cell.
func (c *conn) pointer() uintptr { return pointerAt(c.cell) }

// pointerAt reads a pointer from memory of C.
func pointerAt(p uintptr) uintptr { return uintptr(binary.NativeEndian.Uint64(libc.GoBytes(p, 8))) }

// putPointer writes a pointer to memory of C.
func putPointer(p, value uintptr) {
	binary.NativeEndian.PutUint64(libc.GoBytes(p, 8), uint64(value))
}

// function is a C function as Go code calls it.
func function[F any](p uintptr) F {
	boxed := &struct{ p uintptr }{p}
	return *(*F)(unsafe.Pointer(boxed))
}

// address is a Go function as C code calls it. Whoever has it must keep f.
func address[F any](f *F) uintptr { return *(*uintptr)(unsafe.Pointer(f)) }

// int32s reads the cell as two C ints.
func (c *conn) int32s() (int32, int32) {
	b := libc.GoBytes(c.cell, 8)
	return int32(binary.NativeEndian.Uint32(b)), int32(binary.NativeEndian.Uint32(b[4:]))
}

// clearCell zeroes the cell, so that a call that writes nothing reads as 0.
func (c *conn) clearCell() { clear(libc.GoBytes(c.cell, 16)) }

// close finalizes every statement and closes the connection.
func (c *conn) close() error {
	for _, s := range c.stmts {
		for ; s != nil; s = s.next {
			s.finalize()
		}
	}
	c.stmts = nil
	var err error
	if rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db); rc != sqlite3.SQLITE_OK {
		err = c.fail(rc)
	}
	if c.pace != nil {
		sqlite3.Xsqlite3_free(c.tls, c.pace.methods)
	}
	sqlite3.Xsqlite3_free(c.tls, c.cell)
	c.tls.Close()
	return err
}

// stmt returns the prepared statement for the SQL text, or a second one while
// the first is in use. The caller calls done when finished with it.
func (c *conn) stmt(sql string) *stmt {
	first := c.stmts[sql]
	for s := first; s != nil; s = s.next {
		if !s.busy {
			s.begin()
			return s
		}
	}
	s := &stmt{c: c, next: first}
	text, err := libc.CString(sql)
	if err != nil {
		s.err = fmt.Errorf("sqlite: %w", err)
		return s
	}
	defer libc.Xfree(c.tls, text)
	c.clearCell()
	rc := sqlite3.Xsqlite3_prepare_v3(c.tls, c.db, text, int32(len(sql)), sqlite3.SQLITE_PREPARE_PERSISTENT, c.cell, 0)
	if rc != sqlite3.SQLITE_OK {
		s.err = c.fail(rc)
		return s
	}
	s.handle = c.pointer()
	c.stmts[sql] = s
	s.begin()
	return s
}

// exec runs SQL without parameters or results; several statements may be
// separated by semicolons.
func (c *conn) exec(sql string) error {
	text, err := libc.CString(sql)
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	defer libc.Xfree(c.tls, text)
	if rc := sqlite3.Xsqlite3_exec(c.tls, c.db, text, 0, 0, 0); rc != sqlite3.SQLITE_OK {
		return c.fail(rc)
	}
	return nil
}

// run executes one cached statement without parameters, such as COMMIT.
func (c *conn) run(sql string) error {
	s := c.stmt(sql)
	defer s.done()
	return s.exec()
}

// int64Of runs a query that gives one number, such as a PRAGMA.
func (c *conn) int64Of(sql string) (int64, error) {
	s := c.stmt(sql)
	defer s.done()
	ok, err := s.step()
	if err != nil || !ok {
		return 0, err
	}
	return s.int64(0), nil
}

// inTransaction reports whether a transaction is open. SQLite ends one by
// itself after some errors, a full disk among them.
func (c *conn) inTransaction() bool { return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0 }

// changed is the number of rows that the last statement changed.
func (c *conn) changed() int { return int(sqlite3.Xsqlite3_changes(c.tls, c.db)) }

// inserted is the rowid of the last insert.
func (c *conn) inserted() int64 { return sqlite3.Xsqlite3_last_insert_rowid(c.tls, c.db) }

// pagesWritten is the number of pages this connection has written since it was
// opened; in WAL mode, the frames it has appended.
func (c *conn) pagesWritten() int64 {
	c.clearCell()
	sqlite3.Xsqlite3_db_status(c.tls, c.db, sqlite3.SQLITE_DBSTATUS_CACHE_WRITE, c.cell, c.cell+8, 0)
	n, _ := c.int32s()
	return int64(n)
}

// checkpoint copies the WAL into the database and returns the frames that the
// WAL holds and how many of them are copied.
func (c *conn) checkpoint(mode int32) (frames, copied int32, err error) {
	c.clearCell()
	rc := sqlite3.Xsqlite3_wal_checkpoint_v2(c.tls, c.db, 0, mode, c.cell, c.cell+4)
	frames, copied = c.int32s()
	if rc != sqlite3.SQLITE_OK {
		return frames, copied, c.fail(rc)
	}
	return frames, copied, nil
}

// syncData waits until what was written to the data file is on disk. SQLite
// has no call for that: a checkpoint beside a writer leaves it to a later one.
func (c *conn) syncData() error {
	file, err := c.dataFile()
	if err != nil {
		return err
	}
	methods := pointerAt(file + unsafe.Offsetof(sqlite3.Tsqlite3_file{}.FpMethods))
	sync := function[func(*libc.TLS, uintptr, int32) int32](pointerAt(methods + unsafe.Offsetof(sqlite3.Tsqlite3_io_methods{}.FxSync)))
	if rc := sync(c.tls, file, sqlite3.SQLITE_SYNC_NORMAL); rc != sqlite3.SQLITE_OK {
		return c.fail(rc)
	}
	return nil
}

// dataFile is the sqlite3_file of the data. It is SQLite's own, because closing
// another descriptor of it would drop SQLite's locks
// (https://sqlite.org/howtocorrupt.html section 2.2).
func (c *conn) dataFile() (uintptr, error) {
	name, err := libc.CString("main")
	if err != nil {
		return 0, fmt.Errorf("sqlite: %w", err)
	}
	defer libc.Xfree(c.tls, name)
	c.clearCell()
	if rc := sqlite3.Xsqlite3_file_control(c.tls, c.db, name, sqlite3.SQLITE_FCNTL_FILE_POINTER, c.cell); rc != sqlite3.SQLITE_OK {
		return 0, c.fail(rc)
	}
	return c.pointer(), nil
}

// leaveLog keeps SQLite from copying the log when the last connection closes:
// whether it may be copied is for the store to say.
func (c *conn) leaveLog() {
	sqlite3.Xsqlite3_db_config(c.tls, c.db, sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, libc.VaList(c.cell, int32(1), uintptr(0)))
}

func (c *conn) busyTimeout(d time.Duration) {
	sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, int32(d/time.Millisecond))
}

// sqliteError is an error of the library: its extended result code and text.
// The text names tables and columns, never values.
type sqliteError struct {
	code int32
	text string
}

func (e *sqliteError) Error() string {
	return "sqlite: " + e.text + " (" + strconv.Itoa(int(e.code)) + ")"
}

// primary is the code without its extension.
func (e *sqliteError) primary() int32 { return e.code & 0xff }

func (c *conn) fail(rc int32) error {
	e := &sqliteError{code: rc}
	if c.db != 0 {
		if x := sqlite3.Xsqlite3_extended_errcode(c.tls, c.db); x&0xff == rc&0xff {
			e.code = x
		}
		e.text = libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))
	} else {
		e.text = libc.GoString(sqlite3.Xsqlite3_errstr(c.tls, rc))
	}
	return e
}
