package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/linkloop/linkloop/config"
)

// same compares configurations by value, without where the values came from.
var same = cmp.Options{cmpopts.IgnoreUnexported(config.Config{}), cmp.AllowUnexported(config.Secret{}), cmpopts.EquateEmpty()}

func TestNothingConfiguredIsDefault(t *testing.T) {
	got, err := config.Load(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(config.Default(), got, same); d != "" {
		t.Errorf("-default +loaded:\n%s", d)
	}
	if err := config.Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestLayers(t *testing.T) {
	file := write(t, "linkloop.yaml", `
http:
  listen: 127.0.0.1:9000
  read_timeout: 10s
relay: {workers: 8}
log:
`)
	got, err := config.Load(config.Options{File: file, Env: []string{
		"LINKLOOP_HTTP_READ_TIMEOUT=1m30s",
		"LINKLOOP_HTTP_READ_TIMEOUT=7s", // the first of equals counts
		"LINKLOOP_HTTP_BODY_LIMIT=1MiB",
		"LINKLOOP_LOG_LEVEL=debug",
		`LINKLOOP_RECORDS=[{ods: "012345", base_url: "http://[::1]:9090/fhir"}]`,
		"HTTP_LISTEN=ignored", "OTHER=1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.HTTP.Listen = "127.0.0.1:9000"
	want.HTTP.ReadTimeout = 90 * time.Second
	want.HTTP.BodyLimit = config.Mebibyte
	want.Relay.Workers = 8
	want.Log.Level = "debug"
	want.Records = []config.Record{{ODS: "012345", BaseURL: "http://[::1]:9090/fhir"}}
	if d := cmp.Diff(want, got, same); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestFileIsNamedByEnvironment(t *testing.T) {
	file := write(t, "a.yaml", "log: {level: warn}\n")
	got, err := config.Load(config.Options{Env: []string{config.EnvFile + "=" + file}})
	if err != nil || got.Log.Level != "warn" {
		t.Errorf("level %q, error %v", got.Log.Level, err)
	}
}

// TestValuesKeepTheirCase guards against viper, which puts keys of maps in
// lower case and splits them at dots.
func TestValuesKeepTheirCase(t *testing.T) {
	got, err := config.Parse("x.yaml", []byte(`
senders:
  - name: a
    constants:
      - {name: R, value: "https://fhir.nhs.uk/Id/nhs-number"}
      - {name: r, value: "second"}
      - {name: a.b, value: "1.10"}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Constant{{Name: "R", Value: "https://fhir.nhs.uk/Id/nhs-number"}, {Name: "r", Value: "second"}, {Name: "a.b", Value: "1.10"}}
	if d := cmp.Diff(want, got.Senders[0].Constants); d != "" {
		t.Error(d)
	}
	if got.Senders[0].Mapping != "a" {
		t.Errorf("mapping %q, want the name of the sender", got.Senders[0].Mapping)
	}
	if v, ok := got.Senders[0].Constant("R"); !ok || v != want[0].Value {
		t.Errorf("Constant(R) = %q, %v", v, ok)
	}
	if _, ok := got.Senders[0].Constant("x"); ok {
		t.Error("Constant(x) was found")
	}
}

// TestTraps is one row for each way in which a setting could be taken for
// something else in silence.
func TestTraps(t *testing.T) {
	for _, c := range []struct {
		name, file string
		env        []string
		want       string // key, place and words that must stand in the problem
	}{
		{"octal for a text", "records: [{ods: 012345, base_url: 'https://a/b'}]", nil, "t.yaml:1:17: records[1].ods must be a text"},
		{"float for a text", "senders: [{name: 1.10}]", nil, "senders[1].name must be a text"},
		{"boolean for a text", "log: {level: true}", nil, "log.level must be a text"},
		{"date for a text", "data: {folder: 2026-01-01}", nil, "data.folder must be a text"},
		{"binary for a text", "data: {folder: !!binary aGk=}", nil, "data.folder must be a text"},
		{"own tag for a text", "data: {folder: !secret x}", nil, "data.folder must be a text"},
		{"null for a text", "data: {folder: }", nil, "data.folder has no value"},
		{"list for a text", "data: {folder: [a]}", nil, "data.folder must be a text"},
		{"line end in a text", "data: {folder: \"a\\nb\"}", nil, "data.folder holds a line end"},
		{"duration without unit", "http: {read_timeout: 30}", nil, "http.read_timeout needs a unit"},
		{"quoted duration without unit", "http: {read_timeout: '30'}", nil, "http.read_timeout needs a unit"},
		{"zero duration without unit", "http: {read_timeout: 0}", nil, "http.read_timeout needs a unit"},
		{"duration in days", "relay: {give_up_after: 3d}", nil, "relay.give_up_after must be a number with a unit"},
		{"negative duration", "http: {read_timeout: -5s}", nil, "http.read_timeout must be between 1ms and 1h"},
		{"size without unit", "http: {body_limit: 5000000}", nil, "http.body_limit needs a whole number and a unit"},
		{"size out of range", "http: {body_limit: 9999999999999999GB}", nil, "http.body_limit is out of range"},
		{"size with octal", "http: {body_limit: 010MB}", nil, "http.body_limit has a leading zero"},
		{"octal for a number", "relay: {workers: 010}", nil, "relay.workers has a leading zero"},
		{"hexadecimal for a number", "relay: {workers: 0x10}", nil, "relay.workers has a leading zero"},
		{"underscores in a number", "relay: {workers: 1_0}", nil, "relay.workers must be a whole decimal number"},
		{"text for a number", "relay: {workers: '4'}", nil, "relay.workers must be a whole number"},
		{"float for a number", "relay: {workers: 4.0}", nil, "relay.workers must be a whole number"},
		{"huge number", "relay: {workers: 99999999999999999999}", nil, "relay.workers"},
		{"yes for a boolean", "records: [{ods: '*', base_url: 'https://a/b', allow_plain_http: yes}]", nil, "records[1].allow_plain_http must be true or false"},
		{"True for a boolean", "records: [{ods: '*', base_url: 'https://a/b', allow_plain_http: True}]", nil, "records[1].allow_plain_http must be true or false, in lower case"},
		{"one for a boolean", "records: [{ods: '*', base_url: 'https://a/b', allow_plain_http: 1}]", nil, "records[1].allow_plain_http must be true or false"},
		{"capital in a key", "HTTP: {listen: a}", nil, "HTTP is not a known setting; did you mean http?"},
		{"misspelt key", "http:\n  lisetn: a", nil, "t.yaml:2:3: http.lisetn is not a known setting; did you mean http.listen?"},
		{"dotted key", "http.listen: 127.0.0.1:1", nil, "http.listen is not a known setting; did you mean http.listen? Its last part stands indented"},
		{"key in the wrong section", "read_timeout: 3s", nil, "did you mean http.read_timeout?"},
		{"key twice", "log: {level: info}\nlog: {level: warn}", nil, "t.yaml:2:1: log is given twice, first in line 1"},
		{"nested key twice", "log:\n  level: info\n  level: warn", nil, "t.yaml:3:3: log.level is given twice"},
		{"merge key", "a: &x {level: info}\nlog:\n  <<: *x", nil, "log has a key that is not a plain word"},
		{"alias", "data: {folder: &x y}\nmappings: {folder: *x}", nil, "mappings.folder is a YAML alias"},
		{"two documents", "log: {level: info}\n---\nlog: {level: warn}", nil, "holds more than one YAML document"},
		{"not a mapping", "- a", nil, "must be a section"},
		{"text for a section", "http: on", nil, "http must be a section"},
		{"section for a list", "clients: {a: b}", nil, "clients must be a list"},
		{"null for a list", "clients:", nil, "clients must be a list"},
		{"not YAML", "http:\n\tlisten: x", nil, "t.yaml:2:1: is not YAML"},
		{"secret inline", "records: [{ods: '*', base_url: 'https://a/b', token: hunter2}]", nil, "records[1].token is not a known setting; secrets are never written here: name a file that holds it with token_file"},
		{"secret in a URL", "records: [{ods: '*', base_url: 'https://me:hunter2@a/b'}]", nil, "records[1].base_url holds a user name or a password"},
		{"secret file missing", "records: [{ods: '*', base_url: 'https://a/b', token_file: /does/not/exist}]", nil, "records[1].token_file the file does not exist"},
		{"secret variable missing", "records: [{ods: '*', base_url: 'https://a/b', token_env: NO}]", nil, "records[1].token_env names an environment variable that is not set"},
		{"secret variable empty", "records: [{ods: '*', base_url: 'https://a/b', token_env: NO}]", []string{"NO="}, "records[1].token_env the variable is empty"},
		{"secret twice", "records: [{ods: '*', base_url: 'https://a/b', token_env: NO, token_file: x}]", nil, "records[1].token_env is set together with token_file"},
		{"token for its hash", "clients: [{name: a, role: operator, token_sha256: hunter2}]", nil, "clients[1].token_sha256 must be 64 lower-case"},
		{"unknown variable", "", []string{"LINKLOOP_HTTP_LISEN=x"}, "environment LINKLOOP_HTTP_LISEN: is not a known setting; did you mean LINKLOOP_HTTP_LISTEN?"},
		{"variable without unit", "", []string{"LINKLOOP_HTTP_READ_TIMEOUT=0"}, "environment LINKLOOP_HTTP_READ_TIMEOUT: http.read_timeout needs a unit"},
		{"empty variable of a number", "", []string{"LINKLOOP_RELAY_WORKERS="}, "relay.workers must be a whole decimal number"},
		{"empty variable of a list", "", []string{"LINKLOOP_CLIENTS="}, "clients has no value; write []"},
		{"variable of a list is no YAML", "", []string{"LINKLOOP_CLIENTS=[{"}, "environment LINKLOOP_CLIENTS: clients is not YAML"},
		{"unknown key in a variable", "", []string{"LINKLOOP_CLIENTS=[{nam: x}]"}, "environment LINKLOOP_CLIENTS: clients[1].nam is not a known setting; did you mean clients[1].name?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := config.Parse("t.yaml", []byte(c.file), c.env)
			var ps config.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("error %v, want Problems", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the problem shows a secret: %v", err)
			}
		})
	}
}

// TestAllProblemsAtOnce checks that one reading finds everything, each thing
// once, in the order of the file.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := config.Parse("t.yaml", []byte(`http:
  listen: 0.0.0.0:8080
  read_timeout: 30
  colour: red
relay:
  backoff_min: 1h
  backoff_max: 1m
log: {level: verbose}
senders:
  - {name: a, organization: a81001}
  - {name: a}
`), []string{"LINKLOOP_ADMIN_LISTEN=nowhere"})
	want := []string{
		"t.yaml:2:3: http.base_url is missing while http.listen is every address",
		"t.yaml:2:11: http.listen is not a loopback address",
		"t.yaml:3:17: http.read_timeout needs a unit",
		"t.yaml:4:3: http.colour is not a known setting",
		"t.yaml:7:16: relay.backoff_max is shorter than relay.backoff_min",
		"t.yaml:8:14: log.level is none of the allowed words; did you mean error?",
		"t.yaml:10:29: senders[1].organization is not an ODS code",
		"t.yaml:11:12: senders[2].name is the same as senders[1].name",
		"environment LINKLOOP_ADMIN_LISTEN: admin.listen is not an address",
	}
	var ps config.Problems
	if !errors.As(err, &ps) {
		t.Fatal(err)
	}
	if len(ps) != len(want) {
		t.Errorf("%d problems, want %d:\n%v", len(ps), len(want), err)
	}
	for i := range min(len(ps), len(want)) {
		if !strings.HasPrefix(ps[i].String(), want[i]) {
			t.Errorf("problem %d\ngot  %s\nwant %s", i+1, ps[i], want[i])
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	big := write(t, "big.yaml", strings.Repeat("#", 1<<20+1))
	for file, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.yaml"): "does not exist",
		t.TempDir():                             "is not a regular file",
		big:                                     "is larger than 1MiB",
	} {
		_, err := config.Load(config.Options{File: file})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSecrets(t *testing.T) {
	file := write(t, "token", "s3cret-token\n")
	got, err := config.Parse("t.yaml", []byte(`
records:
  - {ods: A81001, base_url: "https://a.example/fhir", token_file: `+file+`}
  - {ods: "*", base_url: "https://b.example/fhir", token_env: LINKLOOP_B_TOKEN}
`), []string{"LINKLOOP_B_TOKEN=other-token"})
	if err != nil {
		t.Fatal(err)
	}
	for ods, want := range map[string]string{"A81001": "s3cret-token", "B82002": "other-token"} {
		r, ok := got.RecordFor(ods)
		if !ok || r.Token.Reveal() != want {
			t.Errorf("token of %s is not the expected one", ods)
		}
	}
	if _, ok := config.Default().RecordFor("A81001"); ok {
		t.Error("a record was found where none is configured")
	}
	db := "data: {postgres: 'postgres:///linkloop', postgres_password_file: " + file + "}"
	if got, err = config.Parse("t.yaml", []byte(db), nil); err != nil || got.Data.PostgresPassword.Reveal() != "s3cret-token" {
		t.Errorf("the password of the database is not the expected one: %v", err)
	}
	if _, err := config.Parse("t.yaml", []byte("data: {postgres: 'postgres:///linkloop', postgres_password_env: LINKLOOP_NO_SUCH}"), nil); err == nil ||
		!strings.Contains(err.Error(), "data.postgres_password_env") {
		t.Errorf("a password that is nowhere: %v", err)
	}
	for name, content := range map[string]string{"empty": "\n", "two lines": "a\nb\n", "large": strings.Repeat("x", 9<<10)} {
		f := write(t, name, content)
		_, err := config.Parse("t.yaml", []byte(`records: [{ods: "*", base_url: "https://a/b", token_file: "`+f+`"}]`), nil)
		if err == nil || !strings.Contains(err.Error(), "records[1].token_file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
