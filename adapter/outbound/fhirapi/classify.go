package fhirapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/outbound"
)

// classify says what a status other than 200 means for a conditional
// transaction, which is safe to send again whatever happened to it.
//
//   - 408, 425, 429 and every 5xx but 501 and 505 pass: try again.
//   - 409 and 423 are a clash with another writer: try again.
//   - another 2xx is no answer to a transaction, and nobody knows: try again.
//   - 401 may be a token on its way: try again, it is visible meanwhile.
//   - 412 says that a condition matched more than one: a human.
//   - everything else will be refused every time: a human.
func classify(a answer, maxRetryAfter time.Duration) outbound.Result {
	res := outbound.Result{State: outbound.Dead, Status: a.status, Evidence: a.evidence()}
	switch s := a.status; {
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests,
		s >= 200 && s < 300, s == http.StatusConflict, s == http.StatusLocked, s == http.StatusUnauthorized,
		s >= 500 && s != http.StatusNotImplemented && s != http.StatusHTTPVersionNotSupported:
		res.State = outbound.Retry
		res.RetryAfter = retryAfter(a.retryAfter, time.Now(), maxRetryAfter)
	}
	res.Reason = strings.TrimRight(fmt.Sprintf("the peer answered %d %s", a.status, http.StatusText(a.status)), " ") + issueCodes(a.body)
	return res
}

// issueCodes adds the codes of an OperationOutcome; its texts may hold patient
// data and stay in the evidence.
func issueCodes(body []byte) string {
	v, err := element.Parse(body, element.Limits{})
	if err != nil || v.ResourceType() != "OperationOutcome" {
		return ""
	}
	var codes []string
	for _, is := range v.List("issue") {
		if c := is.Str("code"); known[c] && len(codes) < 5 {
			codes = append(codes, c)
		}
	}
	if len(codes) == 0 {
		return ""
	}
	return " (" + strings.Join(codes, ", ") + ")"
}

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
