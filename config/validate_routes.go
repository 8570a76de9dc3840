package config

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// channels checks the ways by which outcomes leave.
func (k *checker) channels() {
	names := seen{}
	for i, c := range k.config.Channels {
		at := fmt.Sprintf("channels[%d]", i+1)
		k.label(at+".name", c.Name)
		k.unique(names, at+".name", c.Name)
		if c.Name == RecordChannel || c.Name == "bars" {
			k.add(at+".name", "is the name of a channel that is always there", "choose another one")
		}
		k.choice(at+".kind", c.Kind, KindFHIR, KindHL7v2, KindWebhook, KindMail)
		switch c.Kind {
		case KindHL7v2:
			k.mllpChannel(at, c)
		case KindMail:
			k.mailChannel(at, c)
		default:
			k.webChannel(at, c)
		}
		if c.SecretFile != "" && c.SecretEnv != "" {
			k.add(at+".secret_env", "is set together with secret_file", "keep one of the two")
		}
		if c.Kind == KindWebhook && c.SecretFile == "" && c.SecretEnv == "" {
			k.add(at+".secret_file", "is missing", "a webhook is signed: give it a secret of at least 24 bytes")
		}
		if (c.CertificateFile == "") != (c.CertificateKey == "") {
			k.add(at+".certificate_file", "stands without its key, or the key without it", "set certificate_file and certificate_key_file together")
		}
	}
}

func (k *checker) mllpChannel(at string, c Channel) {
	if c.Message != "" {
		k.choice(at+".message", c.Message, "ORU^R01", "MDM^T02", "RRI^I12")
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil || host == "" {
		k.add(at+".address", "is not of the form host:port", "such as tie.example.nhs.uk:2575")
		return
	}
	if c.CAFile == "" && c.CertificateFile == "" && !c.AllowPlain && !Loopback(host) {
		k.add(at+".address", "would send patient data unprotected over the network", "set ca_file for TLS, or allow_plain: true where the network is protected otherwise")
	}
}

func (k *checker) mailChannel(at string, c Channel) {
	if host, _, err := net.SplitHostPort(c.Address); err != nil || host == "" {
		k.add(at+".address", "is not of the form host:port", "such as smtp.example.nhs.uk:587")
	}
	if c.From == "" || len(c.To) == 0 {
		k.add(at+".to", "is missing, or from is", "say who is told, and by whom")
	}
}

// escalation checks who is told of what waits for a human.
func (k *checker) escalation() {
	for i, e := range k.config.Escalation {
		at := fmt.Sprintf("escalation[%d]", i+1)
		k.between(at+".after", e.After, 0, 90*24*time.Hour)
		if !slices.ContainsFunc(k.config.Channels, func(c Channel) bool {
			return c.Name == e.Channel && (c.Kind == KindWebhook || c.Kind == KindMail)
		}) {
			k.add(at+".channel", "names no channel of kind webhook or mail", "")
		}
	}
}

// report checks when the daily report is made, and for whom.
func (k *checker) report() {
	r := k.config.Report
	if at, err := time.Parse("15:04", r.At); err != nil || at.Format("15:04") != r.At {
		k.add("report.at", "is no time of day", "such as 07:00, in quotes")
	}
	used := seen{}
	for i, name := range r.Channels {
		entry := fmt.Sprintf("report.channels[%d]", i+1)
		k.unique(used, entry, name)
		if !slices.ContainsFunc(k.config.Channels, func(c Channel) bool {
			return c.Name == name && (c.Kind == KindWebhook || c.Kind == KindMail)
		}) {
			k.add(entry, "names no channel of kind webhook or mail", "")
		}
	}
}

func (k *checker) webChannel(at string, c Channel) {
	if c.URL == "" {
		k.add(at+".url", "is missing", "")
	} else if u := k.baseURL(at+".url", c.URL); u != nil && u.Scheme == "http" && !Loopback(u.Hostname()) && !c.AllowPlain {
		k.add(at+".url", "would send patient data unprotected over the network", "use https://, or allow_plain: true on a test network")
	}
	if c.Algorithm != "" {
		k.choice(at+".algorithm", c.Algorithm, "RS256", "RS384", "RS512", "ES256", "ES384")
	}
	if c.TokenURL == "" {
		if c.ClientID != "" || c.KeyID != "" || c.KeyFile != "" || c.Scope != "" {
			k.add(at+".token_url", "is missing", "client_id, key_id, key_file and scope are for a token endpoint, and nothing is asked without one")
		}
		return
	}
	if u := k.baseURL(at+".token_url", c.TokenURL); u != nil && u.Scheme == "http" && !Loopback(u.Hostname()) && !c.AllowPlain {
		k.add(at+".token_url", "would send an assertion unprotected over the network", "use https://")
	}
	for key, value := range map[string]string{"client_id": c.ClientID, "key_id": c.KeyID, "key_file": c.KeyFile} {
		if value == "" {
			k.add(at+"."+key, "is missing", "a token endpoint needs client_id, key_id and key_file")
		}
	}
}

// practices checks what is agreed with practices. Groups of codes are known to
// the list of codes only, and times of day to the routing.
func (k *checker) practices() {
	known, taking := []string{RecordChannel}, []string{RecordChannel}
	for _, c := range k.config.Channels {
		known = append(known, c.Name)
		if c.Kind != KindMail {
			taking = append(taking, c.Name)
		}
	}
	codes := seen{}
	for i, p := range k.config.Practices {
		at := fmt.Sprintf("practices[%d]", i+1)
		if p.ODS != AnyPractice {
			k.ods(at+".ods", p.ODS, true)
		}
		k.unique(codes, at+".ods", p.ODS)
		used := seen{}
		for j, name := range p.Route {
			if slices.ContainsFunc(k.config.Channels, func(c Channel) bool { return c.Name == name && c.Kind == KindMail }) {
				k.add(fmt.Sprintf("%s.route[%d]", at, j+1), "is mail, which carries alerts only", "")
			}
			entry := fmt.Sprintf("%s.route[%d]", at, j+1)
			k.unique(used, entry, name)
			if !slices.Contains(known, name) {
				k.add(entry, "names no channel", "did you mean "+nearest(name, taking)+"? Allowed: "+strings.Join(taking, ", ")+
					". A letter needs none: behind the last channel comes a human, who can write one")
			}
		}
		for j, why := range p.FallBackOn {
			k.choice(fmt.Sprintf("%s.fall_back_on[%d]", at, j+1), why, "not-taken", "refused", "given-up")
		}
	}
}
