package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/linkloop/linkloop/config"
)

// TestEffectiveLoadsAgain prints a configuration and reads what was printed.
func TestEffectiveLoadsAgain(t *testing.T) {
	c, err := config.Parse("linkloop.yaml", []byte(`
data: {folder: "0123"}
relay: {give_up_after: 48h}
senders:
  - name: pms
    organization: "012345"
    constants: [{name: R, value: "true"}]
`), []string{"LINKLOOP_LOG_FORMAT=text"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := c.WriteEffective(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  listen: 127.0.0.1:8080 # default\n", "  folder: \"0123\" # linkloop.yaml:2\n",
		"  format: text # LINKLOOP_LOG_FORMAT\n", "  give_up_after: 48h # linkloop.yaml:3\n",
		"  body_limit: 5MB # default\n", "senders: # linkloop.yaml:5\n", "clients: [] # default\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	again, err := config.Parse("again.yaml", b.Bytes(), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if d := cmp.Diff(c, again, same); d != "" {
		t.Errorf("-printed +read:\n%s", d)
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	const canary = "canary-token-7"
	c := served()
	c.Records[0].Token = config.NewSecret(canary)
	var b bytes.Buffer
	if err := c.WriteEffective(&b); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%v %+v %#v %s %q %x", c, c, c, c.Records[0].Token, c.Records[0].Token, c.Records[0].Token)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "config", c, "token", c.Records[0].Token, "record", c.Records[0])
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", c, "token", c.Records[0].Token)
	if err := json.NewEncoder(&b).Encode(c); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", canary)
	if strings.Contains(b.String(), canary) || strings.Contains(b.String(), hex) {
		t.Error("a secret was printed")
	}
	if !strings.Contains(b.String(), "token_sha256: 2c26b46b... #") {
		t.Errorf("the hash is not shortened:\n%s", b.String())
	}
}

// TestExampleLoads reads the shipped example.
func TestExampleLoads(t *testing.T) {
	c, err := config.Load(config.Options{File: "linkloop.example.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Senders) != 2 || len(c.Clients) != 3 || len(c.Records) != 1 {
		t.Errorf("%d senders, %d clients, %d records", len(c.Senders), len(c.Clients), len(c.Records))
	}
}

// FuzzLoad: no input panics; what is accepted is valid, is printed and read
// back as the same; what is refused says why.
func FuzzLoad(f *testing.F) {
	example, err := os.ReadFile("linkloop.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example, "LINKLOOP_LOG_LEVEL=debug")
	f.Add([]byte("http: {read_timeout: 30}"), "LINKLOOP_CLIENTS=[{name: a}]")
	f.Add([]byte("a: &a [*a]\n<<: *a"), "LINKLOOP_RECORDS=[{ods: '*', base_url: 'http://127.0.0.1', token_env: X}]")
	f.Add([]byte("? {a: b}\n: c\n--- \n..."), "LINKLOOP_=")
	f.Fuzz(func(t *testing.T, body []byte, variable string) {
		if bytes.Contains(body, []byte("token_file")) || strings.Contains(variable, "token_file") {
			return // reads files of the machine
		}
		c, err := config.Parse("f.yaml", body, []string{variable})
		if err != nil {
			if ps, ok := err.(config.Problems); !ok || len(ps) == 0 || ps[0].Text == "" {
				t.Fatalf("error without a reason: %#v", err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted but not valid: %v", err)
		}
		if len(c.Clients) > 0 {
			return // printed with shortened hashes, which cannot be read back
		}
		var b bytes.Buffer
		if err := c.WriteEffective(&b); err != nil {
			t.Fatal(err)
		}
		again, err := config.Parse("again.yaml", b.Bytes(), []string{variable})
		if err != nil {
			t.Fatalf("printed form is refused: %v\n%s", err, b.String())
		}
		if d := cmp.Diff(c, again, same); d != "" {
			t.Fatal(d)
		}
	})
}
