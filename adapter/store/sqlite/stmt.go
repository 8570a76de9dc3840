package sqlite

import (
	"fmt"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// stmt is a prepared statement, kept for the life of its connection. Use:
// bind the parameters in order, step through the rows, done. An error of a bind
// comes out of step.
type stmt struct {
	c      *conn
	handle uintptr
	next   *stmt // another one of the same text
	busy   bool
	bound  int32
	err    error

	// Text and blobs are bound in place, from memory of the statement that
	// lives until done: no allocation and no copy by SQLite per parameter.
	arena      uintptr
	used, size int
	extra      []uintptr
}

// arenaSize holds the parameters of all but large bodies.
const arenaSize = 4096

func (s *stmt) begin() { s.busy, s.bound, s.used, s.err = true, 0, 0, nil }

// int binds an integer.
func (s *stmt) int(v int64) *stmt {
	s.bound++
	if s.err == nil {
		s.check(sqlite3.Xsqlite3_bind_int64(s.c.tls, s.handle, s.bound, v))
	}
	return s
}

// bool binds 1 or 0.
func (s *stmt) bool(v bool) *stmt {
	if v {
		return s.int(1)
	}
	return s.int(0)
}

// null binds NULL.
func (s *stmt) null() *stmt {
	s.bound++
	if s.err == nil {
		s.check(sqlite3.Xsqlite3_bind_null(s.c.tls, s.handle, s.bound))
	}
	return s
}

// text binds a string.
func (s *stmt) text(v string) *stmt {
	s.bound++
	if s.err != nil {
		return s
	}
	p := s.room(len(v))
	if p == 0 {
		return s
	}
	copy(libc.GoBytes(p, len(v)), v)
	s.check(sqlite3.Xsqlite3_bind_text(s.c.tls, s.handle, s.bound, p, int32(len(v)), sqlite3.SQLITE_STATIC))
	return s
}

// optional binds a string, NULL when it is empty, so that absent facts take no
// room and stay out of partial indexes.
func (s *stmt) optional(v string) *stmt {
	if v == "" {
		return s.null()
	}
	return s.text(v)
}

// blob binds bytes; nil is NULL.
func (s *stmt) blob(v []byte) *stmt {
	if v == nil {
		return s.null()
	}
	s.bound++
	if s.err != nil {
		return s
	}
	p := s.room(len(v))
	if p == 0 {
		return s
	}
	copy(libc.GoBytes(p, len(v)), v)
	s.check(sqlite3.Xsqlite3_bind_blob(s.c.tls, s.handle, s.bound, p, int32(len(v)), sqlite3.SQLITE_STATIC))
	return s
}

// room finds n bytes that stay in place until done.
func (s *stmt) room(n int) uintptr {
	if s.arena == 0 {
		s.arena = sqlite3.Xsqlite3_malloc(s.c.tls, arenaSize)
		if s.arena != 0 {
			s.size = arenaSize
		}
	}
	if s.used+n < s.size {
		p := s.arena + uintptr(s.used)
		s.used += n
		return p
	}
	p := sqlite3.Xsqlite3_malloc64(s.c.tls, uint64(n)+1)
	if p == 0 {
		s.err = fmt.Errorf("sqlite: no memory for a parameter of %d bytes", n)
		return 0
	}
	s.extra = append(s.extra, p)
	return p
}

func (s *stmt) check(rc int32) {
	if rc != sqlite3.SQLITE_OK {
		s.err = s.c.fail(rc)
	}
}

// step moves to the next row and reports whether there is one.
func (s *stmt) step() (bool, error) {
	if s.err != nil {
		return false, s.err
	}
	switch rc := sqlite3.Xsqlite3_step(s.c.tls, s.handle); rc {
	case sqlite3.SQLITE_ROW:
		return true, nil
	case sqlite3.SQLITE_DONE:
		return false, nil
	default:
		return false, s.c.fail(rc)
	}
}

// exec runs the statement to its end and makes it ready for new parameters.
func (s *stmt) exec() error {
	for {
		ok, err := s.step()
		if err != nil || !ok {
			s.reset()
			return err
		}
	}
}

// reset makes the statement ready to be bound and run again.
func (s *stmt) reset() {
	if s.handle != 0 {
		sqlite3.Xsqlite3_reset(s.c.tls, s.handle)
	}
	for _, p := range s.extra {
		sqlite3.Xsqlite3_free(s.c.tls, p)
	}
	s.extra, s.bound, s.used = s.extra[:0], 0, 0
}

// done gives the statement back.
func (s *stmt) done() {
	s.reset()
	s.busy = false
}

func (s *stmt) finalize() {
	s.reset()
	sqlite3.Xsqlite3_finalize(s.c.tls, s.handle)
	sqlite3.Xsqlite3_free(s.c.tls, s.arena)
}

// int64 is a column of the current row; NULL reads as 0.
func (s *stmt) int64(col int) int64 {
	return sqlite3.Xsqlite3_column_int64(s.c.tls, s.handle, int32(col))
}

// string is a column of the current row; NULL reads as empty.
func (s *stmt) string(col int) string {
	return string(s.view(col))
}

// bytes is a copy of a column of the current row; NULL reads as nil.
func (s *stmt) bytes(col int) []byte {
	v := s.view(col)
	if v == nil {
		return nil
	}
	return append(make([]byte, 0, len(v)), v...)
}

// view is a column of the current row in SQLite's memory: valid until the next
// step or done.
func (s *stmt) view(col int) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.c.tls, s.handle, int32(col))
	if p == 0 {
		return nil
	}
	return libc.GoBytes(p, int(sqlite3.Xsqlite3_column_bytes(s.c.tls, s.handle, int32(col))))
}
