package inbox

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The folders within a folder.
const (
	inboxDir   = "inbox"
	workingDir = "working"
	doneDir    = "done"
	failedDir  = "failed"
)

// longestName bounds the name of a file in bytes: the name of its receipt, and
// that in working/, are longer and must fit a file system.
const longestName = 200

// manyFiles bounds how many files of a folder are looked at in one round.
const manyFiles = 10_000

// folder is one watched folder.
type folder struct {
	cfg  Config
	at   Folder
	seen map[string]sight // in inbox/
	idle map[string]sight // in working/, in somebody else's hands

	mu       sync.Mutex
	claims   map[string]*claim // files in our hands, by their name in working/
	waiting  int
	problems map[string]problem // by what does not work
}

// sight is how a file looked, and since when it looks so.
type sight struct {
	size     int64
	modified time.Time
	since    time.Time
}

type problem struct {
	text  string
	since time.Time
}

func newFolder(cfg Config, at Folder) *folder {
	return &folder{cfg: cfg, at: at, seen: map[string]sight{}, idle: map[string]sight{},
		claims: map[string]*claim{}, problems: map[string]problem{}}
}

func (f *folder) path(parts ...string) string {
	return filepath.Join(append([]string{f.at.Path}, parts...)...)
}

func (f *folder) run(ctx context.Context) {
	beats := make(chan struct{})
	go func() {
		defer close(beats)
		f.beat(ctx)
	}()
	defer func() { <-beats }()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		f.round(ctx)
		next.Reset(f.cfg.Poll)
	}
}

// round looks once: first at what is in our hands, then at what others left
// behind, then at what has arrived.
func (f *folder) round(ctx context.Context) {
	err := makeFolders(f.at.Path)
	f.trouble("the folder", err)
	if err != nil {
		return
	}
	f.mu.Lock()
	held := slices.Sorted(maps.Keys(f.claims))
	f.mu.Unlock()
	for _, name := range held {
		f.mu.Lock()
		c := f.claims[name]
		f.mu.Unlock()
		if c != nil && !time.Now().Before(c.due) {
			f.work(ctx, c)
		}
	}
	f.adopt(ctx)
	f.arrivals(ctx)
}

// arrivals takes the files of inbox/ that are whole, in the order of their names.
func (f *folder) arrivals(ctx context.Context) {
	files, err := look(f.path(inboxDir))
	f.trouble("inbox/", err)
	f.mu.Lock()
	f.waiting = len(files)
	f.mu.Unlock()
	long := false
	settled := settledOf(f.seen, files, f.cfg.Settle)
	for _, name := range settled {
		if ctx.Err() != nil {
			return
		}
		if len(name) > longestName {
			long = true
			continue
		}
		c, err := f.claim(inboxDir, name, name)
		f.trouble("renaming from inbox/ to working/", err)
		if c != nil {
			delete(f.seen, name)
			f.mu.Lock()
			f.waiting--
			f.mu.Unlock()
			f.work(ctx, c)
		}
	}
	var tooLong error
	if long {
		tooLong = errors.New("a name is longer than 200 bytes; rename the file")
	}
	f.trouble("a file in inbox/", tooLong)
}

// adopt takes over files in working/ that nobody shows life for any more.
func (f *folder) adopt(ctx context.Context) {
	files, err := look(f.path(workingDir))
	f.trouble("working/", err)
	f.mu.Lock()
	for name := range f.claims {
		delete(files, name)
	}
	f.mu.Unlock()
	for _, name := range settledOf(f.idle, files, lives*f.cfg.Beat) {
		if ctx.Err() != nil {
			return
		}
		c, err := f.claim(workingDir, name, original(name))
		f.trouble("renaming within working/", err)
		if c != nil {
			delete(f.idle, name)
			f.work(ctx, c)
		}
	}
}

