package postgres

import (
	"errors"
	"fmt"
	"time"
)

// Config is what an operator may set. The zero value of every field but DSN
// means the default.
type Config struct {
	// DSN is the database, as an address or as words
	// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING).
	// A connection pooler before the database is noticed, and then no statements
	// are prepared. default_query_exec_mode in the address overrules that:
	// cache_describe prepares none, cache_statement does.
	DSN   string
	Queue int // decisions that may wait; one more is refused as transient
	Group int // decisions that share a commit at most
	// Readers is how many snapshots may be open at once; further ones wait.
	Readers int
	// CountLimit is up to how many matches a search counts exactly.
	CountLimit int
	// Hold is how long the database lets a group hold the row that everybody
	// waits for without a sign of life, and how long a group waits for it.
	Hold time.Duration
	// ReadOnly opens beside running servers: nothing is migrated and decisions
	// are refused.
	ReadOnly bool

	Now func() time.Time // the clock; nil: that of the database server
}

// DefaultConfig is what a server of two cores runs well with.
func DefaultConfig() Config {
	return Config{Queue: 1024, Group: 64, Readers: 8, CountLimit: 100_000, Hold: 5 * time.Second}
}

// Validate names every problem at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	between := func(name string, v, low, high int) {
		if v < low || v > high {
			errs = append(errs, fmt.Errorf("store.%s: %d is not between %d and %d", name, v, low, high))
		}
	}
	if c.DSN == "" {
		errs = append(errs, errors.New("store.dsn: a database is needed"))
	}
	between("queue", c.Queue, 1, 1_000_000)
	between("group", c.Group, 1, 1024)
	between("readers", c.Readers, 1, 256)
	between("count_limit", c.CountLimit, 1, 100_000_000)
	if c.Hold < 100*time.Millisecond || c.Hold > time.Minute {
		errs = append(errs, fmt.Errorf("store.hold: %s is not between 100ms and 1m", c.Hold))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	for _, f := range []struct {
		v   *int
		def int
	}{{&c.Queue, d.Queue}, {&c.Group, d.Group}, {&c.Readers, d.Readers}, {&c.CountLimit, d.CountLimit}} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	if c.Hold == 0 {
		c.Hold = d.Hold
	}
	return c
}
