package gateway

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// validate serves $validate on the server, a type and an instance, by POST, and
// on an instance by GET as well, since it changes nothing. The resource is the
// body, or in Parameters; mode and profile are in the URL or in Parameters.
// The answer is 200 with an OperationOutcome whatever is found.
// https://hl7.org/fhir/R4/resource-operation-validate.html
func (g *Gateway) validate(c *gin.Context) {
	params := c.Request.URL.Query()
	q := worklist.Validation{Type: c.Param("type"), ID: c.Param("id"), Mode: params.Get("mode"), Profiles: params["profile"]}
	if c.Request.Method == http.MethodPost && c.Request.ContentLength != 0 {
		var err error
		if q.Body, err = g.fhirBody(c); err != nil {
			g.fail(c, err)
			return
		}
	}
	var issues []fault.Issue
	err := g.work(c, "", func(ctx context.Context) (err error) {
		issues, err = g.resources(c).Validate(ctx, caller(c), q)
		return err
	})
	if err != nil {
		g.fail(c, err)
		return
	}
	g.show(c, http.StatusOK, fhir.OperationOutcome(fault.Profile, issues).JSON())
}

const remarksKey = "remarks"

// judging is the FHIR side of the house with the strictness of this caller,
// and remembers what is said about what it takes.
func judging(c *gin.Context, s *worklist.Service) *worklist.Service {
	if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
		return s
	}
	client := clientOf(c)
	return s.Judging(client != nil && client.Lenient, remarksOf(c))
}

// remarksOf are the remarks about what a request wrote.
func remarksOf(c *gin.Context) *worklist.Remarks {
	if v, ok := c.Get(remarksKey); ok {
		return v.(*worklist.Remarks)
	}
	r := &worklist.Remarks{}
	c.Set(remarksKey, r)
	return r
}

// remarked answers a write with an OperationOutcome: what was written, and what
// is said about it.
func (g *Gateway) remarked(c *gin.Context, status int, text string) {
	issues := append([]fault.Issue{{Severity: "information", Code: "informational", Text: text}}, remarksOf(c).Issues...)
	g.show(c, status, fhir.OperationOutcome(fault.Profile, issues).JSON())
}
