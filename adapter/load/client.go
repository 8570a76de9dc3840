package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 8 << 20

// client speaks to one server.
type client struct {
	base  string // without trailing slash
	token string
	http  *http.Client
}

func newClient(c Config) *client {
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: c.Timeout}).DialContext,
		MaxIdleConnsPerHost: mostClients, // every worker keeps its connection
		DisableCompression:  true,
	}
	return &client{
		base: strings.TrimRight(c.Target, "/"), token: c.Token,
		http: &http.Client{Transport: t, Timeout: c.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
}

// answer is one HTTP answer.
type answer struct {
	status int
	etag   string
	body   []byte
}

// do sends one request to a path of the server.
func (c *client) do(ctx context.Context, method, path, contentType, ifMatch string, body []byte) (answer, error) {
	var r io.Reader
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, r)
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if ifMatch != "" {
		req.Header.Set("If-Match", ifMatch)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	if err != nil {
		return answer{}, err
	}
	if len(b) > answerLimit {
		return answer{}, errors.New("the answer is too large")
	}
	return answer{res.StatusCode, res.Header.Get("ETag"), b}, nil
}

// count asks how many resources of a type the server holds.
func (c *client) count(ctx context.Context, typ string) (int64, error) {
	return c.countBetween(ctx, typ, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Now().Add(24*time.Hour))
}

// countBetween counts those that were changed in a period. A server may leave
// the total of many away; then both halves are counted.
// https://hl7.org/fhir/R4/search.html#summary
func (c *client) countBetween(ctx context.Context, typ string, from, to time.Time) (int64, error) {
	const layout = "2006-01-02T15:04:05.000Z"
	low, high := from.UTC().Format(layout), to.UTC().Format(layout)
	a, err := c.do(ctx, http.MethodGet, "/fhir/"+typ+"?_summary=count&_lastUpdated=ge"+low+"&_lastUpdated=lt"+high, "", "", nil)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", typ, plain(err))
	}
	var bundle struct {
		ResourceType string
		Total        *int64
	}
	if a.status != http.StatusOK || json.Unmarshal(a.body, &bundle) != nil || bundle.ResourceType != "Bundle" {
		return 0, fmt.Errorf("count %s: status %d without a Bundle", typ, a.status)
	}
	if bundle.Total != nil {
		return *bundle.Total, nil
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(time.Millisecond)
	if !middle.After(from) {
		return 0, fmt.Errorf("count %s: no total even for a millisecond", typ)
	}
	older, err := c.countBetween(ctx, typ, from, middle)
	if err != nil {
		return 0, err
	}
	newer, err := c.countBetween(ctx, typ, middle, to)
	return older + newer, err
}

// stored is a resource as the server gave it.
type stored struct {
	id   string
	body []byte
	etag string
}

// list reads resources of a search, page by page, up to most.
func (c *client) list(ctx context.Context, path string, most int) ([]stored, error) {
	var out []stored
	for pages := 0; path != "" && len(out) < most && pages < most; pages++ {
		a, err := c.do(ctx, http.MethodGet, path, "", "", nil)
		if err != nil {
			return nil, fmt.Errorf("search: %w", plain(err))
		}
		b, err := bundleOf(a.body)
		if a.status != http.StatusOK || err != nil {
			return nil, fmt.Errorf("search: status %d without a Bundle", a.status)
		}
		out = append(out, b.held[:min(len(b.held), most-len(out))]...)
		path = b.next
	}
	return out, nil
}

// page is one page of a search or of a history.
type page struct {
	held []stored
	next string // path of the next page; "" when this is the last
}

// bundleOf reads a Bundle. Entries without an id are left out.
func bundleOf(body []byte) (page, error) {
	var bundle struct {
		Type string `json:"resourceType"`
		Link []struct {
			Relation string `json:"relation"`
			URL      string `json:"url"`
		} `json:"link"`
		Entry []struct {
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(body, &bundle); err != nil {
		return page{}, err
	}
	if bundle.Type != "Bundle" {
		return page{}, errors.New("the answer is no Bundle")
	}
	var p page
	for _, e := range bundle.Entry {
		var r struct {
			ID   string `json:"id"`
			Meta struct {
				VersionID string `json:"versionId"`
			} `json:"meta"`
		}
		if json.Unmarshal(e.Resource, &r) == nil && r.ID != "" {
			p.held = append(p.held, stored{id: r.ID, body: e.Resource, etag: `W/"` + r.Meta.VersionID + `"`})
		}
	}
	for _, l := range bundle.Link {
		// The server may know itself by another name than we do.
		if at := strings.Index(l.URL, "/fhir"); l.Relation == "next" && at >= 0 {
			p.next = l.URL[at:]
		}
	}
	return p, nil
}

// plain words a transport error without the address, which may hold an
// identifier.
func plain(err error) error { return errors.New(errorKind(err)) }

// errorKind is one of a few words, so that errors can be counted.
func errorKind(err error) string {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection"
	}
	return "connection lost"
}

// statusKind is the error kind of a status that was not expected.
func statusKind(status int) string { return "status " + strconv.Itoa(status) }

// refusal is the error kind of an answer that was not expected: its status, and
// the code of the first issue or of the acknowledgement when there is one.
// Codes are words of HL7's own lists; anything else is left out.
func refusal(a answer) string {
	code := acked(a.body)
	var outcome struct {
		Issue []struct {
			Code string `json:"code"`
		} `json:"issue"`
	}
	if code == "" && json.Unmarshal(a.body, &outcome) == nil && len(outcome.Issue) > 0 {
		code = outcome.Issue[0].Code
	}
	if code == "" || len(code) > 20 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyzAERC-") != "" {
		return statusKind(a.status)
	}
	return statusKind(a.status) + " " + code
}

// acked reads MSA-1 of an HL7 acknowledgement; "" when there is none.
func acked(body []byte) string {
	for line := range bytes.FieldsFuncSeq(body, func(r rune) bool { return r == '\r' || r == '\n' }) {
		if rest, ok := bytes.CutPrefix(line, []byte("MSA|")); ok {
			code, _, _ := bytes.Cut(rest, []byte("|"))
			return string(code)
		}
	}
	return ""
}

// soon bounds the requests around a phase together.
func soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Minute)
}
