package app_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/config"
)

// adminRoutes are the routes of operators as the gateway has them, each with its
// method.
func adminRoutes(t *testing.T) [][2]string {
	t.Helper()
	files, err := filepath.Glob("../gateway/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var out [][2]string
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b(?:a|admin)\.(GET|POST|PUT|PATCH|DELETE)\("(/[^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			out = append(out, [2]string{m[1], "/admin" + regexp.MustCompile(`:\w+`).ReplaceAllString(m[2], "1")})
		}
	}
	if len(out) < 20 || !slices.Contains(out, [2]string{"GET", "/admin/audit"}) || !slices.Contains(out, [2]string{"GET", "/admin/receipts"}) {
		t.Fatalf("%d routes of operators were found: %v", len(out), out)
	}
	return out
}

// TestReadingByRole: a sender sends and an operator operates; neither reads
// about people. What is for operators is for nobody else.
func TestReadingByRole(t *testing.T) {
	h := open(t, func(c *config.Config) {
		for _, name := range []string{"hook", "another"} {
			c.Channels = append(c.Channels, config.Channel{Name: name, Kind: config.KindWebhook, URL: "http://127.0.0.1:1",
				Secret: config.NewSecret("a secret of more than 24 bytes"), SecretEnv: "HOOK"})
		}
		c.Clients = []config.Client{
			{Name: "gp", Role: config.RoleSender, Senders: []string{"hl7v2-ref"}, TokenSHA256: sha("gp")},
			{Name: "lw", Role: config.RoleLinkWorker, Organization: "Z00009", TokenSHA256: sha("lw")},
			{Name: "practice", Role: config.RolePractice, Organization: "Z00001", TokenSHA256: sha("practice")},
			{Name: "hook", Role: config.RoleReceiver, Channels: []string{"hook"}, TokenSHA256: sha("hook")},
			{Name: "op", Role: config.RoleOperator, Content: true, TokenSHA256: sha("op")},
		}
	})
	get := func(token, path string) response { return h.call("GET", path, nil, "Authorization", "Bearer "+token) }
	h.want(h.call("POST", "/intake/hl7v2-ref", referral(1, "9990000379"), "Authorization", "Bearer gp"), 200)
	task := h.want(get("lw", "/fhir/Task"), 200).value(t).List("entry")[0].TextAt("resource.id")
	for _, path := range []string{"/fhir/Patient", "/fhir/Task/" + task, "/fhir/Task/" + task + "/_history"} {
		h.refused(get("gp", path), 403, "forbidden", "link-worker or practice")
		h.refused(get("op", path), 403, "forbidden", "link-worker or practice")
		h.refused(get("hook", path), 403, "forbidden", "link-worker or practice")
		h.want(get("lw", path), 200)
		h.want(get("practice", path), 200)
	}
	timeline := "/referrals/" + task + "/timeline"
	h.refused(get("gp", timeline), 403, "forbidden", "operator")
	h.refused(get("hook", timeline), 403, "forbidden", "operator")
	acknowledge := func(token, channel string) response {
		return h.call("POST", "/admin/acknowledgements/"+channel, []byte(`{"id":"msg_1","status":"filed"}`), "Authorization", "Bearer "+token)
	}
	h.want(acknowledge("hook", "hook"), 200)
	h.want(acknowledge("op", "another"), 200)
	h.refused(acknowledge("hook", "another"), 403, "forbidden", "receiver of this channel")
	h.refused(acknowledge("gp", "hook"), 403, "forbidden", "receiver of this channel")
	h.want(get("op", timeline), 200)
	h.want(get("gp", "/fhir/metadata"), 200)
	for _, route := range adminRoutes(t) {
		for _, role := range []string{"gp", "lw", "practice", "hook"} {
			if r := h.call(route[0], route[1], nil, "Authorization", "Bearer "+role); r.status != 403 {
				t.Errorf("%s %s by %s: %d, want 403", route[0], route[1], role, r.status)
			}
		}
		if r := h.call(route[0], route[1], nil, "Authorization", "Bearer nobody"); r.status != 401 {
			t.Errorf("%s %s by nobody: %d, want 401", route[0], route[1], r.status)
		}
		if r := h.call(route[0], route[1], nil, "Authorization", "Bearer op"); r.status == 401 || r.status == 403 || r.status == 405 || r.status >= 500 {
			t.Errorf("%s %s by an operator: %d", route[0], route[1], r.status)
		}
	}
}

