package config

import "time"

// Config is everything that a deployment may choose. Its zero value is not
// useful; start from Default or Load.
type Config struct {
	HTTP       HTTP         `mapstructure:"http"`
	MLLP       MLLP         `mapstructure:"mllp"`
	Files      Files        `mapstructure:"files"`
	Admin      Admin        `mapstructure:"admin"`
	Data       Data         `mapstructure:"data"`
	Retention  Retention    `mapstructure:"retention"`
	Mappings   Mappings     `mapstructure:"mappings"`
	Workflow   Workflow     `mapstructure:"workflow"`
	Validation Validation   `mapstructure:"validation"`
	Relay      Relay        `mapstructure:"relay"`
	Sharing    Sharing      `mapstructure:"sharing"`
	Log        Log          `mapstructure:"log"`
	Senders    []Sender     `mapstructure:"senders"`
	Clients    []Client     `mapstructure:"clients"`
	Records    []Record     `mapstructure:"records"`
	Channels   []Channel    `mapstructure:"channels"`
	Practices  []Practice   `mapstructure:"practices"`
	Escalation []Escalation `mapstructure:"escalation"`
	Report     Report       `mapstructure:"report"`
	Systems    []System     `mapstructure:"systems"`

	places places // where each value that is not a default came from
}

// HTTP is the port for senders and FHIR clients.
type HTTP struct {
	Listen            string        `mapstructure:"listen"`
	BaseURL           string        `mapstructure:"base_url"`
	TrustedProxies    []string      `mapstructure:"trusted_proxies"`
	CORSOrigins       []string      `mapstructure:"cors_origins"`
	ReadHeaderTimeout time.Duration `mapstructure:"read_header_timeout"`
	ReadTimeout       time.Duration `mapstructure:"read_timeout"`
	WriteTimeout      time.Duration `mapstructure:"write_timeout"`
	IdleTimeout       time.Duration `mapstructure:"idle_timeout"`
	ShutdownTimeout   time.Duration `mapstructure:"shutdown_timeout"`
	HeaderLimit       Size          `mapstructure:"header_limit"`
	BodyLimit         Size          `mapstructure:"body_limit"`
	MaxConcurrent     int           `mapstructure:"max_concurrent"`
	MaxWorking        int           `mapstructure:"max_working"`
	BodyMemory        Size          `mapstructure:"body_memory"`
	BaRSTimeLimit     time.Duration `mapstructure:"bars_time_limit"`
}

// MLLP is how HL7 v2 messages are taken over TCP.
type MLLP struct {
	FrameLimit     Size          `mapstructure:"frame_limit"`
	FrameMemory    Size          `mapstructure:"frame_memory"`
	FrameTimeout   time.Duration `mapstructure:"frame_timeout"`
	AnswerTimeout  time.Duration `mapstructure:"answer_timeout"`
	IdleTimeout    time.Duration `mapstructure:"idle_timeout"`
	MaxConnections int           `mapstructure:"max_connections"`
	Listeners      []Listener    `mapstructure:"listeners"`
}

// Listener is one port for the HL7 v2 messages of one sender.
type Listener struct {
	Listen          string   `mapstructure:"listen"`
	Sender          string   `mapstructure:"sender"`
	CertificateFile string   `mapstructure:"certificate_file"`
	KeyFile         string   `mapstructure:"key_file"`
	ClientCAFile    string   `mapstructure:"client_ca_file"`
	ClientNames     []string `mapstructure:"client_names"`
	AllowedPeers    []string `mapstructure:"allowed_peers"`
	AllowPlain      bool     `mapstructure:"allow_plain"`
}

// Files is how files of many messages are taken, and files from folders.
type Files struct {
	SizeLimit Size          `mapstructure:"size_limit"`
	TimeLimit time.Duration `mapstructure:"time_limit"`
	Parallel  int           `mapstructure:"parallel"`
	Poll      time.Duration `mapstructure:"poll"`
	Settle    time.Duration `mapstructure:"settle"`
}

// Admin is the port for operations: /healthz, /readyz and /metrics.
type Admin struct {
	Listen string `mapstructure:"listen"`
}

