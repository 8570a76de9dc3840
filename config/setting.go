package config

// Setting is what a reader of the reference must know about one key.
type Setting struct {
	Key     string // senders[].name for a field of a list
	Doc     string // what it does, in full sentences
	Choices string // the values it may have, where these are few
	Example string // as written in the file
	Reload  bool   // a reload applies it; otherwise the program must be restarted
}

// settings documents every key of Config, in the order of the reference. A
// test compares it with the struct, both ways.
var settings = []Setting{
	{Key: "http.listen", Example: "0.0.0.0:8080",
		Doc: "Address and port for senders and FHIR clients. Without any client configured it must be a loopback address, because then nobody has to prove who they are. For every address of the machine (0.0.0.0, :: or no host) http.base_url is needed."},
	{Key: "http.base_url", Example: "https://referrals.example.nhs.uk",
		Doc: "Public address of this service as its callers see it, without a trailing slash. It is put into answers and paging links. Empty: http:// and the listen address."},
	{Key: "http.read_header_timeout", Example: "5s",
		Doc: "How long a caller may take to send the request line and the headers."},
	{Key: "http.read_timeout", Example: "30s",
		Doc: "How long a request may take from its first byte until its answer is ready. A body that does not arrive in time is answered 408, work that is not done in time 503."},
	{Key: "http.write_timeout", Example: "1m",
		Doc: "How long answering one request may take, from the end of its headers to the last byte."},
	{Key: "http.idle_timeout", Example: "2m",
		Doc: "How long a connection without a request is kept open."},
	{Key: "http.shutdown_timeout", Example: "20s",
		Doc: "How long requests in progress may take to end after a stop was asked for."},
	{Key: "http.header_limit", Example: "64KiB",
		Doc: "Largest size of all headers of a request; larger ones are answered 431."},
	{Key: "http.body_limit", Example: "5MB",
		Doc: "Largest message or resource taken; larger ones are answered 413."},
	{Key: "http.max_concurrent", Example: "512",
		Doc: "Requests open at the same time, those that arrive, wait or are worked on; further ones are answered 503 and asked to try again in a second. One caller has at most half of them and is answered 429 above that."},
	{Key: "http.max_working", Example: "32",
		Doc: "Requests worked on at the same time. The others wait, and callers (each client, and each sender of one) are let in in turn: one that sends fifty times as much as the others waits longer, and the others do not."},
	{Key: "http.body_memory", Example: "128MB",
		Doc: "Memory for the bodies of all open requests together; a request whose body does not fit is answered 503. At least http.body_limit."},

	{Key: "files.size_limit", Example: "1GB",
		Doc: "Largest file of many messages taken, by upload or from a folder. It passes through in pieces, so that its size costs no memory; http.body_limit does not count for it. A larger upload is answered 413, and what came before the limit is taken."},
	{Key: "files.time_limit", Example: "1h",
		Doc: "How long taking one file may take, waits for a slow store included. http.read_timeout counts for each pause in its arrival only. A file that is not done in time is answered 503, or stays in its folder, and can be sent again: what was taken is recognised."},
	{Key: "files.parallel", Example: "16",
		Doc: "Messages of one file in work at the same time. Uploads also stand in line with other callers (http.max_working)."},
	{Key: "files.poll", Example: "2s",
		Doc: "How often the folders of senders are looked into. See senders[].folder."},
	{Key: "files.settle", Example: "5s",
		Doc: "How long size and time of a file in inbox/ must stay the same before it is taken. Better still, write it under a name that ends in .tmp or .part, or begins with a dot, and rename it when it is whole."},

	{Key: "admin.listen", Example: "127.0.0.1:8081",
		Doc: "Address and port for operations: /healthz, /readyz and /metrics. It asks for no token and shows no patient data; keep it inside."},

	{Key: "data.folder", Example: "/var/lib/linkloop",
		Doc: "Folder of the embedded database. It is made if it does not exist. A relative path starts at the working directory. Not used with data.postgres."},
	{Key: "data.postgres", Example: "postgres://linkloop@db.example.nhs.uk/linkloop?sslmode=verify-full",
		Doc: "PostgreSQL database that holds everything instead of the embedded one, as an address without the password. Several instances of linkloop may share it. A database on another machine needs sslmode=verify-full, verify-ca or require. A connection pooler in transaction mode may stand before it. Empty: the embedded database in data.folder."},
	{Key: "data.postgres_password_file", Example: "/run/secrets/linkloop-db",
		Doc: "File that holds the password for data.postgres."},
	{Key: "data.postgres_password_env", Example: "LINKLOOP_DB_PASSWORD",
		Doc: "Environment variable that holds the password for data.postgres, instead of a file."},

	{Key: "retention.messages_days", Example: "3650",
		Doc: "Days after which an accepted message is removed as it was received, with its answer. Its resources stay; its explanation cannot be made any more, and the same message sent again is refused as a referral that is known. Failed messages stay. 0: kept for ever."},
	{Key: "retention.deliveries_days", Example: "3650",
		Doc: "Days after which a delivery that is in the record, or was taken by it, is removed with its attempts. What is owed or in front of a human stays. 0: kept for ever."},
	{Key: "retention.history_days", Example: "3650",
		Doc: "Days after which a version of a resource that is no longer the current one is removed. The current version stays. 0: kept for ever."},
	{Key: "retention.audit_days", Example: "3650",
		Doc: "Days after which a line of the audit trail is removed. 0: kept for ever."},

	{Key: "mappings.folder", Example: "/etc/linkloop/mappings",
		Doc: "Folder with one folder for each sender's mapping. Empty: the mappings that are part of the program."},

	{Key: "workflow.table", Example: "/etc/linkloop/workflow.yaml",
		Doc: "Transition table of Task: gravity for the table of the Gravity SDOH Clinical Care guide, or the path of a table of your own, ending in .yaml."},
	{Key: "workflow.codes", Example: "/etc/linkloop/outcome-codes.yaml",
		Doc: "File with the list of outcome codes that may be written into a record. Empty: the list that is part of the program."},

	{Key: "relay.workers", Example: "4",
		Doc: "Deliveries sent at the same time."},
	{Key: "relay.backoff_min", Example: "5s",
		Doc: "Wait before the second attempt of a delivery. Each further wait doubles, with a random part, up to relay.backoff_max."},
	{Key: "relay.backoff_max", Example: "15m",
		Doc: "Longest wait between two attempts. A longer Retry-After of a peer is cut to it."},
	{Key: "relay.give_up_after", Example: "72h",
		Doc: "Age at which an undelivered delivery is put in front of a human instead of being tried again."},
	{Key: "relay.lease", Example: "2m",
		Doc: "How long a delivery stays with the instance that sends it without a sign of life from it. A living instance renews it; after a crash the delivery is free again when this time is over, for this instance or another one."},
	{Key: "relay.attempt_timeout", Example: "2m",
		Doc: "How long one attempt may take with all its requests: sending, and reading back. Longer than relay.request_timeout."},
	{Key: "relay.connect_timeout", Example: "5s",
		Doc: "How long connecting to a peer may take, TLS included."},
	{Key: "relay.request_timeout", Example: "30s",
		Doc: "How long one request to a peer may take, answer included."},

	{Key: "log.level", Choices: "debug, info, warn, error", Example: "info",
		Doc: "Least severe entry written. No level shows patient data."},
	{Key: "log.format", Choices: "json, text", Example: "text",
		Doc: "Form of a log entry: json for machines, text for eyes."},

	{Key: "senders", Reload: true,
		Doc: "Systems that post referrals to /intake/{name}. Empty: one sender for each mapping, with the mapping's name."},
	{Key: "senders[].name", Example: "riverside-pms", Reload: true,
		Doc: "Name in /intake/{name}: lower-case letters, digits and hyphens. Unique."},
	{Key: "senders[].mapping", Example: "hl7v2-ref", Reload: true,
		Doc: "Folder of the mapping. Empty: the same as the name."},
	{Key: "senders[].organization", Example: "A81001", Reload: true,
		Doc: "ODS code of the organization that sends, for the audit trail and for messages which do not say. Quote it when it is all digits."},
	{Key: "senders[].folder", Example: "/var/lib/linkloop/riverside", Reload: true,
		Doc: "Folder from which files of this sender are taken: those in inbox/ move through working/ to done/ or failed/, with a receipt beside them. The four are made if they do not exist and must be on one file system. Several instances may watch the same folder; each file is taken by one of them. Unique. Empty: no folder."},
	{Key: "senders[].constants", Reload: true,
		Doc: "Values which the mapping uses by name and which differ between senders of one mapping."},
	{Key: "senders[].constants[].name", Example: "referral_system", Reload: true,
		Doc: "Name as the mapping writes it; capitals count. Unique within the sender, but for entries with a different for."},
	{Key: "senders[].constants[].value", Example: "https://riverside.example.nhs.uk/referral-id", Reload: true,
		Doc: "Value that the mapping gets, as text."},
	{Key: "senders[].constants[].for", Example: "A81001", Reload: true,
		Doc: "Only for messages whose constantsBy, in the mapping, has this value: as a rule the ODS code of a practice. Quote it when it is all digits. Empty: for all messages of the sender."},
	{Key: "senders[].unknown_update", Choices: "refuse, new", Example: "new", Reload: true,
		Doc: "What becomes of an update of a referral that was never received. refuse, which empty means too: it is answered that no such referral is here, and kept among the failed messages. new: it is taken as a new referral; for senders whose first message can get lost."},

	{Key: "clients", Reload: true,
		Doc: "Callers with a bearer token. Empty: every caller on the loopback address may do everything, and the server refuses to listen elsewhere."},
	{Key: "clients[].name", Example: "riverside-practice-system", Reload: true,
		Doc: "Name for logs and the audit trail. Unique."},
	{Key: "clients[].token_sha256", Example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Reload: true,
		Doc: "SHA-256 of the bearer token in 64 lower-case hexadecimal digits; the token itself stays with the client. Make a token with `openssl rand -hex 32` and its hash with `printf %s \"$TOKEN\" | sha256sum`. Unique."},
	{Key: "clients[].role", Choices: "sender, link-worker, practice, operator", Example: "sender", Reload: true,
		Doc: "What the client may do: a sender posts referrals, a link-worker works on Tasks, a practice reads what became of its referrals, an operator sees messages and deliveries and retries them."},
	{Key: "clients[].senders", Example: "[riverside-pms]", Reload: true,
		Doc: "Senders whose intake a client of role sender may use. At least one for that role, none for the others."},
	{Key: "clients[].organization", Example: "A81001", Reload: true,
		Doc: "ODS code of the organization that the client acts for. Required for the roles link-worker and practice."},

	{Key: "records", Reload: true,
		Doc: "FHIR endpoints of the practices' patient records, where outcomes are delivered."},
	{Key: "records[].ods", Example: "A81001", Reload: true,
		Doc: "ODS code of the practice, or '*' for every practice without a record of its own. Unique."},
	{Key: "records[].base_url", Example: "https://record.riverside.example.nhs.uk/fhir", Reload: true,
		Doc: "FHIR base address, without a trailing slash, user name or query."},
	{Key: "records[].token_file", Example: "/run/secrets/riverside-record", Reload: true,
		Doc: "File that holds the bearer token for the record. Read at start and at each reload."},
	{Key: "records[].token_env", Example: "RIVERSIDE_RECORD_TOKEN", Reload: true,
		Doc: "Environment variable that holds the bearer token, instead of a file."},
	{Key: "records[].allow_plain_http", Example: "true", Reload: true,
		Doc: "Allows http:// to another machine. Patient data then crosses the network unprotected: for test networks only."},
}

// Settings returns the documentation of every key, in the order of the
// reference.
func Settings() []Setting { return append([]Setting(nil), settings...) }
