package mapping

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/tools/txtar"
)

// folderLibrary is the folder shared/ beside the folder of a mapping.
type folderLibrary struct {
	fsys fs.FS
	root string
}

func (l folderLibrary) read(name string) ([]byte, error) {
	f, err := l.fsys.Open(path.Join(l.root, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, maxMappingFile)
}

func (l folderLibrary) names(folder string) []string {
	entries, err := fs.ReadDir(l.fsys, path.Join(l.root, folder))
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

// WithShared says where shared files are that the folder shared/ beside a
// mapping does not have: the fragments and tables that are shipped. An archive
// has all it uses.
func WithShared(fsys fs.FS) Option {
	return func(c *compiler) {
		if own, ok := c.library.(folderLibrary); ok {
			c.library = libraries{own, folderLibrary{fsys, sharedFolder}}
		}
	}
}

// libraries are asked in their order.
type libraries []library

func (l libraries) read(name string) ([]byte, error) {
	for _, x := range l {
		if data, err := x.read(name); !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (l libraries) names(folder string) []string {
	var out []string
	for _, x := range l {
		out = append(out, x.names(folder)...)
	}
	return out
}

// archiveLibrary is the shared files in an archive of a mapping.
type archiveLibrary []txtar.File

func (l archiveLibrary) read(name string) ([]byte, error) {
	for _, f := range l {
		if f.Name == sharedFolder+"/"+name {
			return f.Data, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
}

func (l archiveLibrary) names(folder string) []string {
	var out []string
	for _, f := range l {
		if dir, file := path.Split(f.Name); dir == path.Join(sharedFolder, folder)+"/" {
			out = append(out, file)
		}
	}
	return out
}

// tears returns the line that an archive would take for the start of a file;
// 0: none.
func tears(data []byte) int {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --") {
			return n
		}
	}
	return 0
}
