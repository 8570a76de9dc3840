package gateway

import (
	"context"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/intake"
)

// Turn does work of another edge in its turn among the requests of this one: see
// http.max_working. Errors: that of ctx, fault.Transient when the turn did not
// come, or that of the work.
func (g *Gateway) Turn(ctx context.Context, caller string, work func(ctx context.Context) error) error {
	leave, err := g.turnstile.enter(ctx, caller)
	if err != nil {
		return err
	}
	defer leave()
	return work(ctx)
}

// intake takes a message in the sender's own format, or a file of them where
// the format comes in files: POST /intake/{sender}.
func (g *Gateway) intake(c *gin.Context) { g.accept(c, c.Param("sender")) }

// processMessage takes a FHIR message for the caller's one sender of FHIR
// messages. https://hl7.org/fhir/R4/messageheader-operation-process-message.html
func (g *Gateway) processMessage(c *gin.Context) {
	var names []string
	for _, s := range g.cfg.Intake.Senders() {
		if s.FormatName == "fhirmsg" && maySend(c, s.Name) {
			names = append(names, s.Name)
		}
	}
	if len(names) > 1 {
		// Several versions of FHIR have senders; what the message is tells which.
		body, err := g.body(c)
		if err != nil {
			g.fail(c, err)
			return
		}
		if names = g.cfg.Intake.Taking(names, body); len(names) == 1 {
			g.take(c, names[0], body)
			return
		}
	}
	if len(names) != 1 {
		g.fail(c, fault.New(fault.Forbidden, "",
			"%d senders of FHIR messages are open to this client and take this message, and one is needed here; use /intake/{sender}", len(names)))
		return
	}
	g.accept(c, names[0])
}

func (g *Gateway) accept(c *gin.Context, sender string) {
	known, ok := g.cfg.Intake.Sender(sender)
	if !ok {
		g.fail(c, fault.New(fault.NotFound, "", "no sender of this name is configured"))
		return
	}
	if !maySend(c, sender) {
		g.fail(c, fault.New(fault.Forbidden, "", "this client may not send as this sender"))
		return
	}
	if _, many := known.Format.(inbound.Splitter); many {
		g.file(c, sender)
		return
	}
	body, err := g.body(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	g.take(c, sender, body)
}

// take hands a message over and answers.
func (g *Gateway) take(c *gin.Context, sender string, body []byte) {
	sub := intake.Submission{Sender: sender, Body: body, Received: time.Now().UTC()}
	if client := clientOf(c); client != nil {
		sub.Client = client.Name
	}
	reply, err := g.cfg.Files.Message(c.Request.Context(), sub, func(_ context.Context, fn func(context.Context) error) error {
		return g.work(c, sender, fn)
	})
	if err != nil {
		g.fail(c, err)
		return
	}
	if known, ok := g.cfg.Intake.Sender(sender); ok {
		if x, ok := known.Format.(inbound.Condenser); ok {
			reply = x.Condense(reply)
		}
	}
	if reply.Status == 503 {
		c.Header("Retry-After", "1")
	}
	g.reply(c, reply)
}
