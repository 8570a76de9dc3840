package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// searching reads the parameters of a search, of a posted one from query and
// form together, and answers with the Bundle.
func (g *Gateway) searching(c *gin.Context, search func(ctx context.Context, params url.Values, strict bool) ([]byte, error)) {
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		g.fail(c, fault.New(fault.Malformed, "query", "the query string is not well formed"))
		return
	}
	if c.Request.Method == http.MethodPost {
		if t := c.GetHeader("Content-Type"); !strings.HasPrefix(strings.ToLower(t), "application/x-www-form-urlencoded") {
			g.fail(c, fault.New(fault.UnsupportedMedia, "Content-Type", "application/x-www-form-urlencoded is expected"))
			return
		}
		if err := g.form(c, params); err != nil {
			g.fail(c, err)
			return
		}
		if params.Has("_format") || params.Has("_pretty") { // of the form as of the URL
			if err := choose(c, params["_format"], params["_pretty"]); err != nil {
				g.fail(c, err)
				return
			}
		}
	}
	params.Del("_format")
	params.Del("_pretty")
	strict := preferencesOf(c).handling == "strict" // lenient is what holds for those who say nothing, too
	if strict {
		applied(c, "handling=strict")
	}
	g.bundle(c, func(ctx context.Context) ([]byte, error) { return search(ctx, params, strict) })
}

// searchAll serves GET [base] and POST [base]/_search, over the types of _type.
func (g *Gateway) searchAll(c *gin.Context) { g.searching(c, g.resources(c).SearchAll) }

// compartment serves GET [base]/Patient/[id]/Task and its like, and POST of the
// same with /_search behind it.
func (g *Gateway) compartment(c *gin.Context) {
	in := store.Key{Type: c.Param("type"), ID: c.Param("id")}
	g.searching(c, func(ctx context.Context, params url.Values, strict bool) ([]byte, error) {
		return g.resources(c).SearchIn(ctx, in, c.Param("within"), params, strict)
	})
}
