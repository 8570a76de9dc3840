package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
)

// patience is how long a request waits to be worked on. Longer would only pile
// up requests whose callers have given up.
const patience = 5 * time.Second

// shares counts the open requests of each caller.
type shares struct {
	most int // of one caller
	mu   sync.Mutex
	open map[string]int
}

func (s *shares) take(caller string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[caller] >= s.most {
		return false
	}
	s.open[caller]++
	return true
}

func (s *shares) give(caller string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[caller]--; s.open[caller] == 0 {
		delete(s.open, caller)
	}
}

// share keeps one caller from taking every place for open requests: a slow or
// greedy one is told so, and the others find room.
func (g *Gateway) share(c *gin.Context) {
	who := g.callerName(c, "")
	if !g.shares.take(who) {
		g.fail(c, &fault.Fault{Kind: fault.Throttled, RetryAfter: time.Second,
			Issues: []fault.Issue{{Text: "this caller has too many requests open; wait for their answers"}}})
		return
	}
	defer g.shares.give(who)
	c.Next()
}

// callerName is by whom requests are told apart for fairness: the client, and
// which of its senders. Without clients the sender or the part of the API is
// all that is known.
func (g *Gateway) callerName(c *gin.Context, sender string) string {
	if client := clientOf(c); client != nil {
		return client.Name + "/" + sender
	}
	if sender == "" {
		if name := c.Param("sender"); name != "" {
			if _, known := g.cfg.Intake.Sender(name); known {
				sender = name
			}
		}
	}
	return "/" + sender
}

// work does the part of a request that costs processor and store, in its turn.
// Reading the body comes before and writing the answer after it, so that a slow
// caller keeps no place.
func (g *Gateway) work(c *gin.Context, sender string, fn func(ctx context.Context) error) error {
	ctx := c.Request.Context()
	who := g.callerName(c, sender)
	leave, err := g.turnstile.enter(ctx, who)
	if err != nil {
		return err
	}
	defer leave()
	return fn(ctx)
}

// purse is the memory for the bodies of open requests.
type purse struct {
	size int64
	held atomic.Int64
}

const heldKey = "held"

// hold takes n bytes until the request ends, or until settle says that fewer
// are needed.
func (p *purse) hold(c *gin.Context, n int64) error {
	if p.held.Add(n) > p.size {
		p.held.Add(-n)
		return &fault.Fault{Kind: fault.Transient, RetryAfter: time.Second,
			Issues: []fault.Issue{{Text: "the bodies of other requests fill the memory; try again"}}}
	}
	c.Set(heldKey, n)
	return nil
}

func (p *purse) settle(c *gin.Context, n int64) {
	v, ok := c.Get(heldKey)
	if held, _ := v.(int64); ok && held > n {
		p.held.Add(n - held)
		c.Set(heldKey, n)
	}
}
