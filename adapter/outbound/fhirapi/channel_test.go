package fhirapi_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/fhirapi"
	"github.com/linkloop/linkloop/adapter/outbound/outboundtest"
)

func open(t *testing.T, baseURL string) outbound.Channel {
	t.Helper()
	cfg := fhirapi.DefaultConfig()
	cfg.BaseURL, cfg.Token, cfg.RequestTimeout = baseURL, outboundtest.Token, time.Second
	ch, err := fhirapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestContract(t *testing.T) {
	outboundtest.Run(t, open, outboundtest.Payload("t1"))
}

// peer accepts the transaction and answers what a test says to reading back.
type peer struct {
	readBack func(w http.ResponseWriter, typ, identifier string)
	posts    atomic.Int32
}

func (p *peer) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Header.Get("Authorization") != "Bearer "+outboundtest.Token || q.Header.Get("Accept") != "application/fhir+json" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if q.Method == http.MethodPost {
		p.posts.Add(1)
		fmt.Fprint(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201 Created"}},{"response":{"status":"200"}}]}`)
		return
	}
	if q.ContentLength != 0 || q.Header.Get("Content-Type") != "" || q.Header.Get("Cache-Control") != "no-cache" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	p.readBack(w, strings.TrimPrefix(q.URL.Path, "/base/"), q.URL.Query().Get("identifier"))
}

func searchset(w http.ResponseWriter, resources ...string) {
	fmt.Fprint(w, `{"resourceType":"Bundle","type":"searchset","entry":[`)
	for i, r := range resources {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"resource":%s}`, r)
	}
	fmt.Fprint(w, "]}")
}

func found(typ, identifier string) string {
	system, value, _ := strings.Cut(identifier, "|")
	return fmt.Sprintf(`{"resourceType":%q,"identifier":[{"system":%q,"value":%q}]}`, typ, system, value)
}

// TestReadBack: what was accepted counts as proven only when it is found again,
// exactly once, by the identifier it was sent with.
func TestReadBack(t *testing.T) {
	status := func(code int) func(http.ResponseWriter, string, string) {
		return func(w http.ResponseWriter, _, _ string) { w.WriteHeader(code) }
	}
	for _, c := range []struct {
		name     string
		readBack func(w http.ResponseWriter, typ, identifier string)
		want     outbound.State
		reason   string
	}{
		{"each once", func(w http.ResponseWriter, typ, id string) { searchset(w, found(typ, id)) }, outbound.Proven, ""},
		{"once, with a remark", func(w http.ResponseWriter, typ, id string) {
			searchset(w, found(typ, id), `{"resourceType":"OperationOutcome"}`)
		}, outbound.Proven, ""},
		{"not there", func(w http.ResponseWriter, _, _ string) { searchset(w) }, outbound.Retry, "does not find"},
		{"twice", func(w http.ResponseWriter, typ, id string) { searchset(w, found(typ, id), found(typ, id)) }, outbound.Dead, "stands 2 times"},
		{"the search is ignored, and it is not there", func(w http.ResponseWriter, typ, _ string) {
			searchset(w, found(typ, "urn:other|1"), found(typ, "urn:other|2"))
		}, outbound.Retry, "does not find"},
		{"the search is ignored, and it is there", func(w http.ResponseWriter, typ, id string) {
			searchset(w, found(typ, "urn:other|1"), found(typ, id))
		}, outbound.Proven, ""},
		{"only the first", func(w http.ResponseWriter, typ, id string) {
			if typ == "Procedure" {
				searchset(w, found(typ, id))
				return
			}
			searchset(w)
		}, outbound.Retry, "entry 1"},
		{"of another type", func(w http.ResponseWriter, _, id string) { searchset(w, found("Patient", id)) }, outbound.Retry, "does not find"},
		{"no searchset", func(w http.ResponseWriter, _, _ string) { fmt.Fprint(w, `{"resourceType":"Bundle","type":"batch"}`) }, outbound.Retry, "no searchset"},
		{"garbage", func(w http.ResponseWriter, _, _ string) { fmt.Fprint(w, outboundtest.Canary) }, outbound.Retry, "no searchset"},
		{"forbidden", status(403), outbound.Delivered, "does not allow"},
		{"not found", status(404), outbound.Delivered, "does not allow"},
		{"no such method", status(405), outbound.Delivered, "does not allow"},
		{"bad request", status(400), outbound.Delivered, "does not allow"},
		{"not implemented", status(501), outbound.Delivered, "does not allow"},
		{"redirect", status(302), outbound.Delivered, "does not allow"},
		{"token ran out", status(401), outbound.Retry, "not read back"},
		{"busy", status(429), outbound.Retry, "not read back"},
		{"down", status(503), outbound.Retry, "not read back"},
		{"accepted", status(202), outbound.Retry, "not read back"},
		{"breaks", func(http.ResponseWriter, string, string) { panic(http.ErrAbortHandler) }, outbound.Retry, "not read back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &peer{readBack: c.readBack}
			srv := httptest.NewServer(p)
			defer srv.Close()
			for _, base := range []string{srv.URL + "/base", srv.URL + "/base/"} {
				res := open(t, base).Deliver(t.Context(), outbound.Delivery{Payload: outboundtest.Payload("t1")})
				if res.State != c.want || !strings.Contains(res.Reason, c.reason) {
					t.Errorf("%s (%s), want %s (… %s …)", res.State, res.Reason, c.want, c.reason)
				}
				if res.Arrived != (res.State == outbound.Dead) {
					t.Errorf("%s, arrived %t", res.State, res.Arrived)
				}
				if res.State == outbound.Proven && (res.Status != 200 || len(res.Evidence) == 0) {
					t.Errorf("proven with status %d and %d bytes of evidence", res.Status, len(res.Evidence))
				}
			}
			if n := p.posts.Load(); n != 2 {
				t.Errorf("%d transactions for 2 attempts", n)
			}
		})
	}
}

// TestHazardFalseProofOfAnotherEntry: what carries our identifier and says
// something else is no proof, and nothing that another channel may send again.
func TestHazardFalseProofOfAnotherEntry(t *testing.T) {
	const sct = "http://snomed.info/sct"
	score := func(method, status, code, value string) *element.Value {
		r := element.NewObject(element.S("resourceType", "Observation"), element.S("status", status),
			element.F("code", element.NewObject(element.F("coding", element.NewArray(
				element.NewObject(element.S("system", "urn:local"), element.S("code", "x")),
				element.NewObject(element.S("system", sct), element.S("code", code)))))),
			element.F("valueQuantity", element.NewObject(element.F("value", element.NewNumber(value)))))
		e := outboundtest.Create("t1.score", r)
		if method == http.MethodPut {
			e.Set("request", element.NewObject(element.S("method", method), element.S("url", "Observation?identifier=urn%3Alinkloop%3Atest%7Ct1.score")))
		}
		return e
	}
	for _, c := range []struct {
		name        string
		sent, there *element.Value
		want        outbound.State
		arrived     bool
		reason      string
	}{
		{"as it was sent", score("POST", "final", "718466001", "21"), score("", "final", "718466001", "21.0"), outbound.Proven, false, ""},
		{"worked on there", score("POST", "final", "718466001", "21"), score("", "amended", "718466001", "21"), outbound.Proven, false, ""},
		{"another code", score("POST", "final", "718466001", "21"), score("", "final", "77386006", "21"), outbound.Dead, true, "another code"},
		{"another number", score("POST", "final", "718466001", "21"), score("", "final", "718466001", "12"), outbound.Dead, true, "another number"},
		{"no code", score("POST", "final", "718466001", "21"), element.NewObject(element.F("resource", element.NewObject(
			element.S("resourceType", "Observation"), element.S("status", "final"),
			element.F("identifier", score("", "final", "", "1").At("resource.identifier"))))), outbound.Dead, true, "another code"},
		{"entered in error there", score("POST", "final", "718466001", "21"), score("", "entered-in-error", "718466001", "21"), outbound.Dead, true, "another status"},
		{"taken back", score("PUT", "entered-in-error", "718466001", "21"), score("", "entered-in-error", "718466001", "12"), outbound.Proven, false, ""},
		{"not yet taken back", score("PUT", "entered-in-error", "718466001", "21"), score("", "final", "718466001", "21"), outbound.Retry, false, "as it was"},
		{"not yet replaced", score("PUT", "final", "718426000", "21"), score("", "final", "718466001", "21"), outbound.Retry, false, "as it was"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Method == http.MethodPost {
					fmt.Fprint(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"200 OK"}}]}`)
					return
				}
				searchset(w, string(c.there.Get("resource").JSON()))
			}))
			defer srv.Close()
			res := open(t, srv.URL).Deliver(t.Context(), outbound.Delivery{Payload: outboundtest.Transaction(c.sent)})
			if res.State != c.want || res.Arrived != c.arrived || !strings.Contains(res.Reason, c.reason) {
				t.Errorf("%s, arrived %t (%s)", res.State, res.Arrived, res.Reason)
			}
		})
	}
}

