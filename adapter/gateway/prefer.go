package gateway

import (
	"strings"

	"github.com/gin-gonic/gin"
)

// preferences are what a client would like (RFC 7240). Those that are not known
// are passed over, as they are meant to be.
// https://hl7.org/fhir/R4/http.html#ops, #handling
type preferences struct {
	returns  string // minimal, representation, OperationOutcome; empty: the client does not say
	handling string // strict, lenient; empty: the client does not say
}

// returns and handlings are the values that are known, by how they are compared.
var (
	returns   = map[string]string{"minimal": "minimal", "representation": "representation", "operationoutcome": "OperationOutcome"}
	handlings = map[string]string{"strict": "strict", "lenient": "lenient"}
)

// preferencesOf reads the Prefer headers, which may come several times; of one
// preference the first counts.
func preferencesOf(c *gin.Context) preferences {
	var p preferences
	for _, part := range strings.Split(strings.Join(c.Request.Header.Values("Prefer"), ","), ",") {
		part, _, _ = strings.Cut(part, ";")
		name, value, _ := strings.Cut(part, "=")
		value = strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "return":
			if p.returns == "" {
				p.returns = returns[value]
			}
		case "handling":
			if p.handling == "" {
				p.handling = handlings[value]
			}
		}
	}
	return p
}

// applied says which preference was followed (RFC 7240 section 3).
func applied(c *gin.Context, preference string) {
	c.Writer.Header().Add("Preference-Applied", preference)
}
