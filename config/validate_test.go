package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/config"
)

const (
	hashA = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	hashB = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"
)

// served is a configuration that listens to the network, as a deployment does.
func served() config.Config {
	c := config.Default()
	c.HTTP.Listen, c.HTTP.BaseURL = ":8080", "https://referrals.example"
	c.Senders = []config.Sender{{Name: "pms", Mapping: "hl7v2-ref", Organization: "A81001"}}
	c.Clients = []config.Client{
		{Name: "pms", Role: config.RoleSender, Senders: []string{"pms"}, TokenSHA256: hashA},
		{Name: "workers", Role: config.RoleLinkWorker, Organization: "HBR01", TokenSHA256: hashB},
	}
	c.Records = []config.Record{{ODS: "A81001", BaseURL: "https://a.example/fhir"}, {ODS: "*", BaseURL: "http://127.0.0.1:9/fhir"}}
	return c
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   []string // the keys with problems; none: valid
	}{
		{"as it is", func(*config.Config) {}, nil},
		{"random port", func(c *config.Config) { c.HTTP.Listen, c.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0" }, nil},
		{"IPv6 loopback without clients", func(c *config.Config) { c.Clients, c.HTTP.Listen, c.Admin.Listen = nil, "[::1]:1", "localhost:2" }, nil},
		{"senders of the mappings", func(c *config.Config) { c.Senders = nil }, nil},
		{"plain HTTP allowed", func(c *config.Config) {
			c.Records[0].BaseURL, c.Records[0].AllowPlainHTTP = "http://record:80/fhir", true
		}, nil},

		{"open without clients", func(c *config.Config) { c.Clients, c.Admin.Listen = nil, "10.0.0.1:1" }, []string{"http.listen", "admin.listen"}},
		{"open by name without clients", func(c *config.Config) { c.Clients, c.HTTP.Listen = nil, "localhost.example:1" }, []string{"http.listen"}},
		{"no port", func(c *config.Config) { c.HTTP.Listen = "127.0.0.1" }, []string{"http.listen"}},
		{"port out of range", func(c *config.Config) { c.HTTP.Listen = "127.0.0.1:65536" }, []string{"http.listen"}},
		{"named port", func(c *config.Config) { c.HTTP.Listen = "127.0.0.1:http" }, []string{"http.listen"}},
		{"same port", func(c *config.Config) { c.Admin.Listen = ":8080" }, []string{"admin.listen"}},
		{"every address without base URL", func(c *config.Config) { c.HTTP.BaseURL = "" }, []string{"http.base_url"}},
		{"0.0.0.0 without base URL", func(c *config.Config) { c.HTTP.Listen, c.HTTP.BaseURL = "0.0.0.0:8080", "" }, []string{"http.base_url"}},
		{":: without base URL", func(c *config.Config) { c.HTTP.Listen, c.HTTP.BaseURL = "[::]:8080", "" }, []string{"http.base_url"}},
		{"one address without base URL", func(c *config.Config) { c.HTTP.Listen, c.HTTP.BaseURL = "192.0.2.1:8080", "" }, nil},
		{"base URL without scheme", func(c *config.Config) { c.HTTP.BaseURL = "referrals.example" }, []string{"http.base_url"}},
		{"base URL with slash", func(c *config.Config) { c.HTTP.BaseURL = "https://a.example/" }, []string{"http.base_url"}},
		{"base URL with query", func(c *config.Config) { c.HTTP.BaseURL = "https://a.example/x?y=1" }, []string{"http.base_url"}},
		{"base URL with fragment", func(c *config.Config) { c.HTTP.BaseURL = "https://a.example/x#" }, []string{"http.base_url"}},
		{"base URL of a file", func(c *config.Config) { c.HTTP.BaseURL = "file:///etc" }, []string{"http.base_url"}},
		{"proxies and origins", func(c *config.Config) {
			c.HTTP.TrustedProxies, c.HTTP.CORSOrigins = []string{"10.0.0.0/8", "::1/128"}, []string{"*", "https://tool.example", "http://localhost:3000"}
		}, nil},
		{"no proxies and origins", func(c *config.Config) {
			c.HTTP.TrustedProxies, c.HTTP.CORSOrigins = []string{"proxy.example"}, []string{"https://tool.example/", "tool.example", "null"}
		}, []string{"http.trusted_proxies[1]", "http.cors_origins[1]", "http.cors_origins[2]", "http.cors_origins[3]"}},
		{"no read timeout", func(c *config.Config) { c.HTTP.ReadTimeout = 0 }, []string{"http.read_timeout"}},
		{"tiny limits", func(c *config.Config) { c.HTTP.BodyLimit, c.HTTP.HeaderLimit = 1, 1 }, []string{"http.header_limit", "http.body_limit"}},
		{"huge limits", func(c *config.Config) { c.HTTP.BodyLimit, c.HTTP.MaxConcurrent = config.Gigabyte, 1<<30 }, []string{"http.body_limit", "http.max_concurrent"}},
		{"no data folder", func(c *config.Config) { c.Data.Folder = "" }, []string{"data.folder"}},
		{"no workflow", func(c *config.Config) { c.Workflow.Table = "" }, []string{"workflow.table"}},
		{"unknown workflow", func(c *config.Config) { c.Workflow.Table = "bars" }, []string{"workflow.table"}},
		{"own workflow", func(c *config.Config) { c.Workflow.Table = "/etc/linkloop/workflow.yaml" }, nil},
		{"no workers", func(c *config.Config) { c.Relay.Workers = 0 }, []string{"relay.workers"}},
		{"memory for bodies below one body", func(c *config.Config) { c.HTTP.BodyMemory = c.HTTP.BodyLimit - 1 }, []string{"http.body_memory"}},
		{"nobody works", func(c *config.Config) { c.HTTP.MaxWorking = 0 }, []string{"http.max_working"}},
		{"a database here", func(c *config.Config) { c.Data.Postgres = "postgres://linkloop@127.0.0.1:5432/linkloop" }, nil},
		{"a database by its socket", func(c *config.Config) { c.Data.Postgres = "postgres:///linkloop?host=/var/run/postgresql" }, nil},
		{"a database elsewhere, protected", func(c *config.Config) {
			c.Data.Postgres = "postgres://u@db.example.nhs.uk/linkloop?sslmode=verify-full"
		}, nil},
		{"a database elsewhere, unprotected", func(c *config.Config) { c.Data.Postgres = "postgres://u@db.example.nhs.uk/linkloop" }, []string{"data.postgres"}},
		{"a database elsewhere by parameter", func(c *config.Config) { c.Data.Postgres = "postgres:///linkloop?host=db.example.nhs.uk" }, []string{"data.postgres"}},
		{"a password in the address", func(c *config.Config) { c.Data.Postgres = "postgres://u:hunter2@127.0.0.1/linkloop" }, []string{"data.postgres"}},
		{"a password in the parameters", func(c *config.Config) { c.Data.Postgres = "postgres://u@127.0.0.1/linkloop?password=x" }, []string{"data.postgres"}},
		{"no address of a database", func(c *config.Config) { c.Data.Postgres = "host=127.0.0.1 dbname=x" }, []string{"data.postgres"}},
		{"a password without a database", func(c *config.Config) { c.Data.PostgresPasswordEnv = "X" }, []string{"data.postgres"}},
		{"two passwords", func(c *config.Config) {
			c.Data.Postgres = "postgres:///linkloop"
			c.Data.PostgresPasswordEnv, c.Data.PostgresPasswordFile = "X", "x"
		}, []string{"data.postgres_password_env"}},
		{"retention before the beginning", func(c *config.Config) {
			c.Retention = config.Retention{MessagesDays: -1, DeliveriesDays: -1, HistoryDays: -1, AuditDays: 40_000}
		}, []string{"retention.audit_days", "retention.deliveries_days", "retention.history_days", "retention.messages_days"}},
		{"attempt shorter than a request", func(c *config.Config) { c.Relay.AttemptTimeout = time.Second }, []string{"relay.attempt_timeout"}},
		{"give up before the longest wait", func(c *config.Config) { c.Relay.GiveUpAfter = time.Minute }, []string{"relay.give_up_after"}},
		{"log words", func(c *config.Config) { c.Log.Level, c.Log.Format = "INFO", "" }, []string{"log.level", "log.format"}},

		{"sender names", func(c *config.Config) {
			c.Senders = append(c.Senders, config.Sender{}, config.Sender{Name: "../etc"}, config.Sender{Name: strings.Repeat("a", 65)}, config.Sender{Name: "b-"})
		}, []string{"senders[2].name", "senders[3].name", "senders[4].name", "senders[5].name"}},
		{"mapping outside the folder", func(c *config.Config) { c.Senders[0].Mapping = ".." }, []string{"senders[1].mapping"}},
		{"constants", func(c *config.Config) {
			c.Senders[0].Constants = []config.Constant{{Name: "a"}, {Name: "a"}, {Value: "x"}, {Name: "a", For: "A81001"}}
		}, []string{"senders[1].constants[2].name", "senders[1].constants[3].name"}},
		{"client names and tokens", func(c *config.Config) {
			c.Clients[1].Name, c.Clients[1].TokenSHA256 = "pms", hashA
		}, []string{"clients[2].name", "clients[2].token_sha256"}},
		{"hash in capitals", func(c *config.Config) { c.Clients[0].TokenSHA256 = strings.ToUpper(hashA) }, []string{"clients[1].token_sha256"}},
		{"role", func(c *config.Config) { c.Clients[1].Role = "linkworker" }, []string{"clients[2].role"}},
		{"link worker of nobody", func(c *config.Config) { c.Clients[1].Organization = "" }, []string{"clients[2].organization"}},
		{"sender of nothing", func(c *config.Config) { c.Clients[0].Senders = nil }, []string{"clients[1].senders"}},
		{"sender of an unknown", func(c *config.Config) { c.Clients[0].Senders = []string{"pms", "pmz", "pms"} }, []string{"clients[1].senders[2]", "clients[1].senders[3]"}},
		{"receivers", func(c *config.Config) {
			c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: "https://a.example", SecretEnv: "X"}}
			c.Clients[1].Role, c.Clients[1].Channels = config.RoleReceiver, []string{"hook"}
		}, nil},
		{"receivers of nothing and of what is no webhook", func(c *config.Config) {
			c.Clients[0].Channels = []string{"tie"}
			c.Clients[1].Role = config.RoleReceiver
		}, []string{"clients[1].channels", "clients[1].channels[1]", "clients[2].channels"}},
		{"content for a link worker", func(c *config.Config) { c.Clients[1].Content = true }, []string{"clients[2].content"}},
		{"link worker with senders", func(c *config.Config) { c.Clients[1].Senders = []string{"pms"} }, []string{"clients[2].senders"}},
		{"MLLP on this machine", func(c *config.Config) {
			c.MLLP.Listeners = []config.Listener{{Listen: "127.0.0.1:2575", Sender: "pms"}, {Listen: "127.0.0.1:0", Sender: "pms"}, {Listen: "127.0.0.1:0", Sender: "pms"}}
		}, nil},
		{"MLLP for everybody", func(c *config.Config) {
			c.MLLP.Listeners = []config.Listener{{Listen: ":2575", Sender: "pms"}}
		}, []string{"mllp.listeners[1].allowed_peers", "mllp.listeners[1].certificate_file"}},
		{"MLLP for a network", func(c *config.Config) {
			c.MLLP.Listeners = []config.Listener{{Listen: ":2575", Sender: "pms", AllowPlain: true, AllowedPeers: []string{"10.0.0.0/8"}},
				{Listen: ":2576", Sender: "pms", CertificateFile: "c", KeyFile: "k", ClientCAFile: "a", ClientNames: []string{"tie"}}}
		}, nil},
		{"MLLP half done", func(c *config.Config) {
			c.MLLP.FrameMemory, c.MLLP.MaxConnections = config.Megabyte, 0
			c.MLLP.Listeners = []config.Listener{{Listen: "127.0.0.1", Sender: "pmz", KeyFile: "k", ClientCAFile: "a"},
				{Listen: c.HTTP.Listen, Sender: "pms", CertificateFile: "c", AllowedPeers: []string{"10.0.0.1/8", "10.0.0.1"}, ClientNames: []string{""}, AllowPlain: true}}
		}, []string{"mllp.frame_memory", "mllp.max_connections", "mllp.listeners[1].listen", "mllp.listeners[1].sender", "mllp.listeners[1].certificate_file",
			"mllp.listeners[2].listen", "mllp.listeners[2].key_file", "mllp.listeners[2].allowed_peers[1]", "mllp.listeners[2].allowed_peers[2]", "mllp.listeners[2].client_names", "mllp.listeners[2].client_names[1]"}},
		{"HL7 answer", func(c *config.Config) { c.Senders[0].HL7Answer = "nak" }, []string{"senders[1].hl7_answer"}},
		{"a BaRS sender that is answered", func(c *config.Config) {
			s := &c.Senders[0]
			s.BaRSTarget, s.BaRSVersions, s.BaRSUseCases = "https://fhir.nhs.uk/Id/dos-service-id|1", []string{"1.5.0"}, []string{"a5t1"}
			s.AnswerURL, s.AnswerStates = "https://bars.example.nhs.uk/FHIR/R4/$process-message", []string{"accepted", "rejected", "did-not-attend", "completed"}
			s.AnswerHeaders, s.AnswerTokenFile = []config.Header{{Name: "NHSD-Requesting-Software", Value: "eyJ9"}}, "/run/secrets/token"
		}, nil},
		{"BaRS half done", func(c *config.Config) {
			s := &c.Senders[0]
			s.BaRSVersions, s.BaRSUseCases = []string{"1.5.0", " "}, []string{"a5t1 "}
			s.AnswerStates, s.AnswerHeaders = []string{"accepted"}, []config.Header{{Name: "X", Value: "1"}}
			s.AnswerTokenFile, s.AnswerTokenEnv = "f", "E"
		}, []string{"senders[1].bars_versions", "senders[1].bars_versions[2]", "senders[1].bars_use_cases", "senders[1].bars_use_cases[1]",
			"senders[1].answer_states", "senders[1].answer_headers", "senders[1].answer_token_file", "senders[1].answer_token_env"}},
		{"a BaRS target without a system", func(c *config.Config) { c.Senders[0].BaRSTarget = "2000012345" }, []string{"senders[1].bars_target"}},
		{"a BaRS target without a value", func(c *config.Config) { c.Senders[0].BaRSTarget = "urn:x|" }, []string{"senders[1].bars_target"}},
		{"answers of nobody", func(c *config.Config) {
			s := &c.Senders[0]
			s.AnswerURL, s.AnswerStates = "https://bars.example", []string{"refused"}
			s.AnswerHeaders = []config.Header{{Value: "1"}, {Name: "No header"}, {Name: "X", Value: "a\r\nb"}, {Name: "X-Good", Value: "a\tb"}}
		}, []string{"senders[1].answer_states[1]", "senders[1].answer_headers[1].name", "senders[1].answer_headers[2].name", "senders[1].answer_headers[3].value"}},
		{"answers unprotected", func(c *config.Config) { c.Senders[0].AnswerURL = "http://bars.example" }, []string{"senders[1].answer_url"}},
		{"answers unprotected on a test network", func(c *config.Config) {
			c.Senders[0].AnswerURL, c.Senders[0].AnswerAllowPlainHTTP = "http://bars.example", true
		}, nil},
		{"answers on this machine", func(c *config.Config) { c.Senders[0].AnswerURL = "http://127.0.0.1:9000/answers" }, nil},
		{"answers to a file", func(c *config.Config) { c.Senders[0].AnswerURL = "file:///tmp/answers" }, []string{"senders[1].answer_url"}},
		{"naming systems", func(c *config.Config) {
			c.Systems = []config.System{{URI: "https://fhir.nhs.uk/Id/ods-organization-code", Also: []string{"https://fhir.nhs.uk/Id/ods-organisation-code", "http://FHIR.nhs.uk/id/ods-organization-code/"}},
				{URI: "https://fhir.nhs.uk/Id/nhs-number"}}
		}, nil},
		{"naming systems that are one", func(c *config.Config) {
			c.Systems = []config.System{{URI: "https://a.example/id", Also: []string{"https://b.example/id", ""}}, {URI: "http://A.example/id/"}, {URI: "urn:c", Also: []string{"https://B.example/ID"}}, {Also: []string{"x"}}, {URI: "urn:c"}}
		}, []string{"systems[1].also[2]", "systems[2].uri", "systems[3].also[1]", "systems[4].uri", "systems[5].uri"}},
		{"records", func(c *config.Config) {
			c.Records = []config.Record{{}, {ODS: "a", BaseURL: "https://a"}, {ODS: "A81001", BaseURL: "ftp://a"}, {ODS: "A81001", BaseURL: "http://a"}}
		}, []string{"records[1].ods", "records[1].base_url", "records[2].ods", "records[3].base_url", "records[4].ods", "records[4].base_url"}},
		{"a key for no token endpoint", func(c *config.Config) {
			c.Channels = []config.Channel{{Name: "rec", Kind: config.KindFHIR, URL: "https://a.example/fhir", ClientID: "c", KeyID: "k", KeyFile: "f"}}
		}, []string{"channels[1].token_url"}},
		{"a route to what is no channel", func(c *config.Config) {
			c.Practices = []config.Practice{{ODS: "A81001", Route: []string{"fhirapi", "letter"}}}
		}, []string{"practices[1].route[2]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := served()
			c.change(&cfg)
			err := cfg.Validate()
			var ps config.Problems
			if err != nil && !errors.As(err, &ps) {
				t.Fatalf("error of type %T", err)
			}
			var got []string
			for _, p := range ps {
				got = append(got, p.Key)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("problems with %v, want %v\n%v", got, c.want, err)
			}
		})
	}
}

