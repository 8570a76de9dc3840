package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// verdict is what became of one request.
type verdict struct {
	class class
	kind  string // of a failure, one of a few words
	work  Work   // in a mix, what it was
}

// class is how a request ended.
type class uint8

const (
	accepted  class = iota // a new referral was taken
	duplicate              // a repeat got its first answer again
	refused                // a message was refused, with an answer
	done                   // read, found or moved
	failed                 // anything else
	unknown                // failed without an answer: it may have been taken
	exhausted              // there is nothing left to do the work on
	classes
)

func failure(kind string) verdict { return verdict{class: failed, kind: kind} }

// lost is the verdict on a request without an answer. Without a connection it
// cannot have been taken.
func lost(err error) verdict {
	if k := errorKind(err); k != "no connection" {
		return verdict{class: unknown, kind: k}
	}
	return failure("no connection")
}

// task does the i-th request of a phase.
type task func(ctx context.Context, i int) verdict

// mostRemembered bounds what is kept about accepted messages for repeats.
const mostRemembered = 200_000

// session is what the phases of one run share.
type session struct {
	cfg    Config
	client *client
	write  writer
	hash   maphash.Seed

	nextHL7, nextLarge, nextJSON, nextFHIR, nextBad atomic.Int64

	primed, primedAccepted atomic.Int64 // referrals that a mix begins with: sent, and accepted
	completed, doubtful    atomic.Int64 // Tasks completed, and those whose completion got no answer
	mixHands               *hands

	mu       sync.Mutex
	accepted []remembered
	begun    map[string]bool // Tasks that were in hand in a mix
}

// remembered is an accepted HL7 message and the hash of its answer.
type remembered struct {
	index int
	reply uint64
}

func newSession(c Config) *session {
	now := time.Now().UTC()
	run := c.Run
	if run == "" {
		run = strconv.FormatInt(now.UnixMilli(), 36)
	}
	return &session{
		cfg: c, client: newClient(c), write: writer{run: run, seed: c.Seed, at: now}, hash: maphash.MakeSeed(),
		mixHands: &hands{}, begun: map[string]bool{},
	}
}

// work prepares a kind of work. The preparation is not part of the phase.
func (s *session) work(ctx context.Context, w Work) (task, error) {
	ctx, cancel := soon(ctx)
	defer cancel()
	switch w {
	case HL7:
		return s.sendHL7, nil
	case Large:
		return s.sendLarge, nil
	case JSON:
		return s.sendJSON, nil
	case FHIR:
		return s.sendFHIR, nil
	case Repeat:
		return s.repeats()
	case Bad:
		return s.sendBad, nil
	case Read:
		return s.reads(ctx)
	case Search:
		return s.searches(ctx)
	case Move:
		return s.moves(ctx)
	case Mixed:
		return s.mix(ctx)
	}
	return nil, errors.New("unknown work")
}

// post sends a message as one of the senders.
func (s *session) post(ctx context.Context, sender, contentType string, body []byte) (answer, error) {
	return s.client.do(ctx, http.MethodPost, "/intake/"+url.PathEscape(sender), contentType, "", body)
}

func (s *session) postHL7(ctx context.Context, body []byte) (answer, error) {
	return s.post(ctx, s.cfg.HL7Sender, typeHL7, body)
}

func (s *session) sendHL7(ctx context.Context, _ int) verdict {
	i := int(s.nextHL7.Add(1) - 1)
	a, err := s.postHL7(ctx, s.write.hl7(i))
	v := hl7Verdict(a, err)
	if v.class == accepted {
		s.remember(i, a.body)
	}
	return v
}

func (s *session) sendLarge(ctx context.Context, _ int) verdict {
	return hl7Verdict(s.postHL7(ctx, s.write.large(int(s.nextLarge.Add(1)-1))))
}

// hl7Verdict judges the answer to a new referral as HL7.
func hl7Verdict(a answer, err error) verdict {
	if err != nil {
		return lost(err)
	}
	switch code := acked(a.body); {
	case a.status == http.StatusOK && (code == "AA" || code == "CA"):
		return verdict{class: accepted}
	case a.status >= 400 && a.status < 500 && a.status != http.StatusTooManyRequests && code != "":
		return verdict{class: refused}
	}
	return failure(refusal(a))
}

func (s *session) remember(i int, reply []byte) {
	h := maphash.Bytes(s.hash, reply)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.accepted) < mostRemembered {
		s.accepted = append(s.accepted, remembered{i, h})
	}
}

func (s *session) sendJSON(ctx context.Context, _ int) verdict {
	body, err := s.write.json(int(s.nextJSON.Add(1) - 1))
	if err != nil {
		return failure("message not made")
	}
	return statusVerdict(s.post(ctx, s.cfg.JSONSender, typeJSON, body))
}

func (s *session) sendFHIR(ctx context.Context, _ int) verdict {
	return statusVerdict(s.post(ctx, s.cfg.FHIRSender, typeFHIR, s.write.fhir(int(s.nextFHIR.Add(1)-1))))
}

