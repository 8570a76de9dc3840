package bars

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// answer is what the peer said.
type answer struct {
	status     int
	retryAfter string
	body       []byte
	cut        bool // longer than MaxAnswer
}

// maxEvidence is how much of an answer is kept with an attempt.
const maxEvidence = 16 << 10

func (a answer) evidence() []byte { return bytes.Clone(a.body[:min(len(a.body), maxEvidence)]) }

// classify says what an answer means. A message is safe to send again, because
// its X-Request-Id stays the same.
//
//   - 200 with the message returned: it has it. Another 2xx, or a body that is
//     no message, is no answer, and nobody knows: try again.
//   - 409 with the issue duplicate: it has had it before.
//   - 408, 425, 429 and every 5xx but 501 and 505 pass; other 409 and 423 are a
//     clash; 401 may be a token on its way: try again.
//   - everything else will be refused every time: a human.
func classify(a answer, maxRetryAfter time.Duration) outbound.Result {
	res := outbound.Result{State: outbound.Dead, Status: a.status, Evidence: a.evidence()}
	v, err := element.Parse(a.body, element.Limits{})
	if err != nil || a.cut {
		v = nil
	}
	issues := issueCodes(v)
	switch s := a.status; {
	case s == http.StatusOK && v.ResourceType() == "Bundle" && v.Str("type") == "message" && len(v.List("entry")) > 0,
		s == http.StatusConflict && strings.Contains(" "+strings.Join(issues, " ")+" ", " duplicate "):
		res.State = outbound.Delivered
		return res
	case s == http.StatusOK:
		res.State = outbound.Retry
		res.Reason = "the sender answered 200 without the message, so nobody knows whether it took it"
		return res
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests,
		s >= 200 && s < 300, s == http.StatusConflict, s == http.StatusLocked, s == http.StatusUnauthorized,
		s >= 500 && s != http.StatusNotImplemented && s != http.StatusHTTPVersionNotSupported:
		res.State = outbound.Retry
		res.RetryAfter = retryAfter(a.retryAfter, time.Now(), maxRetryAfter)
	}
	res.Reason = strings.TrimRight(fmt.Sprintf("the sender answered %d %s", a.status, http.StatusText(a.status)), " ")
	if len(issues) > 0 {
		res.Reason += " (" + strings.Join(issues, ", ") + ")"
	}
	return res
}

// issueCodes are the codes of an OperationOutcome that the standard uses; its
// texts may hold patient data and stay in the evidence.
func issueCodes(v *element.Value) []string {
	if v.ResourceType() != "OperationOutcome" {
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

// known are the issue types of the error table of the standard: anything else
// could be free text.
var known = func() map[string]bool {
	m := map[string]bool{}
	for _, c := range strings.Fields(`invalid required value invariant not-supported security forbidden not-found
		processing timeout duplicate conflict too-costly throttled exception no-store transient`) {
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
