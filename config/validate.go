package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Validate checks the values against each other and against what linkloop can
// do. The error is of type Problems. Load has done this already; it is for
// configurations made in code.
func (c Config) Validate() error { return c.check(nil).err() }

// check returns the problems of values that are well-formed, leaving out keys
// that have one already.
func (c Config) check(before Problems) Problems {
	k := &checker{config: &c, before: before}
	k.listeners()
	k.limits()
	k.mllp()
	k.files()
	k.data()
	k.relay()
	k.choices()
	k.workflow()
	k.senders()
	k.systems()
	k.clients()
	k.records()
	k.channels()
	k.practices()
	k.escalation()
	k.report()
	k.choice("sharing.without", k.config.Sharing.Without, "nothing", "codes-only", "summary", "all")
	k.choice("sharing.unclear", k.config.Sharing.Unclear, "nothing", "codes-only", "summary", "all")
	return k.found
}

// checker collects problems.
type checker struct {
	config *Config
	before Problems
	found  Problems
}

func (k *checker) add(key, text, advice string) {
	if k.before.about(key) || slices.ContainsFunc(k.found, func(p Problem) bool { return p.Key == key }) {
		return
	}
	k.found = append(k.found, k.config.problem(key, text, advice))
}

func (k *checker) listeners() {
	c := k.config
	for _, l := range []struct{ key, address string }{
		{"http.listen", c.HTTP.Listen}, {"admin.listen", c.Admin.Listen},
	} {
		host, port, err := net.SplitHostPort(l.address)
		if n, convErr := strconv.ParseUint(port, 10, 16); err != nil || convErr != nil || strconv.FormatUint(n, 10) != port {
			k.add(l.key, "is not an address with a port number", "write it like 127.0.0.1:8080, or :8080 for every address of the machine")
			continue
		}
		if len(c.Clients) == 0 && !Loopback(host) && !k.before.about("clients") {
			k.add(l.key, "is not a loopback address while no client is configured, so that anybody could read and write referrals",
				"configure clients with tokens, or listen on 127.0.0.1")
		}
	}
	if c.HTTP.Listen == c.Admin.Listen && !strings.HasSuffix(c.HTTP.Listen, ":0") {
		k.add("admin.listen", "is the same as http.listen", "give each its own port")
	}
	if host, _, err := net.SplitHostPort(c.HTTP.Listen); err == nil && c.HTTP.BaseURL == "" && everyAddress(host) {
		k.add("http.base_url", "is missing while http.listen is every address of the machine, so that links would lead nowhere",
			"write the address that clients use, such as https://referrals.example.org, or listen on one address")
	}
	if c.HTTP.BaseURL != "" {
		k.baseURL("http.base_url", c.HTTP.BaseURL)
	}
	for i, p := range c.HTTP.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			k.add(fmt.Sprintf("http.trusted_proxies[%d]", i+1), "is not a network", "write it like 10.20.0.0/16, a single address like 10.31.4.7/32")
		}
	}
	for i, o := range c.HTTP.CORSOrigins {
		if !origin(o) {
			k.add(fmt.Sprintf("http.cors_origins[%d]", i+1), "is not an origin", "write it like https://worklist.example.org, without a path, or * for every origin")
		}
	}
}

// origin says that s is an origin as browsers send it, or a star.
func origin(s string) bool {
	u, err := url.Parse(s)
	return s == "*" || err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && s == u.Scheme+"://"+u.Host
}

// everyAddress says that host stands for all addresses of the machine, none of
// which another machine can call by that name.
func everyAddress(host string) bool {
	if host == "" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsUnspecified()
}

// Loopback says that host means this machine and nobody else: localhost or a
// loopback address. Other names are not resolved, because what they mean may
// change.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// baseURL checks an address that paths are put behind; it returns nil when
// there is something wrong with it.
func (k *checker) baseURL(key, s string) *url.URL {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		k.add(key, "is not an address that begins with https:// or http:// and names a host", "")
	case u.User != nil:
		k.add(key, "holds a user name or a password", "secrets are never written here: use token_file or token_env")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		k.add(key, "holds a query or a fragment", "write the address only up to the path")
	case strings.HasSuffix(s, "/"):
		k.add(key, "ends with a slash", "remove it")
	default:
		return u
	}
	return nil
}

func (k *checker) limits() {
	h := k.config.HTTP
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"http.read_header_timeout", h.ReadHeaderTimeout}, {"http.read_timeout", h.ReadTimeout},
		{"http.write_timeout", h.WriteTimeout}, {"http.idle_timeout", h.IdleTimeout},
		{"http.shutdown_timeout", h.ShutdownTimeout},
	} {
		k.between(d.key, d.value, time.Millisecond, time.Hour)
	}
	k.sizes("http.header_limit", h.HeaderLimit, 4*Kibibyte, Mebibyte)
	k.sizes("http.body_limit", h.BodyLimit, 4*Kibibyte, 100*Megabyte)
	k.count("http.max_concurrent", h.MaxConcurrent, 2, 100_000)
	k.count("http.max_working", h.MaxWorking, 1, 10_000)
	if h.BaRSTimeLimit <= 0 || h.BaRSTimeLimit > 10*time.Second {
		k.add("http.bars_time_limit", "is not above 0s and at most 10s", "")
	}
	k.sizes("http.body_memory", h.BodyMemory, 4*Kibibyte, 1<<40)
	if h.BodyMemory < h.BodyLimit && !k.found.about("http.body_limit") {
		k.add("http.body_memory", "is less than http.body_limit, so that the largest message would never fit", "")
	}
}

