// Package gateway is the HTTP edge: routes, limits, authentication, FHIR REST
// and the operator's API. It reads bytes within limits, knows who is asking,
// and hands over; it never parses a message and never touches the store.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/recall"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/rollout"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/worklist"
)

// Observer hears about each answered request: route template, never the path.
type Observer interface {
	Request(route, method string, status int, took time.Duration)
	Intake(sender, kind string)
}

// Config is what the edge is made of.
type Config struct {
	Intake   *intake.Service
	Files    *batch.Taker
	Worklist *worklist.Service
	Mappings *rollout.Rollout
	Store    store.Store
	Clients  []Client // none: every caller is trusted, and the listener is loopback
	BaseURL  string   // public base without trailing slash, without /fhir
	// TrustedProxies are those whose word counts for the address that callers know.
	TrustedProxies []netip.Prefix
	// Origins are those whose pages may call from a browser; a star is any.
	Origins       []string
	Version       string
	MaxBody       int64         // bytes
	MaxConcurrent int           // open requests at once; one caller has half of them
	MaxWorking    int           // of those, worked on at once
	BodyMemory    int64         // bytes for the bodies of all open requests
	RequestTime   time.Duration // from the first byte to the answer
	MaxFile       int64         // bytes of a file of many messages
	FileTime      time.Duration // from the first byte of such a file to its receipt
	BaRSTime      time.Duration // from the headers of a BaRS message to its answer
	DeliveryDue   func()        // told when an operator releases a delivery
	Acknowledge   Acknowledge   // takes what receivers say later
	Leaves        Leaves        // what may leave of a delivery now
	Outlook       Outlook       // where a delivery goes next
	Recall        *recall.Service
	Observer      Observer
	Log           *slog.Logger
}

// Gateway is the edge, an http.Handler.
type Gateway struct {
	cfg        Config
	handler    http.Handler
	auth       atomic.Pointer[authenticator]
	slots      chan struct{}
	shares     *shares
	turnstile  *turnstile
	purse      *purse
	surface    resource.Surface
	called     map[string][]string       // methods of operations, by route
	capability atomic.Pointer[statement] // for the base of the configuration
	stopping   context.Context           // ends files in work
	stop       context.CancelFunc
}

