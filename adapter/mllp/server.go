// Package mllp is the MLLP edge: it listens for HL7 v2 messages on TCP, with or
// without TLS, reads them within limits and hands them over. It never parses a
// message. One message of a connection is in work at a time, and nothing is
// read behind it until it is answered, so that a slow store slows its senders
// down and holds no queue.
package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
)

// Message is what one frame held.
type Message struct {
	Sender   string // whom the listener belongs to
	Body     []byte // the receiver may keep it
	Received time.Time
}

// Answer is what goes back.
type Answer struct {
	Frames [][]byte // each sent in a frame of its own; none: the message wants no answer
	Close  bool     // nothing may be said about the message: the sender must send it again
}

// Handler takes messages. Both methods are called from many goroutines.
type Handler interface {
	// Take takes a message to its end. What it accepts is durable when it
	// returns. ctx ends when the time for an answer is over.
	Take(ctx context.Context, m Message) Answer
	// Refuse words a refusal of what was not taken; of m.Body there is only the
	// beginning. The connection is closed behind it.
	Refuse(m Message, f *fault.Fault) Answer
}

// Observer hears what happens, in closed words and configured names.
type Observer interface {
	Connections(sender string, change int)
	// Turned: a connection was turned away. Reason: full, peer, tls or stopping.
	Turned(sender, reason string)
	// Cut: a frame was not taken. Reason: too-large, slow, memory, lost,
	// garbage, stopping or panic.
	Cut(sender, reason string)
	// Stray: bytes came outside of frames.
	Stray(sender string, bytes int)
	// Answered: the answer to a message is ready, or it wants none.
	Answered(sender string, took time.Duration)
}

// Listener is one address, and whose messages come in there.
type Listener struct {
	Socket net.Listener
	Sender string
	TLS    *tls.Config    // nil: without
	Peers  []netip.Prefix // who may connect; empty: anybody
}

// Config is what a Server is made of.
type Config struct {
	Listeners      []Listener
	Handler        Handler
	MaxConnections int           // of each listener
	MaxFrame       int           // bytes
	FrameMemory    int64         // bytes of all frames that arrive or are in work
	FrameTime      time.Duration // from the first byte of a frame to the last; also for writing an answer
	AnswerTime     time.Duration // for taking a message
	IdleTime       time.Duration // between two frames
	Observer       Observer
	Log            *slog.Logger
}

// handshakeTime bounds the TLS handshake.
const handshakeTime = 10 * time.Second

// Server serves listeners.
type Server struct {
	cfg     Config
	base    context.Context // ends when Stop has no more patience
	cancel  context.CancelFunc
	held    atomic.Int64 // bytes of frames
	serving sync.WaitGroup

	mu       sync.Mutex
	stopping bool
	open     map[*connection]struct{}
	count    []int // of each listener
}

// New returns a server that does not serve yet.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, open: map[*connection]struct{}{}, count: make([]int, len(cfg.Listeners))}
	s.base, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve serves until Stop. It returns early, with the error, when a listener
// ends by itself.
func (s *Server) Serve() error {
	ended := make(chan error, len(s.cfg.Listeners))
	for i := range s.cfg.Listeners {
		go func() { ended <- s.accept(i) }()
	}
	var first error
	for range s.cfg.Listeners {
		if err := <-ended; err != nil && first == nil {
			first = err
			for _, l := range s.cfg.Listeners {
				_ = l.Socket.Close() // one that is closed already is as good
			}
		}
	}
	return first
}

// Stop ends gracefully: no new connections, idle ones and half frames are
// ended, messages in work are answered. When ctx ends first the rest is cut,
// and its error returned.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	for c := range s.open {
		c.wake()
	}
	s.mu.Unlock()
	var errs []error
	for _, l := range s.cfg.Listeners {
		if err := l.Socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	done := make(chan struct{})
	go func() { s.serving.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("mllp: %w", ctx.Err()))
		s.cancel()
		s.mu.Lock()
		for c := range s.open {
			_ = c.raw.Close()
		}
		s.mu.Unlock()
		<-done
	}
	s.cancel()
	return errors.Join(errs...)
}

// accept takes connections of one listener.
func (s *Server) accept(i int) error {
	l := &s.cfg.Listeners[i]
	quiet := quiet{log: s.cfg.Log, sender: l.Sender}
	pause := time.Duration(0)
	for {
		raw, err := l.Socket.Accept()
		if err != nil {
			if s.ending() {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("the MLLP listener on %s ended: %w", l.Socket.Addr(), err)
			}
			// Out of file descriptors, mostly: it passes.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			quiet.warn("mllp accept failed", "cause", fmt.Sprintf("%T", err))
			time.Sleep(pause)
			continue
		}
		pause = 0
		if reason := s.admit(i, raw); reason != "" {
			_ = raw.Close()
			s.cfg.Observer.Turned(l.Sender, reason)
			quiet.warn("mllp connection turned away", "reason", reason, "peer", peer(raw).String())
		}
	}
}

func (s *Server) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// admit starts serving a connection, or says why not.
func (s *Server) admit(i int, raw net.Conn) (reason string) {
	l := &s.cfg.Listeners[i]
	if !allowed(l.Peers, peer(raw)) {
		return "peer"
	}
	c := &connection{server: s, listener: l, raw: raw, stream: raw}
	s.mu.Lock()
	switch {
	case s.stopping:
		s.mu.Unlock()
		return "stopping"
	case s.count[i] >= s.cfg.MaxConnections:
		s.mu.Unlock()
		return "full"
	}
	s.count[i]++
	s.open[c] = struct{}{}
	s.serving.Add(1)
	s.mu.Unlock()
	s.cfg.Observer.Connections(l.Sender, 1)
	go func() {
		defer s.serving.Done()
		c.serve()
		s.mu.Lock()
		s.count[i]--
		delete(s.open, c)
		s.mu.Unlock()
		s.cfg.Observer.Connections(l.Sender, -1)
	}()
	return ""
}

// allowed reports whether an address is in one of the networks.
func allowed(peers []netip.Prefix, a netip.Addr) bool {
	for _, p := range peers {
		if p.Contains(a) {
			return true
		}
	}
	return len(peers) == 0
}

// peer is the address of whoever connected; invalid where there is none.
func peer(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// reserve takes n more bytes of memory for frames.
func (s *Server) reserve(n int64) error {
	if s.held.Add(n) > s.cfg.FrameMemory {
		s.held.Add(-n)
		return &fault.Fault{Kind: fault.Transient, RetryAfter: time.Second,
			Issues: []fault.Issue{{Text: "the messages of other connections fill the memory; try again"}}}
	}
	return nil
}

// quiet writes at most a line a second of what a stranger can cause.
type quiet struct {
	log     *slog.Logger
	sender  string
	last    time.Time
	skipped int
}

func (q *quiet) warn(text string, args ...any) {
	if now := time.Now(); now.Sub(q.last) < time.Second {
		q.skipped++
		return
	} else {
		q.last = now
	}
	q.log.Warn(text, append(args, "sender", q.sender, "skipped", q.skipped)...)
	q.skipped = 0
}
