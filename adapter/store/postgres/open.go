package postgres

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// connectTime is how long making a connection may take.
const connectTime = 5 * time.Second

// Store is an open database. It is safe for concurrent use.
type Store struct {
	cfg   Config
	conn  *pgx.ConnConfig
	pool  *pgxpool.Pool // of the readers
	types types

	queue   chan *decision
	closing sync.RWMutex // held for reading while something is put into queue
	closed  bool
	writers sync.WaitGroup
	stopped chan struct{} // closed when the writers have ended

	skew   atomic.Int64 // microseconds by which the server's clock is ahead of ours
	stats  counters
	sizes  sizes
	pruner pruner
	lists  listSizes
	shelf  *store.Shelf
}

// shelfBytes is what versions read lately may take.
const shelfBytes = 32 << 20

var _ store.Store = (*Store)(nil)

// counters are what Stats reads.
type counters struct {
	decisions, failed, refused, commits, failedCommits, clockAhead atomic.Int64
}

// Open connects and brings the schema up to date. Errors: fault.Conflict when
// the configuration is not valid or the data is newer than this binary;
// fault.Transient when the database does not answer.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fault.Wrap(fault.Conflict, err, "the store's configuration is not valid")
	}
	cfg = cfg.withDefaults()
	pc, err := pgxpool.ParseConfig(cfg.DSN)
	if err != nil {
		return nil, fault.New(fault.Conflict, "", "the address of the database is not valid")
	}
	pc.MaxConns, pc.MinConns = int32(cfg.Readers), 0
	pc.ConnConfig.ConnectTimeout = connectTime
	pc.ConnConfig.RuntimeParams["application_name"] = "linkloop"
	s := &Store{cfg: cfg, conn: pc.ConnConfig.Copy(), queue: make(chan *decision, cfg.Queue), stopped: make(chan struct{}), shelf: store.NewShelf(shelfBytes)}
	s.sizes.s = s
	s.lists.known = map[int64]listSize{}
	s.pruner.removed = map[string]int{}
	if err := s.adapt(ctx); err != nil {
		return nil, asFault(err)
	}
	pc.ConnConfig = s.conn.Copy()
	if s.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, asFault(err)
	}
	if err := s.begin(ctx); err != nil {
		s.pool.Close()
		return nil, asFault(err)
	}
	return s, nil
}

// modeSetting is the parameter of an address that chooses how statements are
// sent.
const modeSetting = "default_query_exec_mode"

// steady are settings under which a statement that is prepared stays good. The
// server plans it once, perhaps while a table is empty and reading all of it is
// cheapest, and keeps the plan while the table grows. What is left is to walk an
// index in its order and to stop when enough is found, as every statement here
// is meant to. https://www.postgresql.org/docs/current/runtime-config-query.html
var steady = map[string]string{
	"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off",
}

// adapt finds out whether a connection pooler stands before the database: then
// the process that answers is not the one that greeted. Statements prepared on
// one connection would be missing, or in the way, on the next one, so only what
// they look like is remembered; they are planned each time. A pooler does not
// let settings through either.
func (s *Store) adapt(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn(c)
	var process uint32
	if err := c.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&process); err != nil {
		return err
	}
	if process == c.PgConn().PID() {
		maps.Copy(s.conn.RuntimeParams, steady)
	} else if !strings.Contains(s.cfg.DSN, modeSetting) {
		s.conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	return nil
}

// begin makes the schema and starts the writer.
func (s *Store) begin(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	err = migrate(ctx, c, s.cfg.ReadOnly)
	if err == nil {
		err = s.types.load(ctx, c)
	}
	if err == nil {
		err = s.measureClock(ctx, c)
	}
	if err != nil || s.cfg.ReadOnly {
		closeConn(c)
		close(s.stopped)
		return err
	}
	s.writers.Add(writers)
	go newWriter(s, c).run()
	for range writers - 1 {
		go newWriter(s, nil).run() // connects when it has something to do
	}
	go func() {
		s.writers.Wait()
		close(s.stopped)
	}()
	return nil
}

func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return pgx.ConnectConfig(ctx, s.conn.Copy())
}

// closeConn closes a connection without waiting for a server that is away.
func closeConn(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.Close(ctx) // it is gone either way
}

// Key is the secret of this installation, 32 bytes, made when it is first asked
// for and the same for every instance.
func (s *Store) Key(ctx context.Context) ([]byte, error) {
	if !s.cfg.ReadOnly {
		key := make([]byte, 32)
		rand.Read(key)
		if _, err := s.pool.Exec(ctx, "INSERT INTO linkloop.installation (id, key) VALUES (0, $1) ON CONFLICT DO NOTHING", key); err != nil {
			return nil, asFault(err)
		}
	}
	var key []byte
	err := s.pool.QueryRow(ctx, "SELECT key FROM linkloop.installation").Scan(&key)
	return key, asFault(err)
}

const sqlServerClock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

// measureClock notes how far the server's clock is from ours; half of the round
// trip is its error.
func (s *Store) measureClock(ctx context.Context, c *pgx.Conn) error {
	began := time.Now()
	var server int64
	if err := c.QueryRow(ctx, sqlServerClock).Scan(&server); err != nil {
		return err
	}
	s.skew.Store(server - began.Add(time.Since(began)/2).UnixMicro())
	return nil
}

// Now is the clock of the database server, as of the last group of decisions.
func (s *Store) Now() time.Time {
	if s.cfg.Now != nil {
		return s.cfg.Now().UTC()
	}
	return time.UnixMicro(time.Now().UnixMicro() + s.skew.Load()).UTC()
}

// Close takes no more decisions, finishes those that wait, and waits for the
// snapshots that are open.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	close(s.queue)
	s.closing.Unlock()
	<-s.stopped
	s.pool.Close()
	return nil
}
