package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/referral"
)

// player does what a GP system and a link worker's tool do, over real HTTP.
type player struct {
	base   string // of linkloop, without trailing slash
	http   *http.Client
	record *standIn

	lastTask string   // of the story played last
	said     []string // what the story has to show besides its timeline
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 8 << 20

// answer is what came back.
type answer struct {
	status int
	etag   string
	body   []byte
}

func (p *player) do(ctx context.Context, method, path, contentType string, body []byte, header ...string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return answer{res.StatusCode, res.Header.Get("ETag"), b}, err
}

// send is the GP system: it posts a message and takes the answer.
func (p *player) send(ctx context.Context, m letter) (answer, error) {
	return p.do(ctx, http.MethodPost, "/intake/"+m.sender, m.contentType, m.body)
}

// newest is the id of the Task that came of the last referral of a sender.
func (p *player) newest(ctx context.Context, sender string) (string, error) {
	var list []gateway.MessageView
	if err := p.json(ctx, "/admin/messages?limit=1&sender="+sender, &list); err != nil {
		return "", err
	}
	if len(list) == 0 || list[0].Task == "" {
		return "", fmt.Errorf("the last message of %s made no Task", sender)
	}
	return list[0].Task, nil
}

func (p *player) json(ctx context.Context, path string, out any) error {
	a, err := p.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("GET %s: status %d", path, a.status)
	}
	return json.Unmarshal(a.body, out)
}

// work is the link worker's tool: it reads the Task, changes it and writes it
// back with the version it read.
func (p *player) work(ctx context.Context, task string, change func(t *element.Value)) error {
	a, err := p.do(ctx, http.MethodGet, "/fhir/Task/"+task, "", nil)
	if err != nil {
		return err
	}
	t, err := element.Parse(a.body, element.Limits{})
	if err != nil {
		return err
	}
	change(t)
	a, err = p.do(ctx, http.MethodPut, "/fhir/Task/"+task, "application/fhir+json", t.JSON(), "If-Match", a.etag)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return fmt.Errorf("the Task was not changed: status %d: %s", a.status, reasonOf(a.body))
	}
	return nil
}

// reasonOf is the first reason of an OperationOutcome.
func reasonOf(body []byte) string {
	v, err := element.Parse(body, element.Limits{})
	if err != nil {
		return ""
	}
	return v.TextAt("issue.diagnostics")
}

// timeline is what happened to a referral so far.
func (p *player) timeline(ctx context.Context, task string) ([]referral.Event, error) {
	var events []referral.Event
	err := p.json(ctx, "/referrals/"+task+"/timeline", &events)
	return events, err
}

// say keeps lines for below the timeline.
func (p *player) say(format string, args ...any) {
	p.said = append(p.said, fmt.Sprintf(format, args...))
}

// found says what the GP reads: the newest document in the patient record.
func (p *player) found() error {
	text, err := p.record.newestDocument()
	if err != nil {
		return err
	}
	p.say("The GP reads, in the record:\n  | %s", strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  | "))
	return nil
}

// flagged says what the Task shows about the quality of its data.
func (p *player) flagged(ctx context.Context, task string) error {
	a, err := p.do(ctx, http.MethodGet, "/fhir/Task/"+task, "", nil)
	if err != nil {
		return err
	}
	t, err := element.Parse(a.body, element.Limits{})
	if err != nil {
		return err
	}
	for _, n := range t.List("note") {
		p.say("The link worker sees: %s", n.Str("text"))
	}
	if len(p.said) == 0 {
		return errors.New("the Task shows no data-quality flag")
	}
	return nil
}

// until waits for the timeline to hold an event whose text contains word.
func (p *player) until(ctx context.Context, task, word string) error {
	for {
		events, err := p.timeline(ctx, task)
		if err != nil {
			return err
		}
		for _, e := range events {
			if strings.Contains(e.What, word) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the referral did not get as far as %q in time", word)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Steps of a link worker, in the order they are usually taken.

const snomed = "http://snomed.info/sct"

func concept(system, code, text string) *element.Value {
	v := element.NewObject()
	if code != "" {
		v.Append("coding", element.NewObject(element.S("system", system), element.S("code", code), element.S("display", text)))
	}
	v.SetString("text", text)
	return v
}

func (p *player) accept(ctx context.Context, task, owner string) error {
	return p.work(ctx, task, func(t *element.Value) {
		t.SetString("status", "accepted")
		if t.TextAt("owner.reference") == "" {
			t.Set("owner", element.NewObject(element.S("reference", owner)))
		}
	})
}

func (p *player) progress(ctx context.Context, task, business, text string) error {
	return p.work(ctx, task, func(t *element.Value) {
		t.SetString("status", "in-progress")
		t.Set("businessStatus", concept(businessStatus, business, text))
	})
}

func (p *player) complete(ctx context.Context, task string, outputs ...*element.Value) error {
	return p.work(ctx, task, func(t *element.Value) {
		t.SetString("status", "completed")
		for _, o := range outputs {
			t.Append("output", o)
		}
	})
}

// did is a Task.output with a coded activity.
func did(code, display string) *element.Value {
	return element.NewObject(
		element.F("type", concept("", "", "Activity")),
		element.F("valueCodeableConcept", concept(snomed, code, display)))
}

// told is a Task.output in words.
func told(text string) *element.Value {
	return element.NewObject(element.F("type", concept("", "", "Outcome")), element.S("valueString", text))
}
