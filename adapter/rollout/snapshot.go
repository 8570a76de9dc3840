package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/mapping"
)

// Bounds on the files of one mapping with the shared ones.
const (
	maxFiles = 2_000
	maxBytes = 64 << 20
	maxDepth = 4
)

// shared is the folder of fragments and vocabulary that mappings include.
const shared = "shared"

// snapshot is the files of a mapping in memory, with those it may include.
type snapshot struct {
	files fs.FS
	hash  string // of names and contents; unreadable: they could not be read
}

// unreadable is the hash of a folder that cannot be read.
const unreadable = "unreadable"

// take reads a folder and shared/. The error is mapping.Problems.
func take(fsys fs.FS, name string) (snapshot, error) {
	t := &taker{fsys: fsys, arc: &txtar.Archive{}}
	if err := t.folder(name, 0); err != nil {
		return snapshot{hash: unreadable}, t.problem(name, err)
	}
	if err := t.folder(shared, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return snapshot{hash: unreadable}, t.problem(shared, err)
	}
	files, err := txtar.FS(t.arc)
	if err != nil {
		return snapshot{hash: unreadable}, t.problem(name, err)
	}
	h := sha256.New()
	for _, f := range t.arc.Files {
		fmt.Fprintf(h, "%d:%s%d:", len(f.Name), f.Name, len(f.Data))
		h.Write(f.Data)
	}
	return snapshot{files, hex.EncodeToString(h.Sum(nil))}, nil
}

type taker struct {
	fsys fs.FS
	arc  *txtar.Archive
	size int64
}

// folder reads the files of a folder in the order of their names. Names that
// begin with a dot are left to editors and to git.
func (t *taker) folder(dir string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d folders in one another", maxDepth)
	}
	entries, err := fs.ReadDir(t.fsys, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		switch {
		case e.Name()[0] == '.':
		case e.IsDir():
			if err := t.folder(p, depth+1); err != nil {
				return err
			}
		case wanted(e.Name()):
			if err := t.file(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted are the kinds of files that a mapping is made of.
func wanted(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".json", ".txtar":
		return true
	}
	return false
}

func (t *taker) file(p string) error {
	f, err := t.fsys.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes-t.size+1))
	if err != nil {
		return err
	}
	t.size += int64(len(data))
	if t.size > maxBytes || len(t.arc.Files) >= maxFiles {
		return fmt.Errorf("more than %d files or %d bytes", maxFiles, maxBytes)
	}
	t.arc.Files = append(t.arc.Files, txtar.File{Name: p, Data: data})
	return nil
}

// problem words an error without the path on this machine.
func (t *taker) problem(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return mapping.Problems{{File: name, Text: "the folder cannot be read: " + err.Error(), Severity: mapping.Error}}
}
