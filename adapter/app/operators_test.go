package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/config"
)

// ended completes a Task with words alone.
func ended(v *element.Value) {
	v.SetString("status", "completed")
	v.Append("output", element.NewObject(element.F("type", object("text", "Outcome")), element.S("valueString", "done")))
}

// TestWhatWaits: operators see why something is not sent yet: a stop with its
// reason, and that a practice does not take a channel, until they say it does.
func TestWhatWaits(t *testing.T) {
	receiver := &hook{code: http.StatusAccepted}
	srv := httptest.NewServer(receiver)
	defer srv.Close()
	h := open(t, func(c *config.Config) {
		c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: srv.URL, Secret: config.NewSecret("a secret of more than 24 bytes"), SecretEnv: "HOOK"}}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}}}
	})
	task := h.unowned(911)
	h.want(h.change(task, claimBy("ours")), 200)
	h.want(h.change(task, ended), 200)
	h.settled()
	body, err := json.Marshal(map[string]string{"id": receiver.ids[0], "status": "not-taken"})
	if err != nil {
		t.Fatal(err)
	}
	h.want(h.call("POST", "/admin/acknowledgements/hook", body), 200)
	var refusals []struct{ Practice, Channel string }
	if err := json.Unmarshal(h.want(h.call("GET", "/admin/not-taken", nil), 200).body, &refusals); err != nil || len(refusals) != 1 || refusals[0].Channel != "hook" {
		t.Fatalf("%v, %v", refusals, err)
	}
	ods := refusals[0].Practice
	if other := string(h.want(h.call("GET", "/admin/not-taken?practice=Z99999", nil), 200).body); other != "[]" {
		t.Errorf("of another practice: %s", other)
	}
	if r := h.want(h.call("PUT", "/admin/stops/"+ods, []byte(`{"reason":"asked by the practice"}`)), 200); strings.Contains(string(r.body), "unknown") {
		t.Errorf("a practice that has deliveries: %s", r.body)
	}
	if r := h.want(h.call("PUT", "/admin/stops/Z99999", []byte(`{"reason":"a typing error"}`)), 200); !strings.Contains(string(r.body), `"unknown":true`) {
		t.Errorf("a practice that nothing was ever owed to: %s", r.body)
	}
	if trail := string(h.want(h.call("GET", "/admin/audit?entity=practice/"+ods, nil), 200).body); !strings.Contains(trail, `"success: asked by the practice"`) {
		t.Errorf("the trail does not say why: %s", trail)
	}
	second := h.unowned(912)
	h.want(h.change(second, claimBy("ours")), 200)
	h.want(h.change(second, ended), 200)
	waits := func(task string) string {
		list := h.deliveries(task)
		if len(list) != 1 || list[0].Str("channel") != "hook" {
			t.Fatalf("%d deliveries, the first by %s", len(list), list[0].Str("channel"))
		}
		return list[0].Str("waits")
	}
	if got := waits(second); !strings.Contains(got, "stopped since ") || !strings.Contains(got, ": asked by the practice; hook not taken, said on ") {
		t.Errorf("the second waits: %q", got)
	}
	if got := waits(task); got != "" {
		t.Errorf("the first waits: %q", got)
	}
	h.refused(h.call("DELETE", "/admin/not-taken/no%20code/hook", nil), 400, "structure", "ODS code")
	h.want(h.call("DELETE", "/admin/not-taken/"+ods+"/hook", nil), 200)
	h.refused(h.call("DELETE", "/admin/not-taken/"+ods+"/hook", nil), 404, "not-found", "was not found to refuse")
	if got := waits(second); strings.Contains(got, "not taken") {
		t.Errorf("after it is taken again: %q", got)
	}
}

// TestQuietHoursAreSaid: what quiet hours keep says until when, and by which channel
// it goes then.
func TestQuietHoursAreSaid(t *testing.T) {
	h := open(t, func(c *config.Config) {
		c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: "http://127.0.0.1:1", Secret: config.NewSecret("a secret of more than 24 bytes"), SecretEnv: "HOOK"}}
		c.Practices = []config.Practice{{ODS: config.AnyPractice, Route: []string{"hook"}, Quiet: []string{"00:00-24:00"}}}
	})
	task := h.unowned(914)
	h.want(h.change(task, claimBy("ours")), 200)
	h.want(h.change(task, ended), 200)
	d := h.deliveries(task)[0]
	if d.Str("state") != "owed" || d.Str("channel") != "hook" || !strings.HasPrefix(d.Str("waits"), "quiet hours until ") {
		t.Errorf("%s by %s waits: %q", d.Str("state"), d.Str("channel"), d.Str("waits"))
	}
}

