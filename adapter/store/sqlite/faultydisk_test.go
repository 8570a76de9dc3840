package sqlite

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// FaultyDisk stands between SQLite and the files of one folder. It refuses what
// Fail says, and remembers what a power cut now would leave: what was synced,
// and of the rest whatever chance has it. A sync that fails marks what it should
// have written as clean, so that a later one does not write it: that is what
// Linux does.
type FaultyDisk struct {
	folder string

	mu     sync.Mutex
	fail   func(op DiskOp, file string) int32
	images map[string]*image // by file name
	rng    *rand.Rand
}

// DiskOp is what SQLite asks of a disk.
type DiskOp string

// The operations that may be refused.
const (
	DiskOpen     DiskOp = "open"
	DiskRead     DiskOp = "read"
	DiskWrite    DiskOp = "write"
	DiskTruncate DiskOp = "truncate"
	DiskSync     DiskOp = "sync"
	DiskShmMap   DiskOp = "shm"
)

// Result codes that a disk in trouble has.
const (
	DiskFull    = int32(sqlite3.SQLITE_FULL)
	WriteError  = int32(sqlite3.SQLITE_IOERR_WRITE)
	SyncError   = int32(sqlite3.SQLITE_IOERR_FSYNC)
	ReadError   = int32(sqlite3.SQLITE_IOERR_READ)
	TruncError  = int32(sqlite3.SQLITE_IOERR_TRUNCATE)
	ShmError    = int32(sqlite3.SQLITE_IOERR_SHMMAP)
	CannotOpen  = int32(sqlite3.SQLITE_CANTOPEN)
	pageOfCache = 4096
)

// image is one file: as programs see it, and as it is on disk.
type image struct {
	cache, disk []byte
	dirty       map[int]bool // pages of cache that a sync would write
	lost        map[int]bool // pages that a failed sync dropped: on disk by chance
}

// opened is one file that SQLite has open on a faulty disk.
type opened struct {
	d    *FaultyDisk
	name string
	orig uintptr // the methods of the real file
}

var faulty struct {
	sync.Mutex
	disks   map[string]*FaultyDisk
	files   map[uintptr]*opened
	methods map[uintptr]uintptr // real methods -> ours
	open    uintptr             // xOpen of the real file system
}

// The functions that SQLite calls. They are variables so that they have an
// address that stays.
var (
	vfsOpen  = faultyOpen
	vfsClose = faultyClose
	vfsRead  = func(tls *libc.TLS, f, buf uintptr, n int32, at int64) int32 {
		return transfer(tls, f, buf, n, at, DiskRead)
	}
	vfsWrite = func(tls *libc.TLS, f, buf uintptr, n int32, at int64) int32 {
		return transfer(tls, f, buf, n, at, DiskWrite)
	}
	vfsTruncate = faultyTruncate
	vfsSync     = faultySync
	vfsShmMap   = faultyShmMap
)

// init puts the faulty file system in front of the real one. Files outside of
// the folders of faulty disks never meet it again after they are opened.
func init() {
	faulty.disks, faulty.files, faulty.methods = map[string]*FaultyDisk{}, map[uintptr]*opened{}, map[uintptr]uintptr{}
	tls := libc.NewTLS()
	real := sqlite3.Xsqlite3_vfs_find(tls, 0)
	size := unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})
	ours := sqlite3.Xsqlite3_malloc(tls, int32(size))
	copy(libc.GoBytes(ours, int(size)), libc.GoBytes(real, int(size)))
	v := at[sqlite3.Tsqlite3_vfs](ours)
	name, err := libc.CString("faulty")
	if err != nil {
		panic(err)
	}
	v.FzName, faulty.open = name, v.FxOpen
	v.FxOpen = address(&vfsOpen)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, ours, 1); rc != 0 {
		panic(rc)
	}
}

// at is the C struct at an address.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// NewFaultyDisk makes a folder a faulty disk. No file of it may be open.
func NewFaultyDisk(folder string, seed uint64) *FaultyDisk {
	d := &FaultyDisk{folder: filepath.Clean(folder), images: map[string]*image{}, rng: rand.New(rand.NewPCG(seed, 1))}
	faulty.Lock()
	defer faulty.Unlock()
	faulty.disks[d.folder] = d
	return d
}

// Fail sets what is refused: fn returns a result code, or 0 to go on. nil heals
// the disk. fn runs alone.
func (d *FaultyDisk) Fail(fn func(op DiskOp, file string) int32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fn
}

func (d *FaultyDisk) refuses(op DiskOp, name string) int32 {
	if d.fail == nil {
		return 0
	}
	return d.fail(op, name)
}

// Slow makes a disk that takes its time for each of the operations.
func Slow(pause time.Duration, ops ...DiskOp) func(DiskOp, string) int32 {
	return func(op DiskOp, _ string) int32 {
		for _, o := range ops {
			if o == op {
				time.Sleep(pause)
			}
		}
		return 0
	}
}

