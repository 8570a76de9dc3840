package profile

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// Limits of one package. The largest that is loaded anywhere, hl7.fhir.r4.core,
// has 4,600 files of 100 MB together.
const (
	maxPackageBytes = 256 << 20 // unpacked
	maxPackageFiles = 20_000
	maxFileBytes    = 16 << 20
	maxFileNodes    = 1_000_000
	maxNameLength   = 512
)

// Package is a FHIR package: its name, and of its content what resources are
// held against. https://confluence.hl7.org/display/FHIR/NPM+Package+Specification
type Package struct {
	Name        string // fhir.r4.ukcore.stu2
	Version     string
	Definitions []*element.Value // StructureDefinition, ValueSet, CodeSystem, in the order of the file
}

// ReadPackage reads a FHIR package, a tar archive packed with gzip, from start
// to end. Nothing of it is written anywhere, and no name in it is used as one
// of a file. Errors are *fault.Fault: Malformed, or TooLarge for more than the
// limits above, however small the archive is; they name the file in the
// package.
func ReadPackage(r io.Reader) (*Package, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "a FHIR package is expected: a .tgz file")
	}
	total := &countdown{r: zip, left: maxPackageBytes}
	archive := tar.NewReader(total)
	p := &Package{}
	for n := 0; ; n++ {
		h, err := archive.Next()
		switch {
		case total.spent:
			return nil, fault.New(fault.TooLarge, "", "the package has more than %d MB when unpacked", maxPackageBytes>>20)
		case errors.Is(err, io.EOF):
			if p.Name == "" {
				return nil, fault.New(fault.Malformed, "package/package.json", "the file is not there, or names no package")
			}
			return p, nil
		case err != nil:
			return nil, fault.Wrap(fault.Malformed, err, "the archive ends early or is damaged")
		case n >= maxPackageFiles:
			return nil, fault.New(fault.TooLarge, "", "the package has more than %d files", maxPackageFiles)
		}
		if err := p.take(h, archive, total); err != nil {
			return nil, err
		}
	}
}

// take reads one entry. Definitions stand in package/ itself; what is in
// folders below are examples, tests and documentation.
func (p *Package) take(h *tar.Header, r io.Reader, total *countdown) error {
	name := strings.TrimPrefix(h.Name, "./")
	if len(name) > maxNameLength || strings.ContainsAny(name, "\\\x00") || path.IsAbs(name) || name != "" && strings.TrimSuffix(name, "/") != path.Clean(name) || strings.HasPrefix(name, "..") {
		return fault.New(fault.Malformed, "", "an entry has a name that leads out of the package")
	}
	switch h.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return nil
	default:
		return fault.New(fault.Malformed, name, "is neither a file nor a folder; packages have no links")
	}
	folder, file := path.Split(name)
	if folder != "package/" || path.Ext(file) != ".json" || strings.HasPrefix(file, ".") {
		return nil
	}
	if h.Size > maxFileBytes {
		return fault.New(fault.TooLarge, name, "has more than %d MB", maxFileBytes>>20)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if total.spent {
		return fault.New(fault.TooLarge, "", "the package has more than %d MB when unpacked", maxPackageBytes>>20)
	}
	if err != nil {
		return fault.Wrap(fault.Malformed, err, "the archive ends early or is damaged")
	}
	v, err := element.Parse(b, element.Limits{Bytes: maxFileBytes, Depth: element.DefaultLimits.Depth, Nodes: maxFileNodes})
	if err != nil {
		f := fault.Of(err)
		for i := range f.Issues {
			f.Issues[i].Place = name + ": " + f.Issues[i].Place
		}
		return f
	}
	if file == "package.json" {
		p.Name, p.Version = v.Str("name"), v.Str("version")
		return nil
	}
	p.add(v)
	return nil
}

// countdown ends a reader after so many bytes, and remembers that it did.
type countdown struct {
	r     io.Reader
	left  int64
	spent bool
}

var errSpent = errors.New("more than may be unpacked")

func (c *countdown) Read(b []byte) (int, error) {
	if c.left <= 0 {
		c.spent = true
		return 0, errSpent
	}
	if int64(len(b)) > c.left {
		b = b[:c.left]
	}
	n, err := c.r.Read(b)
	c.left -= int64(n)
	return n, err
}

// ReadFolder reads definitions that stand as JSON files in a folder, such as
// those that are part of the program. Files of other resources are left out.
func ReadFolder(fsys fs.FS, name, version string) (*Package, error) {
	files, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, err
	}
	p := &Package{Name: name, Version: version}
	for _, file := range files {
		b, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, err
		}
		v, err := element.Parse(b, element.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		p.add(v)
	}
	return p, nil
}

func (p *Package) add(v *element.Value) {
	switch v.ResourceType() {
	case "StructureDefinition", "ValueSet", "CodeSystem":
		p.Definitions = append(p.Definitions, v)
	}
}
