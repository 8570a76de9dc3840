package gateway

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
)

const (
	mediaJSON = "application/fhir+json"
	mediaXML  = fhirxml.MediaType
)

// format is how an answer is written.
type format struct {
	media  string // media type without parameters
	xml    bool
	pretty bool
}

// inJSON is what those get who ask for nothing.
var inJSON = format{media: mediaJSON}

// contentType is the header of an answer.
func (f format) contentType() string { return f.media + "; charset=utf-8" }

// served are the media types that stand for each format, the proper one first.
// A generic one that is asked for is what the answer is called.
// https://hl7.org/fhir/R4/http.html#mime-type
var served = []struct {
	media string
	xml   bool
}{
	{mediaJSON, false}, {"application/json", false}, {"text/json", false},
	{mediaXML, true}, {"application/xml", true}, {"text/xml", true},
}

const (
	formatKey = "format"
	anything  = "*/*" // what curl and fetch ask for when nobody says what
	onlyServe = "application/fhir+json and application/fhir+xml are served, of FHIR version 4.0"
)

// negotiate decides how a request under /fhir is answered, before any work is
// done for it.
func (g *Gateway) negotiate(c *gin.Context) {
	c.Writer.Header().Add("Vary", "Accept")
	if asksContent(c) {
		c.Set(formatKey, inJSON) // of a refusal
		return
	}
	params := c.Request.URL.Query()
	if err := choose(c, params["_format"], params["_pretty"]); err != nil {
		g.fail(c, err)
	}
}

// choose settles the format: by _format, which counts most, by Accept, or as the
// body of the request is written.
func choose(c *gin.Context, asked, pretty []string) error {
	f, ok := inJSON, true
	place := "Accept"
	accept := strings.Join(c.Request.Header.Values("Accept"), ",")
	switch {
	case len(asked) > 0 && asked[0] != "":
		place = "_format"
		f, ok = formatNamed(asked[0])
	case accept != "" && accept != anything:
		f, ok = accepted(accept)
	default:
		if t := c.GetHeader("Content-Type"); xmlType(t) {
			f = format{media: mediaXML, xml: true}
		}
	}
	f.pretty = len(pretty) > 0 && pretty[0] != "false" && pretty[0] != "0"
	if !ok {
		f = inJSON
	}
	c.Set(formatKey, f)
	if !ok {
		return fault.New(fault.NotAcceptable, place, onlyServe)
	}
	return nil
}

// formatOf is how a request is answered: as was settled, or as it asks for when
// it was refused before that; outside of the FHIR API it is JSON.
func formatOf(c *gin.Context) format {
	if _, settled := c.Get(formatKey); !settled && strings.HasPrefix(c.Request.URL.Path, "/fhir") {
		params := c.Request.URL.Query()
		// What is not served is refused by others; JSON is left then.
		_ = choose(c, params["_format"], params["_pretty"])
	}
	if v, ok := c.Get(formatKey); ok {
		return v.(format)
	}
	return inJSON
}

// formatNamed reads _format: json, xml, or a media type, the plus sign of which
// may have become a space on its way.
func formatNamed(text string) (format, bool) {
	media, ok := mediaOf(strings.ReplaceAll(strings.TrimSpace(text), " ", "+"))
	switch {
	case !ok:
		return format{}, false
	case media == "json":
		return inJSON, true
	case media == "xml":
		return format{media: mediaXML, xml: true}, true
	}
	for _, s := range served {
		if s.media == media {
			return format{media: s.media, xml: s.xml}, true
		}
	}
	return format{}, false
}

// mediaOf is the media type of a text, in lower case; ok is false when it is none,
// or one of a version of FHIR or a charset that is not spoken here.
func mediaOf(text string) (media string, ok bool) {
	media, params, err := mime.ParseMediaType(text)
	if err != nil {
		return "", false
	}
	switch v := params["fhirversion"]; v {
	case "", "4.0", "4.0.1":
	default:
		return "", false
	}
	return media, utf8Named(params["charset"])
}

func utf8Named(charset string) bool {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii":
		return true
	}
	return false
}