// TestAuditTrail: who did what to a Task is read by entity, action, actor and
// time; each page that is read is in the trail as well. That only operators read it is
// in TestReadingByRole.
func TestAuditTrail(t *testing.T) {
	h := open(t, nil)
	task := h.unowned(913)
	h.want(h.change(task, claimBy("ours")), 200)
	type trail struct {
		Lines []struct {
			Actor, Action, Entity string
			Outcome               string
			Version               int64
			At                    time.Time
		}
	}
	read := func(query string) (v trail) {
		t.Helper()
		if err := json.Unmarshal(h.want(h.call("GET", "/admin/audit?"+query, nil), 200).body, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	got := read("entity=Task/" + task)
	if len(got.Lines) < 2 || got.Lines[0].Version < got.Lines[len(got.Lines)-1].Version {
		t.Fatalf("of the Task: %+v", got.Lines)
	}
	for _, l := range got.Lines {
		if l.Entity != "Task/"+task || time.Since(l.At) > time.Minute {
			t.Errorf("of the Task: %+v", l)
		}
	}
	if one := read("limit=1&action=" + got.Lines[0].Action + "&entity=Task/" + task); len(one.Lines) != 1 || one.Lines[0] != got.Lines[0] {
		t.Errorf("one of an action: %+v", one.Lines)
	}
	if none := read("since=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)); len(none.Lines) != 0 {
		t.Errorf("of the future: %+v", none.Lines)
	}
	if none := read("until=2020-01-01T00:00:00Z"); len(none.Lines) != 0 {
		t.Errorf("of the past: %+v", none.Lines)
	}
	if none := read("actor=nobody"); len(none.Lines) != 0 {
		t.Errorf("of nobody: %+v", none.Lines)
	}
	// Every page is in the trail, wherever it begins, with what was asked for.
	if all := read("before=9223372036854775806"); len(all.Lines) < len(got.Lines)+5 {
		t.Errorf("%d lines before the last id there is", len(all.Lines))
	}
	read("limit=1&before=9223372036854775806&actor=" + strings.Repeat("x", 5000))
	own := read("action=read+audit+trail")
	if len(own.Lines) != 7 {
		t.Fatalf("%d readings are in the trail, want 7", len(own.Lines))
	}
	for i, want := range []string{`0 lines, actor "` + strings.Repeat("x", 100) + `…", before 9223372036854775806`, " lines, before 9223372036854775806", `0 lines, actor "nobody"`, `0 lines, until "2020-01-01T00:00:00Z"`} {
		if said := own.Lines[i].Outcome; !strings.HasSuffix(said, want) {
			t.Errorf("reading %d says %q, want %q", i, said, want)
		}
	}
	if said := own.Lines[6].Outcome; !strings.HasSuffix(said, `lines, entity "Task/`+task+`"`) {
		t.Errorf("the first reading says %q", said)
	}
	h.refused(h.call("GET", "/admin/audit?since=yesterday", nil), 400, "structure", "a time such as")
}

// TestDailyReport: the report of yesterday comes by itself, once, also after a
// restart on the same data.
func TestDailyReport(t *testing.T) {
	receiver := &hook{code: http.StatusOK}
	srv := httptest.NewServer(receiver)
	defer srv.Close()
	folder, database := t.TempDir(), ""
	for range 2 {
		h := open(t, func(c *config.Config) {
			c.Data.Folder = folder
			if database == "" {
				database = c.Data.Postgres
			}
			c.Data.Postgres = database
			c.Channels = []config.Channel{{Name: "hook", Kind: config.KindWebhook, URL: srv.URL, Secret: config.NewSecret("a secret of more than 24 bytes"), SecretEnv: "HOOK"}}
			c.Report = config.Report{At: "00:00", Channels: []string{"hook"}}
		})
		for range 500 {
			if len(receiver.all()) > 0 {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		if err := h.app.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := receiver.all()
	if len(got) != 1 || !strings.Contains(got[0], `"type":"alert"`) || !strings.Contains(got[0], `"kind":"reconciliation"`) || !strings.Contains(got[0], `"practice":"all","owed":0`) {
		t.Errorf("%d reports: %q", len(got), got)
	}
}