// statusVerdict judges the answer to a new referral of a format whose answers
// say by their status what became of it.
func statusVerdict(a answer, err error) verdict {
	switch {
	case err != nil:
		return lost(err)
	case a.status >= 200 && a.status < 300:
		return verdict{class: accepted}
	case a.status >= 400 && a.status < 500 && a.status != http.StatusTooManyRequests:
		return verdict{class: refused}
	}
	return failure(refusal(a))
}

// sendBad sends what must be refused with a reason.
func (s *session) sendBad(ctx context.Context, _ int) verdict {
	body, isJSON := s.write.bad(int(s.nextBad.Add(1) - 1))
	sender, contentType := s.cfg.HL7Sender, typeHL7
	if isJSON {
		sender, contentType = s.cfg.JSONSender, typeJSON
	}
	a, err := s.post(ctx, sender, contentType, body)
	switch {
	case err != nil:
		return failure(errorKind(err))
	case a.status >= 200 && a.status < 300:
		return failure("bad message accepted")
	case a.status >= 400 && a.status < 500 && a.status != http.StatusTooManyRequests && len(a.body) > 0:
		return verdict{class: refused}
	}
	return failure(refusal(a))
}

// repeats sends accepted messages again: the answer must be the first one, to
// the byte.
func (s *session) repeats() (task, error) {
	s.mu.Lock()
	sent := append([]remembered(nil), s.accepted...)
	s.mu.Unlock()
	if len(sent) == 0 {
		return nil, errors.New("nothing was accepted that could be repeated: put a phase of hl7 before it")
	}
	return func(ctx context.Context, i int) verdict {
		return s.repeat(ctx, sent[i%len(sent)])
	}, nil
}

func (s *session) repeat(ctx context.Context, m remembered) verdict {
	a, err := s.postHL7(ctx, s.write.hl7(m.index))
	switch {
	case err != nil:
		return failure(errorKind(err))
	case a.status != http.StatusOK:
		return failure(refusal(a))
	case maphash.Bytes(s.hash, a.body) != m.reply:
		return failure("another answer to a repeat")
	}
	return verdict{class: duplicate}
}

// mostHeld bounds how many resources are held for reading and moving.
const mostHeld = 5_000

// reads gets Tasks and ServiceRequests in turn.
func (s *session) reads(ctx context.Context) (task, error) {
	var paths []string
	for _, typ := range []string{"Task", "ServiceRequest"} {
		held, err := s.client.list(ctx, "/fhir/"+typ+"?_count=200", mostHeld)
		if err != nil {
			return nil, err
		}
		for _, h := range held {
			paths = append(paths, "/fhir/"+typ+"/"+h.id)
		}
	}
	if len(paths) == 0 {
		return nil, errors.New("the server holds nothing that could be read: put a phase of hl7 before it")
	}
	return func(ctx context.Context, i int) verdict {
		const stride = 7919 // prime: no two neighbours from one page
		return s.get(ctx, paths[i*stride%len(paths)], `"resourceType":`)
	}, nil
}

// get asks for a path whose answer must hold some words.
func (s *session) get(ctx context.Context, path, words string) verdict {
	a, err := s.client.do(ctx, http.MethodGet, path, "", "", nil)
	switch {
	case err != nil:
		return failure(errorKind(err))
	case a.status != http.StatusOK:
		return failure(refusal(a))
	case !bytes.Contains(a.body, []byte(words)):
		return failure("unexpected answer")
	}
	return verdict{class: done}
}

// searches asks what a worklist asks: what is open, what is mine, what changed,
// all about one person, one referral by its number, one person by NHS number.
func (s *session) searches(ctx context.Context) (task, error) {
	held, err := s.client.list(ctx, "/fhir/Task?_count=200", 200)
	if err != nil {
		return nil, err
	}
	var patients []string
	for _, h := range held {
		var t struct {
			For struct {
				Reference string `json:"reference"`
			} `json:"for"`
		}
		if json.Unmarshal(h.body, &t) == nil && t.For.Reference != "" {
			patients = append(patients, t.For.Reference)
		}
	}
	if len(patients) == 0 {
		return nil, errors.New("the server holds no Task with a patient: put a phase of hl7 before it")
	}
	since := url.QueryEscape("ge" + time.Now().UTC().Add(-time.Hour).Format(time.RFC3339))
	sent := max(int(s.nextHL7.Load()), 1)
	return func(ctx context.Context, i int) verdict {
		var path string
		switch i % 6 {
		case 0:
			path = "/fhir/Task?owner:missing=true&status=requested&_sort=-_lastUpdated&_count=20&_include=Task:patient"
		case 1:
			path = "/fhir/Task?status=accepted,in-progress,on-hold&_sort=-_lastUpdated&_count=20"
		case 2:
			path = "/fhir/Task?_lastUpdated=" + since + "&_count=20"
		case 3:
			path = "/fhir/Task?patient=" + url.QueryEscape(patients[i%len(patients)])
		case 4:
			path = "/fhir/ServiceRequest?identifier=" + url.QueryEscape(s.write.id('H', i%sent))
		default:
			path = "/fhir/Patient?identifier=" + url.QueryEscape("https://fhir.nhs.uk/Id/nhs-number|"+s.write.person('H', i%sent).nhs)
		}
		return s.get(ctx, path, `"Bundle"`)
	}, nil
}
