package bars_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/bars"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
	"github.com/linkloop/linkloop/adapter/recordtest"
)

const (
	organization = "eyJyZXNvdXJjZVR5cGUiOiJPcmdhbml6YXRpb24ifQ==" // {"resourceType":"Organization"}
	device       = "eyJyZXNvdXJjZVR5cGUiOiJEZXZpY2UifQ=="         // {"resourceType":"Device"}
)

func open(t *testing.T, baseURL string) outbound.Channel {
	t.Helper()
	cfg := bars.DefaultConfig()
	cfg.URL, cfg.Token, cfg.RequestTimeout = baseURL, outboundtest.Token, time.Second
	cfg.Headers = []bars.Header{{Name: "NHSD-End-User-Organisation", Value: organization}, {Name: "NHSD-Requesting-Software", Value: device}}
	ch, err := bars.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func object(t *testing.T, text string) *element.Value {
	t.Helper()
	v, err := element.Parse([]byte(text), element.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func response(t *testing.T, state bars.State) bars.Response {
	return bars.Response{
		State: state, Message: "c4b190d6-9623-4235-859d-e3d4c09d5658", Correlation: "9f86d081-884c-4d65-9a2f-eaa0c55ad015",
		From: "https://fhir.nhs.uk/Id/dos-service-id|111", To: "https://fhir.nhs.uk/Id/dos-service-id|222", Version: "1.1.0",
		Key:     "Task/t/response/" + string(state),
		Task:    object(t, `{"resourceType":"Task","statusReason":{"text":"No places before summer"}}`),
		Request: object(t, `{"resourceType":"ServiceRequest","id":"r1","authoredOn":"2026-03-01","identifier":[{"system":"urn:s","value":"1"}]}`),
		Patient: object(t, `{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9990000018"}],"name":[{"family":"`+outboundtest.Canary+`"}]}`),
		At:      time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
	}
}

func TestContract(t *testing.T) {
	outboundtest.RunExchange(t, open, response(t, bars.Accepted).Payload(),
		outboundtest.Answered(`{"resourceType":"Bundle","type":"message","entry":[{"resource":{"resourceType":"MessageHeader"}}]}`))
}

// TestStates sends each state to a strict sender, twice: the second time it
// says that it has it.
func TestStates(t *testing.T) {
	for _, c := range []struct {
		state                   bars.State
		request, beside, status string
	}{
		{bars.Accepted, "active", "", ""},
		{bars.Rejected, "active", "Encounter", "cancelled"},
		{bars.DidNotAttend, "revoked", "Appointment", "noshow"},
		{bars.Completed, "completed", "", ""},
	} {
		t.Run(string(c.state), func(t *testing.T) {
			sender := &recordtest.BaRSSender{}
			srv := httptest.NewServer(sender)
			defer srv.Close()
			ch := open(t, srv.URL+"/$process-message")
			d := outbound.Delivery{ID: 7, Key: "Task/t/response/" + string(c.state), Payload: response(t, c.state).Payload()}
			for range 2 {
				if res := ch.Deliver(t.Context(), d); res.State != outbound.Delivered {
					t.Fatalf("%s (%s), want delivered", res.State, res.Reason)
				}
			}
			taken, wrong := sender.Taken()
			if len(taken) != 1 || len(wrong) != 0 {
				t.Fatalf("%d taken, wrong: %v", len(taken), wrong)
			}
			a := taken[0]
			if a.Correlation != "9f86d081-884c-4d65-9a2f-eaa0c55ad015" || a.Target != "https://fhir.nhs.uk/Id/dos-service-id|222" {
				t.Errorf("correlation %s, target %s", a.Correlation, a.Target)
			}
			for _, issue := range fhir.Check(a.Message) {
				t.Errorf("%s: %s", issue.Expression, issue.Text)
			}
			found := c.beside == ""
			for _, r := range a.Message.All("entry.resource") {
				switch r.ResourceType() {
				case "ServiceRequest":
					if r.Str("status") != c.request || r.ID() != "r1" {
						t.Errorf("ServiceRequest is %s, want %s", r.Str("status"), c.request)
					}
				case c.beside:
					found = r.Str("status") == c.status
				}
			}
			if !found {
				t.Errorf("no %s that is %s", c.beside, c.status)
			}
			if c.state == bars.Rejected && !strings.Contains(string(a.Message.JSON()), "No places before summer") {
				t.Error("the reason is not told")
			}
		})
	}
}

// TestPayloads: what could not be answered by anybody is not sent.
func TestPayloads(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	nowhere := response(t, bars.Accepted)
	nowhere.To = "https://sender.example"
	for _, payload := range [][]byte{nil, []byte("{}"), []byte(`{"message":{"resourceType":"Bundle","type":"batch"}}`), nowhere.Payload()} {
		if res := open(t, srv.URL).Deliver(t.Context(), outbound.Delivery{Payload: payload}); res.State != outbound.Dead || res.Reason == "" {
			t.Errorf("%.40s: %s (%s), want dead with a reason", payload, res.State, res.Reason)
		}
	}
	if asked != 0 {
		t.Errorf("the sender was asked %d times", asked)
	}
}

func TestConfig(t *testing.T) {
	good := bars.DefaultConfig()
	good.URL = "https://sender.example/$process-message"
	for name, c := range map[string]struct {
		change func(*bars.Config)
		want   string
	}{
		"good":             {func(*bars.Config) {}, ""},
		"no address":       {func(c *bars.Config) { c.URL = "" }, "url"},
		"a query":          {func(c *bars.Config) { c.URL += "?x=1" }, "url"},
		"line in token":    {func(c *bars.Config) { c.Token = "a\nb" }, "token"},
		"line in a header": {func(c *bars.Config) { c.Headers = []bars.Header{{Name: "X", Value: "a\r\nb"}} }, "header"},
		"our own header":   {func(c *bars.Config) { c.Headers = []bars.Header{{Name: "x-request-id", Value: "a"}} }, "set by the channel"},
		"no name":          {func(c *bars.Config) { c.Headers = []bars.Header{{}} }, "no name"},
		"no time":          {func(c *bars.Config) { c.RequestTimeout = 0 }, "time-outs"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := bars.New(cfg)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
