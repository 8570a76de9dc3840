package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Options are how a client talks; what is zero has a default.
type Options struct {
	TLS     *tls.Config   // nil: without TLS
	Connect time.Duration // to connect, TLS included: 10 s
	Answer  time.Duration // from the first byte sent to the answer: 30 s
	Limit   int           // bytes of an answer: 1 MB
}

// Client is one connection. A message is sent when the one before was
// answered, as MLLP wants it; a Client is not for concurrent use.
type Client struct {
	conn   net.Conn
	reader *Reader
	opt    Options
}

// Dial connects to host:port.
func Dial(ctx context.Context, address string, opt Options) (*Client, error) {
	if opt.Connect <= 0 {
		opt.Connect = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, opt.Connect)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if opt.TLS != nil {
		cfg := opt.TLS.Clone()
		if cfg.ServerName == "" {
			if cfg.ServerName, _, err = net.SplitHostPort(address); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
		}
		secured := tls.Client(conn, cfg)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("TLS: %w", err), conn.Close())
		}
		conn = secured
	}
	return NewClient(conn, opt), nil
}

// NewClient talks over a connection that is there already; Options.TLS and
// Options.Connect do not count.
func NewClient(conn net.Conn, opt Options) *Client {
	if opt.Answer <= 0 {
		opt.Answer = 30 * time.Second
	}
	if opt.Limit <= 0 {
		opt.Limit = 1 << 20
	}
	return &Client{conn: conn, reader: NewReader(conn, opt.Limit), opt: opt}
}

// Send sends one message and returns the answer to it. After an error nothing
// is known about the message, and the connection is of no use: close it,
// connect again and send the message again.
func (c *Client) Send(ctx context.Context, message []byte) ([]byte, error) {
	if err := c.Post(ctx, message); err != nil {
		return nil, err
	}
	return c.Receive(ctx)
}

// Post sends one message that wants no answer, or whose answers are read with
// Receive.
func (c *Client) Post(ctx context.Context, message []byte) error {
	defer c.bound(ctx)()
	if _, err := c.conn.Write(Append(make([]byte, 0, len(message)+3), message)); err != nil {
		return cause(ctx, err)
	}
	return nil
}

// Receive reads the next answer: in enhanced mode there may be two.
func (c *Client) Receive(ctx context.Context) ([]byte, error) {
	defer c.bound(ctx)()
	answer, _, err := c.reader.Next()
	switch {
	case errors.Is(err, ErrTooLarge):
		return nil, tooLong(c.opt.Limit)
	case err != nil:
		return nil, fmt.Errorf("no answer: %w", cause(ctx, err))
	}
	return answer, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// bound gives the connection until Options.Answer or the end of ctx.
func (c *Client) bound(ctx context.Context) (release func()) {
	_ = c.conn.SetDeadline(time.Now().Add(c.opt.Answer)) // a connection that is closed says so when it is used
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// cause prefers that of ctx, which made the connection fail.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
