package gateway

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/store"
)

// barsReads are the endpoints by which a sender of the standard finds out what
// is taken here, and reads a referral before it cancels it. The others of the
// standard (Appointment, Slot, DocumentReference and so on) are about bookings
// and are not served.
func (g *Gateway) barsReads(r *gin.Engine, in gin.IRoutes) {
	r.GET(barsPath+"metadata", g.barsMetadata)
	in.GET(barsPath+"MessageDefinition", g.barsMessageDefinitions)
	in.GET(barsPath+"ServiceRequest", g.barsSearch)
	in.GET(barsPath+"ServiceRequest/:id", g.barsRead)
}

// barsServices are the services of the standard that are set up; may says which
// senders count.
func (g *Gateway) barsServices(may func(sender string) bool) (out []fhirmsg.BaRS) {
	for _, s := range g.cfg.Intake.Senders() {
		if f, ok := s.Format.(fhirmsg.Format); ok && may(s.Name) {
			if b, ok := f.BaRS(); ok {
				out = append(out, b)
			}
		}
	}
	return out
}

// barsMetadata: GET /bars/metadata.
func (g *Gateway) barsMetadata(c *gin.Context) {
	all := g.barsServices(func(string) bool { return true })
	if len(all) == 0 {
		g.fail(c, fault.New(fault.NotFound, "", "no sender of the NHS Booking and Referral Standard is set up"))
		return
	}
	g.barsAnswer(c, fhirmsg.BaRSCapability(g.barsBase(), g.cfg.Version, all).JSON())
}

// barsMessageDefinitions: GET /bars/MessageDefinition?context=system|value, as
// often as there are conditions. Each must be a context of the definition.
func (g *Gateway) barsMessageDefinitions(c *gin.Context) {
	var found []*element.Value
	wanted := c.Request.URL.Query()["context"]
	seen := map[string]bool{}
	for _, b := range g.barsServices(func(sender string) bool { return maySend(c, sender) }) {
		for _, d := range fhirmsg.BaRSMessageDefinitions(b) {
			if !seen[d.ID()] && !slices.ContainsFunc(wanted, func(w string) bool { return !inContext(d, w) }) {
				seen[d.ID()] = true
				found = append(found, d)
			}
		}
	}
	g.barsAnswer(c, g.barsBundle("MessageDefinition", url.Values{"context": wanted}, found).JSON())
}

// inContext reports whether a definition has one of the contexts that a value
// names, which are separated by commas.
func inContext(definition *element.Value, wanted string) bool {
	for _, w := range strings.Split(wanted, ",") {
		system, code, both := strings.Cut(w, "|")
		if !both {
			system, code = "", w
		}
		for _, x := range definition.All("useContext.valueCodeableConcept.coding") {
			if x.Str("code") == code && (system == "" || strings.EqualFold(x.Str("system"), system)) {
				return true
			}
		}
	}
	return false
}

// barsRead: GET /bars/ServiceRequest/{id}, of the sender that the headers name.
func (g *Gateway) barsRead(c *gin.Context) {
	var v store.Version
	err := g.barsReading(c, func(ctx context.Context, sender intake.Sender) (err error) {
		v, err = g.cfg.Intake.Own(ctx, sender.Name, c.Param("id"))
		return err
	})
	if err != nil {
		g.fail(c, err)
		return
	}
	versionHeaders(c, v)
	g.barsAnswer(c, v.Body)
}

// barsSearch: GET /bars/ServiceRequest by patient:identifier or by _id.
func (g *Gateway) barsSearch(c *gin.Context) {
	const byPatient, byID = "patient:identifier", "_id"
	params := c.Request.URL.Query()
	var list []store.Version
	err := g.barsReading(c, func(ctx context.Context, sender intake.Sender) error {
		number, wanted := params.Get(byPatient), params.Get(byID)
		var err error
		switch {
		case number != "":
			f, _ := sender.Format.(fhirmsg.Format) // only such a sender is found
			_, digits, _ := strings.Cut(number, "|")
			parsed, reason := nhs.ParseNumber(digits)
			if reason != nhs.Valid || !f.SameTarget(number, nhs.SystemNHSNumber+"|"+digits) {
				return &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Code: "value", Place: byPatient, Text: "an NHS number with its system is expected"}}}
			}
			list, err = g.cfg.Intake.OwnAbout(ctx, sender.Name, parsed)
			if wanted != "" {
				list = slices.DeleteFunc(list, func(v store.Version) bool { return v.ID != wanted })
			}
		case wanted != "":
			var v store.Version
			if v, err = g.cfg.Intake.Own(ctx, sender.Name, wanted); err == nil {
				list = []store.Version{v}
			} else if fault.KindOf(err) == fault.NotFound {
				err = nil
			}
		default:
			err = &fault.Fault{Kind: fault.Malformed, Issues: []fault.Issue{{Code: "required", Place: byPatient, Text: "patient:identifier or _id is expected"}}}
		}
		return err
	})
	if err != nil {
		g.fail(c, err)
		return
	}
	resources := make([]*element.Value, 0, len(list))
	for _, v := range list {
		r, err := element.Parse(v.Body, element.Limits{})
		if err != nil {
			g.fail(c, err)
			return
		}
		resources = append(resources, r)
	}
	self := url.Values{}
	for _, name := range []string{byPatient, byID} {
		if v := params.Get(name); v != "" {
			self.Set(name, v)
		}
	}
	g.barsAnswer(c, g.barsBundle("ServiceRequest", self, resources).JSON())
}

// barsReading checks the headers, finds whose referrals are asked for, and
// reads them within the time limit.
func (g *Gateway) barsReading(c *gin.Context, read func(context.Context, intake.Sender) error) error {
	ctx, cancel := context.WithTimeout(c.Request.Context(), g.cfg.BaRSTime)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	h, err := readBaRSHeaders(c)
	if err != nil {
		return err
	}
	name, err := g.barsSender(c, h)
	if err != nil {
		return err
	}
	sender, ok := g.cfg.Intake.Sender(name)
	if !ok {
		return fault.New(fault.NotFound, headerTarget, "this service is not here")
	}
	return g.work(c, name, func(ctx context.Context) error { return read(ctx, sender) })
}

func (g *Gateway) barsBase() string { return g.cfg.BaseURL + strings.TrimSuffix(barsPath, "/") }

func (g *Gateway) barsAnswer(c *gin.Context, body []byte) {
	g.reply(c, inbound.Reply{Status: http.StatusOK, ContentType: contentType, Body: body})
}

// barsBundle is a searchset.
func (g *Gateway) barsBundle(typ string, self url.Values, resources []*element.Value) *element.Value {
	at := g.barsBase() + "/" + typ
	link := at
	if q := self.Encode(); q != "" {
		link += "?" + q
	}
	return fhirmsg.Searchset(link, at, resources)
}
