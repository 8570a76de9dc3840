package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
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
		g.fail(c, &fault.Fault{Kind: fault.NotFound, Issues: []fault.Issue{{Code: "not-supported", Text: "this operation is one of Task"}}})
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

// operationsAt are the routes of operations under the FHIR base, each with its
// methods.
func operationsAt(routes gin.RoutesInfo) map[string][]string {
	out := map[string][]string{}
	for _, r := range routes {
		if strings.HasPrefix(r.Path, "/fhir/") && strings.Contains(r.Path, "/$") {
			out[r.Path] = append(out[r.Path], r.Method)
			slices.Sort(out[r.Path])
		}
	}
	return out
}

// misdirected refuses the call of an operation where there is none of the name,
// or not by this method: whatever ends in a name behind a dollar sign is never
// a type or an id. Other requests it leaves alone.
// https://hl7.org/fhir/R4/operations.html#executing
func (g *Gateway) misdirected(c *gin.Context) {
	under, inFHIR := strings.CutPrefix(c.Request.URL.Path, "/fhir/")
	parts := strings.Split(under, "/")
	name, called := strings.CutPrefix(parts[len(parts)-1], "$")
	if !inFHIR || !called {
		return
	}
	route := "/fhir" + []string{"", "/:type", "/:type/:id", "/"}[min(len(parts)-1, 3)] + "/$" + name
	methods := g.called[route]
	switch {
	case c.FullPath() == route:
	case len(methods) > 0:
		c.Header("Allow", strings.Join(methods, ", "))
		if c.Request.Method == http.MethodOptions {
			empty(c, http.StatusNoContent)
			c.Abort()
			return
		}
		g.fail(c, fault.New(fault.MethodNotAllowed, "", "this operation is called by %s", strings.Join(methods, " or ")))
	default:
		c.Writer.Header().Del("Allow") // of what else the last part could be
		g.fail(c, &fault.Fault{Kind: fault.NotFound, Issues: []fault.Issue{{Code: "not-supported", Text: "there is no such operation here; " + g.operationsSay()}}})
	}
}

// operationsSay tells which operations there are, and where.
func (g *Gateway) operationsSay() string {
	var list []string
	for route := range g.called {
		route = strings.NewReplacer("/fhir", "[base]", ":type", "[type]", ":id", "[id]").Replace(route)
		if _, name, _ := strings.Cut(route, "/$"); operations[name].Type != resource.EveryType {
			route = strings.Replace(route, "[type]", operations[name].Type, 1)
		}
		list = append(list, route)
	}
	slices.Sort(list)
	return "there are " + strings.Join(list, ", ")
}
