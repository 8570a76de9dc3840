package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/linkloop/linkloop/adapter/fault"
)

// maxManifest bounds what is read of a manifest.
const maxManifest = 1 << 20

// Restore puts what Backup wrote into a data folder that holds no data yet:
// copied, compared with the manifest, its structure read, synced, and only then
// given its name. The backup is not changed. A backup of an older version is
// brought up to date by Open. Errors: fault.Conflict when the folder has data
// or the backup is of a newer version; fault.Malformed when there is no backup;
// fault.Internal when it is damaged; fault.Transient when a disk is full or
// fails, or ctx ends.
func Restore(ctx context.Context, backup, folder string) error {
	m, err := readManifest(backup)
	if err != nil {
		return err
	}
	known, err := steps()
	if err != nil {
		return err
	}
	if m.Schema > int64(len(known)) {
		return fault.New(fault.Conflict, "", "the backup has schema %d and this binary knows up to %d: restore it with the version that made it, or a newer one", m.Schema, len(known))
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return diskFault(err, "the data folder cannot be made")
	}
	lock, err := takeLock(filepath.Join(folder, lockFile))
	if err != nil {
		return asFault(err)
	}
	err = m.restore(ctx, backup, folder)
	return diskFault(errors.Join(err, lock.close()), "the backup cannot be restored")
}

func readManifest(backup string) (m manifest, err error) {
	f, err := os.Open(filepath.Join(backup, manifestFile))
	if err != nil {
		return m, fault.Wrap(fault.Malformed, err, "this folder is not a backup: it has no %s that can be read", manifestFile)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return m, diskFault(err, "the backup cannot be read")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fault.Wrap(fault.Malformed, err, "the %s of the backup is damaged", manifestFile)
	}
	if _, ok := m.Files[dataFile]; !ok || m.Format != 1 {
		return m, fault.New(fault.Malformed, "", "the %s of the backup is not of a kind that this binary knows", manifestFile)
	}
	for name := range m.Files {
		if name != filepath.Base(name) || name == "." || name == ".." || name == lockFile {
			return m, fault.New(fault.Malformed, "", "the backup names a file outside of itself")
		}
	}
	return m, nil
}

func (m manifest) restore(ctx context.Context, backup, folder string) error {
	names := slices.Sorted(maps.Keys(m.Files))
	for _, name := range append(names, dataFile+"-wal", dataFile+"-journal") {
		there := filepath.Join(folder, name)
		if _, err := os.Lstat(there); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		// What a restore that was interrupted has put there already may stay.
		if want, ours := m.Files[name]; ours && name != dataFile {
			if have, err := sumFile(ctx, there); err == nil && have == want {
				continue
			}
		}
		return fault.New(fault.Conflict, "", "the data folder holds %s already; a backup is restored into an empty folder, move the old data away", name)
	}
	work, err := os.MkdirTemp(folder, ".restoring-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for name, want := range m.Files {
		got, err := copyFile(ctx, filepath.Join(backup, name), filepath.Join(work, name))
		if err != nil {
			return err
		}
		if got != want {
			return fault.New(fault.Internal, "", "the backup is damaged: %s is not as it was written; use another backup", name)
		}
	}
	if err := m.verifyData(ctx, filepath.Join(work, dataFile)); err != nil {
		return err
	}
	// The data comes last: with it the folder is complete.
	for name := range m.Files {
		if name != dataFile {
			if err := os.Rename(filepath.Join(work, name), filepath.Join(folder, name)); err != nil {
				return err
			}
		}
	}
	if err := syncFolder(folder); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(work, dataFile), filepath.Join(folder, dataFile)); err != nil {
		return err
	}
	return syncFolder(folder)
}
