package gateway

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// FuzzHeaders: whatever stands in the headers that this edge reads, what comes
// of it is one of the formats that are served, a preference that is known, and
// an address that is one and leads nowhere else.
func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{
		"application/fhir+xml;q=0.5, */*;q=0.6", "application/fhir+json; fhirVersion=4.0", "*; q=.2, text/html", `a/b;c="d,e"`, ";;,,", "application/fhir json",
		"return=minimal, handling=strict;x", `Return = "OperationOutcome"`, `for=1;proto=https;host="tools.example:8443", for=2`, `W/"1", "2", *`, `host=evil/"><x>`,
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, text := range []string{a, b} {
			named, ok := formatNamed(text)
			best, found := accepted(text)
			for _, got := range []struct {
				format
				ok bool
			}{{named, ok}, {best, found}} {
				if got.ok && !strings.HasSuffix(got.media, map[bool]string{true: "xml", false: "json"}[got.xml]) {
					t.Errorf("%q gives %+v", text, got.format)
				}
			}
			jsonType(text)
			xmlType(text)
			tagged([]string{a, b}, "1")
		}
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest("GET", "/fhir", nil)
		c.Request.Header = map[string][]string{
			"Prefer": {a, b}, "Forwarded": {a}, "X-Forwarded-Proto": {b}, "X-Forwarded-Host": {a}, "X-Forwarded-Port": {b}, "X-Forwarded-Prefix": {a},
		}
		if p := preferencesOf(c); p.returns != "" && p.returns != returns[strings.ToLower(p.returns)] || p.handling != "" && handlings[p.handling] == "" {
			t.Errorf("%q, %q are the preferences %+v", a, b, p)
		}
		for range 2 {
			if at, ok := forwarded(c).address(b); ok {
				u, err := url.Parse(at)
				if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.String() != at || u.Scheme != "http" && u.Scheme != "https" {
					t.Errorf("%q, %q are the address %q: %v", a, b, at, err)
				}
			}
			c.Request.Header.Del("Forwarded")
		}
	})
}