// TestMethodIsNotRepeated: a method is the caller's own words, too.
func TestMethodIsNotRepeated(t *testing.T) {
	h := open(t, nil)
	h.refused(h.call("CANARYBIRD-9990000379", "/fhir/Task", nil), 405, "not-supported", "method")
	res, err := http.Get(h.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	metrics, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(metrics), `method="other"`) || strings.Contains(string(metrics)+h.log.String(), "CANARYBIRD") {
		t.Error("the method of a request stands in metrics or log")
	}
}

// TestConditionalReads: the entity tag counts alone where it is there.
func TestConditionalReads(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(1)
	r := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
	h.want(h.call("GET", "/fhir/Task/"+task, nil, "If-None-Match", `W/"9"`, "If-Modified-Since", r.header.Get("Last-Modified")), 200)
	h.want(h.call("GET", "/fhir/Task/"+task, nil, "If-None-Match", `W/"1"`), 304)
	h.want(h.call("GET", "/fhir/Task/"+task, nil, "If-Modified-Since", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)), 200)
}

// TestLostKey: without its key a database is not opened, because known people
// would become new ones.
func TestLostKey(t *testing.T) {
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(cfg.Data.Folder, "installation.key")
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if _, err := app.New(t.Context(), cfg, app.Options{}); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v, want a refusal with advice", err)
	}
	var out strings.Builder
	if app.Doctor(t.Context(), cfg, &out) || !strings.Contains(out.String(), "its key is not") {
		t.Errorf("the doctor finds nothing:\n%s", out.String())
	}
	if err := os.WriteFile(key, secret, 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := app.New(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatalf("with the key back: %v", err)
	}
	b.Start()
	if err := b.Stop(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestOnlyThisMachine: where everybody near is trusted, a web page of somebody
// else is not near.
func TestOnlyThisMachine(t *testing.T) {
	h := open(t, nil)
	h.refused(h.call("GET", "/fhir/Task", nil, "Origin", "https://evil.example"), 403, "forbidden", "Origin")
	h.want(h.call("GET", "/fhir/Task", nil, "Origin", "http://localhost:3000"), 200)
	req, err := http.NewRequest("GET", h.base+"/fhir/Task", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("another name for this machine: status %d, want 403", res.StatusCode)
	}
}

// TestHeadAndHeaders: HEAD answers as GET without a body, a preference counts
// in any of several headers, and the mark of a weak tag may be small.
func TestHeadAndHeaders(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(1)
	get := h.want(h.call("GET", "/fhir/Task/"+task, nil), 200)
	for _, path := range []string{"/fhir/Task/" + task, "/fhir/Task/" + task + "/_history/1"} {
		head := h.want(h.call("HEAD", path, nil), 200)
		if len(head.body) != 0 || head.header.Get("ETag") != get.header.Get("ETag") {
			t.Errorf("HEAD %s: %d bytes, ETag %s", path, len(head.body), head.header.Get("ETag"))
		}
	}
	h.want(h.call("HEAD", "/fhir/metadata", nil), 200)

	claimed := get.value(t)
	claimBy("a")(claimed)
	req, err := http.NewRequest("PUT", h.base+"/fhir/Task/"+task, strings.NewReader(string(claimed.JSON())))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", fhirJSON)
	req.Header.Set("If-Match", `w/"1"`)
	req.Header.Add("Prefer", "handling=lenient")
	req.Header.Add("Prefer", "return=minimal")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || len(body) != 0 || res.Header.Get("ETag") != `W/"2"` {
		t.Errorf("status %d, %d bytes, ETag %s, err %v", res.StatusCode, len(body), res.Header.Get("ETag"), err)
	}
}