// New builds the handler.
func New(cfg Config) (*Gateway, error) {
	g := &Gateway{
		cfg: cfg, slots: make(chan struct{}, cfg.MaxConcurrent),
		shares:    &shares{most: max(1, cfg.MaxConcurrent/2), open: map[string]int{}},
		turnstile: newTurnstile(cfg.MaxWorking, patience),
		purse:     &purse{size: cfg.BodyMemory},
	}
	g.stopping, g.stop = context.WithCancel(context.Background())
	if err := g.Use(cfg.Clients); err != nil {
		return nil, err
	}
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.RedirectTrailingSlash = false
	r.Use(g.around, g.near, g.cors)
	r.NoRoute(func(c *gin.Context) {
		if g.misdirected(c); !c.IsAborted() {
			g.fail(c, fault.New(fault.NotFound, "", "there is nothing at this address"))
		}
	})
	r.NoMethod(func(c *gin.Context) {
		if g.misdirected(c); c.IsAborted() {
			return
		}
		if c.Request.Method == http.MethodOptions { // Allow is set
			empty(c, http.StatusNoContent)
			return
		}
		g.fail(c, fault.New(fault.MethodNotAllowed, "", "the method is not allowed at this address"))
	})
	g.routes(r)
	g.called = operationsAt(r.Routes())
	var err error
	if g.surface, err = surfaceOf(r.Routes(), cfg.Version, len(cfg.Origins) > 0); err != nil {
		return nil, err
	}
	g.capability.Store(g.statementFor(cfg.BaseURL + "/fhir"))
	g.handler = trimSlash(r)
	return g, nil
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

// StopFiles ends the files in work, which may take an hour: each is answered
// with what was taken of it, and can be sent again as a whole.
func (g *Gateway) StopFiles() { g.stop() }

// Use puts other clients in place for the requests that come from now on; on
// an error those in use stay.
func (g *Gateway) Use(clients []Client) error {
	auth, err := newAuthenticator(clients)
	if err != nil {
		return err
	}
	g.auth.Store(auth)
	g.capability.Store(g.statementFor(g.cfg.BaseURL + "/fhir"))
	return nil
}

func (g *Gateway) routes(r *gin.Engine) {
	meta := r.Group("/fhir/metadata", g.negotiate)
	meta.GET("", g.metadata)
	meta.HEAD("", g.metadata)
	in := r.Group("/", g.authenticate, g.share)
	in.POST("/intake/:sender", g.intake)
	in.POST("/fhir/$process-message", g.processMessage)
	in.POST(barsPath+"$process-message", g.bars)
	g.barsReads(r, in)

	f := r.Group("/fhir", g.authenticate, g.reader, g.share, g.negotiate, g.misdirected)
	get := func(path string, h gin.HandlerFunc) { f.GET(path, h); f.HEAD(path, h) }
	f.POST("", g.batchOrTransaction)
	get("", g.searchAll)
	f.POST("/_search", g.searchAll)
	get("/_history", g.history)
	get("/:type", g.search)
	f.POST("/:type", g.create)
	f.POST("/:type/_search", g.search)
	get("/:type/_history", g.history)
	get("/:type/:id", g.read)
	f.PUT("/:type/:id", g.update)
	f.PUT("/:type", g.updateOne)
	f.PATCH("/:type/:id", g.patch)
	f.PATCH("/:type", g.patchOne)
	f.DELETE("/:type/:id", g.remove)
	f.DELETE("/:type", g.removeOne)
	f.POST("/$validate", g.validate)
	f.POST("/:type/$validate", g.validate)
	f.POST("/:type/:id/$validate", g.validate)
	get("/:type/:id/$validate", g.validate)
	f.POST("/:type/:id/$claim", g.claim)
	f.POST("/:type/:id/$release", g.giveBack)
	get("/:type/:id/:within", g.compartment)
	f.POST("/:type/:id/:within/_search", g.compartment)
	get("/:type/:id/_history", g.history)
	get("/:type/:id/_history/:version", g.vread)

	a := r.Group("/admin", g.authenticate, g.operator, g.share)
	a.GET("/messages", g.messages)
	a.GET("/messages/:id", g.message)
	g.receiptRoutes(in, a)
	a.POST("/messages/replay", g.replaySet)
	a.POST("/messages/:id/replay", g.replay)
	a.POST("/messages/:id/close", g.closeMessage)
	a.GET("/mappings", g.mappings)
	a.GET("/mappings/:name", g.mapping)
	a.POST("/mappings/reload", g.reloadMappings)
	a.GET("/deliveries", g.deliveries)
	a.GET("/deliveries/:id", g.delivery)
	a.POST("/deliveries/:id/retry", g.release(store.Owed))
	a.POST("/deliveries/:id/hold", g.release(store.Held))
	a.GET("/tasks", g.tasksOf)
	g.outgoingRoutes(a)
	admin := r.Group("/admin", g.authenticate, g.acknowledger, g.share)
	admin.POST("/acknowledgements/:channel", g.acknowledge)
	r.Group("/referrals", g.authenticate, g.follower, g.share).GET("/:task/timeline", g.timeline)
}

// trimSlash serves [base]/ and [base] alike: clients send both, and a redirect
// would turn their POST into a GET.
func trimSlash(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; len(p) > 1 && p[len(p)-1] == '/' {
			r.URL.Path = strings.TrimRight(p, "/")
			r.URL.RawPath = ""
		}
		next.ServeHTTP(w, r)
	})
}

