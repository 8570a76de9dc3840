package gateway

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// barsPath is below what the NHS Booking and Referral Standard is spoken.
const barsPath = "/bars/"

// Headers of the standard (BaRS API, specification 1.4.0).
const (
	headerRequest     = "X-Request-Id"
	headerCorrelation = "X-Correlation-Id"
	headerTarget      = "NHSD-Target-Identifier"
	headerEndUser     = "NHSD-End-User-Organisation"
	headerSoftware    = "NHSD-Requesting-Software"
	headerPerson      = "NHSD-Requesting-Practitioner"
)

// isBaRS reports whether a request is answered in the words of the standard.
func isBaRS(c *gin.Context) bool { return strings.HasPrefix(c.Request.URL.Path, barsPath) }

// barsHeaders is what the headers of a request say.
type barsHeaders struct {
	request, correlation string // GUIDs in lower case
	target               string // system|value
	organization         string // ODS code of the organisation of the end user; empty: it has none
}

// bars takes a message of the standard: POST /bars/$process-message. It is
// known by its X-Request-Id and X-Correlation-Id together: processed before it
// is a conflict, in work it is too early, and what failed fails the same way
// again. All instances on one database know the same.
func (g *Gateway) bars(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), g.cfg.BaRSTime)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	h, err := readBaRSHeaders(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	sender, err := g.barsSender(c, h)
	if err != nil {
		g.fail(c, err)
		return
	}
	// Without deadlines on the connection, the server's own time limit holds.
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(g.cfg.BaRSTime))
	body, err := g.body(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	sub := intake.Submission{
		Sender: sender, Body: body, Received: time.Now().UTC(), Key: h.request + " " + h.correlation,
		Trace: []inbound.Trace{{System: inbound.TraceCorrelation, Value: h.correlation}},
	}
	if client := clientOf(c); client != nil {
		sub.Client = client.Name
	}
	var res intake.Result
	err = g.work(c, sender, func(ctx context.Context) (err error) {
		res, err = g.once(ctx, sub)
		return err
	})
	switch {
	case errors.Is(err, errInWork):
		g.barsFail(c, fhirmsg.BaRSTooEarly, "the message is being processed; ask again later", nil)
		return
	case err == nil && res.MessageID == 0 && ctx.Err() != nil:
		err = ctx.Err()
	}
	if err != nil {
		g.fail(c, err)
		return
	}
	g.cfg.Observer.Intake(sender, res.Kind)
	if res.Kind == fault.Duplicate.String() && res.Refused == "" {
		g.barsFail(c, fhirmsg.BaRSRepeated, "the message has been processed already", nil)
		return
	}
	if res.Reply.Status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	g.reply(c, res.Reply)
}

// errInWork says that the message is being decided by somebody else.
var errInWork = errors.New("in work")

// once decides a message unless it was, or is being, decided.
func (g *Gateway) once(ctx context.Context, sub intake.Submission) (intake.Result, error) {
	claim, before, err := g.cfg.Intake.Claim(ctx, sub.Sender, sub.Key)
	switch {
	case err != nil:
		return intake.Result{}, err
	case before != nil:
		return *before, nil
	case claim == nil:
		return intake.Result{}, errInWork
	}
	res, err := g.cfg.Intake.Accept(ctx, sub)
	if err != nil || res.MessageID == 0 {
		// Nothing was filed, and the sender is told to try again: at once, not
		// when the claim has run out. Its own time, as that of the request is up.
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		claim.Release(release)
	}
	return res, err
}

