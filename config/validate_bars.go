package config

import (
	"fmt"
	"strings"
)

// answers checks what a sender of the NHS Booking and Referral Standard is
// known by, and where its answers go.
func (k *checker) answers(at string, s Sender) {
	if system, value, _ := strings.Cut(s.BaRSTarget, "|"); s.BaRSTarget != "" && (system == "" || value == "") {
		k.add(at+".bars_target", "is not of the form system|value", "such as https://fhir.nhs.uk/Id/dos-service-id|2000012345")
	}
	for _, list := range []struct {
		name  string
		words []string
	}{{"bars_versions", s.BaRSVersions}, {"bars_use_cases", s.BaRSUseCases}} {
		if len(list.words) > 0 && s.BaRSTarget == "" {
			k.add(at+"."+list.name, "has no use without bars_target", "set bars_target, or leave it out")
		}
		for i, w := range list.words {
			if strings.TrimSpace(w) != w || w == "" {
				k.add(fmt.Sprintf("%s.%s[%d]", at, list.name, i+1), "is empty or has spaces around it", "")
			}
		}
	}
	for i, state := range s.AnswerStates {
		k.choice(fmt.Sprintf("%s.answer_states[%d]", at, i+1), state, "accepted", "rejected", "did-not-attend", "completed")
	}
	for i, h := range s.AnswerHeaders {
		switch key := fmt.Sprintf("%s.answer_headers[%d]", at, i+1); {
		case h.Name == "":
			k.add(key+".name", "is missing", "")
		case strings.Trim(h.Name, tokenBytes) != "":
			k.add(key+".name", "is no name of a header", "letters, digits and hyphens")
		case strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			k.add(key+".value", "holds a line break or another control character", "")
		}
	}
	if s.AnswerTokenFile != "" && s.AnswerTokenEnv != "" {
		k.add(at+".answer_token_env", "is set together with answer_token_file", "keep one of the two")
	}
	if s.AnswerURL == "" {
		for _, x := range []struct {
			name string
			set  bool
		}{
			{"answer_states", len(s.AnswerStates) > 0}, {"answer_headers", len(s.AnswerHeaders) > 0},
			{"answer_token_file", s.AnswerTokenFile != ""}, {"answer_token_env", s.AnswerTokenEnv != ""},
		} {
			if x.set {
				k.add(at+"."+x.name, "has no use without answer_url", "set answer_url, or leave it out")
			}
		}
		return
	}
	u := k.baseURL(at+".answer_url", s.AnswerURL)
	if u != nil && u.Scheme == "http" && !Loopback(u.Hostname()) && !s.AnswerAllowPlainHTTP {
		k.add(at+".answer_url", "would send patient data unprotected over the network", "use https://, or answer_allow_plain_http: true on a test network")
	}
}

// tokenBytes are those of the name of a header (RFC 9110 section 5.6.2).
const tokenBytes = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// systems checks the table of naming systems: a spelling that stands for two
// systems would make one of the other.
func (k *checker) systems() {
	spelled := map[string]string{}
	for i, s := range k.config.Systems {
		at := fmt.Sprintf("systems[%d]", i+1)
		if strings.TrimSpace(s.URI) != s.URI || s.URI == "" {
			k.add(at+".uri", "is missing, or has spaces around it", "")
			continue
		}
		for j, spelling := range append([]string{s.URI}, s.Also...) {
			key := at + ".uri"
			if j > 0 {
				key = fmt.Sprintf("%s.also[%d]", at, j)
			}
			plain := spellingOf(spelling)
			switch other, known := spelled[plain]; {
			case plain == "":
				k.add(key, "is empty", "")
			case known && other != s.URI:
				k.add(key, "stands for "+other+" already", "case, and http or https, do not count")
			case known && j == 0:
				k.add(key, "stands twice", "put all its spellings into one entry")
			default:
				spelled[plain] = s.URI
			}
		}
	}
}

// spellingOf is a system without what does not count when messages are read.
func spellingOf(uri string) string {
	uri = strings.ToLower(strings.TrimSpace(uri))
	uri = strings.TrimPrefix(strings.TrimPrefix(uri, "http://"), "https://")
	return strings.TrimSuffix(uri, "/")
}
