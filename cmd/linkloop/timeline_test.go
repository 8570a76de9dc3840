package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/config"
)

// TestTimelineByAnyName: a referral is found by its Task, its ServiceRequest and
// its sender's number; several of one number are listed.
func TestTimelineByAnyName(t *testing.T) {
	a := house(t, func(c *config.Config) {
		c.Senders = []config.Sender{{Name: "gp", Mapping: "hl7v2-ref"}, {Name: "other", Mapping: "hl7v2-ref"}}
	})
	body := samples["hl7"].body
	send(t, a, "gp", body)
	send(t, a, "gp", strings.NewReplacer("M-1", "M-2", "SP-1", "SP-2").Replace(body))
	res, err := http.Get(a.BaseURL() + "/admin/messages/1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var m gateway.MessageView
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	timeline := func(name string) (string, error) { return run(t, "timeline", name, "--server="+a.BaseURL()) }
	want, err := timeline(m.Task)
	if err != nil || !strings.Contains(want, "received") {
		t.Fatalf("%v\n%s", err, want)
	}
	for _, name := range []string{"Task/" + m.Task, "ServiceRequest/" + m.Request, "SP-1", "message/1"} {
		if out, err := timeline(name); err != nil || out != want {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	for _, name := range []string{"SP-3", "ServiceRequest/none", "SP-1,SP-2", "a/b"} {
		if _, err := timeline(name); err == nil || !strings.Contains(err.Error(), "which Task a message made") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{"message/999": "404", "delivery/999": "404", "delivery/x": "404"} {
		if _, err := timeline(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := timeline("Task/none"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an unknown Task: %v", err)
	}

	send(t, a, "other", strings.Replace(body, "9990000018", "9990000379", 1))
	out, err := timeline("SP-1")
	if err == nil || !strings.Contains(err.Error(), "2 Tasks are meant") {
		t.Errorf("two referrals of a number: %v", err)
	}
	says(t, out, "TASK ", m.Task, m.Request, "requested")
}
