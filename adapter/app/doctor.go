package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/linkloop/linkloop/adapter/codes"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/store/postgres"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
	"github.com/linkloop/linkloop/config"
)

// maxSkew is how far our clock may be from a peer's before it is a problem:
// tokens of the NHS API platform live five minutes.
const maxSkew = 2 * time.Minute

// examination collects what the doctor finds.
type examination struct {
	w       io.Writer
	healthy bool
}

func (x *examination) ok(what, format string, args ...any) {
	fmt.Fprintf(x.w, "ok    %-14s %s\n", what, fmt.Sprintf(format, args...))
}

func (x *examination) warn(what, advice, format string, args ...any) {
	fmt.Fprintf(x.w, "warn  %-14s %s\n      %-14s do: %s\n", what, fmt.Sprintf(format, args...), "", advice)
}

func (x *examination) fail(what, advice, format string, args ...any) {
	x.healthy = false
	fmt.Fprintf(x.w, "FAIL  %-14s %s\n      %-14s do: %s\n", what, fmt.Sprintf(format, args...), "", advice)
}

// Doctor checks configuration, store, mappings, code lists, ports, peers and
// clock, prints a line for each and what to do about it, and reports whether
// linkloop can run well. It works beside a running server.
func Doctor(ctx context.Context, cfg config.Config, w io.Writer) bool {
	x := &examination{w: w, healthy: true}
	x.ok("configuration", "read and valid")
	if len(cfg.Clients) == 0 {
		x.warn("clients", "add clients with token hashes before other machines can reach this one (config/CONFIG.md)",
			"none configured: every caller on this machine is trusted")
	} else {
		x.ok("clients", "%d configured", len(cfg.Clients))
	}
	x.store(ctx, cfg)
	x.mappings(cfg)
	x.folders(cfg)
	x.tables(cfg)
	x.profiles(cfg)
	x.port("http.listen", cfg.HTTP.Listen)
	x.port("admin.listen", cfg.Admin.Listen)
	x.mllp(cfg)
	x.peers(ctx, cfg)
	x.outgoing(ctx, cfg)
	return x.healthy
}

func (x *examination) store(ctx context.Context, cfg config.Config) {
	if cfg.Data.Postgres != "" {
		x.database(ctx, cfg.Data)
		return
	}
	folder := cfg.Data.Folder
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			x.fail("store", "give data.folder a place that this user may write", "the data folder cannot be made")
			return
		}
	}
	probe, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		x.fail("store", "give this user write permission on data.folder", "the data folder cannot be written")
		return
	}
	probe.Close()
	os.Remove(probe.Name())
	if _, err := os.Stat(filepath.Join(folder, "linkloop.db")); errors.Is(err, fs.ErrNotExist) {
		x.ok("store", "the data folder is empty and can be written")
		return
	}
	if _, err := os.Stat(filepath.Join(folder, keyFile)); err != nil {
		x.fail("store", "restore "+keyFile+" from the backup of this data folder", "the database is there and its key is not")
		return
	}
	sc := sqlite.DefaultConfig()
	sc.Path, sc.ReadOnly = folder, true
	s, err := sqlite.Open(ctx, sc)
	if err != nil {
		x.fail("store", "read the message; restore the folder from a backup if it is damaged", "%v", err)
		return
	}
	defer s.Close()
	if err := s.QuickCheck(ctx); err != nil {
		x.fail("store", "stop linkloop and restore the data folder from a backup", "the database is damaged: %v", err)
		return
	}
	x.ok("store", "opens, and its integrity check passes")
}

// database looks at PostgreSQL without changing anything.
func (x *examination) database(ctx context.Context, d config.Data) {
	c, err := postgresConfig(d)
	if err != nil {
		x.fail("store", "correct data.postgres", "%v", err)
		return
	}
	c.ReadOnly = true
	s, err := postgres.Open(ctx, c)
	if postgres.Empty(err) {
		x.ok("store", "the database answers and is empty; the first start makes the schema")
		return
	}
	if err != nil {
		x.fail("store", "check data.postgres, the password, and that the database is there", "the database cannot be used: %v", err)
		return
	}
	defer s.Close()
	if err := s.Check(ctx); err != nil {
		x.fail("store", "look at the log of the database server", "the database does not answer: %v", err)
		return
	}
	x.ok("store", "the database answers and has the schema of this version")
	if skew := s.Now().Sub(time.Now()).Abs(); skew > maxSkew {
		x.fail("clock", "synchronise the clocks of this machine and of the database server (NTP)", "%s away from that of the database", skew.Round(time.Second))
	}
}

