package app_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// TestRetention: what is older than its retention goes, the resources and the
// story of the referral stay, and a message that was forgotten makes nothing
// a second time.
func TestRetention(t *testing.T) {
	var late atomic.Int64
	h := openWith(t, app.Options{Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }}, func(c *config.Config) {
		c.Retention = config.Retention{MessagesDays: 30, HistoryDays: 30, AuditDays: 30, DeliveriesDays: 30}
	})
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379")), 200)
	h.want(h.call("POST", "/intake/hl7v2-ref", []byte("MSH|^~\\&|broken")), 400)
	task := h.task(1)
	h.want(h.change(task, func(v *element.Value) {
		v.SetString("status", "accepted")
		v.Set("owner", object("reference", "Organization/lw"))
	}), 200)
	if n, err := h.app.Prune(t.Context()); n != 0 || err != nil {
		t.Errorf("%d rows went before their time (%v)", n, err)
	}
	late.Store(int64(31 * 24 * time.Hour))
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(2, "9990000379")), 200)
	if n, err := h.app.Prune(t.Context()); n == 0 || err != nil {
		t.Errorf("%d rows went (%v)", n, err)
	}
	list := string(h.want(h.call("GET", "/admin/messages", nil), 200).body)
	if strings.Contains(list, `"MSG-1"`) || !strings.Contains(list, `"MSG-2"`) || !strings.Contains(list, `"failed"`) {
		t.Error("not what should be left: the second message and the failed one")
	}
	if v := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200).value(t); v.Str("status") != "accepted" {
		t.Errorf("the Task is %s", v.Str("status"))
	}
	h.refused(h.call("GET", "/fhir/Task/"+task+"/_history/1", nil), http.StatusNotFound, "not-found", "")
	h.want(h.call("GET", "/referrals/"+task+"/timeline", nil), 200)
	again := h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379")), http.StatusConflict)
	if !strings.Contains(string(again.body), "received before") {
		t.Error("the refusal does not say that the referral is known")
	}
	h.task(1) // still one
}