// Data is where everything is kept: in the embedded database, or in PostgreSQL
// when Postgres is not empty.
type Data struct {
	Folder               string `mapstructure:"folder"`
	Postgres             string `mapstructure:"postgres"`
	PostgresPasswordFile string `mapstructure:"postgres_password_file"`
	PostgresPasswordEnv  string `mapstructure:"postgres_password_env"`

	// PostgresPassword is what PostgresPasswordFile or PostgresPasswordEnv held
	// when the configuration was loaded; empty when neither is set.
	PostgresPassword Secret `mapstructure:"-"`
}

// Retention is after how many days things are removed; 0 keeps them for ever.
type Retention struct {
	MessagesDays   int `mapstructure:"messages_days"`
	DeliveriesDays int `mapstructure:"deliveries_days"`
	HistoryDays    int `mapstructure:"history_days"`
	AuditDays      int `mapstructure:"audit_days"`
}

// Mappings is where sender mappings are read from; an empty folder means the
// ones that are part of the program.
type Mappings struct {
	Folder string        `mapstructure:"folder"`
	Poll   time.Duration `mapstructure:"poll"`
}

// shippedWorkflow is the transition table that is part of the program.
const shippedWorkflow = "gravity"

// Workflow chooses the Task transition table and the list of outcome codes.
type Workflow struct {
	Table     string     `mapstructure:"table"`
	Codes     string     `mapstructure:"codes"`
	Measures  string     `mapstructure:"measures"`
	Approval  string     `mapstructure:"approval"`
	Interim   []string   `mapstructure:"interim"`
	Approvers []Approver `mapstructure:"approvers"`
}

// Approver is somebody whose signature counts under the list of outcome codes.
type Approver struct {
	Name string `mapstructure:"name"`
	Key  string `mapstructure:"key"`
}

// Validation is what resources are held against beside the base of R4 and the
// rules of this house.
type Validation struct {
	Packages   []string `mapstructure:"packages"`
	Profiles   []string `mapstructure:"profiles"`
	Extensible bool     `mapstructure:"extensible"`
}

// What becomes of a resource or referral that breaks a profile or has unusable
// codes and numbers.
const (
	ValidationRefuse = "refuse"
	ValidationFlag   = "flag"
)

// Relay is how owed deliveries are sent and how long they are tried.
type Relay struct {
	Workers        int           `mapstructure:"workers"`
	BackoffMin     time.Duration `mapstructure:"backoff_min"`
	BackoffMax     time.Duration `mapstructure:"backoff_max"`
	GiveUpAfter    time.Duration `mapstructure:"give_up_after"`
	Lease          time.Duration `mapstructure:"lease"`
	AttemptTimeout time.Duration `mapstructure:"attempt_timeout"`
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"`
	RequestTimeout time.Duration `mapstructure:"request_timeout"`
	PerPractice    int           `mapstructure:"per_practice"`
	AckWithin      time.Duration `mapstructure:"ack_within"`
	NotTakenFor    time.Duration `mapstructure:"not_taken_for"`
}

// Sharing is what leaves of people who chose nothing in particular, and whom it
// concerns when something needs a human.
type Sharing struct {
	Without string `mapstructure:"without"`
	Unclear string `mapstructure:"unclear"`
}

// The kinds of a channel.
const (
	KindFHIR    = "fhir"
	KindHL7v2   = "hl7v2"
	KindWebhook = "webhook"
	KindMail    = "mail"
)

// Escalation is one rung of the ladder by which people hear of what waits for a
// human.
type Escalation struct {
	After   time.Duration `mapstructure:"after"`
	Channel string        `mapstructure:"channel"`
}

// Report is the daily report of what was owed and what came of it.
type Report struct {
	At       string   `mapstructure:"at"`
	Channels []string `mapstructure:"channels"`
}

