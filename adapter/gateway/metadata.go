package gateway

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

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
	s := g.capability.Load()
	if base := g.fhirBase(c); base != g.cfg.BaseURL+"/fhir" {
		s = g.statementFor(base)
	}
	c.Header("ETag", `W/"`+s.tag+`"`)
	if tags := c.Request.Header.Values("If-None-Match"); len(tags) > 0 && tagged(tags, s.tag) {
		empty(c, http.StatusNotModified)
		return
	}
	part, err := g.cfg.Worklist.Show(store.Version{Key: store.Key{Type: "CapabilityStatement"}, Body: s.body}, c.Request.URL.Query())
	if err != nil {
		g.fail(c, err)
		return
	}
	g.show(c, http.StatusOK, part.Body)
}
