package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Server is a linkloop process started for a measurement.
type Server struct {
	URL string // of the FHIR and intake port
	Ops string // of the operations port
	PID int

	cmd    *exec.Cmd
	log    string
	exited chan struct{}
}

// Start launches a server and waits until it is ready. ctx bounds the start
// only; the caller ends the server with Stop or Kill.
func Start(ctx context.Context, binary, folder string, env ...string) (*Server, error) {
	s, err := Launch(binary, folder, env...)
	if err != nil {
		return nil, err
	}
	if err := s.Await(ctx); err != nil {
		s.Kill()
		return nil, fmt.Errorf("%w; see %s", err, s.log)
	}
	return s, nil
}

// Launch runs "binary serve" on free loopback ports with its data in folder and
// does not wait for it. env holds further settings, such as
// LINKLOOP_RELAY_LEASE=1s; those of our own environment do not reach it, so that
// two measurements on one machine are the same. Several servers share a
// database when each has a folder of its own and the same LINKLOOP_DATA_POSTGRES.
// Its log is server.log in the folder.
func Launch(binary, folder string, env ...string) (*Server, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(folder, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	defer log.Close() // the child has its own
	s := &Server{
		URL: "http://" + ports[0], Ops: "http://" + ports[1],
		cmd: exec.Command(binary, "serve"), log: log.Name(), exited: make(chan struct{}),
	}
	s.cmd.Stdout, s.cmd.Stderr = log, log
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "LINKLOOP_") {
			s.cmd.Env = append(s.cmd.Env, e)
		}
	}
	s.cmd.Env = append(s.cmd.Env, "LINKLOOP_HTTP_LISTEN="+ports[0], "LINKLOOP_ADMIN_LISTEN="+ports[1],
		"LINKLOOP_DATA_FOLDER="+filepath.Join(folder, "data"), "LINKLOOP_LOG_LEVEL=warn")
	s.cmd.Env = append(s.cmd.Env, env...)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	s.PID = s.cmd.Process.Pid
	go func() {
		_ = s.cmd.Wait() // how it ended is seen by Stop and Kill
		close(s.exited)
	}()
	return s, nil
}

// Await waits until the server is ready, or has ended, or ctx ends.
func (s *Server) Await(ctx context.Context) error {
	ready, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.exited:
			cancel()
		case <-ready.Done():
		}
	}()
	return Ready(ready, s.Ops)
}

// freePorts asks the system for addresses nobody listens on. Somebody else may
// take one before the server does; the start then fails and says so.
func freePorts(n int) ([]string, error) {
	var out []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out, nil
}

// Kill ends the process at once, as a loss of power would.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // an error means that it has ended already
	<-s.exited
}

// ask asks the process to end, and does not wait.
func (s *Server) ask() { _ = s.cmd.Process.Signal(syscall.SIGTERM) } // an error means that it has ended already

// Stop asks the process to end, and kills it when it has not after patience.
func (s *Server) Stop(patience time.Duration) error {
	s.ask()
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.Kill()
		return errors.New("the server did not stop when asked, and was killed")
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the server ended with status %d when asked to stop", code)
	}
	return nil
}
