package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/patch"
	"github.com/linkloop/linkloop/adapter/resource"
)

// statement is a CapabilityStatement in JSON, and the tag of its content.
type statement struct {
	body []byte
	tag  string
}

// statementFor derives the statement for a base, and for the clients of now.
func (g *Gateway) statementFor(base string) *statement {
	s := g.surface
	s.Base, s.Profiles = base, g.cfg.Worklist.Profiles
	if len(g.auth.Load().byHash) > 0 {
		s.Security = "bearer token (RFC 6750), given out by the operator"
	}
	body := s.Statement().JSON()
	sum := sha256.Sum256(body)
	return &statement{body, hex.EncodeToString(sum[:8])}
}

// interactions says what a route is, in the words of R4.
// https://hl7.org/fhir/R4/valueset-type-restful-interaction.html
var interactions = map[string][]string{
	"POST /fhir":                            {"transaction", "batch"},
	"GET /fhir":                             {"search-system"},
	"GET /fhir/_history":                    {"history-system"},
	"GET /fhir/:type":                       {"search-type"},
	"POST /fhir/:type":                      {"create"},
	"GET /fhir/:type/_history":              {"history-type"},
	"GET /fhir/:type/:id":                   {"read"},
	"PUT /fhir/:type/:id":                   {"update"},
	"PATCH /fhir/:type/:id":                 {"patch"},
	"DELETE /fhir/:type/:id":                {"delete"},
	"GET /fhir/:type/:id/_history":          {"history-instance"},
	"GET /fhir/:type/:id/_history/:version": {"vread"},
	"PUT /fhir/:type":                       {resource.ConditionalUpdate},
	"DELETE /fhir/:type":                    {resource.ConditionalDelete},
}

// operations are those that may be routed, with the types they are for.
var operations = map[string]resource.Operation{
	"process-message": {Definition: "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message"},
	"validate":        {Definition: "http://hl7.org/fhir/OperationDefinition/Resource-validate", Type: resource.EveryType},
	"claim":           {Definition: "urn:linkloop:operation:claim", Type: "Task"},
	"release":         {Definition: "urn:linkloop:operation:release", Type: "Task"},
}

// surfaceOf is what the routes do, so that nothing is claimed that has none. A
// route of an operation that nothing is known about is a mistake of ours.
func surfaceOf(routes gin.RoutesInfo, version string, cors bool) (resource.Surface, error) {
	s := resource.Surface{
		Version: version, PatchFormats: patch.MediaTypes(), UpdateCreate: true, CORS: cors,
		Formats: []string{mediaJSON, "json", mediaXML, "xml"},
	}
	for _, r := range routes {
		s.Interactions = append(s.Interactions, interactions[r.Method+" "+r.Path]...)
		under, name, called := strings.Cut(r.Path, "/$")
		if !called || !strings.HasPrefix(under, "/fhir") {
			continue
		}
		o, known := operations[name]
		if !known {
			return s, fmt.Errorf("gateway: the operation of the route %s has no definition", r.Path)
		}
		if o.Name = name; under == "/fhir" {
			o.Type = ""
		}
		if !slices.Contains(s.Operations, o) {
			s.Operations = append(s.Operations, o)
		}
	}
	slices.Sort(s.Interactions)
	slices.SortFunc(s.Operations, func(a, b resource.Operation) int { return strings.Compare(a.Name+" "+a.Type, b.Name+" "+b.Type) })
	return s, nil
}
