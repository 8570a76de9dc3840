package gateway

import (
	"encoding/base64"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// A Binary may be written and read as what it holds, without FHIR around it: a
// body of another media type than those of FHIR becomes the content of a Binary,
// and a read that asks for another one gets the content.
// https://hl7.org/fhir/R4/binary.html#rest

// securityContext is the header that says what the content is about, a reference.
const securityContext = "X-Security-Context"

// isContent reports whether the body of a request is the content of a Binary.
func isContent(c *gin.Context) bool {
	if c.Param("type") != "Binary" || c.Request.Method != http.MethodPost && c.Request.Method != http.MethodPut {
		return false
	}
	media, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || !strings.Contains(media, "/") || strings.Contains(media, "*") {
		return false
	}
	_, known := formatNamed(media)
	return !known && media != "application/x-www-form-urlencoded" && !strings.HasPrefix(media, "multipart/")
}

// content reads the body of a request as a Binary.
func (g *Gateway) content(c *gin.Context) ([]byte, error) {
	body, err := g.body(c)
	if err != nil {
		return nil, err
	}
	v := element.NewObject(element.S("resourceType", "Binary"))
	v.SetString("id", c.Param("id"))
	v.SetString("contentType", c.GetHeader("Content-Type"))
	if about := c.GetHeader(securityContext); about != "" {
		v.Set("securityContext", element.NewObject(element.S("reference", about)))
	}
	v.SetString("data", base64.StdEncoding.EncodeToString(body))
	return v.JSON(), nil
}

// asksContent reports whether a read of a Binary asks for what it holds: by an
// Accept that names no format of FHIR. Who says nothing gets the resource.
func asksContent(c *gin.Context) bool {
	accept := c.GetHeader("Accept")
	if c.Param("type") != "Binary" || c.Param("id") == "" || c.Query("_format") != "" || accept == "" ||
		c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		return false
	}
	if path := c.FullPath(); path != "/fhir/:type/:id" && path != "/fhir/:type/:id/_history/:version" {
		return false
	}
	for _, part := range strings.Split(strings.Join(c.Request.Header.Values("Accept"), ","), ",") {
		media, _, err := mime.ParseMediaType(part)
		if err != nil {
			return false
		}
		if _, known := formatNamed(media); known {
			return false
		}
	}
	return true
}

// showContent answers with what a Binary holds. A browser is to save it and to
// run nothing of it, whatever it says it is.
func (g *Gateway) showContent(c *gin.Context, v store.Version) {
	root, err := element.Parse(v.Body, ours)
	if err != nil {
		g.fail(c, fault.Wrap(fault.Internal, err, "the answer could not be written"))
		return
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(root.Str("data")), ""))
	if err != nil || root.Str("data") == "" {
		g.fail(c, fault.New(fault.NotAcceptable, "Accept", "this Binary holds no content; "+onlyServe))
		return
	}
	media := root.Str("contentType")
	if _, _, err := mime.ParseMediaType(media); err != nil {
		media = "application/octet-stream"
	}
	c.Header("X-Content-Type-Options", "nosniff")
	c.Header("Content-Security-Policy", "sandbox; default-src 'none'")
	c.Header("Content-Disposition", "attachment")
	if about := root.TextAt("securityContext.reference"); about != "" {
		c.Header(securityContext, about)
	}
	c.Header("Content-Length", strconv.Itoa(len(data)))
	c.Data(http.StatusOK, media, data)
}