// Channel is one way by which outcomes leave, beside the records.
type Channel struct {
	Name            string   `mapstructure:"name"`
	Kind            string   `mapstructure:"kind"`
	URL             string   `mapstructure:"url"`
	Address         string   `mapstructure:"address"`
	From            string   `mapstructure:"from"`
	To              []string `mapstructure:"to"`
	Message         string   `mapstructure:"message"`
	Application     string   `mapstructure:"application"`
	SecretFile      string   `mapstructure:"secret_file"`
	SecretEnv       string   `mapstructure:"secret_env"`
	TokenURL        string   `mapstructure:"token_url"`
	ClientID        string   `mapstructure:"client_id"`
	KeyID           string   `mapstructure:"key_id"`
	Algorithm       string   `mapstructure:"algorithm"`
	KeyFile         string   `mapstructure:"key_file"`
	Scope           string   `mapstructure:"scope"`
	CAFile          string   `mapstructure:"ca_file"`
	CertificateFile string   `mapstructure:"certificate_file"`
	CertificateKey  string   `mapstructure:"certificate_key_file"`
	AllowPlain      bool     `mapstructure:"allow_plain"`

	// Secret is what SecretFile or SecretEnv held when the configuration was
	// loaded: the bearer token of kind fhir, the signing secret of kind webhook.
	Secret Secret `mapstructure:"-"`
}

// Practice is what is agreed with one practice.
type Practice struct {
	ODS        string   `mapstructure:"ods"`
	Route      []string `mapstructure:"route"`
	FallBackOn []string `mapstructure:"fall_back_on"`
	GroupsOff  []string `mapstructure:"groups_off"`
	CodesOnly  bool     `mapstructure:"codes_only"`
	Quiet      []string `mapstructure:"quiet"`
}

// RecordChannel is the name, in a route, of the FHIR endpoint in records.
const RecordChannel = "fhirapi"

// Log is what is written to standard error.
type Log struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// Sender is one system that posts referrals to /intake/{name}.
type Sender struct {
	Name         string     `mapstructure:"name"`
	Mapping      string     `mapstructure:"mapping"`
	Organization string     `mapstructure:"organization"`
	Folder       string     `mapstructure:"folder"`
	Constants    []Constant `mapstructure:"constants"`
	// HL7Answer is ack or rri; empty: as fits the message.
	HL7Answer string `mapstructure:"hl7_answer"`
	// UnknownUpdate is UpdateRefuse or UpdateNew; empty: UpdateRefuse.
	UnknownUpdate string `mapstructure:"unknown_update"`
	// Validation is ValidationFlag or ValidationRefuse; empty: ValidationFlag.
	Validation string `mapstructure:"validation"`

	RepairsOn  []string `mapstructure:"repairs_on"`
	RepairsOff []string `mapstructure:"repairs_off"`

	BaRSTarget   string   `mapstructure:"bars_target"`
	BaRSVersions []string `mapstructure:"bars_versions"`
	BaRSUseCases []string `mapstructure:"bars_use_cases"`

	AnswerURL            string   `mapstructure:"answer_url"`
	AnswerStates         []string `mapstructure:"answer_states"`
	AnswerHeaders        []Header `mapstructure:"answer_headers"`
	AnswerTokenFile      string   `mapstructure:"answer_token_file"`
	AnswerTokenEnv       string   `mapstructure:"answer_token_env"`
	AnswerAllowPlainHTTP bool     `mapstructure:"answer_allow_plain_http"`

	// AnswerToken is what AnswerTokenFile or AnswerTokenEnv held when the
	// configuration was loaded; empty when neither is set.
	AnswerToken Secret `mapstructure:"-"`
}

// Header is a header of HTTP that is sent with each answer to a sender.
type Header struct {
	Name  string `mapstructure:"name"`
	Value string `mapstructure:"value"`
}

// System is a naming system and the other ways in which senders write it.
type System struct {
	URI  string   `mapstructure:"uri"`
	Also []string `mapstructure:"also"`
}

// What becomes of an update of a referral that was never received.
const (
	UpdateRefuse = "refuse"
	UpdateNew    = "new"
)

// Constant is a value that a mapping may use by name. Constants are a list and
// not a map because viper would put the names in lower case.
type Constant struct {
	Name  string `mapstructure:"name"`
	Value string `mapstructure:"value"`
	// For is the value of the mapping's constantsBy that the constant holds
	// for; empty: all.
	For string `mapstructure:"for"`
}

