package sqlite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// manifestFile says what a backup holds. It is written last.
const manifestFile = "backup.json"

// manifest is the manifest as JSON.
type manifest struct {
	Format int              `json:"format"` // 1
	Made   time.Time        `json:"made"`   // by the clock of the store
	Schema int64            `json:"schema"`
	Rows   map[string]int64 `json:"rows"` // by table
	Files  map[string]sum   `json:"files"`
}

// Backup writes a copy of the store, as it is at one moment after the call, to
// a folder that must not be there yet. It needs a reader only and may run in
// another process beside the server (ReadOnly): decisions go on, and the log
// grows by what they write until the copy is complete. beside names further
// files of the data folder that belong to it, such as keys.
//
// The folder gets its name when everything in it was written, synced, read back
// and compared: same bytes, same number of rows, sound structure. Errors:
// fault.Conflict when the folder is there; fault.Transient when a disk is full
// or fails, or ctx ends; fault.Internal when the data is damaged. Then nothing
// is left behind.
func (s *Store) Backup(ctx context.Context, folder string, beside ...string) error {
	folder = filepath.Clean(folder)
	if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.Conflict, err, "the folder of the backup is there already; a backup never overwrites, give a new name")
	}
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return diskFault(err, "the folder above the backup cannot be made")
	}
	work, err := os.MkdirTemp(parent, "."+filepath.Base(folder)+".partial-")
	if err != nil {
		return diskFault(err, "the backup cannot be written")
	}
	defer os.RemoveAll(work) // after the rename there is nothing to remove
	if err := s.backupInto(ctx, work, beside); err != nil {
		return diskFault(err, "the backup cannot be written")
	}
	if err := syncFolder(work); err != nil {
		return diskFault(err, "the backup cannot be written")
	}
	if err := os.Rename(work, folder); err != nil {
		return diskFault(err, "the backup cannot be given its name")
	}
	return diskFault(syncFolder(parent), "the name of the backup may not be on disk")
}

func (s *Store) backupInto(ctx context.Context, work string, beside []string) error {
	m := manifest{Format: 1, Made: s.Now(), Files: map[string]sum{}}
	target := filepath.Join(work, dataFile)
	for _, name := range beside {
		if name != filepath.Base(name) || name == dataFile || name == manifestFile {
			return fault.New(fault.Internal, "", "only files of the data folder can be backed up with it")
		}
		f, err := copyFile(ctx, filepath.Join(s.cfg.Path, name), filepath.Join(work, name))
		if err != nil {
			return err
		}
		m.Files[name] = f
	}
	if err := s.view(ctx, func(snap *snapshot) error {
		f, err := writeFile(target, func(w io.Writer) error { return copyPages(ctx, snap.c, w) })
		if err != nil {
			return err
		}
		m.Files[dataFile] = f
		if m.Schema, err = snap.c.int64Of("PRAGMA user_version"); err != nil {
			return asFault(err)
		}
		m.Rows, err = countRows(ctx, snap.c)
		return asFault(err)
	}); err != nil {
		return err
	}
	if err := m.verify(ctx, work); err != nil {
		return err
	}
	return m.save(work)
}

func (m manifest) save(folder string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	_, err = writeFile(filepath.Join(folder, manifestFile), func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err })
	return err
}

// copyPages writes the pages of the snapshot that c is in. The copy is in
// rollback mode (https://www.sqlite.org/fileformat2.html#file_format_version_numbers),
// so that it can be read where nothing may be written; Open changes it back.
func copyPages(ctx context.Context, c *conn, to io.Writer) error {
	w := bufio.NewWriterSize(to, 1<<20)
	s := c.stmt("SELECT data FROM sqlite_dbpage")
	defer s.done()
	for n := 0; ; n++ {
		if n%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		ok, err := s.step()
		if err != nil {
			return asFault(err)
		}
		if !ok {
			return w.Flush()
		}
		page := s.view(0)
		if n == 0 {
			if len(page) < 100 {
				return fault.New(fault.Internal, "", "the data file has no first page")
			}
			page = append([]byte(nil), page...)
			page[18], page[19] = 1, 1
		}
		if _, err := w.Write(page); err != nil {
			return err
		}
	}
}

// countRows counts every table.
func countRows(ctx context.Context, c *conn) (map[string]int64, error) {
	var names []string
	s := c.stmt("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
	for {
		ok, err := s.step()
		if err != nil || !ok {
			s.done()
			if err != nil {
				return nil, err
			}
			break
		}
		names = append(names, s.string(0))
	}
	rows := make(map[string]int64, len(names))
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := c.int64Of(`SELECT count(*) FROM "` + name + `"`)
		if err != nil {
			return nil, err
		}
		rows[name] = n
	}
	return rows, nil
}

// verify holds the files of a folder against the manifest. The structure of the
// data is read whole: seconds per gigabyte.
func (m manifest) verify(ctx context.Context, folder string) error {
	for name, want := range m.Files {
		got, err := sumFile(ctx, filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if got != want {
			return fault.New(fault.Internal, "", "the backup is damaged: %s is not as it was written; do not use it", name)
		}
	}
	return m.verifyData(ctx, filepath.Join(folder, dataFile))
}

// verifyData checks a data file that nobody else has open.
func (m manifest) verifyData(ctx context.Context, file string) error {
	c, err := openConn(file, readOnly)
	if err != nil {
		return err
	}
	defer c.close()
	if err := quickCheck(c); err != nil {
		return err
	}
	rows, err := countRows(ctx, c)
	if err != nil {
		return asFault(err)
	}
	if !maps.Equal(rows, m.Rows) {
		return fault.Wrap(fault.Internal, fmt.Errorf("sqlite: %v rows, want %v", rows, m.Rows), "the copy does not hold the rows of the original")
	}
	return nil
}
