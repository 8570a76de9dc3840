package gateway

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// What pages of other origins may do and see.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsExposed = "Content-Location, ETag, Last-Modified, Location, Preference-Applied, Retry-After, X-Request-Id, " + securityContext
	corsSeconds = "600"
)

// corsHeaders are the headers that a page may send. @medplum/core puts X-Medplum
// on every request and Cache-Control on uploads: a browser sends none of them
// where one header of them is missing here.
var corsHeaders = []string{
	"Accept", "Authorization", "Cache-Control", "Content-Type", "If-Match", "If-Modified-Since", "If-None-Exist", "If-None-Match",
	"Prefer", "X-Medplum", "X-Request-Id", securityContext,
}

// cors lets pages of the configured origins call, and answers their preflights,
// which carry no token (https://fetch.spec.whatwg.org/#http-cors-protocol).
// Without origins no page of elsewhere can read an answer: browsers see to it.
func (g *Gateway) cors(c *gin.Context) {
	if len(g.cfg.Origins) == 0 {
		return
	}
	h := c.Writer.Header()
	h.Add("Vary", "Origin")
	origin := c.GetHeader("Origin")
	if origin == "" || !slices.ContainsFunc(g.cfg.Origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) }) {
		return
	}
	// Tokens are sent in a header by the page itself, never by the browser on its
	// own: credentials in the sense of CORS are not allowed.
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsExposed)
	if c.Request.Method != http.MethodOptions || c.GetHeader("Access-Control-Request-Method") == "" {
		return
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", strings.Join(corsHeaders, ", "))
	h.Set("Access-Control-Max-Age", corsSeconds)
	c.Abort()
	empty(c, http.StatusNoContent)
}
