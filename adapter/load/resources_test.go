package load

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// TestGrowthIsSeen: what grows is higher in the last third than in the first.
func TestGrowthIsSeen(t *testing.T) {
	var samples []Sample
	for i := range 9 {
		samples = append(samples, Sample{RSS: int64(i+1) * 1e6, Files: 7})
	}
	got := map[string]Resource{}
	for _, r := range resources(samples) {
		got[r.Name] = r
	}
	if r := got["memory MB"]; r.First != 2 || r.Last != 8 || r.Highest != 9 {
		t.Errorf("memory %+v, want 2, 8 and 9", r)
	}
	if r := got["open files"]; r.First != 7 || r.Last != 7 {
		t.Errorf("open files %+v, want 7 and 7", r)
	}
	if _, there := got["log MB"]; there {
		t.Error("a log is shown that nobody measured")
	}
	if resources(samples[:5]) != nil {
		t.Error("five samples have thirds")
	}
}

func TestSampleAndMetrics(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("# HELP go_goroutines x\ngo_goroutines 12\nlinkloop_store_wal_bytes 1.5e+06\n\nbroken\n" +
			`linkloop_deliveries{state="owed"} 3` + "\n" + `linkloop_deliveries{state="proven"} 40` + "\n"))
	}))
	t.Cleanup(srv.Close)
	m, err := scrape(t.Context(), srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if d := m.deliveries(); d.Total() != 43 || d.open() != 3 || d.String() != "owed 3, proven 40" {
		t.Errorf("deliveries %s", d)
	}
	s := probe{os.Getpid(), srv.URL}.sample(t.Context(), time.Second)
	if s.Goroutines != 12 || s.Log != 1_500_000 {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat("/proc/self/fd"); err == nil && (s.Files == 0 || s.RSS == 0 || s.Threads == 0) {
		t.Errorf("the process was not seen: %+v", s)
	}
	srv.Close()
	if _, err := scrape(t.Context(), srv.URL); err == nil {
		t.Error("a server that has gone has metrics")
	}
}

func TestRefusal(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   string
	}{
		{503, "", "status 503"},
		{422, `{"resourceType":"OperationOutcome","issue":[{"code":"business-rule"}]}`, "status 422 business-rule"},
		{500, "MSH|^~\\&|\rMSA|AE|1\r", "status 500 AE"},
		{400, `{"issue":[{"code":"Zebedee Canarybird"}]}`, "status 400"},
	} {
		if got := refusal(answer{status: c.status, body: []byte(c.body)}); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
