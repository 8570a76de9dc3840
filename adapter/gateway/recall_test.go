package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/store"
)

// slow is a store that takes its time, and then has nothing.
type slow struct {
	store.Store
	takes time.Duration
}

func (s slow) View(ctx context.Context, _ func(store.Reader) error) error {
	select {
	case <-ctx.Done():
		return fault.Wrap(fault.Transient, ctx.Err(), "the store gave up")
	case <-time.After(s.takes):
		return fault.New(fault.NotFound, "", "looked to the end")
	}
}

// TestRecallTakesItsTime: a recall of very many outcomes is not broken off when a
// single message would be.
func TestRecallTakesItsTime(t *testing.T) {
	g := &Gateway{cfg: Config{Log: slog.New(slog.DiscardHandler), Observer: unseen{}, RequestTime: 20 * time.Millisecond, FileTime: time.Minute, MaxBody: 1 << 10, BodyMemory: 1 << 20,
		Recall: &recall.Service{Store: slow{takes: 100 * time.Millisecond}}}, slots: make(chan struct{}, 1), purse: &purse{size: 1 << 20}}
	g.stopping, g.stop = context.WithCancel(t.Context())
	r := gin.New()
	r.Use(g.around)
	r.POST("/admin/recalls", g.recall)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest("POST", "/admin/recalls", strings.NewReader(`{"id":"a","query":{"code":"390893007"},"reason":"x","dryRun":true}`)))
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "looked to the end") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