// settledOf updates what was seen by what is there, and returns the names of
// the files that have looked the same for long enough.
func settledOf(seen map[string]sight, files map[string]fs.FileInfo, long time.Duration) []string {
	now := time.Now()
	for name := range seen {
		if files[name] == nil {
			delete(seen, name)
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		info := files[name]
		s, known := seen[name]
		if !known || s.size != info.Size() || !s.modified.Equal(info.ModTime()) {
			s = sight{info.Size(), info.ModTime(), now}
			seen[name] = s
		}
		if now.Sub(s.since) >= long {
			out = append(out, name)
		}
	}
	return out
}

// look lists the regular files of a folder that are not being written under
// another name than their own.
func look(path string) (map[string]fs.FileInfo, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(manyFiles)
	if err != nil && !errors.Is(err, io.EOF) { // an empty folder ends at once
		return nil, err
	}
	out := make(map[string]fs.FileInfo, len(names))
	for _, name := range names {
		if unfinished(name) {
			continue
		}
		// A link could lead anywhere.
		if info, err := os.Lstat(filepath.Join(path, name)); err == nil && info.Mode().IsRegular() {
			out[name] = info
		}
	}
	return out, nil
}

// unfinished tells names under which files are written before they are whole.
func unfinished(name string) bool {
	lower := strings.ToLower(name)
	for _, suffix := range []string{".tmp", ".part", ".filepart"} {
		if strings.HasSuffix(lower, suffix) {
			return true
		}
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~")
}

// claim renames a file into working/ under a name that is ours alone. Nil
// without an error: somebody else was faster.
func (f *folder) claim(from, name, called string) (*claim, error) {
	working := token() + "-" + called
	if err := os.Rename(f.path(from, name), f.path(workingDir, working)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	c := &claim{name: called, working: working}
	now := time.Now()
	if info, err := os.Stat(f.path(workingDir, working)); err == nil {
		c.modified = info.ModTime()
	}
	_ = os.Chtimes(f.path(workingDir, working), now, now) // the first sign of life; the next one is tried soon
	f.mu.Lock()
	f.claims[working] = c
	f.mu.Unlock()
	return c, nil
}

// tokenLength is that of a token in hexadecimal.
const tokenLength = 16

func token() string {
	var b [tokenLength / 2]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// original is the name that a file in working/ had in inbox/.
func original(working string) string {
	if len(working) > tokenLength+1 && working[tokenLength] == '-' {
		if _, err := hex.DecodeString(working[:tokenLength]); err == nil {
			return working[tokenLength+1:]
		}
	}
	return working
}

// beat shows life for the files in our hands.
func (f *folder) beat(ctx context.Context) {
	every := time.NewTicker(f.cfg.Beat)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-every.C:
			f.mu.Lock()
			held := slices.Collect(maps.Values(f.claims))
			f.mu.Unlock()
			for _, c := range held {
				if err := os.Chtimes(f.path(workingDir, c.working), now, now); errors.Is(err, fs.ErrNotExist) {
					c.lose()
				}
			}
		}
	}
}

// trouble notes what does not work, or that it works again.
func (f *folder) trouble(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		if _, was := f.problems[what]; was {
			delete(f.problems, what)
			f.cfg.Log.Info("folder works again", "sender", f.at.Sender, "what", what)
		}
		return
	}
	text := what + ": " + reason(err)
	if f.problems[what].text == text {
		return
	}
	f.problems[what] = problem{text, time.Now()}
	f.cfg.Log.Error("folder does not work", "sender", f.at.Sender, "problem", text)
}

// reason is an error without the path in it.
func reason(err error) string {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err.Error()
	case errors.As(err, &l):
		return l.Err.Error()
	}
	return err.Error()
}

func (f *folder) current() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := State{Sender: f.at.Sender, Waiting: f.waiting, Working: len(f.claims)}
	for _, what := range slices.Sorted(maps.Keys(f.problems)) {
		p := f.problems[what]
		if s.Problem == "" {
			s.Problem, s.Since = p.text, p.since
		} else {
			s.Problem += "; " + p.text
			if p.since.Before(s.Since) {
				s.Since = p.since
			}
		}
	}
	return s
}

// makeFolders makes what is missing of the four.
func makeFolders(path string) error {
	for _, dir := range []string{inboxDir, workingDir, doneDir, failedDir} {
		if err := os.MkdirAll(filepath.Join(path, dir), 0o770); err != nil {
			return err
		}
	}
	return nil
}

// Check tries whether files could be moved through a folder. It leaves nothing
// behind but the folders. The error says what is wrong without a path.
func Check(path string) error {
	if err := makeFolders(path); err != nil {
		return errors.New("its folders cannot be made: " + reason(err))
	}
	name := "." + token() + ".tmp"
	at := filepath.Join(path, inboxDir, name)
	if err := os.WriteFile(at, []byte("linkloop\n"), 0o600); err != nil {
		return errors.New("inbox/ cannot be written: " + reason(err))
	}
	for _, dir := range []string{workingDir, doneDir, failedDir} {
		next := filepath.Join(path, dir, name)
		if err := os.Rename(at, next); err != nil {
			_ = os.Remove(at)
			return errors.New("a file cannot be renamed into " + dir + "/: " + reason(err))
		}
		at = next
	}
	if err := os.Remove(at); err != nil {
		return errors.New("failed/ cannot be written: " + reason(err))
	}
	return nil
}
