package config

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// longestLabel bounds names, in bytes: they become part of URLs and logs.
const longestLabel = 64

func (k *checker) senders() {
	names, folders := seen{}, seen{}
	for i, s := range k.config.Senders {
		at := fmt.Sprintf("senders[%d]", i+1)
		k.label(at+".name", s.Name)
		k.unique(names, at+".name", s.Name)
		if s.Mapping != "" {
			k.label(at+".mapping", s.Mapping)
		}
		k.ods(at+".organization", s.Organization, false)
		k.unique(folders, at+".folder", s.Folder)
		if s.HL7Answer != "" {
			k.choice(at+".hl7_answer", s.HL7Answer, "ack", "rri")
		}
		if s.UnknownUpdate != "" {
			k.choice(at+".unknown_update", s.UnknownUpdate, UpdateRefuse, UpdateNew)
		}
		if s.Validation != "" {
			k.choice(at+".validation", s.Validation, ValidationFlag, ValidationRefuse)
		}
		k.answers(at, s)
		constants := seen{}
		for j, c := range s.Constants {
			key := fmt.Sprintf("%s.constants[%d].name", at, j+1)
			if c.Name == "" {
				k.add(key, "is missing", "")
			}
			k.unique(constants, key, strings.TrimSpace(c.Name+" "+c.For))
		}
	}
}

func (k *checker) clients() {
	names, tokens := seen{}, seen{}
	for i, c := range k.config.Clients {
		at := fmt.Sprintf("clients[%d]", i+1)
		k.label(at+".name", c.Name)
		k.unique(names, at+".name", c.Name)
		if b, err := hex.DecodeString(c.TokenSHA256); err != nil || len(b) != 32 || strings.ToLower(c.TokenSHA256) != c.TokenSHA256 {
			k.add(at+".token_sha256", "must be 64 lower-case hexadecimal digits", "it is the SHA-256 of the token, not the token: printf %s \"$TOKEN\" | sha256sum")
		}
		k.unique(tokens, at+".token_sha256", c.TokenSHA256)
		k.choice(at+".role", c.Role, RoleSender, RoleLinkWorker, RolePractice, RoleOperator, RoleReceiver)
		k.ods(at+".organization", c.Organization, c.Role == RoleLinkWorker || c.Role == RolePractice)
		if c.Validation != "" {
			k.choice(at+".validation", c.Validation, ValidationRefuse, ValidationFlag)
		}
		if c.Content && c.Role != RoleOperator {
			k.add(at+".content", "is set for a client that is no operator", "remove it; what a client of another role may read follows from its role")
		}
		k.clientSenders(at+".senders", c)
		k.clientChannels(at+".channels", c)
	}
}

// clientChannels checks of which channels a client may acknowledge what it got.
func (k *checker) clientChannels(key string, c Client) {
	switch {
	case c.Role == RoleReceiver && len(c.Channels) == 0:
		k.add(key, "is empty, so that the client could not acknowledge anything", "list the channels that bring it something")
	case c.Role != RoleReceiver && len(c.Channels) > 0:
		k.add(key, "is set for a client that is no receiver", "remove it, or give the client the role receiver")
	}
	used := seen{}
	for i, name := range c.Channels {
		entry := fmt.Sprintf("%s[%d]", key, i+1)
		k.unique(used, entry, name)
		if !slices.ContainsFunc(k.config.Channels, func(c Channel) bool { return c.Name == name && c.Kind == KindWebhook }) {
			k.add(entry, "names no channel of kind webhook", "")
		}
	}
}

// clientSenders checks what a client may send as. Without configured senders
// the names are those of the mappings, which only the app knows.
func (k *checker) clientSenders(key string, c Client) {
	switch {
	case c.Role == RoleSender && len(c.Senders) == 0:
		k.add(key, "is empty, so that the client could not send anything", "list the senders whose intake it may use")
	case c.Role != RoleSender && len(c.Senders) > 0:
		k.add(key, "is set for a client that is no sender", "remove it, or give the client the role sender")
	}
	if len(k.config.Senders) == 0 || k.before.about("senders") {
		return
	}
	var known []string
	for _, s := range k.config.Senders {
		known = append(known, s.Name)
	}
	used := seen{}
	for i, name := range c.Senders {
		entry := fmt.Sprintf("%s[%d]", key, i+1)
		k.unique(used, entry, name)
		if !slices.Contains(known, name) {
			k.add(entry, "names no configured sender", "did you mean "+nearest(name, known)+"?")
		}
	}
}

func (k *checker) records() {
	practices := seen{}
	for i, r := range k.config.Records {
		at := fmt.Sprintf("records[%d]", i+1)
		if r.ODS != AnyPractice {
			k.ods(at+".ods", r.ODS, true)
		}
		k.unique(practices, at+".ods", r.ODS)
		if r.TokenFile != "" && r.TokenEnv != "" {
			k.add(at+".token_env", "is set together with token_file", "keep one of the two")
		}
		if r.BaseURL == "" {
			k.add(at+".base_url", "is missing", "")
			continue
		}
		u := k.baseURL(at+".base_url", r.BaseURL)
		if u != nil && u.Scheme == "http" && !Loopback(u.Hostname()) && !r.AllowPlainHTTP {
			k.add(at+".base_url", "would send patient data unprotected over the network", "use https://, or allow_plain_http: true on a test network")
		}
	}
}

// label checks a name that becomes part of a URL, a log or a file path.
func (k *checker) label(key, name string) {
	switch {
	case name == "":
		k.add(key, "is missing", "")
	case len(name) > longestLabel:
		k.add(key, fmt.Sprintf("is longer than %d characters", longestLabel), "")
	case !only(name, "abcdefghijklmnopqrstuvwxyz0123456789-") || strings.Trim(name, "-") != name:
		k.add(key, "is not made of lower-case letters, digits and inner hyphens", "")
	}
}

// only says that s has no character outside alphabet.
func only(s, alphabet string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(alphabet, r) })
}

// ods checks the form of an ODS code, which is written here as it is stored: in
// capitals and without spaces. Whether it exists is not known here.
func (k *checker) ods(key, code string, required bool) {
	if code == "" && required {
		k.add(key, "is missing", "write the ODS code of the organization, such as A81001")
	}
	if code == "" {
		return
	}
	if canonical, reason := nhs.ParseODS(code); reason != nhs.Valid || canonical != code {
		k.add(key, "is not an ODS code", "it has 3 to 10 capital letters and digits, such as A81001")
	}
}

// seen maps a value to the key that had it first.
type seen map[string]string

func (k *checker) unique(s seen, key, value string) {
	if value == "" {
		return
	}
	if first, ok := s[value]; ok {
		k.add(key, "is the same as "+first, "each must be different")
		return
	}
	s[value] = key
}
