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
	"github.com/linkloop/linkloop/adapter/store"
)

func (g *Gateway) read(c *gin.Context) {
	v, err := g.one(c, func(ctx context.Context) (store.Version, error) {
		return g.resources(c).Read(ctx, c.Param("type"), c.Param("id"))
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
		return g.resources(c).VRead(ctx, c.Param("type"), c.Param("id"), n)
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
	g.show(c, http.StatusOK, b)
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
		empty(c, http.StatusNotModified)
		return
	}
	if asksContent(c) {
		g.showContent(c, v)
		return
	}
	if v, err = g.cfg.Worklist.Show(v, c.Request.URL.Query()); err != nil {
		g.fail(c, err)
		return
	}
	g.show(c, http.StatusOK, v.Body)
}

// notModified answers conditional reads. If-None-Match counts alone where it is
// there (RFC 9110 section 13.1.3); If-Modified-Since has whole seconds, within
// which another version may yet come.
func notModified(c *gin.Context, v store.Version) bool {
	if tags := c.Request.Header.Values("If-None-Match"); len(tags) > 0 {
		return tagged(tags, strconv.FormatInt(v.Number, 10))
	}
	since, err := http.ParseTime(c.GetHeader("If-Modified-Since"))
	updated := v.Updated.Truncate(time.Second)
	return err == nil && !updated.After(since) && updated.Before(time.Now().Truncate(time.Second))
}

// tagged reports whether a tag is among those of If-None-Match: quoted or not,
// with the mark of a weak one or without it, or a star, which is any.
func tagged(headers []string, tag string) bool {
	for _, part := range strings.Split(strings.Join(headers, ","), ",") {
		part = strings.TrimSpace(part)
		if len(part) > 1 && (part[:2] == "W/" || part[:2] == "w/") {
			part = part[2:]
		}
		if part == "*" || strings.Trim(part, `"`) == tag {
			return true
		}
	}
	return false
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
			return g.resources(c).Create(ctx, caller(c), c.Param("type"), body)
		}
		v, made, err = g.resources(c).CreateUnless(ctx, caller(c), c.Param("type"), body, condition[0])
		return v, err
	})
	g.written(c, v, err, wroteStatus(made))
}

// update serves PUT [base]/Type/id.
// https://hl7.org/fhir/R4/http.html#update, #upsert
func (g *Gateway) update(c *gin.Context) {
	body, err := g.fhirBody(c)
	if err != nil {
		g.fail(c, err)
		return
	}
	made := false
	v, err := g.one(c, func(ctx context.Context) (v store.Version, err error) {
		v, made, err = g.resources(c).Put(ctx, caller(c), changeOf(c, body))
		return v, err
	})
	g.written(c, v, err, wroteStatus(made))
}

// wroteStatus is that of a write that came to something: 201 where it made the
// resource, else 200.
func wroteStatus(made bool) int {
	if made {
		return http.StatusCreated
	}
	return http.StatusOK
}

// written answers a create, an update or a patch as Prefer asks; the resource
// is what those get who ask for nothing.
// https://hl7.org/fhir/R4/http.html#ops
func (g *Gateway) written(c *gin.Context, v store.Version, err error, status int) {
	if err != nil {
		g.fail(c, err)
		return
	}
	versionHeaders(c, v)
	c.Header("Location", fmt.Sprintf("%s/%s/_history/%d", g.fhirBase(c), v.Key, v.Number))
	want := preferencesOf(c).returns
	if want != "" {
		applied(c, "return="+want)
	}
	switch want {
	case "minimal":
		empty(c, status)
	case "OperationOutcome":
		g.remarked(c, status, fmt.Sprintf("%s is at version %d", v.Key, v.Number))
	default:
		g.show(c, status, v.Body)
	}
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
		return g.resources(c).Search(ctx, c.Param("type"), params, strict)
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

// history serves GET of _history behind the base, a type or a resource.
// https://hl7.org/fhir/R4/http.html#history
func (g *Gateway) history(c *gin.Context) {
	params, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		g.fail(c, fault.New(fault.Malformed, "query", "the query string is not well formed"))
		return
	}
	params.Del("_format")
	params.Del("_pretty")
	strict := preferencesOf(c).handling == "strict"
	g.bundle(c, func(ctx context.Context) ([]byte, error) {
		return g.resources(c).History(ctx, c.Param("type"), c.Param("id"), params, strict)
	})
}
