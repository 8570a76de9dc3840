package recordtest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
)

// Answered is one servicerequest-response as a BaRSSender took it.
type Answered struct {
	Request, Correlation string
	Target               string // system|value of NHSD-Target-Identifier
	Message              *element.Value
}

// BaRSSender stands in for the sender of referrals, which takes the answers of
// the NHS Booking and Referral Standard at $process-message. It is strict:
// headers, media type and envelope must be as the standard has them, and a
// message is taken once, by its X-Request-Id and X-Correlation-Id.
type BaRSSender struct {
	mu    sync.Mutex
	down  bool
	taken []Answered
	seen  map[string]bool
	wrong []string
}

// Down makes the sender answer 503, or stops that.
func (s *BaRSSender) Down(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Taken is what was taken so far, in order, and what was refused as wrong.
func (s *BaRSSender) Taken() (taken []Answered, wrong []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Answered(nil), s.taken...), append([]string(nil), s.wrong...)
}

// ServeHTTP implements http.Handler.
func (s *BaRSSender) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(q.Body, 1<<20)) // a cut body is no JSON and refused below
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		outcome(w, http.StatusServiceUnavailable, "REC_UNAVAILABLE", "transient")
		return
	}
	a, err := readAnswer(q, body)
	if err != nil {
		s.wrong = append(s.wrong, err.Error())
		outcome(w, http.StatusBadRequest, "REC_BAD_REQUEST", "invalid")
		return
	}
	key := a.Request + " " + a.Correlation
	if s.seen[key] {
		outcome(w, http.StatusConflict, "REC_CONFLICT", "duplicate")
		return
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[key] = true
	s.taken = append(s.taken, a)
	w.Header().Set("Content-Type", "application/fhir+json; version=1.4.0")
	_, _ = w.Write(body)
}

// readAnswer holds a request against the standard.
func readAnswer(q *http.Request, body []byte) (Answered, error) {
	a := Answered{Request: q.Header.Get("X-Request-Id"), Correlation: q.Header.Get("X-Correlation-Id")}
	for _, id := range []string{a.Request, a.Correlation} {
		if _, err := uuid.Parse(id); err != nil || len(id) != 36 {
			return a, fmt.Errorf("X-Request-Id or X-Correlation-Id is no GUID")
		}
	}
	object := func(name string) (*element.Value, error) {
		b, err := base64.StdEncoding.Strict().DecodeString(q.Header.Get(name))
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("%s is missing or no base64", name)
		}
		v, err := element.Parse(b, element.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%s holds no JSON", name)
		}
		return v, nil
	}
	target, err := object("NHSD-Target-Identifier")
	if err != nil {
		return a, err
	}
	a.Target = target.Str("system") + "|" + target.Str("value")
	for name, typ := range map[string]string{"NHSD-End-User-Organisation": "Organization", "NHSD-Requesting-Software": "Device"} {
		v, err := object(name)
		if err != nil {
			return a, err
		}
		if v.ResourceType() != typ {
			return a, fmt.Errorf("%s is no %s", name, typ)
		}
	}
	if q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/fhir+json; version=1.4.0" {
		return a, fmt.Errorf("the method or the Content-Type is another")
	}
	if a.Message, err = element.Parse(body, element.Limits{}); err != nil {
		return a, fmt.Errorf("the body is no JSON")
	}
	header := a.Message.At("entry.resource")
	switch {
	case a.Message.ResourceType() != "Bundle" || a.Message.Str("type") != "message":
		return a, fmt.Errorf("the body is no message")
	case a.Message.TextAt("meta.versionId") == "":
		return a, fmt.Errorf("the version is missing")
	case header.ResourceType() != "MessageHeader" || header.TextAt("eventCoding.code") != "servicerequest-response":
		return a, fmt.Errorf("the first entry is no MessageHeader of a servicerequest-response")
	case header.TextAt("response.identifier") == "" || header.TextAt("response.code") != "ok":
		return a, fmt.Errorf("the response does not say what it answers")
	case header.TextAt("destination.endpoint") != a.Target:
		return a, fmt.Errorf("the destination is another than the target")
	}
	return a, nil
}

func outcome(w http.ResponseWriter, status int, code, issue string) {
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":%q,"details":{"coding":[{"system":"https://fhir.nhs.uk/Codesystem/http-error-codes","code":%q}]}}]}`, issue, code)
}