// The roles of a client.
const (
	RoleSender     = "sender"      // may post to its senders' intake
	RoleLinkWorker = "link-worker" // works on Tasks
	RolePractice   = "practice"    // reads what became of its referrals
	RoleOperator   = "operator"    // sees messages and deliveries, retries them
	RoleReceiver   = "receiver"    // acknowledges what its channels brought
)

// Client is one caller with a bearer token.
type Client struct {
	Name         string   `mapstructure:"name"`
	TokenSHA256  string   `mapstructure:"token_sha256"`
	Role         string   `mapstructure:"role"`
	Senders      []string `mapstructure:"senders"`
	Organization string   `mapstructure:"organization"`
	// Channels are those of which a receiver acknowledges what it got.
	Channels []string `mapstructure:"channels"`
	// Validation is ValidationRefuse or ValidationFlag; empty: ValidationRefuse.
	Validation string `mapstructure:"validation"`
	// Content lets an operator read what messages and deliveries hold of patients.
	Content bool `mapstructure:"content"`
}

// AnyPractice is Record.ODS of the record used when no other one matches.
const AnyPractice = "*"

// Record is the FHIR endpoint of one practice's patient record.
type Record struct {
	ODS            string `mapstructure:"ods"`
	BaseURL        string `mapstructure:"base_url"`
	TokenFile      string `mapstructure:"token_file"`
	TokenEnv       string `mapstructure:"token_env"`
	AllowPlainHTTP bool   `mapstructure:"allow_plain_http"`

	// Token is what TokenFile or TokenEnv held when the configuration was
	// loaded; empty when neither is set.
	Token Secret `mapstructure:"-"`
}

// Default is the configuration of a machine where nothing was configured: it
// serves loopback only, keeps its data in ./data and knows the shipped senders.
func Default() Config {
	return Config{
		HTTP: HTTP{
			Listen:            "127.0.0.1:8080",
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       30 * time.Second,
			WriteTimeout:      time.Minute,
			IdleTimeout:       2 * time.Minute,
			ShutdownTimeout:   20 * time.Second,
			HeaderLimit:       64 * Kibibyte,
			BodyLimit:         5 * Megabyte,
			MaxConcurrent:     512,
			MaxWorking:        32,
			BodyMemory:        128 * Megabyte,
			BaRSTimeLimit:     5 * time.Second,
		},
		MLLP: MLLP{
			FrameLimit:     5 * Megabyte,
			FrameMemory:    128 * Megabyte,
			FrameTimeout:   30 * time.Second,
			AnswerTimeout:  30 * time.Second,
			IdleTimeout:    time.Hour,
			MaxConnections: 1000,
		},
		Mappings: Mappings{Poll: 5 * time.Second},
		Files: Files{
			SizeLimit: Gigabyte,
			TimeLimit: time.Hour,
			Parallel:  16,
			Poll:      2 * time.Second,
			Settle:    5 * time.Second,
		},
		Admin:    Admin{Listen: "127.0.0.1:8081"},
		Data:     Data{Folder: "./data"},
		Workflow: Workflow{Table: shippedWorkflow},
		Sharing:  Sharing{Without: "all", Unclear: "nothing"},
		Relay: Relay{
			Workers:        4,
			BackoffMin:     5 * time.Second,
			BackoffMax:     15 * time.Minute,
			GiveUpAfter:    72 * time.Hour,
			Lease:          10 * time.Second,
			AttemptTimeout: 2 * time.Minute,
			ConnectTimeout: 5 * time.Second,
			RequestTimeout: 30 * time.Second,
			AckWithin:      72 * time.Hour,
			NotTakenFor:    24 * time.Hour,
		},
		Report: Report{At: "07:00"},
		Log:    Log{Level: "info", Format: "json"},
	}
}

// Constant returns the value of a sender's constant.
func (s Sender) Constant(name string) (string, bool) {
	for _, c := range s.Constants {
		if c.Name == name && c.For == "" {
			return c.Value, true
		}
	}
	return "", false
}

// RecordFor returns the record of a practice, or the one for any practice.
func (c Config) RecordFor(ods string) (Record, bool) {
	var fallback Record
	found := false
	for _, r := range c.Records {
		switch r.ODS {
		case ods:
			return r, true
		case AnyPractice:
			fallback, found = r, true
		}
	}
	return fallback, found
}
