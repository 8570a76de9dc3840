// Package postgrestest runs real PostgreSQL servers, and a real PgBouncer in
// front of them, for tests and for the tools that crash and load linkloop.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrMissing says that PostgreSQL is not installed here.
var ErrMissing = errors.New("PostgreSQL is not installed: initdb is neither in PATH nor below /usr/lib/postgresql")

// Server is a PostgreSQL server of its own, on a spare port of the loopback
// address, that trusts everybody there.
type Server struct {
	bin, dir string
	port     int
	run      *syscall.Credential // nil: who runs this
	fsync    bool
	worn     bool
	cmd      *exec.Cmd
	exited   chan struct{}
	made     atomic.Int64
}

// Option changes a server before it starts.
type Option func(*Server)

// Forgetful makes a server that does not wait for its disk: quick, and no proof
// of anything about crashes of the machine.
func Forgetful() Option { return func(s *Server) { s.fsync = false } }

// Worn makes a server whose log goes into files that are there already, as on
// every server that has run for a while. A new one makes each file of 16 MB when
// it comes to it, and whoever commits then waits some 50 ms. Takes a few
// seconds and half a gigabyte.
func Worn() Option { return func(s *Server) { s.worn = true } }

// wornSegments is how many files of the log a worn server has, of 16 MB each.
const wornSegments = 32

// wear fills files of the log and has them kept for use again.
func (s *Server) wear() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	for range wornSegments {
		if _, err := c.Exec(ctx, "SELECT pg_logical_emit_message(false, 'linkloop', ''), pg_switch_wal()"); err != nil {
			return err
		}
	}
	_, err = c.Exec(ctx, "CHECKPOINT")
	return err
}

// New makes a server in a new folder below dir, which may be empty for the
// system's folder of temporary files, and starts it. ErrMissing when there is
// no PostgreSQL.
func New(dir string, options ...Option) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, fsync: true}
	for _, o := range options {
		o(s)
	}
	if s.dir, err = os.MkdirTemp(dir, "linkloop-postgres-"); err != nil {
		return nil, err
	}
	if err := s.owner(); err != nil {
		return nil, err
	}
	if out, err := s.command("initdb", "-D", s.data(), "-U", "linkloop", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = sparePort(); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil || !s.worn {
		return s, err
	}
	return s, s.wear()
}

// Installed reports whether there is a PostgreSQL to start.
func Installed() bool {
	_, err := binaries()
	return err == nil
}

// binaries finds the folder of initdb and postgres.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(real), "postgres")); err == nil {
				return filepath.Dir(real), nil
			}
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", ErrMissing
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// owner gives the folder to somebody else when this runs as root, because
// PostgreSQL refuses to.
func (s *Server) owner() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return err
	}
	s.run = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, int(uid), int(gid))
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: s.run}
	return cmd
}

// sparePort asks the system for a port nobody listens on.
func sparePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// startTime is how long a server may take to answer, recovery included.
const startTime = time.Minute

// Start starts a server that was stopped or killed, on the port it had.
func (s *Server) Start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	on := map[bool]string{true: "on", false: "off"}[s.fsync]
	s.cmd = s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", "", "-c", "listen_addresses=127.0.0.1",
		"-c", "fsync="+on, "-c", "synchronous_commit="+on, "-c", "full_page_writes="+on, "-c", "max_connections=100", "-c", "shared_buffers=256MB",
		"-c", "max_wal_size=2GB", "-c", "min_wal_size="+strconv.Itoa(16*wornSegments)+"MB")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait() // how it ended is of no interest
		close(exited)
	}(s.cmd, s.exited)
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, s.DSN("postgres"))
		if err == nil {
			return c.Close(ctx)
		}
		select {
		case <-s.exited:
			return fmt.Errorf("PostgreSQL ended at its start; see %s", log.Name())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// DSN is the address of a database of the server.
func (s *Server) DSN(database string) string {
	return "postgres://linkloop@" + net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) + "/" + database + "?sslmode=disable"
}

// CreateDatabase makes a new database and returns its address.
func (s *Server) CreateDatabase() (dsn string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	c, err := pgx.Connect(ctx, s.DSN("postgres"))
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	name := fmt.Sprintf("d%d_%d", s.made.Add(1), time.Now().UnixNano())
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.DSN(name), nil
}

// Stop ends the server in order; what is connected is cut off.
func (s *Server) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(startTime):
		s.Kill()
		return errors.New("PostgreSQL did not stop when asked, and was killed")
	}
}

// Kill ends the server and every process of it at once, and waits until the
// last one is gone: while one lives, a new server refuses the data.
func (s *Server) Kill() {
	pid := s.cmd.Process.Pid
	select {
	case <-s.exited:
		return
	default:
	}
	// Stopped first, so that it starts no more children. Those lead groups of
	// their own: they are found by their parent.
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	end := time.Now().Add(startTime)
	wait := func(until func() bool) {
		for !until() && time.Now().Before(end) {
			time.Sleep(time.Millisecond)
		}
	}
	wait(func() bool { return strings.Contains("TZ", state(pid)) })
	family := append(children(pid), pid)
	for _, one := range family {
		_ = syscall.Kill(one, syscall.SIGKILL)
	}
	<-s.exited
	wait(func() bool {
		return !slices.ContainsFunc(family, func(one int) bool { return !strings.Contains("Z", state(one)) })
	})
}

// state is the letter of a process's state, T when it is stopped, Z when it has
// ended and its parent has not noticed; empty when there is none.
func state(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:min(len(rest), 1)]
}

// children lists the processes that a process started.
func children(pid int) []int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var out []int
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// Restart kills the server and starts it again.
func (s *Server) Restart() error {
	s.Kill()
	return s.Start()
}

// Remove kills the server and removes its data.
func (s *Server) Remove() error {
	s.Kill()
	return os.RemoveAll(s.dir)
}
