package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mllp checks the listeners for HL7 v2 and their limits.
func (k *checker) mllp() {
	m := k.config.MLLP
	k.sizes("mllp.frame_limit", m.FrameLimit, 4*Kibibyte, 100*Megabyte)
	k.sizes("mllp.frame_memory", m.FrameMemory, 4*Kibibyte, 1<<40)
	if m.FrameMemory < m.FrameLimit && !k.found.about("mllp.frame_limit") {
		k.add("mllp.frame_memory", "is less than mllp.frame_limit, so that the largest message would never fit", "")
	}
	k.between("mllp.frame_timeout", m.FrameTimeout, time.Millisecond, time.Hour)
	k.between("mllp.answer_timeout", m.AnswerTimeout, time.Millisecond, time.Hour)
	k.between("mllp.idle_timeout", m.IdleTimeout, time.Millisecond, 7*24*time.Hour)
	k.count("mllp.max_connections", m.MaxConnections, 1, 100_000)
	addresses := seen{}
	for i, l := range m.Listeners {
		at := fmt.Sprintf("mllp.listeners[%d]", i+1)
		k.mllpAddress(at, l)
		if !strings.HasSuffix(l.Listen, ":0") {
			k.unique(addresses, at+".listen", l.Listen)
			if l.Listen == k.config.HTTP.Listen || l.Listen == k.config.Admin.Listen {
				k.add(at+".listen", "is an address for HTTP", "give each its own port")
			}
		}
		k.mllpSender(at+".sender", l.Sender)
		k.mllpTLS(at, l)
		for j, p := range l.AllowedPeers {
			if n, err := netip.ParsePrefix(p); err != nil || n.Masked() != n {
				k.add(fmt.Sprintf("%s.allowed_peers[%d]", at, j+1), "is not a network", "write it like 10.20.0.0/16, a single address like 10.31.4.7/32")
			}
		}
	}
}

// mllpAddress checks where a listener listens, and who could reach it there.
func (k *checker) mllpAddress(at string, l Listener) {
	host, port, err := net.SplitHostPort(l.Listen)
	if n, convErr := strconv.ParseUint(port, 10, 16); err != nil || convErr != nil || strconv.FormatUint(n, 10) != port {
		k.add(at+".listen", "is not an address with a port number", "write it like 127.0.0.1:2575, or :2575 for every address of the machine")
		return
	}
	if Loopback(host) {
		return
	}
	if len(l.AllowedPeers) == 0 && l.ClientCAFile == "" {
		k.add(at+".allowed_peers", "is empty on an address that others reach, so that anybody could send as this sender",
			"list the networks of the sender, or ask for certificates with client_ca_file")
	}
	if l.CertificateFile == "" && !l.AllowPlain {
		k.add(at+".certificate_file", "is missing, so that patient data would come in unprotected over the network",
			"use TLS, or allow_plain: true where the network is protected otherwise")
	}
}

func (k *checker) mllpSender(key, name string) {
	k.label(key, name)
	if name == "" || len(k.config.Senders) == 0 || k.before.about("senders") {
		return
	}
	var known []string
	for _, s := range k.config.Senders {
		known = append(known, s.Name)
	}
	if !slices.Contains(known, name) {
		k.add(key, "names no configured sender", "did you mean "+nearest(name, known)+"?")
	}
}

func (k *checker) mllpTLS(at string, l Listener) {
	switch {
	case l.CertificateFile != "" && l.KeyFile == "":
		k.add(at+".key_file", "is missing for the certificate", "")
	case l.CertificateFile == "" && l.KeyFile != "":
		k.add(at+".certificate_file", "is missing for the key", "")
	case l.CertificateFile == "" && l.ClientCAFile != "":
		k.add(at+".client_ca_file", "is set without a certificate of the listener", "certificates of senders need TLS: set certificate_file and key_file")
	}
	if l.ClientCAFile == "" && len(l.ClientNames) > 0 {
		k.add(at+".client_names", "is set while no certificate is asked for", "set client_ca_file")
	}
	for j, n := range l.ClientNames {
		if n == "" {
			k.add(fmt.Sprintf("%s.client_names[%d]", at, j+1), "is empty", "")
		}
	}
}
