package demo

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
)

//go:embed stories
var files embed.FS

// letter is one message as a GP system sends it.
type letter struct {
	sender, contentType string
	body                []byte
}

// read takes a message from stories/; HL7 files have readable line ends there.
func read(name string) letter {
	b, err := files.ReadFile("stories/" + name)
	if err != nil {
		return letter{} // TestStoriesAreThere holds every name
	}
	switch {
	case strings.HasSuffix(name, ".hl7"):
		return letter{"hl7v2-ref", "x-application/hl7-v2+er7", bytes.ReplaceAll(bytes.TrimSpace(b), []byte("\n"), []byte("\r"))}
	case strings.HasSuffix(name, ".bars.json"):
		return letter{"bars-r4", "application/fhir+json", b}
	default:
		return letter{"generic-json", "application/json", b}
	}
}

// story is one referral from its beginning to its end.
type story struct {
	title string
	tells string // what happens, for the reader
	end   string // what its end is
	file  string // message in stories/
	play  func(ctx context.Context, p *player) (task string, err error)
}

const (
	linkWorkers    = "Organization/demo-link-workers"
	businessStatus = "urn:linkloop:codesystem:business-status"
)

var stories = []story{
	{
		title: "The walking group",
		tells: `A 55-year-old woman with hypertension and a BMI of 30 was told to join a gym and did
not go. The link worker learns that she feels out of place among younger people,
offers a walking group, and goes along the first time. Months later she has lost
10 kg and her blood pressure is stable. (HL7 v2 REF^I12)`,
		end:  "the GP finds the outcome in her record",
		file: "walking-group.hl7",
		play: func(ctx context.Context, p *player) (string, error) {
			task, err := p.referred(ctx, "walking-group.hl7")
			if err != nil {
				return task, err
			}
			return task, first(
				func() error { return p.accept(ctx, task, linkWorkers) },
				func() error {
					return p.progress(ctx, task, "what-matters-conversation-held", "Feels out of place among younger people")
				},
				func() error {
					return p.progress(ctx, task, "plan-agreed", "A walking group; the link worker goes along the first time")
				},
				func() error { return p.progress(ctx, task, "connected-to-service", "Walks every week") },
				func() error {
					return p.complete(ctx, task,
						did("390893007", "Referral to physical activity program"),
						told("Joined a walking group after a first walk together. Has lost 10 kg; blood pressure is stable."))
				},
				func() error { return p.until(ctx, task, "found in the patient record") },
				p.found,
			)
		},
	},
	{
		title: "Refused with a reason",
		tells: `A referral arrives without the name of the person. The GP system is told which field
is missing; nothing is made; the message waits in the failed list. (HL7 v2)`,
		end:  "the GP system knows what to correct",
		file: "refused.hl7",
		play: func(ctx context.Context, p *player) (string, error) {
			a, err := p.send(ctx, read("refused.hl7"))
			if err != nil {
				return "", err
			}
			if a.status != 422 || !bytes.Contains(a.body, []byte("MSA|CE")) || !bytes.Contains(a.body, []byte("PID-5")) {
				return "", fmt.Errorf("status %d is not a refusal that names PID-5", a.status)
			}
			p.say("The GP system is answered:\n  | %s", strings.ReplaceAll(strings.TrimSpace(string(a.body)), "\r", "\n  | "))
			return "", nil
		},
	},
	{
		title: "No, thank you",
		tells: `A man whose wife died is offered company. He does not want it now, and says so. The
link worker declines the referral for him, with the national code. (FHIR message)`,
		end:  "the GP finds in his record that he declined",
		file: "declines.bars.json",
		play: func(ctx context.Context, p *player) (string, error) {
			task, err := p.referred(ctx, "declines.bars.json")
			if err != nil {
				return task, err
			}
			return task, first(
				func() error {
					return p.work(ctx, task, func(t *element.Value) {
						t.SetString("status", "rejected")
						t.Set("statusReason", concept(snomed, "871711000000103", "Social prescribing declined"))
					})
				},
				func() error { return p.until(ctx, task, "found in the patient record") },
			)
		},
	},
	{
		title: "Sent twice",
		tells: `The line drops before the answer arrives, so the GP system sends the same referral
again. It gets the same answer, and there is one referral. (JSON)`,
		end:  "one referral, one outcome",
		file: "twice.json",
		play: func(ctx context.Context, p *player) (string, error) {
			one, err := p.send(ctx, read("twice.json"))
			if err != nil {
				return "", err
			}
			two, err := p.send(ctx, read("twice.json"))
			if err != nil {
				return "", err
			}
			if one.status/100 != 2 || two.status != one.status || !bytes.Equal(one.body, two.body) {
				return "", fmt.Errorf("the answers differ: status %d, then %d", one.status, two.status)
			}
			task, err := p.newest(ctx, "generic-json")
			if err != nil {
				return "", err
			}
			return task, first(
				func() error { return p.accept(ctx, task, linkWorkers) },
				func() error { return p.progress(ctx, task, "connected-to-service", "A debt adviser") },
				func() error {
					return p.complete(ctx, task, did("975131000000104", "Signposting"), told("Saw a debt adviser; a repayment plan is in place."))
				},
				func() error { return p.until(ctx, task, "found in the patient record") },
			)
		},
	},
	{
		title: "A broken NHS number",
		tells: `One digit of the NHS number is wrong. The referral is not lost: the link worker sees
the flag and does the work. Nothing can be written into a record by that number, so
the outcome ends in front of a human, who is told why. (HL7 v2)`,
		end:  "a human knows that the number must be corrected",
		file: "broken-number.hl7",
		play: func(ctx context.Context, p *player) (string, error) {
			task, err := p.referred(ctx, "broken-number.hl7")
			if err != nil {
				return task, err
			}
			return task, first(
				func() error { return p.flagged(ctx, task) },
				func() error { return p.accept(ctx, task, linkWorkers) },
				func() error {
					return p.complete(ctx, task, did("418043000", "Advice given"), told("Moved to a dry flat with help of the council."))
				},
				func() error { return p.until(ctx, task, "in front of a human") },
			)
		},
	},
	{
		title: "The record is down for a while",
		tells: `The outcome is ready, and the practice's record endpoint is not there. linkloop keeps
trying, further and further apart; when the endpoint is back, the outcome is written
once. (FHIR message)`,
		end:  "delivered once, after the outage",
		file: "outage.bars.json",
		play: func(ctx context.Context, p *player) (string, error) {
			task, err := p.referred(ctx, "outage.bars.json")
			if err != nil {
				return task, err
			}
			before := p.record.written()
			err = first(
				func() error { return p.accept(ctx, task, linkWorkers) },
				func() error { p.record.down(); return nil },
				func() error {
					return p.complete(ctx, task, did("975131000000104", "Signposting"), told("Joined a carers' group that meets on Thursdays."))
				},
				func() error { return p.until(ctx, task, "attempt failed") },
				func() error { p.record.up(); return nil },
				func() error { return p.until(ctx, task, "found in the patient record") },
			)
			p.record.up()
			if err == nil && p.record.written() != before+1 {
				err = fmt.Errorf("written %d times", p.record.written()-before)
			}
			return task, err
		},
	},
}

// referred sends a message and returns the Task that it made.
func (p *player) referred(ctx context.Context, file string) (string, error) {
	m := read(file)
	a, err := p.send(ctx, m)
	if err != nil {
		return "", err
	}
	if a.status/100 != 2 {
		return "", fmt.Errorf("the referral was refused: status %d: %s", a.status, reasonOf(a.body))
	}
	return p.newest(ctx, m.sender)
}

// first runs steps until one fails.
func first(steps ...func() error) error {
	for _, s := range steps {
		if err := s(); err != nil {
			return err
		}
	}
	return nil
}