// around bounds, times, recovers and counts every request. Nothing it logs
// comes from the request but its method and route template.
func (g *Gateway) around(c *gin.Context) {
	start := time.Now()
	id := requestID(c.GetHeader("X-Request-Id"))
	c.Header("X-Request-Id", id)
	defer func() {
		if p := recover(); p != nil {
			g.cfg.Log.Error("handler panicked", "request", id, "route", c.FullPath())
			g.fail(c, fault.New(fault.Internal, "", "internal error; quote the X-Request-Id to the operator"))
		}
		g.purse.settle(c, 0)
		method := knownMethod(c.Request.Method)
		g.cfg.Observer.Request(c.FullPath(), method, c.Writer.Status(), time.Since(start))
		g.cfg.Log.Debug("request", "request", id, "route", c.FullPath(), "method", method,
			"status", c.Writer.Status(), "took", time.Since(start))
	}()
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	default:
		g.fail(c, &fault.Fault{Kind: fault.Transient, RetryAfter: time.Second,
			Issues: []fault.Issue{{Text: "too many requests are in work; try again"}}})
		return
	}
	c.Set(connectionKey, c.Request.Context())
	ctx, cancel := context.WithTimeout(c.Request.Context(), g.cfg.RequestTime)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// knownMethod is a method of RFC 9110 or "other": anything else is the
// caller's own words, and there is no end of them.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// requestID keeps a caller's id when it is a UUID, which cannot hold a name or
// a number of anybody; else it makes one.
func requestID(given string) string {
	if id, err := uuid.Parse(given); err == nil && len(given) == 36 {
		return id.String()
	}
	return uuid.NewString()
}

// body reads the request within the limit.
func (g *Gateway) body(c *gin.Context) ([]byte, error) {
	if c.Request.ContentLength > g.cfg.MaxBody {
		return nil, tooLarge(g.cfg.MaxBody)
	}
	expect := c.Request.ContentLength
	if expect < 0 { // not said: as much as may come
		expect = g.cfg.MaxBody
	}
	if err := g.purse.hold(c, expect); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, g.cfg.MaxBody))
	g.purse.settle(c, int64(len(b)))
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return nil, tooLarge(g.cfg.MaxBody)
	case err != nil:
		return nil, fault.Wrap(fault.Timeout, err, "the body did not arrive in time")
	case len(b) == 0:
		return nil, fault.New(fault.Malformed, "", "the body is empty")
	}
	return b, nil
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "", "the body is larger than %d bytes", limit)
}

const contentType = "application/fhir+json; charset=utf-8"

// fail answers with the OperationOutcome of an error.
func (g *Gateway) fail(c *gin.Context, err error) {
	f := fault.Of(err)
	if errors.Is(err, context.DeadlineExceeded) {
		kind := fault.Transient
		if isBaRS(c) {
			kind = fault.Timeout
		}
		f = fault.Wrap(kind, err, "the answer took too long; try again")
	}
	if f.Kind == fault.Internal {
		g.cfg.Log.Error("request failed", "request", c.Writer.Header().Get("X-Request-Id"), "route", c.FullPath(), "cause", causeType(f))
	}
	row := f.Kind.Row()
	if row.HTTP == http.StatusServiceUnavailable || row.HTTP == http.StatusTooManyRequests {
		c.Header("Retry-After", strconv.Itoa(max(1, int(f.RetryAfter/time.Second))))
	}
	if row.HTTP == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", `Bearer realm="linkloop"`)
	}
	if isBaRS(c) {
		g.barsFail(c, fhirmsg.BaRSErrorOf(f.Kind), row.Public, f.Issues)
		return
	}
	if row.HTTP == http.StatusMethodNotAllowed && c.Writer.Header().Get("Allow") == "" {
		c.Header("Allow", strings.Join(allowed(c), ", "))
	}
	c.Abort()
	if !c.Writer.Written() {
		g.show(c, row.HTTP, fhir.OperationOutcome(f.Kind, f.Issues).JSON())
	}
}

// allowed lists the methods that an address takes, for RFC 9110 section 15.5.6.
func allowed(c *gin.Context) []string {
	methods := []string{http.MethodGet, http.MethodHead}
	d, ok := resource.Lookup(c.Param("type"))
	path := c.FullPath()
	one := path == "/fhir/:type/:id"
	if !ok || !one && path != "/fhir/:type" {
		return methods
	}
	if d.Create && !one {
		methods = append(methods, http.MethodPost)
	}
	if d.Update {
		methods = append(methods, http.MethodPut, http.MethodPatch)
	}
	if can, _ := d.Deletable(); can {
		methods = append(methods, http.MethodDelete)
	}
	return methods
}

// typeName names the type of a cause, whose text may quote input.
func typeName(err error) string { return fmt.Sprintf("%T", err) }
