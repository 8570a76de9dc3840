package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
)

// statement is a CapabilityStatement in JSON, and the tag of its content.
type statement struct {
	body []byte
	tag  string
}

// statementFor derives the statement from the served types, for a base.
func statementFor(base, version string) statement {
	body := resource.Capability(base, version).JSON()
	sum := sha256.Sum256(body)
	return statement{body, hex.EncodeToString(sum[:8])}
}

// metadata serves GET [base]/metadata, to everybody.
// https://hl7.org/fhir/R4/http.html#capabilities
func (g *Gateway) metadata(c *gin.Context) {
	switch c.Query("mode") {
	case "", "full", "normative":
	case "terminology":
		g.fail(c, fault.New(fault.Unsupported, "mode", "there is no terminology service here; full and normative are served"))
		return
	default:
		g.fail(c, fault.New(fault.Malformed, "mode", "one of full and normative is expected"))
		return
	}
	s := g.capability
	if base := g.fhirBase(c); base != g.cfg.BaseURL+"/fhir" {
		s = statementFor(base, g.cfg.Version)
	}
	c.Header("ETag", `W/"`+s.tag+`"`)
	if tags := c.Request.Header.Values("If-None-Match"); len(tags) > 0 && tagged(tags, s.tag) {
		empty(c, http.StatusNotModified)
		return
	}
	g.show(c, http.StatusOK, s.body)
}
