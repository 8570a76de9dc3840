package mllp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mllp"
	"github.com/linkloop/linkloop/adapter/mllp/wire"
)

// desk answers messages: "slow" waits for release, "panic" panics, "silent" is
// not answered, "lost" ends the connection.
type desk struct {
	release        chan struct{}
	inWork, atMost atomic.Int64
	taken          atomic.Int64
}

func (d *desk) Take(ctx context.Context, m mllp.Message) mllp.Answer {
	n := d.inWork.Add(1)
	defer d.inWork.Add(-1)
	for most := d.atMost.Load(); n > most && !d.atMost.CompareAndSwap(most, n); most = d.atMost.Load() {
	}
	switch string(m.Body) {
	case "slow":
		select {
		case <-d.release:
		case <-ctx.Done():
		}
	case "panic":
		panic("CANARYBIRD")
	case "silent":
		return mllp.Answer{}
	case "lost":
		return mllp.Answer{Close: true}
	case "two":
		return mllp.Answer{Frames: [][]byte{[]byte("one"), []byte("two")}}
	}
	d.taken.Add(1)
	return mllp.Answer{Frames: [][]byte{[]byte(m.Sender + " took " + string(m.Body[:min(len(m.Body), 20)]))}}
}

func (d *desk) Refuse(m mllp.Message, f *fault.Fault) mllp.Answer {
	return mllp.Answer{Frames: [][]byte{[]byte("refused " + f.Kind.String() + " " + string(m.Body[:min(len(m.Body), 3)]))}}
}

// tally is an Observer.
type tally struct {
	mu   sync.Mutex
	seen map[string]int
}

func (c *tally) add(key string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[key] += n
}
func (c *tally) get(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[key]
}
func (c *tally) Connections(_ string, n int)    { c.add("open", n) }
func (c *tally) Turned(_, reason string)        { c.add("turned "+reason, 1) }
func (c *tally) Cut(_, reason string)           { c.add("cut "+reason, 1) }
func (c *tally) Stray(_ string, n int)          { c.add("stray", n) }
func (c *tally) Answered(string, time.Duration) { c.add("answered", 1) }

type bench struct {
	*mllp.Server
	desk    *desk
	tally   *tally
	address string
	log     *bytes.Buffer
	ended   chan error
}