// TestNotTaken: the code of the NHS for a practice that does not take this is no
// refusal of this outcome, whatever status it comes with; only what failed says it.
func TestNotTaken(t *testing.T) {
	const answer = `{"resourceType":"OperationOutcome","issue":[{"severity":"fatal","code":"processing","details":{"coding":[{"system":%q,"code":%q}]}}]}`
	const itk = "https://fhir.nhs.uk/STU3/CodeSystem/ITK-ResponseCodes-1"
	for _, c := range []struct {
		status       int
		system, code string
		want         outbound.State
	}{
		{422, itk, "20010", outbound.Elsewhere}, {403, itk, "20010", outbound.Elsewhere}, {503, itk, "20010", outbound.Elsewhere},
		{422, itk, "20009", outbound.Dead}, {422, "urn:x", "20010", outbound.Dead}, {200, itk, "20010", outbound.Retry},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprintf(w, answer, c.system, c.code)
		}))
		if res := open(t, srv.URL).Deliver(t.Context(), outbound.Delivery{Payload: outboundtest.Payload("t1")}); res.State != c.want {
			t.Errorf("%d %s: %s (%s)", c.status, c.code, res.State, res.Reason)
		}
		srv.Close()
	}
}

// TestReasonNamesTheKind: codes of issues are a closed list and may be shown;
// other text of the peer stays in the evidence.
func TestReasonNamesTheKind(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(422)
		fmt.Fprintf(w, `{"resourceType":"OperationOutcome","issue":[{"code":"code-invalid","diagnostics":%q},{"code":%q},{"code":"required"}]}`,
			outboundtest.Canary, outboundtest.Canary)
	}))
	defer srv.Close()
	res := open(t, srv.URL).Deliver(t.Context(), outbound.Delivery{Payload: outboundtest.Payload("t1")})
	if want := "the peer answered 422 Unprocessable Entity (code-invalid, required)"; res.Reason != want {
		t.Errorf("reason %q, want %q", res.Reason, want)
	}
	if !strings.Contains(string(res.Evidence), outboundtest.Canary) {
		t.Error("the evidence is not what the peer said")
	}
}