// PowerCut writes what the disk would hold after a power cut now to a folder.
func (d *FaultyDisk) PowerCut(folder string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, i := range d.images {
		if !strings.HasSuffix(name, ".db") && !strings.HasSuffix(name, "-wal") {
			continue
		}
		b := append([]byte(nil), i.disk...)
		for _, pages := range []map[int]bool{i.dirty, i.lost} {
			for p := range pages {
				if d.rng.IntN(2) == 0 {
					b = i.put(b, p)
				}
			}
		}
		if len(i.cache) < len(b) && len(i.cache) < len(i.disk) && d.rng.IntN(2) == 0 {
			b = b[:len(i.cache)]
		}
		if err := os.WriteFile(filepath.Join(folder, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// put copies a page of the cache to b, which grows as needed.
func (i *image) put(b []byte, page int) []byte {
	from, to := page*pageOfCache, min((page+1)*pageOfCache, len(i.cache))
	if from >= to {
		return b
	}
	if len(b) < to {
		b = append(b, make([]byte, to-len(b))...)
	}
	copy(b[from:to], i.cache[from:to])
	return b
}

func (i *image) write(b []byte, at int) {
	if need := at + len(b); need > len(i.cache) {
		i.cache = append(i.cache, make([]byte, need-len(i.cache))...)
	}
	copy(i.cache[at:], b)
	for p := at / pageOfCache; p <= (at+len(b)-1)/pageOfCache; p++ {
		i.dirty[p] = true
		delete(i.lost, p)
	}
}

func (i *image) sync(fails bool) {
	if fails {
		for p := range i.dirty {
			i.lost[p] = true
		}
		clear(i.dirty)
		return
	}
	for p := range i.dirty {
		i.disk = i.put(i.disk, p)
	}
	if len(i.disk) > len(i.cache) {
		i.disk = i.disk[:len(i.cache)]
	}
	clear(i.dirty)
}

// image is that of a file, read when it is first opened. Reading it later would
// drop the locks that SQLite holds on it.
func (d *FaultyDisk) image(name string) *image {
	i := d.images[name]
	if i == nil {
		b, _ := os.ReadFile(filepath.Join(d.folder, name)) // not there: empty
		i = &image{cache: b, disk: append([]byte(nil), b...), dirty: map[int]bool{}, lost: map[int]bool{}}
		d.images[name] = i
	}
	return i
}

func faultyOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	open := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](faulty.open)
	path := libc.GoString(name)
	faulty.Lock()
	d := faulty.disks[filepath.Dir(path)]
	faulty.Unlock()
	if d == nil || name == 0 {
		return open(tls, vfs, name, file, flags, out)
	}
	base := filepath.Base(path)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.image(base)
	if rc := d.refuses(DiskOpen, base); rc != 0 {
		at[sqlite3.Tsqlite3_file](file).FpMethods = 0
		return rc
	}
	rc := open(tls, vfs, name, file, flags, out)
	f := at[sqlite3.Tsqlite3_file](file)
	if rc != 0 || f.FpMethods == 0 {
		return rc
	}
	faulty.Lock()
	defer faulty.Unlock()
	faulty.files[file] = &opened{d, base, f.FpMethods}
	ours := faulty.methods[f.FpMethods]
	if ours == 0 {
		size := int(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{}))
		ours = sqlite3.Xsqlite3_malloc(tls, int32(size))
		copy(libc.GoBytes(ours, size), libc.GoBytes(f.FpMethods, size))
		m := at[sqlite3.Tsqlite3_io_methods](ours)
		m.FxClose, m.FxRead, m.FxWrite = address(&vfsClose), address(&vfsRead), address(&vfsWrite)
		m.FxTruncate, m.FxSync, m.FxShmMap = address(&vfsTruncate), address(&vfsSync), address(&vfsShmMap)
		faulty.methods[f.FpMethods] = ours
	}
	f.FpMethods = ours
	return rc
}

// real finds the file and its real methods.
func real(file uintptr) (*opened, *sqlite3.Tsqlite3_io_methods) {
	faulty.Lock()
	defer faulty.Unlock()
	o := faulty.files[file]
	return o, at[sqlite3.Tsqlite3_io_methods](o.orig)
}

func faultyClose(tls *libc.TLS, file uintptr) int32 {
	_, m := real(file)
	faulty.Lock()
	delete(faulty.files, file)
	faulty.Unlock()
	return function[func(*libc.TLS, uintptr) int32](m.FxClose)(tls, file)
}

func transfer(tls *libc.TLS, file, buf uintptr, n int32, at int64, op DiskOp) int32 {
	o, m := real(file)
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	rc := o.d.refuses(op, o.name)
	if op == DiskRead {
		if rc != 0 {
			return rc
		}
		return function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](m.FxRead)(tls, file, buf, n, at)
	}
	write := function[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](m.FxWrite)
	if rc != 0 {
		// A write that fails may have done a part.
		if part := int32(o.d.rng.IntN(int(n))); part > 0 && write(tls, file, buf, part, at) == 0 {
			o.d.image(o.name).write(libc.GoBytes(buf, int(part)), int(at))
		}
		return rc
	}
	if rc = write(tls, file, buf, n, at); rc == 0 {
		o.d.image(o.name).write(libc.GoBytes(buf, int(n)), int(at))
	}
	return rc
}

func faultyTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	o, m := real(file)
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	if rc := o.d.refuses(DiskTruncate, o.name); rc != 0 {
		return rc
	}
	rc := function[func(*libc.TLS, uintptr, int64) int32](m.FxTruncate)(tls, file, size)
	if i := o.d.image(o.name); rc == 0 && int(size) < len(i.cache) {
		i.cache = i.cache[:size:size]
	}
	return rc
}

func faultySync(tls *libc.TLS, file uintptr, flags int32) int32 {
	o, _ := real(file)
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	// The real disk is not waited for: what counts is the image.
	rc := o.d.refuses(DiskSync, o.name)
	o.d.image(o.name).sync(rc != 0)
	return rc
}

func faultyShmMap(tls *libc.TLS, file uintptr, region, size, extend int32, out uintptr) int32 {
	o, m := real(file)
	o.d.mu.Lock()
	rc := o.d.refuses(DiskShmMap, o.name)
	o.d.mu.Unlock()
	if rc != 0 {
		binary.NativeEndian.PutUint64(libc.GoBytes(out, 8), 0)
		return rc
	}
	return function[func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32](m.FxShmMap)(tls, file, region, size, extend, out)
}
