package app_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/mappings"
)

// workshop is a house whose mappings are a folder that the test may change.
type workshop struct {
	*house
	folder string
}

func openWorkshop(t *testing.T, poll time.Duration) *workshop {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, mappings.Files); err != nil {
		t.Fatal(err)
	}
	h := open(t, func(c *config.Config) {
		c.Mappings = config.Mappings{Folder: folder, Poll: poll}
		c.Senders = []config.Sender{{Name: "gp", Mapping: "hl7v2-ref"}}
	})
	return &workshop{h, folder}
}

// edit changes a file of the mapping; what is not in it fails the test.
func (w *workshop) edit(file, from, to string) {
	w.t.Helper()
	file = filepath.Join(w.folder, file)
	data, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(data), from) {
		w.t.Fatalf("%s does not hold %q", filepath.Base(file), from)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(data), from, to)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// status is the line of the mapping in /admin/mappings.
func (w *workshop) status() *element.Value {
	w.t.Helper()
	list := w.want(w.call("GET", "/admin/mappings", nil), 200).value(w.t)
	if len(list.Items) != 1 || list.Items[0].Str("name") != "hl7v2-ref" {
		w.t.Fatalf("the answer lists other mappings: %s", list.JSON())
	}
	return list.Items[0]
}

// waitFor polls the status until it is as wanted.
func (w *workshop) waitFor(what string, is func(*element.Value) bool) *element.Value {
	w.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		s := w.status()
		if is(s) {
			return s
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("never %s: %s", what, s.JSON())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func refused(s *element.Value) bool { return s.Get("refused") != nil }

func (w *workshop) metrics() string {
	w.t.Helper()
	res, err := http.Get(w.ops + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	buf := make([]byte, 1<<20)
	for {
		n, err := res.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// TestMappingLife: a change in the folder runs without a restart; one that does
// not compile, or fails an example, leaves the old one running and says why;
// the repair ends that.
func TestMappingLife(t *testing.T) {
	w := openWorkshop(t, 20*time.Millisecond)
	first := w.status()
	if first.Str("source") != "folder" || first.Str("version") != "1.1.0" || len(first.Str("hash")) != 64 || first.Str("loaded") == "" || refused(first) {
		t.Fatalf("at the start: %s", first.JSON())
	}
	w.want(w.call("POST", "/intake/gp", referral(1, "9990000379")), 200)

	w.edit("hl7v2-ref/mapping.yaml", "version: 1.1.0", "version: 1.2.0")
	second := w.waitFor("taken over", func(s *element.Value) bool { return s.Str("version") == "1.2.0" })
	if second.Str("hash") == first.Str("hash") || second.Get("loads").Text != "2" {
		t.Errorf("after a change: %s", second.JSON())
	}
	w.want(w.call("POST", "/intake/gp", referral(2, "9990000379")), 200)
	who := w.want(w.call("GET", "/fhir/Provenance", nil), 200)
	for _, words := range []string{"hl7v2-ref 1.1.0, sha256 " + first.Str("hash"), "hl7v2-ref 1.2.0, sha256 " + second.Str("hash")} {
		if !strings.Contains(string(who.body), words) {
			t.Errorf("no Provenance says %q", words)
		}
	}

	w.edit("hl7v2-ref/mapping.yaml", "birthDate:", "brithDate:")
	bad := w.waitFor("refused", refused)
	problem := bad.At("refused").List("problems")[0]
	if bad.Str("hash") != second.Str("hash") || problem.Str("file") != "mapping.yaml" || problem.Get("line").Text == "" ||
		!strings.Contains(problem.Str("hint"), "birthDate") || len(bad.At("refused").Str("hash")) != 64 {
		t.Errorf("a broken mapping: %s", bad.JSON())
	}
	w.want(w.call("POST", "/intake/gp", referral(3, "9990000379")), 200)
	if m := w.metrics(); !strings.Contains(m, `linkloop_mapping_refused{mapping="hl7v2-ref"} 1`) || !strings.Contains(m, `linkloop_mapping_loads_total{mapping="hl7v2-ref",result="refused"} 1`) {
		t.Error("the metrics do not tell of the refusal")
	}
	if !strings.Contains(w.log.String(), "mapping refused") {
		t.Error("the log does not tell of the refusal")
	}

	w.edit("hl7v2-ref/mapping.yaml", "brithDate:", "birthDate:")
	w.waitFor("as it was", func(s *element.Value) bool { return !refused(s) })

	w.edit("hl7v2-ref/mapping.yaml", "birthDate: <- PID-7 | date", "birthDate: <- PID-29 | date")
	wrong := w.waitFor("refused by its examples", refused)
	problem = wrong.At("refused").List("problems")[1]
	if problem.Str("file") != "examples/declined.txtar" || !strings.Contains(problem.Str("text"), "Patient.birthDate") {
		t.Errorf("a mapping that fails its examples: %s", wrong.JSON())
	}
	w.edit("hl7v2-ref/mapping.yaml", "PID-29", "PID-7")
	last := w.waitFor("repaired", func(s *element.Value) bool { return !refused(s) })
	if last.Str("hash") != second.Str("hash") {
		t.Error("the repaired mapping is another one")
	}
	if strings.Contains(w.log.String(), "Canarybird") {
		t.Error("the log holds a name")
	}

	if err := os.Rename(filepath.Join(w.folder, "hl7v2-ref"), filepath.Join(w.folder, "away")); err != nil {
		t.Fatal(err)
	}
	w.waitFor("missed", refused)
	w.want(w.call("POST", "/intake/gp", referral(4, "9990000379")), 200)
	if err := os.Rename(filepath.Join(w.folder, "away"), filepath.Join(w.folder, "hl7v2-ref")); err != nil {
		t.Fatal(err)
	}
	w.waitFor("found again", func(s *element.Value) bool { return !refused(s) })
}

// TestMappingOnDemand: without polling, an operator says when; the answer says
// how the mappings stand, and the tools get the files that run.
func TestMappingOnDemand(t *testing.T) {
	w := openWorkshop(t, 0)
	w.edit("hl7v2-ref/vocabulary/sex.json", `"M"`, `"Q"`)
	w.edit("hl7v2-ref/mapping.yaml", "version: 1.1.0", "version: 1.3.0")
	if s := w.status(); s.Str("version") != "1.1.0" || refused(s) {
		t.Errorf("nobody asked: %s", s.JSON())
	}
	r := w.want(w.call("POST", "/admin/mappings/reload", nil), 200).value(t)
	if !refused(r.Items[0]) || !strings.HasPrefix(r.Items[0].At("refused").List("problems")[0].Str("file"), "examples/") {
		t.Errorf("a table that loses a code passes the examples: %s", r.JSON())
	}
	w.edit("hl7v2-ref/vocabulary/sex.json", `"Q"`, `"M"`)
	r = w.want(w.call("POST", "/admin/mappings/reload", nil), 200).value(t)
	if refused(r.Items[0]) || r.Items[0].Str("version") != "1.3.0" {
		t.Errorf("after the repair: %s", r.JSON())
	}
	one := w.want(w.call("GET", "/admin/mappings/hl7v2-ref", nil), 200).value(t)
	if !strings.Contains(one.Str("files"), "version: 1.3.0") || one.List("senders")[0].Str("name") != "gp" {
		t.Error("the files of the mapping are not those that run")
	}
	w.refused(w.call("GET", "/admin/mappings/none", nil), 404, "not-found", "no mapping")
}

// TestMappingUnderLoad: while messages come in, mappings change again and
// again; every message is answered, and recorded with a mapping that ran.
func TestMappingUnderLoad(t *testing.T) {
	w := openWorkshop(t, 10*time.Millisecond)
	var sent atomic.Int64
	var group sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := w.try("POST", "/intake/gp", referral(int(sent.Add(1)), "9990000379"))
				if err != nil || r.status != 200 {
					t.Errorf("status %d, %v", r.status, err)
					return
				}
			}
		})
	}
	hashes := []string{w.status().Str("hash")}
	before := "1.1.0"
	for i := range 4 {
		version := fmt.Sprintf("2.%d.0", i)
		w.edit("hl7v2-ref/mapping.yaml", "version: "+before, "version: "+version)
		s := w.waitFor(version, func(s *element.Value) bool { return s.Str("version") == version })
		hashes, before = append(hashes, s.Str("hash")), version
		w.edit("hl7v2-ref/mapping.yaml", "resourceType: Task", "resourceType: Tsak")
		w.waitFor("refused", refused)
		w.edit("hl7v2-ref/mapping.yaml", "resourceType: Tsak", "resourceType: Task")
	}
	close(stop)
	group.Wait()
	counts := map[string]int{}
	list := w.want(w.call("GET", "/admin/messages?limit=1000", nil), 200).value(t)
	for _, m := range list.Items {
		if m.Str("status") != "accepted" {
			t.Errorf("a message is %s", m.Str("status"))
		}
		counts[m.Str("mapping")]++
	}
	known := 0
	for _, h := range hashes {
		known += counts[h]
	}
	if known != len(list.Items) || known == 0 {
		t.Errorf("%d messages, of which %d were mapped by a mapping that ran", len(list.Items), known)
	}
}
