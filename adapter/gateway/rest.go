package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// capabilityStatement is derived from the served types, once at start.
func capabilityStatement(base, version string) []byte {
	return resource.Capability(base, version).JSON()
}

// metadata: https://hl7.org/fhir/R4/http.html#capabilities
func (g *Gateway) metadata(c *gin.Context) { c.Data(http.StatusOK, contentType, g.capability) }

// negotiate refuses what cannot be served: this version speaks JSON.
// https://hl7.org/fhir/R4/http.html#mime-type
func (g *Gateway) negotiate(c *gin.Context) {
	if f := c.Query("_format"); f != "" {
		if !jsonType(strings.ReplaceAll(f, " ", "+")) {
			g.fail(c, fault.New(fault.NotAcceptable, "_format", "application/fhir+json is served"))
		}
		return
	}
	if accept := c.GetHeader("Accept"); accept != "" && !acceptsJSON(accept) {
		g.fail(c, fault.New(fault.NotAcceptable, "Accept", "application/fhir+json is served"))
	}
}

func acceptsJSON(accept string) bool {
	for _, part := range strings.Split(accept, ",") {
		if jsonType(part) {
			return true
		}
	}
	return false
}

func jsonType(mime string) bool {
	mime, _, _ = strings.Cut(mime, ";")
	switch strings.ToLower(strings.TrimSpace(mime)) {
	case "json", "application/json", "application/fhir+json", "text/json", "application/*", "*/*":
		return true
	}
	return false
}

// fhirBody reads a resource; other content types are 415.
func (g *Gateway) fhirBody(c *gin.Context) ([]byte, error) {
	if t := c.GetHeader("Content-Type"); !jsonType(t) || strings.Contains(t, "*") {
		return nil, fault.New(fault.UnsupportedMedia, "Content-Type", "application/fhir+json is expected")
	}
	return g.body(c)
}

func (g *Gateway) read(c *gin.Context) {
	v, err := g.one(c, func(ctx context.Context) (store.Version, error) {
		return g.cfg.Worklist.Read(ctx, c.Param("type"), c.Param("id"))
	})
	g.version(c, v, err)
}

func (g *Gateway) vread(c *gin.Context) {
	n, err := strconv.ParseInt(c.Param("version"), 10, 64)
	if err != nil || n < 1 {
		g.fail(c, fault.New(fault.NotFound, "", "no such version"))
		return
	}
	v, err := g.one(c, func(ctx context.Context) (store.Version, error) {
		return g.cfg.Worklist.VRead(ctx, c.Param("type"), c.Param("id"), n)
	})
	g.version(c, v, err)
}

// one does work that comes to one version.
func (g *Gateway) one(c *gin.Context, fn func(context.Context) (store.Version, error)) (v store.Version, err error) {
	err = g.work(c, "", func(ctx context.Context) (err error) {
		v, err = fn(ctx)
		return err
	})
	return v, err
}

// bundle does work that comes to a Bundle.
func (g *Gateway) bundle(c *gin.Context, fn func(context.Context) ([]byte, error)) {
	var b []byte
	err := g.work(c, "", func(ctx context.Context) (err error) {
		b, err = fn(ctx)
		return err
	})
	if err != nil {
		g.fail(c, err)
		return
	}
	c.Data(http.StatusOK, contentType, b)
}

// version answers a read: stored bytes, ETag, Last-Modified, 304 where the
// client has it already.
func (g *Gateway) version(c *gin.Context, v store.Version, err error) {
	if err != nil {
		g.fail(c, err)
		return
	}
	versionHeaders(c, v)
	if notModified(c, v) {
		c.Status(http.StatusNotModified)
		return
	}
	c.Data(http.StatusOK, contentType, v.Body)
}

