package inbound_test

import (
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/referral"
)

// TestReceiptSaysHowItStands: a question is answered in codes, and a message
// that makes a referral is answered as ever.
func TestReceiptSaysHowItStands(t *testing.T) {
	stands := &inbound.State{
		Task: "on-hold", Request: "active", Updated: time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC),
		Business: &inbound.Coding{System: "urn:x", Code: "contacted"},
	}
	for _, tc := range []struct {
		name string
		a    inbound.Answer
		want string
	}{
		{"question", inbound.Answer{Intention: referral.Status, State: stands, Task: "t", Request: "r", Base: "http://x"},
			`{"status":"accepted","serviceRequest":"http://x/ServiceRequest/r","task":"http://x/Task/t","action":"status",` +
				`"referral":{"task":"on-hold","request":"active","updated":"2026-03-02T10:15:00.000000Z","doing":{"system":"urn:x","code":"contacted"}}}`},
		{"new", inbound.Answer{Intention: referral.New, State: stands, Task: "t", Base: "http://x"}, `{"status":"accepted","task":"http://x/Task/t"}`},
		{"refused", inbound.Answer{Intention: referral.Cancel, Fault: fault.New(fault.NotFound, "referralNumber", "not here")},
			`{"status":"refused","action":"cancel","errors":[{"field":"referralNumber","reason":"not here"}]}`},
	} {
		if got := string(inbound.Receipt(nil, tc.a).Body); got != tc.want+"\n" {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}
