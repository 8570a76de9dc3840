package gateway

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/worklist"
)

// batchOrTransaction serves POST [base]. What a transaction came to is
// answered with 200 or, when one entry failed, with that entry's fault; of a
// batch each entry has its own status.
// https://hl7.org/fhir/R4/http.html#transaction
func (g *Gateway) batchOrTransaction(c *gin.Context) {
	body, err := g.fhirBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	p := preferencesOf(c)
	if p.handling == "strict" {
		applied(c, "handling=strict")
	}
	g.bundle(c, func(ctx context.Context) ([]byte, error) {
		return g.resources(c).Bundle(ctx, caller(c), body, worklist.Preferences{Returns: p.returns, Strict: p.handling == "strict"})
	})
}
