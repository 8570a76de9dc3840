package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mllp/wire"
)

// maxHead is how much of a frame is kept to answer its refusal.
const maxHead = 4 << 10

// lingering is how long and how much is read and thrown away behind a refusal.
// Closing at once would reset the connection, and the refusal with it.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 16 << 20
)

// connection is one peer.
type connection struct {
	server   *Server
	listener *Listener
	raw      net.Conn // what was accepted
	stream   net.Conn // raw, or TLS over it
	held     int64    // bytes reserved for the frame

	mu    sync.Mutex // of the read deadline
	awake bool       // Stop ended the reading
}

// until bounds the next reads; nothing is read any more when Stop was called.
func (c *connection) until(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.awake {
		_ = c.raw.SetReadDeadline(time.Now().Add(d)) // a closed connection says so when it is read
	}
}

// wake ends a read that waits, and those to come.
func (c *connection) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awake = true
	_ = c.raw.SetReadDeadline(time.Unix(1, 0))
}

func (c *connection) ending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.awake
}

// serve reads and answers frames until the connection ends.
func (c *connection) serve() {
	defer func() { _ = c.raw.Close() }() // what was answered is on its way; there is nobody to tell
	defer func() {
		if p := recover(); p != nil {
			c.server.cfg.Observer.Cut(c.listener.Sender, "panic")
			c.server.cfg.Log.Error("mllp handler panicked", "sender", c.listener.Sender)
		}
		c.server.held.Add(-c.held)
	}()
	if !c.secure() {
		return
	}
	cfg := &c.server.cfg
	in := wire.NewReader(c.stream, cfg.MaxFrame)
	in.Begun = func() { c.until(cfg.FrameTime) }
	in.Reserve = c.reserve
	for {
		c.until(cfg.IdleTime)
		body, stray, err := in.Next()
		if stray > 0 {
			cfg.Observer.Stray(c.listener.Sender, stray)
			cfg.Log.Warn("mllp bytes outside of frames", "sender", c.listener.Sender, "peer", peer(c.raw).String(), "bytes", stray)
		}
		if err != nil {
			c.cut(body, err)
			return
		}
		if !c.answer(body) || c.ending() {
			return
		}
		c.release()
	}
}

// secure does the TLS handshake.
func (c *connection) secure() bool {
	if c.listener.TLS == nil {
		return true
	}
	secured := tls.Server(c.raw, c.listener.TLS)
	c.until(handshakeTime)
	_ = c.raw.SetWriteDeadline(time.Now().Add(handshakeTime))
	if err := secured.HandshakeContext(c.server.base); err != nil {
		c.server.cfg.Observer.Turned(c.listener.Sender, "tls")
		c.server.cfg.Log.Warn("mllp connection turned away", "reason", "tls", "sender", c.listener.Sender,
			"peer", peer(c.raw).String(), "cause", fmt.Sprintf("%T", err))
		return false
	}
	c.stream = secured
	return true
}

// reserve asks for a frame of n bytes in all.
func (c *connection) reserve(n int) error {
	if err := c.server.reserve(int64(n) - c.held); err != nil {
		return err
	}
	c.held = int64(n)
	return nil
}

func (c *connection) release() {
	c.server.held.Add(-c.held)
	c.held = 0
}

// answer takes a message and sends what is to be said; false ends the
// connection.
func (c *connection) answer(body []byte) bool {
	cfg := &c.server.cfg
	began := time.Now()
	ctx, cancel := context.WithTimeout(c.server.base, cfg.AnswerTime)
	defer cancel()
	m := Message{Sender: c.listener.Sender, Body: body, Received: began.UTC()}
	a, panicked := c.take(ctx, m)
	if panicked {
		_ = c.write(a) // the connection ends either way
		return false
	}
	cfg.Observer.Answered(c.listener.Sender, time.Since(began))
	return c.write(a) == nil && !a.Close
}

// take hands a message over. Where the handler panics the sender hears that
// the message failed, and nothing else about it.
func (c *connection) take(ctx context.Context, m Message) (a Answer, panicked bool) {
	defer func() {
		if p := recover(); p != nil {
			panicked = true
			c.server.cfg.Observer.Cut(c.listener.Sender, "panic")
			c.server.cfg.Log.Error("mllp handler panicked", "sender", c.listener.Sender)
			m.Body = m.Body[:min(len(m.Body), maxHead)]
			a = c.server.cfg.Handler.Refuse(m, fault.New(fault.Internal, "", "internal error; send the message again later"))
		}
	}()
	return c.server.cfg.Handler.Take(ctx, m), false
}

// cut ends a connection whose next frame did not come whole.
func (c *connection) cut(body []byte, err error) {
	cfg := &c.server.cfg
	begun := body != nil
	reason, refusal := "", (*fault.Fault)(nil)
	var f *fault.Fault
	switch {
	case errors.Is(err, io.EOF), c.ending() && !begun, errors.Is(err, os.ErrDeadlineExceeded) && !begun:
		return // the peer is done, or was idle for too long
	case c.ending():
		reason = "stopping"
	case errors.Is(err, wire.ErrTooLarge):
		reason, refusal = "too-large", fault.New(fault.TooLarge, "", "the frame is larger than %d bytes", cfg.MaxFrame)
	case errors.As(err, &f):
		reason, refusal = "memory", f
	case errors.Is(err, wire.ErrStray):
		reason = "garbage"
	case errors.Is(err, os.ErrDeadlineExceeded):
		reason = "slow"
	case begun:
		reason = "lost"
	default:
		return // the peer hung up between frames
	}
	cfg.Observer.Cut(c.listener.Sender, reason)
	cfg.Log.Warn("mllp frame not taken", "sender", c.listener.Sender, "peer", peer(c.raw).String(), "reason", reason)
	if refusal == nil {
		return
	}
	m := Message{Sender: c.listener.Sender, Body: body[:min(len(body), maxHead)], Received: time.Now().UTC()}
	if c.write(cfg.Handler.Refuse(m, refusal)) == nil {
		c.linger()
	}
}

// write sends an answer, each message of it in a frame.
func (c *connection) write(a Answer) error {
	var out []byte
	for _, f := range a.Frames {
		out = wire.Append(out, f)
	}
	if len(out) == 0 {
		return nil
	}
	if err := c.raw.SetWriteDeadline(time.Now().Add(c.server.cfg.FrameTime)); err != nil {
		return err
	}
	_, err := c.stream.Write(out)
	return err
}

// linger lets the peer finish sending, so that it reads the refusal.
func (c *connection) linger() {
	if half, ok := c.stream.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	c.until(lingerTime)
	_, _ = io.CopyN(io.Discard, c.stream, lingerBytes) // whatever ends it, the connection is closed next
}
