package sqlite

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/linkloop/linkloop/adapter/fault"
)

// compactAtStart is how many pages (64 MiB) of a file that cannot be cut are
// rewritten when it is opened: about a second. Larger ones wait for Compact.
const compactAtStart = 16_384

// Compact rewrites the data file of a folder that no server has open: without
// free pages, and so that from then on pruning gives space back. It needs as
// much room again as the data, and is done or not done, whenever it is
// interrupted. Errors: fault.Conflict when a server or a reader has the folder
// open, or the data is of a newer version; else as of Open.
func Compact(ctx context.Context, folder string) error {
	file := filepath.Join(folder, dataFile)
	if _, err := os.Stat(file); err != nil {
		return fault.Wrap(fault.NotFound, err, "there is no data in this folder")
	}
	lock, err := takeLock(filepath.Join(folder, lockFile))
	if err != nil {
		return asFault(err)
	}
	err = compact(ctx, file)
	return diskFault(errors.Join(err, lock.close()), "the data cannot be rewritten")
}

// compactOld rewrites a small file that cannot be cut yet. Where there is no
// room for it, or somebody reads it, things stay as they were.
func compactOld(ctx context.Context, file string) error {
	c, err := openConn(file, readWrite)
	if err != nil {
		return err
	}
	mode, err := c.int64Of("PRAGMA auto_vacuum")
	var pages int64
	if err == nil {
		pages, err = c.int64Of("PRAGMA page_count")
	}
	if err = errors.Join(err, c.close()); err != nil || mode == incremental || pages == 0 || pages > compactAtStart {
		return err
	}
	if err := diskFault(compact(ctx, file), "the data cannot be rewritten"); err != nil && fault.KindOf(err) == fault.Internal {
		return err
	}
	return nil
}

func compact(ctx context.Context, file string) (err error) {
	c, err := openConn(file, readWrite)
	if err != nil {
		return err
	}
	copied := file + ".compact"
	defer os.Remove(copied) // after the rename there is nothing to remove
	m, err := rewrite(ctx, c, copied)
	if err = errors.Join(err, c.close()); err != nil {
		return err
	}
	// The last connection removes the log when it closes. While a log is
	// there, the file alone is not the data.
	if _, err := os.Lstat(file + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Conflict, "", "another process has the data open; close it first")
	}
	if err := m.verifyData(ctx, copied); err != nil {
		return err
	}
	f, err := os.OpenFile(copied, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(copied, file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// rewrite writes the rows of c to a new file in their order.
func rewrite(ctx context.Context, c *conn, to string) (m manifest, err error) {
	all, err := steps()
	if err != nil {
		return m, err
	}
	if m.Schema, err = c.int64Of("PRAGMA user_version"); err != nil {
		return m, err
	}
	if m.Schema > int64(len(all)) {
		return m, newer(m.Schema, len(all))
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	// Made here because SQLite would let everybody read it.
	if _, err := writeFile(to, func(io.Writer) error { return nil }); err != nil {
		return m, err
	}
	if m.Rows, err = countRows(ctx, c); err != nil {
		return m, err
	}
	if err := c.exec("PRAGMA auto_vacuum=INCREMENTAL"); err != nil {
		return m, err
	}
	s := c.stmt("VACUUM INTO ?")
	defer s.done()
	return m, s.text(to).exec()
}
