package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// NeedEnv is the environment variable that makes the lack of PostgreSQL a
// failure where it is set: the suites must not be skipped unnoticed.
const NeedEnv = "NEED_POSTGRES"

// TB is what is needed of a testing.TB. The package testing itself is not
// imported, because the load command starts servers too.
type TB interface {
	Helper()
	Error(args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
	Cleanup(func())
}

// shared is the one server of a test binary.
var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Main runs the tests of a package and removes the server they shared.
func Main(m interface{ Run() int }) {
	code := m.Run()
	Close()
	os.Exit(code)
}

// Close removes the server that tests shared.
func Close() {
	if shared.server != nil {
		if err := shared.server.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "postgrestest:", err)
		}
	}
}

// Shared is the server that the tests of a package share; it does not wait for
// its disk. Where PostgreSQL is not installed the test is skipped, or fails
// with NeedEnv.
func Shared(t TB) *Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.err = New("", Forgetful()) })
	check(t, shared.err)
	return shared.server
}

// Own is a server for one test alone, which may kill it. It waits for its disk.
func Own(t TB) *Server {
	t.Helper()
	s, err := New("")
	check(t, err)
	t.Cleanup(func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Database makes a database on the shared server and returns its address.
func Database(t TB) string {
	t.Helper()
	dsn, err := Shared(t).CreateDatabase()
	check(t, err)
	return dsn
}

func check(t TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv(NeedEnv) == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
