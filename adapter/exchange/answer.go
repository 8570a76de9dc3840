package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// Answer is what the peer said.
type Answer struct {
	Status     int
	Body       []byte
	Cut        bool // it was longer than MaxAnswer
	retryAfter string
}

// maxEvidence is how much of an answer is kept with an attempt. Attempts are
// kept for ever, and a practice that is down for days has hundreds.
const maxEvidence = 16 << 10

// Evidence is a copy, so that the rest of a long answer can be let go.
func (a Answer) Evidence() []byte { return bytes.Clone(a.Body[:min(len(a.Body), maxEvidence)]) }

// Refused says what a status means that is no success, for a request that is
// safe to send again whatever happened to it.
//
//   - 408, 425, 429 and every 5xx but 501 and 505 pass: try again.
//   - 409 and 423 are a clash with another writer: try again.
//   - a 2xx is no answer that was expected, and nobody knows: try again.
//   - 401 may be a token on its way: try again, it is visible meanwhile.
//   - everything else will be refused every time: a human.
func (p *Peer) Refused(a Answer) outbound.Result {
	res := outbound.Result{State: outbound.Dead, Status: a.Status, Evidence: a.Evidence()}
	switch s := a.Status; {
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests,
		s >= 200 && s < 300, s == http.StatusConflict, s == http.StatusLocked, s == http.StatusUnauthorized,
		s >= 500 && s != http.StatusNotImplemented && s != http.StatusHTTPVersionNotSupported:
		res.State = outbound.Retry
		res.RetryAfter = retryAfter(a.retryAfter, time.Now(), p.cfg.MaxRetryAfter)
	}
	res.Reason = strings.TrimRight(fmt.Sprintf("%s answered %d %s", p.cfg.Who, a.Status, http.StatusText(a.Status)), " ")
	if codes := a.IssueCodes(); len(codes) > 0 {
		res.Reason += " (" + strings.Join(codes, ", ") + ")"
	}
	return res
}

// IssueCodes are the codes of an answer that is an OperationOutcome; its texts may
// hold patient data and stay in the evidence.
func (a Answer) IssueCodes() []string {
	v, err := element.Parse(a.Body, element.Limits{})
	if err != nil || v.ResourceType() != "OperationOutcome" {
		return nil
	}
	var codes []string
	for _, is := range v.List("issue") {
		if c := is.Str("code"); known[c] && len(codes) < 5 {
			codes = append(codes, c)
		}
	}
	return codes
}

// NotTaken reports whether an answer says that the practice does not take what was
// sent, by the code for it of the NHS: switched off there, or not supported.
// nhsconnect/ITK3-FHIR-Messaging-Distribution, explore_response_codes.md
func (a Answer) NotTaken() bool {
	v, err := element.Parse(a.Body, element.Limits{})
	if err != nil || v.ResourceType() != "OperationOutcome" {
		return false
	}
	return slices.ContainsFunc(v.All("issue.details.coding"), func(c *element.Value) bool {
		return c.Str("system") == systemITKResponse && c.Str("code") == "20010"
	})
}

const systemITKResponse = "https://fhir.nhs.uk/STU3/CodeSystem/ITK-ResponseCodes-1"

// known are the codes of http://hl7.org/fhir/issue-type: anything else could
// be free text.
var known = func() map[string]bool {
	m := map[string]bool{}
	for _, c := range strings.Fields(`invalid structure required value invariant security login unknown expired forbidden
		suppressed processing not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension
		too-costly business-rule conflict transient lock-error no-store exception timeout incomplete throttled informational`) {
		m[c] = true
	}
	return m
}()

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3), within bounds.
// What is neither counts for nothing; seconds beyond any number are the limit.
func retryAfter(header string, now time.Time, limit time.Duration) time.Duration {
	header = strings.TrimSpace(header)
	seconds, err := strconv.ParseInt(header, 10, 64)
	switch {
	case err == nil && seconds > int64(limit/time.Second), errors.Is(err, strconv.ErrRange) && header[0] != '-':
		return limit
	case err == nil:
		return max(0, time.Duration(seconds)*time.Second)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), limit))
}
