package gateway

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/worklist"
)

// fhirBase is the FHIR base that this caller knows, without a slash at its end:
// the configured one, or what a trusted proxy in front of it says.
func (g *Gateway) fhirBase(c *gin.Context) string { return g.address(c) + "/fhir" }

// resources is the FHIR side of the house under the address that this caller
// knows it by: links lead there, and references that begin with it are ours.
func (g *Gateway) resources(c *gin.Context) *worklist.Service {
	if base := g.fhirBase(c); base != g.cfg.BaseURL+"/fhir" {
		return judging(c, g.cfg.Worklist.At(base))
	}
	return judging(c, g.cfg.Worklist)
}

const addressKey = "address"

// address is the public address as this caller sees it. The headers of a proxy
// count only when it is one of those that are trusted: anybody can send them.
func (g *Gateway) address(c *gin.Context) string {
	if v, ok := c.Get(addressKey); ok {
		return v.(string)
	}
	at := g.cfg.BaseURL
	if len(g.cfg.TrustedProxies) > 0 && g.trustsPeer(c.Request.RemoteAddr) {
		if said, ok := forwarded(c).address(c.Request.Host); ok {
			at = said
		}
	}
	c.Set(addressKey, at)
	return at
}

func (g *Gateway) trustsPeer(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && slices.ContainsFunc(g.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(at.Addr().Unmap()) })
}

// forwarding is what a proxy says about the request that it got.
type forwarding struct{ proto, host, port, prefix string }

// forwarded reads Forwarded (RFC 7239) or, where it is not there, the headers
// X-Forwarded-Proto, -Host, -Port and -Prefix. Of several proxies in a row the
// first counts, which is the one that clients call.
func forwarded(c *gin.Context) forwarding {
	first := func(name string) string {
		v, _, _ := strings.Cut(c.GetHeader(name), ",")
		return strings.TrimSpace(v)
	}
	f := forwarding{prefix: first("X-Forwarded-Prefix")}
	if standard := first("Forwarded"); standard != "" {
		for _, pair := range strings.Split(standard, ";") {
			name, value, _ := strings.Cut(pair, "=")
			value = strings.Trim(strings.TrimSpace(value), `"`)
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "proto":
				f.proto = value
			case "host":
				f.host = value
			}
		}
		return f
	}
	f.proto, f.host, f.port = first("X-Forwarded-Proto"), first("X-Forwarded-Host"), first("X-Forwarded-Port")
	return f
}

// address is what the proxy is called by; ok is false when it says nothing of
// that, or what is no address. own is the host that the request names.
func (f forwarding) address(own string) (string, bool) {
	proto := strings.ToLower(f.proto)
	if proto == "" && f.host == "" {
		return "", false
	}
	if proto == "" {
		proto = "https"
	}
	host := f.host
	if host == "" {
		host = own
	}
	if _, _, err := net.SplitHostPort(host); err != nil && f.port != "" && !(proto == "https" && f.port == "443") && !(proto == "http" && f.port == "80") {
		host += ":" + f.port
	}
	prefix := strings.TrimRight(f.prefix, "/")
	if proto != "http" && proto != "https" || !plainHost(host) || !plainPath(prefix) {
		return "", false
	}
	return proto + "://" + host + prefix, true
}

// plainHost reports whether a text is a host name or address with or without a
// port, of letters that mean nothing else in a URL.
func plainHost(host string) bool {
	return host != "" && len(host) <= 255 && !strings.ContainsFunc(host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-:[]_", r))
	})
}

// plainPath reports whether a text is nothing, or segments behind slashes that
// need no escape.
func plainPath(path string) bool {
	return path == "" || path[0] == '/' && len(path) <= 255 && !strings.Contains(path, "//") && !strings.Contains(path, "..") &&
		!strings.ContainsFunc(path, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/.-_~", r))
		})
}
