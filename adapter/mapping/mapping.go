package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/linkloop/linkloop/adapter/message"
)

// Mapping is a compiled mapping. What it does never changes with use, and it is
// safe for concurrent use.
type Mapping struct {
	name, title, version, format string

	hl7       bool
	lists     bool // a document of any shape: items left over are reported
	csv       CSV
	xml       XML
	json      JSON
	accepts   []string
	constants []constant
	by        *constantsBy // constants that depend on the message; nil: none do
	lets      []let
	intention *template      // what a message wants; nil: says nothing
	sent      *template      // when it was made; nil: says nothing
	brief     []string       // intentions that need no required values
	ignores   []message.Path // left out on purpose
	resources []resource
	rules     []rule
	celSource []source         // the paths inside expressions
	celNames  map[string]ident // what an identifier in an expression means
	tables    map[string]*table
	tableList []*table
	rests     map[string]bool // paths whose words beside telephone numbers a rule takes
	slots     int             // lets, $as names and the values of $each
	sizes     int             // values in all templates, a first hint for allocation
	lastSize  atomic.Int32    // values of the last result: the better hint
	archive   []byte
	hash      string
	bare      bool // elements do not record their origin: what recording costs is measured against it
}

// constant is a text that an installation may set differently per sender.
type constant struct {
	name, text string
	rule       int32
}

// let is a named place or text.
type let struct {
	name  string
	slot  int32
	place bool // a place in the message; otherwise a text
	value *template
}

// resource is one resource of the mapping.
type resource struct {
	key, kind string
	body      *template
}

// rule is one line of the mapping that can give an element its value.
type rule struct {
	file         string // of a shared fragment; empty: mapping.yaml
	line, column int
	text         string
	path         string // FHIR path, [] where an index belongs
}

// Name is the name of the mapping, which is that of its folder.
func (m *Mapping) Name() string { return m.name }

// Title says in a line what is mapped.
func (m *Mapping) Title() string { return m.title }

// Version is the version that its authors gave the mapping.
func (m *Mapping) Version() string { return m.version }

// Format names the wire format that decodes the messages: hl7v2, fhirmsg, json.
func (m *Mapping) Format() string { return m.format }

// Hash is the SHA-256 of the mapping's files in hexadecimal: two mappings with
// the same hash map alike.
func (m *Mapping) Hash() string { return m.hash }

// Accepts reports whether messages of the type are mapped. A message
// structure behind the type, as in REF^I12^REF_I12, does not matter.
func (m *Mapping) Accepts(messageType string) bool {
	return slices.ContainsFunc(m.accepts, func(a string) bool {
		return a == "*" || a == messageType || strings.HasPrefix(messageType, a+"^")
	})
}

// AcceptedTypes are the message types the mapping is for.
func (m *Mapping) AcceptedTypes() []string { return slices.Clone(m.accepts) }

// Constants are the texts that Context.Constants can replace, with their
// default.
func (m *Mapping) Constants() map[string]string {
	out := make(map[string]string, len(m.constants))
	for _, c := range m.constants {
		out[c.name] = c.text
	}
	return out
}

// Source is the mapping's files in one archive. Kept beside a message, it lets
// CompileArchive explain the message later as it was mapped then.
func (m *Mapping) Source() []byte { return slices.Clone(m.archive) }

// Option changes how a mapping is compiled.
type Option func(*compiler)

// Schema knows the elements of FHIR resources. Element is asked for a dotted
// path without indexes, such as name.family for a Patient, and may name the
// nearest element when it does not know the path.
type Schema interface {
	Element(resourceType, path string) (known bool, nearest string)
}

// WithSchema makes Compile check element names.
func WithSchema(s Schema) Option { return func(c *compiler) { c.schema = s } }

// Bounds on the files of a mapping.
const (
	maxMappingFile = 1 << 20
	maxTables      = 100
	mappingFile    = "mapping.yaml"
)

