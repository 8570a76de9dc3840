package sqlite

import (
	"errors"
	"fmt"
	"time"
)

// Config is what an operator may set. The zero value of every field but Path
// means the default.
type Config struct {
	Path  string // data folder; made when it is not there
	Queue int    // decisions that may wait; one more is refused as transient
	Group int    // decisions that share a commit at most
	// Readers is how many snapshots may be open at once; further ones wait.
	Readers int
	// CacheMB is the page cache of the writer and, again, of all readers
	// together, in MiB; half of it again is for versions as they are served. Each
	// grows to this as it is used.
	CacheMB int
	// CheckpointPages is how many pages (4 KiB) of write-ahead log call for a
	// checkpoint in the background; at WALPages the writer stops to do it, which
	// is what bounds the log.
	CheckpointPages int
	WALPages        int
	// FreshRows is how many index rows are kept in memory before they go into
	// the table in one sorted run, and again while they do: some 20 MB at the
	// default. More makes taking referrals in cheaper, and opening slower.
	FreshRows int
	// CountLimit is up to how many matches a search counts exactly. Above it
	// the total is left out, because a wrong one would be worse.
	CountLimit int
	// ReadOnly opens beside a running server: nothing is locked or migrated and
	// decisions are refused.
	ReadOnly bool

	Now func() time.Time // the clock; nil: time.Now
}

// DefaultConfig is what a server of two cores runs well with.
func DefaultConfig() Config {
	return Config{
		Path: "data", Queue: 1024, Group: 64, Readers: 8, CacheMB: 64,
		CheckpointPages: 28_000, WALPages: 32_000, FreshRows: 250_000, CountLimit: 100_000,
	}
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
	if c.Path == "" {
		errs = append(errs, errors.New("store.path: a data folder is needed"))
	}
	between("queue", c.Queue, 1, 1_000_000)
	between("group", c.Group, 1, 1024)
	between("readers", c.Readers, 1, 256)
	between("cache_mb", c.CacheMB, 1, 65_536)
	between("checkpoint_pages", c.CheckpointPages, 100, 10_000_000)
	between("wal_pages", c.WALPages, 100, 10_000_000)
	between("fresh_rows", c.FreshRows, 1, 10_000_000)
	between("count_limit", c.CountLimit, 1, 100_000_000)
	if c.WALPages < c.CheckpointPages {
		errs = append(errs, fmt.Errorf("store.wal_pages: %d is below store.checkpoint_pages %d", c.WALPages, c.CheckpointPages))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	for _, f := range []struct {
		v   *int
		def int
	}{
		{&c.Queue, d.Queue}, {&c.Group, d.Group}, {&c.Readers, d.Readers}, {&c.CacheMB, d.CacheMB},
		{&c.CheckpointPages, d.CheckpointPages}, {&c.WALPages, d.WALPages}, {&c.FreshRows, d.FreshRows}, {&c.CountLimit, d.CountLimit},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