// readBaRSHeaders reads the headers and names all that is wrong with them.
func readBaRSHeaders(c *gin.Context) (barsHeaders, error) {
	var h barsHeaders
	var issues []fault.Issue
	add := func(code, header, text string) {
		issues = append(issues, fault.Issue{Code: code, Place: header, Text: text})
	}
	for _, x := range []struct {
		name string
		to   *string
	}{{headerRequest, &h.request}, {headerCorrelation, &h.correlation}} {
		value := c.GetHeader(x.name)
		id, err := uuid.Parse(value)
		switch {
		case value == "":
			add("invalid", x.name, "the header is missing")
		case err != nil || len(value) != 36:
			add("value", x.name, "a GUID is expected")
		default:
			*x.to = id.String()
			c.Header(x.name, value)
		}
	}
	resource := func(name, typ string, required bool) *element.Value {
		value := c.GetHeader(name)
		if value == "" {
			if required {
				add("required", name, "the header is missing")
			}
			return nil
		}
		v, ok := headerObject(value)
		if !ok || typ != "" && v.ResourceType() != typ {
			if typ == "" {
				typ = "object with system and value"
			}
			add("value", name, "a "+typ+" in JSON, in base64 of the standard alphabet, is expected")
			return nil
		}
		return v
	}
	if v := resource(headerTarget, "", true); v != nil {
		if h.target = v.Str("system") + "|" + v.Str("value"); v.Str("system") == "" || v.Str("value") == "" {
			add("value", headerTarget, "system and value are expected")
		}
	}
	if v := resource(headerEndUser, "Organization", true); v != nil {
		for _, id := range v.List("identifier") {
			if code, reason := nhs.ParseODS(id.Str("value")); reason == nhs.Valid && h.organization == "" {
				h.organization = code
			}
		}
	}
	resource(headerSoftware, "Device", true)
	resource(headerPerson, "PractitionerRole", false)
	if len(issues) > 0 {
		return h, &fault.Fault{Kind: fault.Malformed, Issues: issues}
	}
	if accept := c.GetHeader("Accept"); accept != "" && !acceptsJSON(accept) && !acceptsXML(accept) {
		return h, fault.New(fault.NotAcceptable, "Accept", "application/fhir+json and application/fhir+xml are served")
	}
	if t := c.GetHeader("Content-Type"); c.Request.Method == http.MethodPost && (strings.Contains(t, "*") || !jsonType(t) && !xmlType(t)) {
		return h, fault.New(fault.UnsupportedMedia, "Content-Type", "application/fhir+json or application/fhir+xml is expected")
	}
	return h, nil
}

// maxHeader bounds what a header decodes to.
var maxHeader = element.Limits{Bytes: 32 << 10, Depth: 20, Nodes: 2000}

func headerObject(value string) (*element.Value, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		return nil, false
	}
	v, err := element.Parse(b, maxHeader)
	return v, err == nil && v.Kind == element.Object
}

// barsSender finds the sender of a request: of those set up for the target and
// open to the client, the one of the organisation, else the one of none.
func (g *Gateway) barsSender(c *gin.Context, h barsHeaders) (string, error) {
	served := false
	var mine, anyone []string
	for _, s := range g.cfg.Intake.Senders() {
		f, ok := s.Format.(fhirmsg.Format)
		if !ok {
			continue
		}
		bars, ok := f.BaRS()
		if !ok || !f.SameTarget(bars.Target, h.target) {
			continue
		}
		served = true
		switch {
		case !maySend(c, s.Name):
		case bars.Organization == "":
			anyone = append(anyone, s.Name)
		case bars.Organization == h.organization:
			mine = append(mine, s.Name)
		}
	}
	if len(mine) == 0 {
		mine = anyone
	}
	switch {
	case !served:
		return "", fault.New(fault.NotFound, headerTarget, "this service is not here")
	case len(mine) == 0:
		return "", fault.New(fault.Forbidden, headerEndUser, "no sender that is open to this client is set up for this organisation")
	case len(mine) > 1:
		return "", fault.New(fault.Forbidden, headerEndUser, "several senders are set up for this target, client and organisation, and one is needed")
	}
	return mine[0], nil
}

// barsFail answers with a row of the error table.
func (g *Gateway) barsFail(c *gin.Context, row fhirmsg.BaRSError, text string, issues []fault.Issue) {
	c.Abort()
	if !c.Writer.Written() {
		g.reply(c, inbound.Reply{Status: row.Status, ContentType: contentType, Body: row.Outcome(text, issues).JSON()})
	}
}

// reply answers in the format that was asked for: that of Accept, else that of
// the answer. Only FHIR has two.
func (g *Gateway) reply(c *gin.Context, r inbound.Reply) {
	for _, part := range strings.Split(c.GetHeader("Accept"), ",") {
		if wildcard := strings.Contains(part, "*"); !wildcard && xmlType(part) {
			r = fhirmsg.AsXML(r)
			break
		} else if !wildcard && jsonType(part) {
			r = fhirmsg.AsJSON(r)
			break
		}
	}
	c.Data(r.Status, r.ContentType, r.Body)
}