// files checks how files of many messages are taken.
func (k *checker) files() {
	f := k.config.Files
	k.sizes("files.size_limit", f.SizeLimit, 4*Kibibyte, 1<<40)
	k.between("files.time_limit", f.TimeLimit, time.Second, 7*24*time.Hour)
	k.count("files.parallel", f.Parallel, 1, 256)
	k.between("files.poll", f.Poll, 10*time.Millisecond, time.Hour)
	k.between("files.settle", f.Settle, 0, time.Hour)
	if p := k.config.Mappings.Poll; p != 0 {
		k.between("mappings.poll", p, 10*time.Millisecond, time.Hour)
	}
}

// data checks where everything is kept and for how long.
func (k *checker) data() {
	d := k.config.Data
	if d.Folder == "" {
		k.add("data.folder", "is empty", "name a folder, such as ./data")
	}
	if d.Postgres != "" {
		k.postgres(d.Postgres)
	}
	if d.PostgresPasswordFile != "" && d.PostgresPasswordEnv != "" {
		k.add("data.postgres_password_env", "is given beside data.postgres_password_file", "use one of them")
	}
	if d.Postgres == "" && (d.PostgresPasswordFile != "" || d.PostgresPasswordEnv != "") {
		k.add("data.postgres", "is missing while its password is given", "")
	}
	const century = 36525
	r := k.config.Retention
	k.count("retention.messages_days", r.MessagesDays, 0, century)
	k.count("retention.deliveries_days", r.DeliveriesDays, 0, century)
	k.count("retention.history_days", r.HistoryDays, 0, century)
	k.count("retention.audit_days", r.AuditDays, 0, century)
}

// postgres checks the address of a database.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
func (k *checker) postgres(s string) {
	const key = "data.postgres"
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || strings.Trim(u.Path, "/") == "" {
		k.add(key, "is not an address of a database", "write it like postgres://linkloop@db.example.nhs.uk/linkloop?sslmode=verify-full")
		return
	}
	q := u.Query()
	if _, has := u.User.Password(); has || q.Has("password") {
		k.add(key, "holds a password", "secrets are never written here: use data.postgres_password_file or data.postgres_password_env")
		return
	}
	host := u.Hostname()
	if q.Has("host") {
		host = q.Get("host")
	}
	local := host == "" || strings.HasPrefix(host, "/") || Loopback(host)
	if mode := q.Get("sslmode"); !local && mode != "verify-full" && mode != "verify-ca" && mode != "require" {
		k.add(key, "would carry patient data to another machine unprotected", "add sslmode=verify-full")
	}
}

func (k *checker) between(key string, d, low, high time.Duration) {
	if d < low || d > high {
		k.add(key, fmt.Sprintf("must be between %s and %s", short(low), short(high)), "")
	}
}

func (k *checker) sizes(key string, s, low, high Size) {
	if s < low || s > high {
		k.add(key, fmt.Sprintf("must be between %s and %s", low, high), "")
	}
}

func (k *checker) count(key string, n, low, high int) {
	if n < low || n > high {
		k.add(key, fmt.Sprintf("must be between %d and %d", low, high), "")
	}
}

func (k *checker) relay() {
	r := k.config.Relay
	k.count("relay.workers", r.Workers, 1, 1000)
	k.between("relay.backoff_min", r.BackoffMin, time.Millisecond, time.Hour)
	k.between("relay.backoff_max", r.BackoffMax, time.Millisecond, 24*time.Hour)
	k.between("relay.give_up_after", r.GiveUpAfter, time.Second, 90*24*time.Hour)
	k.between("relay.ack_within", r.AckWithin, time.Minute, 90*24*time.Hour)
	k.between("relay.not_taken_for", r.NotTakenFor, time.Second, 90*24*time.Hour)
	k.count("relay.per_practice", r.PerPractice, 0, 10_000)
	k.between("relay.lease", r.Lease, 100*time.Millisecond, time.Hour)
	k.between("relay.attempt_timeout", r.AttemptTimeout, 2*time.Millisecond, time.Hour)
	k.between("relay.connect_timeout", r.ConnectTimeout, time.Millisecond, 10*time.Minute)
	k.between("relay.request_timeout", r.RequestTimeout, time.Millisecond, 10*time.Minute)
	if r.BackoffMax < r.BackoffMin {
		k.add("relay.backoff_max", "is shorter than relay.backoff_min", "")
	}
	if r.GiveUpAfter < r.BackoffMax {
		k.add("relay.give_up_after", "is shorter than relay.backoff_max", "")
	}
	if r.AttemptTimeout <= r.RequestTimeout {
		k.add("relay.attempt_timeout", "is not longer than relay.request_timeout", "no attempt could ever read back what it sent; make it longer")
	}
}

func (k *checker) choices() {
	k.choice("log.level", k.config.Log.Level, "debug", "info", "warn", "error")
	k.choice("log.format", k.config.Log.Format, "json", "text")
	if w := k.config.Workflow; w.Table != shippedWorkflow && !strings.HasSuffix(w.Table, ".yaml") {
		k.add("workflow.table", "is neither a shipped table nor the path of one", "write "+shippedWorkflow+", or a path that ends in .yaml")
	}
}

func (k *checker) choice(key, value string, allowed ...string) {
	if value == "" {
		k.add(key, "is missing", "it is one of: "+strings.Join(allowed, ", "))
	} else if !slices.Contains(allowed, value) {
		k.add(key, "is none of the allowed words", fmt.Sprintf("did you mean %s? Allowed: %s", nearest(strings.ToLower(value), allowed), strings.Join(allowed, ", ")))
	}
}

// short prints a duration without the parts that are zero.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