// Compile reads the mapping in a folder; shared fragments and code tables are
// taken from the folder shared beside it. The error is of type Problems and
// holds everything that is wrong.
func Compile(fsys fs.FS, dir string, options ...Option) (*Mapping, error) {
	c, ps := newCompiler(fsys, dir, options...)
	if len(ps) > 0 {
		return nil, ps.err()
	}
	return c.finish()
}

// newCompiler reads the files of a folder and compiles them.
func newCompiler(fsys fs.FS, dir string, options ...Option) (*compiler, Problems) {
	var ps Problems
	arc := &txtar.Archive{}
	read := func(name string) {
		f, err := fsys.Open(path.Join(dir, name))
		if err != nil {
			ps.add(name, 0, 0, "", "the file cannot be read: %s", plainReason(err))
			return
		}
		defer f.Close()
		data, err := readAtMost(f, maxMappingFile)
		if err != nil {
			ps.add(name, 0, 0, "", "%s", err)
			return
		}
		if line := tears(data); line > 0 {
			ps.add(name, line, 1, "", "a line of the form -- name -- cannot be archived")
		}
		arc.Files = append(arc.Files, txtar.File{Name: name, Data: data})
	}
	read(mappingFile)
	entries, err := fs.ReadDir(fsys, path.Join(dir, "vocabulary"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		ps.add("vocabulary", 0, 0, "", "the folder cannot be read: %s", plainReason(err))
	}
	for i, e := range entries {
		if i >= maxTables {
			ps.add("vocabulary", 0, 0, "", "more than %d files", maxTables)
			break
		}
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".json") {
			read("vocabulary/" + e.Name())
		}
	}
	if len(ps) > 0 {
		return nil, ps
	}
	base := path.Base(path.Clean(dir))
	c := compileFiles(arc.Files, folderLibrary{fsys, path.Join(path.Dir(path.Clean(dir)), sharedFolder)}, options...)
	if c.m.name != base && base != "." && base != "/" && len(c.problems) == 0 {
		c.problems.add(mappingFile, 1, 1, "", "the mapping is called %q but its folder %q", c.m.name, base)
	}
	return c, nil
}

// CompileArchive compiles what Source returned. The error is of type Problems.
func CompileArchive(archive []byte, options ...Option) (*Mapping, error) {
	var own, shared []txtar.File
	for _, f := range txtar.Parse(archive).Files {
		if strings.HasPrefix(f.Name, sharedFolder+"/") {
			shared = append(shared, f)
		} else {
			own = append(own, f)
		}
	}
	return compileFiles(own, archiveLibrary(shared), options...).finish()
}

// compileFiles compiles the files of a mapping with those of a library.
func compileFiles(own []txtar.File, shared library, options ...Option) *compiler {
	c := &compiler{
		m: &Mapping{tables: map[string]*table{}, celNames: map[string]ident{}, rests: map[string]bool{}}, library: shared, own: own,
		loaded: map[string][]byte{}, fragments: map[string]*fragment{}, from: map[*yaml.Node]spot{},
		changed: map[*yaml.Node]bool{}, used: map[string]bool{},
	}
	for _, o := range options {
		o(c)
	}
	var text []byte
	found := false
	for _, f := range own {
		switch name, isTable := strings.CutPrefix(f.Name, "vocabulary/"); {
		case f.Name == mappingFile:
			text, found = f.Data, true
		case isTable:
			c.addTable(f.Name, strings.TrimSuffix(name, ".json"), f.Data)
		}
	}
	if !found {
		c.problems.add(mappingFile, 0, 0, "", "the file is missing")
		return c
	}
	c.compile(text)
	return c
}

// finish is the mapping with its archive and hash, when nothing was wrong.
func (c *compiler) finish() (*Mapping, error) {
	if err := c.problems.err(); err != nil {
		return nil, err
	}
	arc := &txtar.Archive{Files: slices.Clone(c.own)}
	for _, name := range slices.Sorted(maps.Keys(c.loaded)) {
		arc.Files = append(arc.Files, txtar.File{Name: name, Data: c.loaded[name]})
	}
	c.m.archive = txtar.Format(arc)
	sum := sha256.Sum256(c.m.archive)
	c.m.hash = hex.EncodeToString(sum[:])
	return c.m, nil
}