// accepted reads Accept (RFC 9110 section 12.5.1): the format of the highest
// quality; among equals one that is named before one that a wildcard stands
// for, then the one named first, then JSON.
func accepted(accept string) (best format, ok bool) {
	const none, anything, anySub, named = 0, 1, 2, 3
	type rank struct {
		quality float64
		level   int // how exactly the range says it
		at      int
	}
	ranks := make([]rank, len(served))
	for at, part := range strings.Split(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if media == "*" {
			media = "*/*"
		}
		if err != nil {
			continue
		}
		quality := 1.0
		if q, given := params["q"]; given {
			if quality, err = strconv.ParseFloat(q, 64); err != nil || quality < 0 || quality > 1 {
				continue
			}
			delete(params, "q")
		}
		if v := params["fhirversion"]; v != "" && v != "4.0" && v != "4.0.1" || !utf8Named(params["charset"]) {
			continue
		}
		for i, s := range served {
			level := none
			major, _, _ := strings.Cut(s.media, "/")
			switch media {
			case s.media:
				level = named
			case major + "/*":
				level = anySub
			case "*/*":
				level = anything
			}
			if level > ranks[i].level {
				ranks[i] = rank{quality, level, at}
			}
		}
	}
	top := rank{}
	for i, s := range served {
		r := ranks[i]
		if r.quality == 0 {
			continue
		}
		if !ok || r.quality > top.quality || r.quality == top.quality && (r.level > top.level || r.level == top.level && r.level == named && r.at < top.at) {
			best, top, ok = format{media: s.media, xml: s.xml}, r, true
		}
	}
	return best, ok
}

// show writes a FHIR resource, given as JSON, in the format that was asked
// for. JSON goes out as it is.
func (g *Gateway) show(c *gin.Context, status int, body []byte) {
	f := formatOf(c)
	body, err := f.write(body)
	if err != nil {
		c.Set(formatKey, inJSON)
		g.fail(c, err)
		return
	}
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Data(status, f.contentType(), body)
}

// ours bounds what is read again to be written in XML: it came out of the store
// or was made here, so that it is only as large as pages are.
var ours = element.Limits{Bytes: 1 << 30, Depth: 200, Nodes: 1 << 27}

// write turns JSON into the format.
func (f format) write(body []byte) ([]byte, error) {
	switch {
	case f.xml:
		v, err := element.Parse(body, ours)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the answer could not be written")
		}
		out := make([]byte, 0, len(body)+len(body)/2)
		if f.pretty {
			out, err = fhirxml.AppendIndented(out, v)
		} else {
			out, err = fhirxml.Append(out, v)
		}
		if err != nil {
			// A narrative can be no XHTML, which JSON does not notice.
			cannot := *fault.Of(err)
			cannot.Kind = fault.NotAcceptable
			return nil, &cannot
		}
		return out, nil
	case f.pretty:
		var out bytes.Buffer
		if err := json.Indent(&out, body, "", "  "); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the answer could not be written")
		}
		return out.Bytes(), nil
	}
	return body, nil
}

// fhirBody reads a resource and returns it in JSON; other content types are 415.
func (g *Gateway) fhirBody(c *gin.Context) ([]byte, error) {
	if isContent(c) {
		return g.content(c)
	}
	media, ok := mediaOf(c.GetHeader("Content-Type"))
	f, known := formatNamed(media)
	if !ok || !known || !strings.Contains(media, "/") {
		// RFC 9110 section 15.5.16: what would be taken.
		c.Header("Accept", mediaJSON+", "+mediaXML)
		return nil, fault.New(fault.UnsupportedMedia, "Content-Type", "application/fhir+json or application/fhir+xml in UTF-8 is expected, of FHIR version 4.0")
	}
	body, err := g.body(c)
	if err != nil || !f.xml {
		return body, err
	}
	return fhirxml.JSON(body, element.Limits{})
}

// jsonType reports whether a text is a media type of FHIR in JSON, or a wildcard
// that stands for it.
func jsonType(text string) bool {
	media, ok := mediaOf(text)
	f, named := formatNamed(media)
	return ok && (named && !f.xml || media == "application/*" || media == "*/*")
}

// xmlType reports whether a text is a media type of FHIR in XML.
func xmlType(text string) bool {
	media, ok := mediaOf(text)
	f, named := formatNamed(media)
	return ok && named && f.xml
}

func acceptsJSON(accept string) bool { return acceptsAny(accept, jsonType) }
func acceptsXML(accept string) bool  { return acceptsAny(accept, xmlType) }

func acceptsAny(accept string, is func(string) bool) bool {
	for _, part := range strings.Split(accept, ",") {
		if is(part) {
			return true
		}
	}
	return false
}

// outcome answers with an OperationOutcome that says what was done.
func (g *Gateway) outcome(c *gin.Context, status int, text string) {
	v := element.NewObject(element.S("resourceType", "OperationOutcome"), element.F("issue", element.NewArray(element.NewObject(
		element.S("severity", "information"), element.S("code", "informational"), element.S("diagnostics", text)))))
	g.show(c, status, v.JSON())
}

// empty answers without a body.
func empty(c *gin.Context, status int) {
	if status != http.StatusNoContent && status != http.StatusNotModified {
		c.Header("Content-Length", "0")
	}
	c.Status(status)
	c.Writer.WriteHeaderNow()
}
