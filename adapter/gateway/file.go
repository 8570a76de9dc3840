package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/fault"
)

// fileMemory is what a file in work is counted with, in bytes: the messages in
// work and the window it is read through, not its size.
const fileMemory = 4 << 20

// connectionKey is where around keeps the context without the time limit of a
// single message.
const connectionKey = "connection"

// file takes a file of many messages and answers with a receipt. It has limits
// of its own: it may be larger and take longer than a message, and it is read
// only as fast as its messages are on disk.
func (g *Gateway) file(c *gin.Context, sender string) {
	if c.Request.ContentLength > g.cfg.MaxFile {
		g.fail(c, tooLarge(g.cfg.MaxFile))
		return
	}
	if err := g.purse.hold(c, min(fileMemory, g.cfg.BodyMemory)); err != nil {
		g.fail(c, err)
		return
	}
	ctx, control, cancel := g.unhurried(c)
	defer cancel()
	who := g.callerName(c, sender)
	in := batch.File{
		Sender: sender, Received: time.Now().UTC(),
		Body: &fileBody{from: c.Request.Body, left: g.cfg.MaxFile, most: g.cfg.MaxFile, patience: g.cfg.RequestTime, control: control},
		Turn: func(ctx context.Context, work func(context.Context) error) error {
			leave, err := g.turnstile.enter(ctx, who)
			if err != nil {
				return err
			}
			defer leave()
			return work(ctx)
		},
	}
	if client := clientOf(c); client != nil {
		in.Client = client.Name
	}
	receipt := g.cfg.Files.Take(ctx, in)
	g.cfg.Log.Info("file taken", "sender", sender, "status", string(receipt.Status), "accepted", receipt.Accepted,
		"repeated", receipt.Repeated, "refused", receipt.Refused, "took", time.Since(in.Received))
	_ = control.SetWriteDeadline(time.Now().Add(g.cfg.RequestTime))
	status := receipt.HTTP()
	if status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	if receipt.ID != "" {
		c.Header("Location", g.cfg.BaseURL+receiptPath(sender, receipt.ID))
	}
	writeReceipt(c, receipt, status)
}

// unhurried is the context of a request that may take as long as a file does, and
// not as a single message. The answer has no deadline until the control sets one.
func (g *Gateway) unhurried(c *gin.Context) (ctx context.Context, control *http.ResponseController, cancel func()) {
	parent := c.Request.Context()
	if v, ok := c.Get(connectionKey); ok {
		parent, _ = v.(context.Context)
	}
	ctx, end := context.WithTimeout(parent, g.cfg.FileTime)
	stop := context.AfterFunc(g.stopping, end)
	control = http.NewResponseController(c.Writer)
	_ = control.SetWriteDeadline(time.Time{}) // the context bounds it; set again before the answer
	return ctx, control, func() { stop(); end() }
}

// wantsCSV reports whether a caller asks for a receipt in rows.
func wantsCSV(accept string) bool {
	for _, a := range strings.Split(accept, ",") {
		kind, _, err := mime.ParseMediaType(a)
		switch {
		case err != nil:
		case kind == "text/csv":
			return true
		case kind == "application/json":
			return false
		}
	}
	return false
}

// fileBody is the body of a file: bounded in size, and in how long it may
// stand still, but not in how long it takes while it moves.
type fileBody struct {
	from       io.Reader
	left, most int64
	patience   time.Duration
	control    *http.ResponseController
}

func (b *fileBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(b.most)
	}
	_ = b.control.SetReadDeadline(time.Now().Add(b.patience)) // without deadlines the context still bounds it
	n, err := b.from.Read(p[:min(int64(len(p)), b.left+1)])
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLarge(b.most)
	}
	if errors.Is(err, io.EOF) {
		// The server goes on listening for a caller who hangs up, and must not
		// take the passing of the deadline for that.
		_ = b.control.SetReadDeadline(time.Time{})
	} else if err != nil {
		err = fault.Wrap(fault.Timeout, err, "the file was cut off, or did not go on arriving in time")
	}
	return n, err
}
