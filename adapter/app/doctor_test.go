package app_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/store/postgrestest"
	"github.com/linkloop/linkloop/config"
)

// TestDoctorOnPostgres: a database that is empty, in use, or not there.
func TestDoctorOnPostgres(t *testing.T) {
	if !onPostgres {
		t.Skip("the store is the embedded one")
	}
	dsn := postgrestest.Database(t)
	says := func(dsn, words string, healthy bool) {
		t.Helper()
		cfg := config.Default()
		cfg.Data.Postgres = dsn
		var out strings.Builder
		if app.Doctor(t.Context(), cfg, &out) != healthy || !strings.Contains(out.String(), words) {
			t.Errorf("the doctor does not say %q:\n%s", words, out.String())
		}
	}
	says(dsn, "is empty", true)
	open(t, func(c *config.Config) { c.Data.Postgres = dsn })
	says(dsn, "has the schema of this version", true)
	says("postgres://linkloop@127.0.0.1:1/none", "cannot be used", false)
}

// TestDoctorOnChannels: what would stop a start or a reload is told, each entry by
// itself, and so is a peer that cannot be reached, and a practice without a way.
func TestDoctorOnChannels(t *testing.T) {
	peer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	key := filepath.Join(t.TempDir(), "none.key")
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := peer.Addr().String()
	says := func(change func(*config.Config)) (string, bool) {
		cfg := config.Default()
		cfg.Data.Folder = t.TempDir()
		cfg.Channels = []config.Channel{
			{Name: "tie", Kind: config.KindHL7v2, Address: at},
			{Name: "hook", Kind: config.KindWebhook, URL: "http://" + at + "/hook", Secret: config.NewSecret("twenty-four bytes are enough")},
		}
		cfg.Practices = []config.Practice{{ODS: "A81001", Route: []string{"tie", "hook"}, GroupsOff: []string{"signposting"}, Quiet: []string{"18:30-08:00"}}}
		if change != nil {
			change(&cfg)
		}
		var out strings.Builder
		healthy := app.Doctor(t.Context(), cfg, &out)
		return out.String(), healthy
	}
	if out, healthy := says(nil); !healthy || !strings.Contains(out, "ok    channel tie    "+at) || !strings.Contains(out, "ok    channel hook") || strings.Contains(out, "no patient record") {
		t.Errorf("what is sound is not called so:\n%s", out)
	}
	for name, c := range map[string]struct {
		change  func(*config.Config)
		healthy bool
		says    []string
	}{
		"a channel that cannot be made": {func(c *config.Config) {
			c.Channels = append(c.Channels, config.Channel{Name: "oauth", Kind: config.KindFHIR, URL: "http://" + at, TokenURL: "http://" + at, ClientID: "c", KeyID: "k", KeyFile: key})
		}, false, []string{"FAIL  channel oauth", "key_file holds no key"}},
		"nobody there": {func(c *config.Config) { c.Channels[0].Address = "127.0.0.1:1" }, false, []string{"FAIL  channel tie", "127.0.0.1:1 cannot be reached", "ok    channel hook"}},
		"no TLS there": {func(c *config.Config) { c.Channels[1].URL = "https://" + at }, false, []string{"FAIL  channel hook"}},
		"practices": {func(c *config.Config) {
			c.Practices[0].GroupsOff = []string{"signpost"}
			c.Practices = append(c.Practices, config.Practice{ODS: "A81002", Route: []string{"tie"}, Quiet: []string{"6pm-8am"}})
		}, false, []string{"FAIL  practice A81001", `"signpost"`, "FAIL  practice A81002", `"6pm-8am"`}},
		"no way": {func(c *config.Config) { c.Practices = append(c.Practices, config.Practice{ODS: "A81002"}) }, true, []string{"warn  practice A81002"}},
		"a record for all": {func(c *config.Config) {
			c.Practices = append(c.Practices, config.Practice{ODS: "A81002"})
			c.Records = []config.Record{{ODS: config.AnyPractice, BaseURL: "http://127.0.0.1:1"}}
		}, false, []string{"FAIL  record *"}},
	} {
		cfg := c.change
		out, healthy := says(func(c *config.Config) { c.Relay.ConnectTimeout = 500 * time.Millisecond; cfg(c) })
		if healthy != c.healthy {
			t.Errorf("%s: healthy is %v\n%s", name, healthy, out)
		}
		for _, want := range c.says {
			if !strings.Contains(out, want) {
				t.Errorf("%s: does not say %q\n%s", name, want, out)
			}
		}
		if name == "a record for all" && strings.Contains(out, "practice A81002") {
			t.Errorf("a record for every practice is not seen:\n%s", out)
		}
	}
}
