package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/patch"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// changeOf is what a request says about the resource that it changes.
func changeOf(c *gin.Context, body []byte) worklist.Change {
	return worklist.Change{Type: c.Param("type"), ID: c.Param("id"), Body: body, IfMatch: ifMatch(c), IfNoneMatch: c.GetHeader("If-None-Match")}
}

// updateOne serves PUT [base]/Type?search.
// https://hl7.org/fhir/R4/http.html#cond-update
func (g *Gateway) updateOne(c *gin.Context) {
	body, err := g.fhirBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	made := false
	v, err := g.one(c, func(ctx context.Context) (v store.Version, err error) {
		v, made, err = g.resources(c).UpdateOne(ctx, caller(c), changeOf(c, body), condition(c))
		return v, err
	})
	g.written(c, v, err, wroteStatus(made))
}

// patch serves PATCH [base]/Type/id.
// https://hl7.org/fhir/R4/http.html#patch
func (g *Gateway) patch(c *gin.Context) {
	p, err := g.patchBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	v, err := g.one(c, func(ctx context.Context) (store.Version, error) {
		return g.resources(c).Patch(ctx, caller(c), changeOf(c, nil), p)
	})
	g.written(c, v, err, http.StatusOK)
}

// patchOne serves PATCH [base]/Type?search.
func (g *Gateway) patchOne(c *gin.Context) {
	p, err := g.patchBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	v, err := g.one(c, func(ctx context.Context) (store.Version, error) {
		return g.resources(c).PatchOne(ctx, caller(c), changeOf(c, nil), p, condition(c))
	})
	g.written(c, v, err, http.StatusOK)
}

func (g *Gateway) patchBody(c *gin.Context) (patch.Patch, error) {
	body, err := g.body(c)
	if err != nil {
		return nil, err
	}
	p, err := patch.Parse(c.GetHeader("Content-Type"), body)
	if fault.KindOf(err) == fault.UnsupportedMedia && err != nil {
		// RFC 5789 section 2.2: what would be accepted.
		c.Header("Accept-Patch", strings.Join(patch.MediaTypes(), ", "))
	}
	return p, err
}

// remove serves DELETE [base]/Type/id.
// https://hl7.org/fhir/R4/http.html#delete
func (g *Gateway) remove(c *gin.Context) {
	g.removed(c, func(ctx context.Context) (store.Version, error) {
		return g.resources(c).Delete(ctx, caller(c), changeOf(c, nil))
	})
}

// removeOne serves DELETE [base]/Type?search.
// https://hl7.org/fhir/R4/http.html#3.1.0.7.1
func (g *Gateway) removeOne(c *gin.Context) {
	g.removed(c, func(ctx context.Context) (store.Version, error) {
		return g.resources(c).DeleteOne(ctx, caller(c), changeOf(c, nil), condition(c))
	})
}

func (g *Gateway) removed(c *gin.Context, fn func(context.Context) (store.Version, error)) {
	v, err := g.one(c, fn)
	if err != nil {
		g.fail(c, err)
		return
	}
	text := "there is nothing to delete"
	if v.Number > 0 {
		c.Header("ETag", fmt.Sprintf(`W/"%d"`, v.Number))
		text = fmt.Sprintf("%s is deleted, by version %d", v.Key, v.Number)
	}
	if preferencesOf(c).returns == "OperationOutcome" {
		applied(c, "return=OperationOutcome")
		g.outcome(c, http.StatusOK, text)
		return
	}
	empty(c, http.StatusNoContent)
}

// condition is the search of a conditional interaction; parameters about the
// answer are no part of it.
func condition(c *gin.Context) string {
	params := c.Request.URL.Query()
	for _, name := range []string{"_format", "_pretty"} {
		params.Del(name)
	}
	return params.Encode()
}
