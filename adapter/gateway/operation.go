package gateway

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// claim serves POST [base]/Task/id/$claim; the operation is described by
// conformance/OperationDefinition-claim.json.
func (g *Gateway) claim(c *gin.Context) { g.onTask(c, g.resources(c).Claim) }

// giveBack serves POST [base]/Task/id/$release; the operation is described by
// conformance/OperationDefinition-release.json.
func (g *Gateway) giveBack(c *gin.Context) { g.onTask(c, g.resources(c).Release) }

// onTask answers an operation that changes a Task. Its Parameters may be left
// out.
// https://hl7.org/fhir/R4/operations.html#executing
func (g *Gateway) onTask(c *gin.Context, operation func(context.Context, worklist.Caller, worklist.Change) (store.Version, error)) {
	if c.Param("type") != "Task" {
		g.fail(c, fault.New(fault.NotFound, "", "this operation is one of Task"))
		return
	}
	var body []byte
	if c.Request.ContentLength != 0 {
		var err error
		if body, err = g.fhirBody(c); err != nil {
			g.fail(c, err)
			return
		}
	}
	v, err := g.one(c, func(ctx context.Context) (store.Version, error) {
		return operation(ctx, caller(c), changeOf(c, body))
	})
	g.written(c, v, err, http.StatusOK)
}