func TestChanged(t *testing.T) {
	from, to := served(), served()
	if a, b := config.Changed(from, to); a != nil || b != nil {
		t.Errorf("nothing changed, got %v and %v", a, b)
	}
	to.Log.Level = "debug"
	to.Records[0].Token = config.NewSecret("new")
	to.HTTP.Listen = ":8090"
	reload, restart := config.Changed(from, to)
	if !slices.Equal(reload, []string{"records"}) || !slices.Equal(restart, []string{"http.listen", "log.level"}) {
		t.Errorf("reload %v, restart %v", reload, restart)
	}
}

func TestSize(t *testing.T) {
	for words, want := range map[string]config.Size{
		"0B": 0, "512B": 512, "5MB": 5_000_000, "1MiB": 1 << 20, "64KiB": 64 << 10, "3kB": 3000, "2GB": 2e9, "1GiB": 1 << 30,
	} {
		got, err := config.ParseSize(words)
		if err != nil || got != want {
			t.Errorf("%s: %d, %v", words, got, err)
		}
		if got.String() != words {
			t.Errorf("%s is printed as %s", words, got)
		}
	}
	for _, words := range []string{"", "B", "5", "5 MB", "5mb", "-5MB", "5.5MB", "010B", "0x5B", "+5B", "99999999999GB", "5MB "} {
		if got, err := config.ParseSize(words); err == nil {
			t.Errorf("%q was taken as %s", words, got)
		}
	}
}
