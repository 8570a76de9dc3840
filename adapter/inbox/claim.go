package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/fault"
)

// claim is a file in our hands.
type claim struct {
	name     string    // that it had in inbox/
	working  string    // in working/
	modified time.Time // when its sender wrote it
	due      time.Time // when it is tried again
	wait     time.Duration
	receipt  *batch.Receipt // when it was taken and not yet moved
	err      error          // why it was not

	mu   sync.Mutex
	lost bool
	stop context.CancelFunc
}

// The waits between attempts.
const (
	firstWait = time.Second
	lastWait  = time.Minute
)

// lose ends the work on a file that somebody else took over.
func (c *claim) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = true
	if c.stop != nil {
		c.stop()
	}
}

// work takes a file and moves it; what does not work is tried again later.
func (f *folder) work(ctx context.Context, c *claim) {
	if c.receipt == nil {
		receipt, err := f.take(ctx, c)
		if ctx.Err() != nil {
			return // it stays in working/
		}
		if c.gone() {
			f.drop(c)
			return
		}
		if f.later(c, err) {
			return
		}
		c.receipt = receipt
	}
	to := doneDir
	if !c.receipt.Taken() {
		to = failedDir
	}
	err := f.move(c, to)
	if errors.Is(err, fs.ErrNotExist) {
		f.drop(c) // taken over; whoever has it moves it
		return
	}
	if f.later(c, err) {
		return
	}
	f.drop(c)
	f.cfg.Log.Info("file from folder", "sender", f.at.Sender, "result", to, "accepted", c.receipt.Accepted,
		"repeated", c.receipt.Repeated, "refused", c.receipt.Refused)
	if f.cfg.Moved != nil {
		f.cfg.Moved(f.at.Sender, to)
	}
}

// later puts off what did not work, and shows one reason of those there are.
func (f *folder) later(c *claim, err error) bool {
	if c.err = err; err != nil {
		c.wait = min(max(firstWait, 2*c.wait), lastWait)
		c.due = time.Now().Add(c.wait)
	}
	f.mu.Lock()
	var first error
	for _, name := range slices.Sorted(maps.Keys(f.claims)) {
		if first == nil {
			first = f.claims[name].err
		}
	}
	f.mu.Unlock()
	f.trouble("a file in working/", first)
	return err != nil
}

func (c *claim) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

func (f *folder) drop(c *claim) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.claims, c.working)
}

// errAgain says that a file was not taken to its end and can be later.
var errAgain = errors.New("not taken to its end")

// take reads a file into the house. The error means: try again.
func (f *folder) take(ctx context.Context, c *claim) (*batch.Receipt, error) {
	ctx, stop := context.WithTimeout(ctx, f.cfg.TimeLimit)
	defer stop()
	c.mu.Lock()
	c.stop = stop
	c.mu.Unlock()
	for {
		file, err := open(f.path(workingDir, c.working))
		if err != nil {
			return nil, err
		}
		body := &bounded{from: file, left: f.cfg.MaxFile, most: f.cfg.MaxFile}
		receipt := f.cfg.Taker.Take(ctx, batch.File{Sender: f.at.Sender, Client: "folder", Received: time.Now().UTC(), Body: body})
		info, err := file.Stat()
		_ = file.Close() // it was only read
		switch {
		case receipt.Again():
			return nil, fmt.Errorf("%w: %s", errAgain, receipt.Reason)
		case err == nil && receipt.Status == batch.Complete && info.Size() > body.read:
			continue // its sender went on writing; what was taken is recognised
		}
		return receipt, nil
	}
}

// open opens a file that is one: a link put in its place since it was looked at
// could lead anywhere.
func open(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	at, err := os.Lstat(path)
	var is fs.FileInfo
	if err == nil {
		is, err = file.Stat()
	}
	if err == nil && !os.SameFile(at, is) {
		err = errors.New("it is a link, not a file")
	}
	if err != nil {
		_ = file.Close() // it was not read
		return nil, err
	}
	return file, nil
}

// bounded reads a file up to a size.
type bounded struct {
	from             io.Reader
	left, most, read int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fault.New(fault.TooLarge, "", "the file is larger than %d bytes", b.most)
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	b.read += int64(n)
	if b.left < 0 {
		return 0, fault.New(fault.TooLarge, "", "the file is larger than %d bytes", b.most)
	}
	return n, err
}

// move puts a file and its receipts into done/ or failed/, under its own name
// or, when that is taken, with a number before the suffix. The receipts are
// there before the file is, so that whoever sees the file can read them.
func (f *folder) move(c *claim, to string) error {
	name, err := f.reserve(c.name, to)
	if err != nil {
		return err
	}
	var moved bool
	defer func() {
		if !moved {
			_ = os.Remove(f.path(to, name+jsonSuffix))
			_ = os.Remove(f.path(to, name+csvSuffix))
		}
	}()
	if err := f.write(to, name+jsonSuffix, c.receipt.WriteJSON); err != nil {
		return err
	}
	if err := f.write(to, name+csvSuffix, c.receipt.WriteCSV); err != nil {
		return err
	}
	if !c.modified.IsZero() {
		_ = os.Chtimes(f.path(workingDir, c.working), c.modified, c.modified) // as its sender wrote it; nothing rests on it
	}
	if err := os.Rename(f.path(workingDir, c.working), f.path(to, name)); err != nil {
		return err
	}
	moved = true
	return nil
}

// The names of receipts are those of the files with one of these behind.
const (
	jsonSuffix = ".receipt.json"
	csvSuffix  = ".receipt.csv"
)

// manyNames bounds how many files of one name done/ or failed/ may hold.
const manyNames = 100_000

// reserve finds a name that neither a file nor a receipt has, and keeps it by
// an empty receipt.
func (f *folder) reserve(name, to string) (string, error) {
	for n := 1; n <= manyNames; n++ {
		try := numbered(name, n)
		if _, err := os.Lstat(f.path(to, try)); err == nil {
			continue
		}
		r, err := os.OpenFile(f.path(to, try+jsonSuffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o660)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		return try, r.Close()
	}
	return "", errors.New("too many files of one name; clear the folder")
}

// numbered is name, name-2 and so on, the number before the suffix.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	dot := len(name)
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '.' {
			dot = i
			break
		}
	}
	return name[:dot] + "-" + strconv.Itoa(n) + name[dot:]
}

// write writes a receipt under another name and renames it.
func (f *folder) write(to, name string, content func(io.Writer) error) error {
	tmp := f.path(to, "."+token()+".tmp")
	w, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o660)
	if err != nil {
		return err
	}
	err = content(w)
	if err == nil {
		err = w.Sync()
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, f.path(to, name))
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}