// notModified answers conditional reads. If-None-Match counts alone where it is
// there (RFC 9110 section 13.1.3); If-Modified-Since has whole seconds, within
// which another version may yet come.
func notModified(c *gin.Context, v store.Version) bool {
	if tag := c.GetHeader("If-None-Match"); tag != "" {
		return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`) == strconv.FormatInt(v.Number, 10)
	}
	since, err := http.ParseTime(c.GetHeader("If-Modified-Since"))
	updated := v.Updated.Truncate(time.Second)
	return err == nil && !updated.After(since) && updated.Before(time.Now().Truncate(time.Second))
}

func versionHeaders(c *gin.Context, v store.Version) {
	c.Header("ETag", fmt.Sprintf(`W/"%d"`, v.Number))
	c.Header("Last-Modified", v.Updated.UTC().Format(http.TimeFormat))
}

// create makes a resource, with If-None-Exist only when there is none yet.
// https://hl7.org/fhir/R4/http.html#create, #ccreate
func (g *Gateway) create(c *gin.Context) {
	body, err := g.fhirBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	condition := c.Request.Header.Values("If-None-Exist")
	if len(condition) > 1 {
		g.fail(c, fault.New(fault.Malformed, "If-None-Exist", "the header is expected once"))
		return
	}
	made := true
	v, err := g.one(c, func(ctx context.Context) (v store.Version, err error) {
		if len(condition) == 0 {
			return g.cfg.Worklist.Create(ctx, caller(c), c.Param("type"), body)
		}
		v, made, err = g.cfg.Worklist.CreateUnless(ctx, caller(c), c.Param("type"), body, condition[0])
		return v, err
	})
	status := http.StatusOK
	if made {
		status = http.StatusCreated
	}
	g.written(c, v, err, status)
}

func (g *Gateway) update(c *gin.Context) {
	body, err := g.fhirBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	v, err := g.one(c, func(ctx context.Context) (store.Version, error) {
		return g.cfg.Worklist.Update(ctx, caller(c), worklist.Change{
			Type: c.Param("type"), ID: c.Param("id"), Body: body, IfMatch: ifMatch(c),
		})
	})
	g.written(c, v, err, http.StatusOK)
}

// written answers a create or an update as Prefer asks.
// https://hl7.org/fhir/R4/http.html#ops
func (g *Gateway) written(c *gin.Context, v store.Version, err error, status int) {
	if err != nil {
		g.fail(c, err)
		return
	}
	versionHeaders(c, v)
	c.Header("Location", fmt.Sprintf("%s/fhir/%s/_history/%d", g.cfg.BaseURL, v.Key, v.Number))
	if prefers(c, "return=minimal") {
		c.Status(status)
		return
	}
	c.Data(status, contentType, v.Body)
}

// prefers reports whether a preference is in any of the Prefer headers, which
// may come several times (RFC 7240 section 2).
func prefers(c *gin.Context, preference string) bool {
	return strings.Contains(strings.Join(c.Request.Header.Values("Prefer"), ","), preference)
}

// ifMatch is the version a change rests on. The mark of a weak tag is a capital
// (RFC 9110 section 8.8.3), yet there are clients that write it small.
func ifMatch(c *gin.Context) string {
	tag := strings.TrimSpace(c.GetHeader("If-Match"))
	if rest, small := strings.CutPrefix(tag, "w/"); small {
		return "W/" + rest
	}
	return tag
}

// search serves GET [base]/Type and POST [base]/Type/_search; of the latter,
// query and form count together.
func (g *Gateway) search(c *gin.Context) {
	g.searching(c, func(ctx context.Context, params url.Values, strict bool) ([]byte, error) {
		return g.cfg.Worklist.Search(ctx, c.Param("type"), params, strict)
	})
}

// form adds the parameters of a posted search.
func (g *Gateway) form(c *gin.Context, params url.Values) error {
	b, err := g.body(c)
	var f *fault.Fault
	if errors.As(err, &f) && f.Kind == fault.Malformed {
		return nil // an empty form is a search without conditions
	}
	if err != nil {
		return err
	}
	posted, err := url.ParseQuery(string(b))
	if err != nil {
		return fault.New(fault.Malformed, "body", "the form is not well formed")
	}
	for k, vs := range posted {
		params[k] = append(params[k], vs...)
	}
	return nil
}

func (g *Gateway) history(c *gin.Context) {
	params := c.Request.URL.Query()
	params.Del("_format")
	params.Del("_pretty")
	g.bundle(c, func(ctx context.Context) ([]byte, error) {
		return g.cfg.Worklist.History(ctx, c.Param("type"), c.Param("id"), params)
	})
}
