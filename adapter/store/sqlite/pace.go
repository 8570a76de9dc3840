package sqlite

import (
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A copy of the log beside the writer is tens of milliseconds of work in one
// go, which all who are served meanwhile would feel. So after every restAfter
// pages it rests for restFor times as long as they took, and not longer than
// restMost each time. The longer it rests, the more pages come meanwhile that are
// copied again.
const (
	restAfter = 64
	restFor   = 1
	restMost  = 20 * time.Millisecond
)

// writeFunc is xWrite of sqlite3_io_methods (https://sqlite.org/c3ref/io_methods.html).
type writeFunc = func(tls *libc.TLS, file, buf uintptr, n int32, at int64) int32

// pace stands between SQLite and the data file of one connection. A checkpoint
// is one call that takes no word from us while it runs; what it does to the file
// goes through a table of functions, of which each connection has a pointer.
type pace struct {
	methods uintptr // that table, a copy with write in it; SQLite's memory
	write   writeFunc
	real    writeFunc
	hurry   func() bool // somebody waits for the end of it

	pages int
	began time.Time // when the first of the pages since the last rest was written
}

// rest makes the writes of a connection to its data file rest, while hurry does
// not say that there is no time for it. The connection must have opened the file
// and writes from one goroutine.
func (c *conn) rest(hurry func() bool) error {
	file, err := c.dataFile()
	if err != nil {
		return err
	}
	field := file + unsafe.Offsetof(sqlite3.Tsqlite3_file{}.FpMethods)
	size := int(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{}))
	p := &pace{methods: sqlite3.Xsqlite3_malloc(c.tls, int32(size)), hurry: hurry}
	if p.methods == 0 {
		return c.fail(sqlite3.SQLITE_NOMEM)
	}
	copy(libc.GoBytes(p.methods, size), libc.GoBytes(pointerAt(field), size))
	at := p.methods + unsafe.Offsetof(sqlite3.Tsqlite3_io_methods{}.FxWrite)
	p.real, p.write = function[writeFunc](pointerAt(at)), p.pacedWrite
	putPointer(at, address(&p.write))
	putPointer(field, p.methods)
	c.pace = p
	return nil
}

func (p *pace) pacedWrite(tls *libc.TLS, file, buf uintptr, n int32, at int64) int32 {
	if p.pages == 0 {
		p.began = time.Now()
	}
	rc := p.real(tls, file, buf, n, at)
	if p.pages++; p.pages == restAfter {
		if p.pages = 0; !p.hurry() {
			time.Sleep(min(restFor*time.Since(p.began), restMost))
		}
	}
	return rc
}