func TestConfig(t *testing.T) {
	good := fhirapi.DefaultConfig()
	good.BaseURL, good.Token = "https://record.example/fhir", outboundtest.Token
	for name, c := range map[string]struct {
		change func(*fhirapi.Config)
		want   string
	}{
		"good":          {func(*fhirapi.Config) {}, ""},
		"no address":    {func(c *fhirapi.Config) { c.BaseURL = "" }, "base_url"},
		"no scheme":     {func(c *fhirapi.Config) { c.BaseURL = "record.example" }, "base_url"},
		"a file":        {func(c *fhirapi.Config) { c.BaseURL = "file:///etc/passwd" }, "base_url"},
		"user":          {func(c *fhirapi.Config) { c.BaseURL = "https://u:p@record.example" }, "base_url"},
		"query":         {func(c *fhirapi.Config) { c.BaseURL = "https://record.example?key=1" }, "base_url"},
		"empty query":   {func(c *fhirapi.Config) { c.BaseURL = "https://record.example/fhir?" }, "base_url"},
		"fragment":      {func(c *fhirapi.Config) { c.BaseURL = "https://record.example/fhir#x" }, "base_url"},
		"line in token": {func(c *fhirapi.Config) { c.Token += "\n" }, "token"},
		"no ASCII":      {func(c *fhirapi.Config) { c.Token += "\u00e9" }, "token"},
		"no token":      {func(c *fhirapi.Config) { c.Token = "" }, ""},
		"odd wish":      {func(c *fhirapi.Config) { c.MaxRetryAfter = -1 }, "max_retry_after"},
		"no time":       {func(c *fhirapi.Config) { c.RequestTimeout = 0 }, "time-outs"},
		"small answers": {func(c *fhirapi.Config) { c.MaxAnswer = 10 }, "max_answer"},
	} {
		cfg := good
		c.change(&cfg)
		_, err := fhirapi.New(cfg)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), outboundtest.Token) {
			t.Errorf("%s: the error quotes the token", name)
		}
	}
	cfg := good
	cfg.BaseURL, cfg.Token, cfg.RequestTimeout, cfg.MaxAnswer, cfg.MaxRetryAfter = "", " ", 0, 0, -1
	if err := cfg.Validate(); err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("not every problem at once: %v", err)
	}
}

// TestEvidenceIsBounded: every attempt stays on record, so a peer with long
// error pages must not fill the store.
func TestEvidenceIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, strings.Repeat("x", 300<<10))
	}))
	defer srv.Close()
	res := open(t, srv.URL).Deliver(t.Context(), outbound.Delivery{Payload: outboundtest.Payload("t1")})
	if len(res.Evidence) != 16<<10 || cap(res.Evidence) > 32<<10 {
		t.Errorf("%d bytes of evidence in %d", len(res.Evidence), cap(res.Evidence))
	}
}

// TestCertificate: a peer whose certificate is not trusted gets nothing, and the
// reason says so, because waiting alone will not help.
func TestCertificate(t *testing.T) {
	asked := false
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	cfg := fhirapi.DefaultConfig() // with its own time-outs: a busy machine takes its time over TLS
	cfg.BaseURL = srv.URL
	ch, err := fhirapi.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	res := ch.Deliver(t.Context(), outbound.Delivery{Payload: outboundtest.Payload("t1")})
	if res.State != outbound.Retry || !strings.Contains(res.Reason, "certificate") || asked {
		t.Errorf("%s (%s), asked: %t", res.State, res.Reason, asked)
	}
}
