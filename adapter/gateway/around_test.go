package gateway

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
)

// unseen is an observer that looks away.
type unseen struct{}

func (unseen) Request(string, string, int, time.Duration) {}
func (unseen) Intake(string, string)                      {}

// TestPanicIsAnOutcome: a handler that panics is answered as every other refusal,
// in the format that was asked for, and says nothing of why.
func TestPanicIsAnOutcome(t *testing.T) {
	g := &Gateway{cfg: Config{Log: slog.New(slog.DiscardHandler), Observer: unseen{}, RequestTime: time.Minute}, slots: make(chan struct{}, 1), purse: &purse{}}
	r := gin.New()
	r.Use(g.around)
	r.GET("/fhir/Task", func(*gin.Context) { panic("Canarybird") })
	for _, accept := range []string{mediaJSON, mediaXML} {
		req := httptest.NewRequest("GET", "/fhir/Task", nil)
		req.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		body := w.Body.Bytes()
		if strings.Contains(string(body), "Canarybird") {
			t.Error("the answer quotes the panic")
		}
		v, err := element.Parse(body, element.Limits{})
		if accept == mediaXML {
			v, err = fhirxml.Read(body, element.Limits{})
		}
		if err != nil || w.Code != http.StatusInternalServerError || v.TextAt("issue.code") != "exception" || !strings.HasPrefix(w.Header().Get("Content-Type"), accept) {
			t.Errorf("%s: status %d, %s: %s", accept, w.Code, w.Header().Get("Content-Type"), body)
		}
	}
}