func (x *examination) mappings(cfg config.Config) {
	fsys := MappingFiles(cfg.Mappings)
	names, err := MappingNames(fsys)
	if err != nil || len(names) == 0 {
		x.fail("mappings", "point mappings.folder at a folder with one sub-folder per sender", "there is no mapping")
		return
	}
	have := map[string]bool{}
	for _, n := range names {
		have[n] = true
		m, err := CompileMapping(fsys, n)
		var ps mapping.Problems
		if errors.As(err, &ps) {
			x.fail("mapping "+n, "linkloop mapping lint "+n, "%d problems, the first: %s", len(ps), ps[0])
			continue
		}
		if err != nil {
			x.fail("mapping "+n, "linkloop mapping lint "+n, "%v", err)
			continue
		}
		x.ok("mapping", "%s %s compiles", m.Name(), m.Version())
	}
	for _, s := range cfg.Senders {
		if !have[s.Mapping] {
			x.fail("sender "+s.Name, "use one of the mappings above", "its mapping does not exist")
		}
	}
}

func (x *examination) tables(cfg config.Config) {
	if w, err := loadWorkflow(cfg.Workflow); err != nil {
		x.fail("workflow", "correct the table, or set workflow.table to gravity", "%v", err)
	} else {
		x.ok("workflow", "%s, %d moves", w.Name, len(w.Moves))
	}
	switch rules, err := ReadOutcomeRules(cfg.Workflow); {
	case err != nil:
		x.fail("outcome codes", "correct the list, or leave workflow.codes empty", "%v", err)
	case rules.Check() != nil:
		x.fail("outcome codes", "linkloop codes verify, then linkloop codes approve by two people", "%v", rules.Check())
	case rules.File == "":
		x.ok("outcome codes", "%s %s as shipped, %d measures; every code passes its check digit", rules.List.Name, rules.List.Version, len(rules.Measures.Measures))
	default:
		x.ok("outcome codes", "%s %s, approved by %s", rules.List.Name, rules.List.Version, codes.By(rules.By))
	}
}

// port tells a port that is taken by this very program from one that is
// somebody else's.
func (x *examination) port(setting, address string) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		l.Close()
		x.ok(setting, "%s is free", address)
		return
	}
	x.warn(setting, "if that is not linkloop itself, choose another address", "%s is in use or not ours", address)
}

func (x *examination) peers(ctx context.Context, cfg config.Config) {
	if len(cfg.Records) == 0 && len(cfg.Channels) > 0 {
		return // what still needs one is told by outgoing
	}
	if len(cfg.Records) == 0 {
		x.warn("records", "add records with the FHIR endpoint of each practice; until then outcomes wait for a human", "no patient record is configured")
		return
	}
	client := &http.Client{Timeout: cfg.Relay.ConnectTimeout}
	for _, r := range cfg.Records {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.BaseURL+"/metadata", nil)
		if err != nil {
			x.fail("record "+r.ODS, "correct records.base_url", "the address is not usable")
			continue
		}
		req.Header.Set("Accept", "application/fhir+json")
		res, err := client.Do(req)
		if err != nil {
			x.fail("record "+r.ODS, "check the address, the network and the peer; what is owed waits meanwhile", "does not answer")
			continue
		}
		res.Body.Close()
		if res.StatusCode >= 500 {
			x.fail("record "+r.ODS, "ask whoever runs the peer; what is owed waits meanwhile", "answers with status %d", res.StatusCode)
			continue
		}
		x.ok("record "+r.ODS, "answers with status %d", res.StatusCode)
		x.clock(r.ODS, res.Header.Get("Date"))
	}
}

func (x *examination) clock(peer, date string) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	skew := time.Since(at).Abs()
	if skew > maxSkew {
		x.fail("clock", "synchronise the clock of this machine (NTP)", "%s away from that of record %s", skew.Round(time.Second), peer)
		return
	}
	x.ok("clock", "agrees with record %s", peer)
}
