package postgrestest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Pooled starts a PgBouncer in transaction mode in front of a database and
// returns the address of the database through it. A session is anybody's there
// from one transaction to the next. It ends with the test, which is skipped, or
// with NeedEnv fails, where there is no PgBouncer.
func Pooled(t TB, dsn string) string {
	t.Helper()
	bin := "/usr/sbin/pgbouncer"
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		bin = path
	}
	if _, err := os.Stat(bin); err != nil {
		if os.Getenv(NeedEnv) != "" {
			t.Fatal("PgBouncer is not installed")
		}
		t.Skip("PgBouncer is not installed")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "linkloop-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{dir: dir}
	if err := s.owner(); err != nil {
		t.Fatal(err)
	}
	port, err := sparePort()
	if err != nil {
		t.Fatal(err)
	}
	ini := filepath.Join(dir, "pgbouncer.ini")
	// Small on purpose: every transaction gets another session than the last.
	text := fmt.Sprintf("[databases]\n* = host=%s port=%s user=linkloop\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
		"auth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\nserver_round_robin = 1\nignore_startup_parameters = extra_float_digits\n",
		u.Hostname(), u.Port(), port)
	if err := os.WriteFile(ini, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, ini)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.run}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error means that it has ended already
		_ = cmd.Wait()
	})
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	q := u.Query()
	q.Set("default_query_exec_mode", "cache_describe")
	u.RawQuery = q.Encode()
	waitFor(t, u.String())
	return u.String()
}

func waitFor(t TB, dsn string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		c, err := pgx.Connect(ctx, dsn)
		if err == nil {
			if err := c.Close(ctx); err != nil {
				t.Fatal(err)
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("PgBouncer does not answer: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