func serve(t testing.TB, change func(*mllp.Config)) *bench {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{desk: &desk{release: make(chan struct{})}, tally: &tally{seen: map[string]int{}}, address: socket.Addr().String(), log: &bytes.Buffer{}, ended: make(chan error, 1)}
	cfg := mllp.Config{
		Listeners: []mllp.Listener{{Socket: socket, Sender: "pms"}}, Handler: b.desk, MaxConnections: 5, MaxFrame: 10_000, FrameMemory: 100_000,
		FrameTime: 10 * time.Second, AnswerTime: 10 * time.Second, IdleTime: time.Minute, Observer: b.tally,
		Log: slog.New(slog.NewTextHandler(&locked{w: b.log}, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	b.Server = mllp.New(cfg)
	go func() { b.ended <- b.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := <-b.ended; err != nil {
			t.Error(err)
		}
		if b.tally.get("open") != 0 {
			t.Errorf("%d connections are still counted", b.tally.get("open"))
		}
		if strings.Contains(b.log.String(), "CANARYBIRD") {
			t.Error("the log quotes what was sent")
		}
	})
	return b
}

type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (b *bench) dial(t testing.TB) *wire.Client {
	t.Helper()
	c, err := wire.Dial(t.Context(), b.address, wire.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (b *bench) raw(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// eventually waits for something that another goroutine does.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func TestAnswers(t *testing.T) {
	b := serve(t, nil)
	c := b.dial(t)
	for _, m := range []string{"a", "b", strings.Repeat("c", 10_000)} {
		answer, err := c.Send(t.Context(), []byte(m))
		if err != nil || string(answer) != "pms took "+m[:min(len(m), 20)] {
			t.Fatalf("%q, %v", answer, err)
		}
	}
	// Silence, then the next message on the same connection; two answers.
	if err := c.Post(t.Context(), []byte("silent")); err != nil {
		t.Fatal(err)
	}
	if answer, err := c.Send(t.Context(), []byte("two")); err != nil || string(answer) != "one" {
		t.Fatalf("%q, %v", answer, err)
	}
	if answer, err := c.Receive(t.Context()); err != nil || string(answer) != "two" {
		t.Fatalf("%q, %v", answer, err)
	}
	if _, err := c.Send(t.Context(), []byte("lost")); err == nil {
		t.Error("a message that nothing may be said about was answered")
	}
}

// TestOneInFlight: messages that come at once are taken one after the other.
func TestOneInFlight(t *testing.T) {
	b := serve(t, nil)
	c := b.raw(t)
	var out []byte
	for i := range 20 {
		out = wire.Append(out, fmt.Appendf(nil, "m%d", i))
	}
	if _, err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	r := wire.NewReader(c, 1000)
	for i := range 20 {
		if m, _, err := r.Next(); err != nil || string(m) != fmt.Sprintf("pms took m%d", i) {
			t.Fatalf("answer %d: %q, %v", i, m, err)
		}
	}
	if most := b.desk.atMost.Load(); most != 1 {
		t.Errorf("%d messages of one connection in work at once", most)
	}
}

func TestStrayBytes(t *testing.T) {
	b := serve(t, nil)
	c := b.raw(t)
	if _, err := c.Write(wire.Append([]byte("CANARYBIRD\r\n"), []byte("a"))); err != nil {
		t.Fatal(err)
	}
	if m, _, err := wire.NewReader(c, 1000).Next(); err != nil || string(m) != "pms took a" {
		t.Fatalf("%q, %v", m, err)
	}
	if n := b.tally.get("stray"); n != 10 {
		t.Errorf("%d stray bytes counted, want 10", n)
	}
}

// TestRefusals: what is not taken is refused where that can be said, and the
// connection ends.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, send, want, counted string
		change                    func(*mllp.Config)
	}{
		{"too large", "\x0bMSH" + strings.Repeat("x", 50_000) + "\x1c\r", "refused too-large MSH", "cut too-large", nil},
		{"endless", "\x0bMSH" + strings.Repeat("x", 3_000_000), "refused too-large MSH", "cut too-large", nil},
		{"no memory", "\x0bMSH" + strings.Repeat("x", 9000) + "\x1c\r", "refused transient MSH", "cut memory", func(c *mllp.Config) { c.FrameMemory = 5000 }},
		{"no memory at all", "\x0bMSH\x1c\r", "refused transient MSH", "cut memory", func(c *mllp.Config) { c.FrameMemory = 1 }},
		{"slow", "\x0bMSH", "", "cut slow", func(c *mllp.Config) { c.FrameTime = 50 * time.Millisecond }},
		{"garbage", strings.Repeat("CANARYBIRD", 10_000), "", "cut garbage", nil},
		{"panic", "\x0bpanic\x1c\r", "refused internal pan", "cut panic", nil},
		{"idle", "", "", "", func(c *mllp.Config) { c.IdleTime = 50 * time.Millisecond }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := serve(t, c.change)
			conn := b.raw(t)
			go func() { _, _ = conn.Write([]byte(c.send)) }() // the server may stop reading
			m, _, err := wire.NewReader(conn, 1000).Next()
			if string(m) != c.want || err == nil && c.want == "" {
				t.Errorf("%q, %v, want %q", m, err, c.want)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) {
				t.Error("the connection is still open")
			}
			conn.Close()
			eventually(t, "the connection ends", func() bool { return b.tally.get("open") == 0 })
			if c.counted != "" && b.tally.get(c.counted) != 1 {
				t.Errorf("counted %v, want %q once", b.tally.seen, c.counted)
			}
			if after, err := b.dial(t).Send(t.Context(), []byte("a")); c.change == nil && (err != nil || string(after) != "pms took a") {
				t.Errorf("the next one: %q, %v", after, err)
			}
		})
	}
}

// TestMemoryIsGivenBack: frames together are more than the memory, and never
// at once.
func TestMemoryIsGivenBack(t *testing.T) {
	b := serve(t, func(c *mllp.Config) { c.FrameMemory = 30_000 })
	c := b.dial(t)
	for range 50 {
		if _, err := c.Send(t.Context(), bytes.Repeat([]byte("x"), 9000)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTurnedAway(t *testing.T) {
	t.Run("full", func(t *testing.T) {
		b := serve(t, nil)
		for range 5 {
			if _, err := b.dial(t).Send(t.Context(), []byte("a")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.dial(t).Send(t.Context(), []byte("a")); err == nil {
			t.Error("one connection more than allowed is served")
		}
		if b.tally.get("turned full") != 1 {
			t.Errorf("counted %v", b.tally.seen)
		}
	})
	t.Run("peer", func(t *testing.T) {
		b := serve(t, func(c *mllp.Config) { c.Listeners[0].Peers = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
		if _, err := b.dial(t).Send(t.Context(), []byte("a")); err == nil || b.tally.get("turned peer") != 1 {
			t.Errorf("%v, counted %v", err, b.tally.seen)
		}
	})
	t.Run("known peer", func(t *testing.T) {
		b := serve(t, func(c *mllp.Config) { c.Listeners[0].Peers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		if _, err := b.dial(t).Send(t.Context(), []byte("a")); err != nil {
			t.Error(err)
		}
	})
}

// TestStop: the message in work is answered; idle connections and half frames
// end at once.
func TestStop(t *testing.T) {
	b := serve(t, nil)
	idle, half := b.dial(t), b.raw(t)
	if _, err := half.Write([]byte("\x0bMSH")); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	worker := b.dial(t)
	go func() {
		answer, err := worker.Send(context.Background(), []byte("slow"))
		if err == nil && string(answer) != "pms took slow" {
			err = errors.New(string(answer))
		}
		answered <- err
	}()
	eventually(t, "in work", func() bool { return b.desk.inWork.Load() == 1 })
	eventually(t, "three connections", func() bool { return b.tally.get("open") == 3 })
	stopped := make(chan error, 1)
	go func() { stopped <- b.Stop(context.Background()) }()
	eventually(t, "only the one in work is left", func() bool { return b.tally.get("open") == 1 })
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a message in work: %v", err)
	default:
	}
	close(b.desk.release)
	if err := <-answered; err != nil {
		t.Errorf("the message in work: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := idle.Send(t.Context(), []byte("a")); err == nil {
		t.Error("served after Stop")
	}
}

// TestStopWithoutPatience: when the time is over nothing is waited for.
func TestStopWithoutPatience(t *testing.T) {
	b := serve(t, nil)
	c := b.raw(t)
	if _, err := c.Write(wire.Append(nil, []byte("slow"))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "in work", func() bool { return b.desk.inWork.Load() == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stop: %v", err)
	}
}

// TestManyIdle: connections that wait cost little. The bound is three times
// what was measured, so that it fails for another kind of cost only.
func TestManyIdle(t *testing.T) {
	const count = 1000
	b := serve(t, func(c *mllp.Config) { c.MaxConnections = count })
	var clients []*wire.Client
	before := memory()
	for range count {
		c, err := wire.Dial(t.Context(), b.address, wire.Options{})
		if err != nil {
			t.Skipf("%d connections, then %v", len(clients), err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	for _, c := range clients {
		if _, err := c.Send(t.Context(), []byte("a")); err != nil {
			t.Fatal(err)
		}
	}
	used := memory() - before
	t.Logf("%d connections that were used and wait: %d kB, clients included", count, used>>10)
	if used > 50<<20 {
		t.Errorf("%d idle connections take %d MB", count, used>>20)
	}
	if n := b.tally.get("open"); n != count {
		t.Errorf("%d connections open", n)
	}
}

// memory is what heap and stacks hold.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// FuzzServer: whatever comes, every whole frame is answered once and the server
// lives.
func FuzzServer(f *testing.F) {
	f.Add([]byte("\x0ba\x1c\r\x0bb\x1c\r"))
	f.Add([]byte("x\x0bMSH\x0bMSH\x1c\r\x1c\r\x0b"))
	f.Add([]byte("\x0bpanic\x1c\r\x0btwo\x1c\r"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.Contains(in, []byte("slow")) {
			return
		}
		want := 0
		for r := wire.NewReader(bytes.NewReader(in), 1000); ; want++ {
			if _, _, err := r.Next(); err != nil {
				break
			}
		}
		pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		d := &desk{}
		s := mllp.New(mllp.Config{
			Listeners: []mllp.Listener{{Socket: pipes, Sender: "pms"}}, Handler: d, MaxConnections: 1, MaxFrame: 1000, FrameMemory: 100_000,
			FrameTime: time.Minute, AnswerTime: time.Minute, IdleTime: time.Minute,
			Observer: &tally{seen: map[string]int{}}, Log: slog.New(slog.DiscardHandler),
		})
		done := make(chan error, 1)
		go func() { done <- s.Serve() }()
		mine, theirs := net.Pipe()
		pipes.conns <- theirs
		read := make(chan []byte)
		go func() {
			b, _ := io.ReadAll(mine) // ends when the server ends the connection
			read <- b
		}()
		_, _ = mine.Write(in)                                          // the server may end the connection within
		_ = mine.SetReadDeadline(time.Now().Add(5 * time.Millisecond)) // what is answered later is not counted
		answers := bytes.Count(<-read, []byte("took"))
		mine.Close()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if int64(answers) > d.taken.Load() || d.taken.Load() > int64(want) {
			t.Fatalf("%d frames, %d taken, %d answered", want, d.taken.Load(), answers)
		}
	})
}

// pipeListener hands out connections in memory.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
