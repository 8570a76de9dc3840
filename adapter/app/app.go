// Package app wires the house together. main and the end-to-end tests use the
// same New, Start and Stop, so that what is tested is what runs.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/adapter/inbox"
	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mllp"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/relay"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/rollout"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/worklist"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/conformance"
)

// Version is what the CapabilityStatement and `linkloop version` say.
const Version = "0.1.0"

// Options are what a caller may inject; the zero value is for production.
type Options struct {
	Log *slog.Logger     // nil: discarded
	Now func() time.Time // nil: time.Now
}

// App is one running linkloop.
type App struct {
	cfg      config.Config                 // of the start; see latest for what a reload changes
	latest   atomic.Pointer[config.Config] // in use now
	log      *slog.Logger
	now      func() time.Time
	store    store.Store
	intake   *intake.Service
	files    *batch.Taker
	inbox    *inbox.Watcher
	rollout  *rollout.Rollout
	worklist *worklist.Service
	relay    *relay.Relay
	metrics  *metrics
	records  *records
	answers  *answers
	outgoing *outgoing
	gateway  *gateway.Gateway

	public, ops         *http.Server
	publicAddr, opsAddr net.Listener

	mllp        *mllp.Server                  // nil: no listeners
	mllpSockets []net.Listener                // of all listeners
	mllpKeys    []*atomic.Pointer[tls.Config] // of each listener; nil: no TLS

	stopWork context.CancelFunc // of the relay and the retention
	running  sync.WaitGroup
	failed   chan error // the first listener that ended by itself
	silent   silent
	keep     config.Retention // a reload does not change it
	stopOnce sync.Once
	stopErr  error
}

// New opens the store, reads mappings and code lists, and binds both ports;
// nothing is served yet. On an error nothing is left open.
func New(ctx context.Context, cfg config.Config, opt Options) (_ *App, err error) {
	a := &App{cfg: cfg, log: opt.Log, now: opt.Now, failed: make(chan error, 3), keep: cfg.Retention}
	a.latest.Store(&cfg)
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if a.publicAddr, err = net.Listen("tcp", cfg.HTTP.Listen); err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	if a.opsAddr, err = net.Listen("tcp", cfg.Admin.Listen); err != nil {
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	var key []byte
	if a.store, key, err = openStore(ctx, cfg.Data, opt.Now); err != nil {
		return nil, err
	}
	if err = a.wire(key); err != nil {
		return nil, err
	}
	if err = a.publish(ctx); err != nil {
		return nil, err
	}
	if err = a.listenMLLP(); err != nil {
		return nil, err
	}
	return a, nil
}

// wire makes the services, lowest first.
func (a *App) wire(key []byte) error {
	workflow, err := loadWorkflow(a.cfg.Workflow)
	if err != nil {
		return err
	}
	outcomes, err := loadOutcomes(a.cfg.Workflow)
	if err != nil {
		return err
	}
	rules, err := profile.LoadRules(conformance.Files, "house-rules.yaml")
	if err != nil {
		return err
	}
	gate, err := newGate(a.cfg.Validation, a.log)
	if err != nil {
		return err
	}
	senders, err := a.firstSenders()
	if err != nil {
		return err
	}
	a.metrics = newMetrics(a.store)
	a.metrics.registry.MustRegister(mappingCollector{a.rollout})
	indexer := resource.NewIndexer(derive(key, "index"))
	base := a.BaseURL() + "/fhir"
	a.intake, err = intake.New(intake.Config{
		Store: a.store, Indexer: indexer, Senders: senders, Rules: rules, Gate: gate, IDKey: derive(key, "identity"),
		BaseURL: base, Now: a.now, Log: a.log, Workflow: workflow,
		// The two serve each other: the worklist asks the intake for ids, and a
		// sender who cancels ends a Task as the worklist would.
		Follow: func(tx store.Tx, old, task *element.Value) (bool, error) { return a.worklist.Follow(tx, old, task) },
		EndRest: func(tx store.Tx, task *element.Value, status string) (bool, bool, error) {
			return a.worklist.EndRest(tx, task, status)
		},
		Owed: func() { a.relay.Notify() },
	})
	if err != nil {
		return err
	}
	a.files = batch.New(batch.Config{
		Intake: a.intake, Parallel: a.cfg.Files.Parallel, MaxMessage: int64(a.cfg.HTTP.BodyLimit), Observe: a.metrics.Intake, Keep: a.keepReceipt, Now: a.now,
	})
	a.inbox = inbox.New(inbox.Config{
		Taker: a.files, Poll: a.cfg.Files.Poll, Settle: a.cfg.Files.Settle, TimeLimit: a.cfg.Files.TimeLimit,
		MaxFile: int64(a.cfg.Files.SizeLimit), Moved: a.metrics.File, Log: a.log,
	})
	a.inbox.Use(folders(a.cfg))
	a.metrics.registry.MustRegister(folderCollector{a.inbox})
	if a.relay, err = a.newRelay(); err != nil {
		return err
	}
	a.outgoing.gate.Consents.Indexer, a.outgoing.gate.Consents.BaseURL = indexer, base
	a.worklist = worklist.New(worklist.Config{
		Store: a.store, Indexer: indexer, Workflow: workflow, Rules: rules, Gate: gate, Outcomes: outcomes, Interim: a.cfg.Workflow.Interim, BaseURL: base,
		Respond: a.respond, Responds: a.responds, ResponseChannel: responseChannel,
		Channel: channelName, NationalID: a.intake.NationalID, Owed: a.relay.Notify, Now: a.now, Log: a.log,
	})
	return a.serveOn(a.gatewayConfig())
}

func (a *App) gatewayConfig() gateway.Config {
	return gateway.Config{
		Intake: a.intake, Worklist: a.worklist, Store: a.store, Clients: a.clients(a.cfg), Mappings: a.rollout,
		Files: a.files, MaxFile: int64(a.cfg.Files.SizeLimit), FileTime: a.cfg.Files.TimeLimit,
		BaRSTime: a.cfg.HTTP.BaRSTimeLimit,
		BaseURL:  a.BaseURL(), Version: Version, TrustedProxies: prefixes(a.cfg.HTTP.TrustedProxies), Origins: a.cfg.HTTP.CORSOrigins,
		MaxBody: int64(a.cfg.HTTP.BodyLimit), MaxConcurrent: a.cfg.HTTP.MaxConcurrent,
		MaxWorking: a.cfg.HTTP.MaxWorking, BodyMemory: int64(a.cfg.HTTP.BodyMemory),
		RequestTime: a.cfg.HTTP.ReadTimeout, DeliveryDue: a.relay.Notify, Acknowledge: a.acknowledge, Leaves: a.outgoing.gate.Leaves, Outlook: a.outgoing.gate.Outlook, Recall: a.recalls(), Observer: a.metrics, Log: a.log,
	}
}

// prefixes are networks of a configuration, which are checked when it is read.
func prefixes(networks []string) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(networks))
	for _, n := range networks {
		if p, err := netip.ParsePrefix(n); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// clients are the callers of a configuration, their organisations by id.
func (a *App) clients(cfg config.Config) []gateway.Client {
	out := make([]gateway.Client, 0, len(cfg.Clients))
	for _, c := range cfg.Clients {
		x := gateway.Client{Name: c.Name, TokenSHA256: c.TokenSHA256, Role: gateway.Role(c.Role), Senders: c.Senders, Channels: c.Channels,
			Lenient: c.Validation == config.ValidationFlag, Content: c.Content}
		if c.Organization != "" {
			x.OrganizationID = a.intake.OrganizationID(c.Organization)
		}
		out = append(out, x)
	}
	return out
}

func (a *App) serveOn(gc gateway.Config) (err error) {
	if a.gateway, err = gateway.New(gc); err != nil {
		return err
	}
	h := a.cfg.HTTP
	a.public = &http.Server{
		Handler: a.gateway, ConnState: a.silent.watch, ReadHeaderTimeout: h.ReadHeaderTimeout, ReadTimeout: h.ReadTimeout,
		WriteTimeout: h.WriteTimeout, IdleTimeout: h.IdleTimeout, MaxHeaderBytes: int(h.HeaderLimit),
		ErrorLog: slog.NewLogLogger(dropText{a.log.Handler()}, slog.LevelWarn),
	}
	a.ops = &http.Server{
		Handler: a.opsHandler(), ConnState: a.silent.watch, ReadHeaderTimeout: h.ReadHeaderTimeout, ReadTimeout: h.ReadTimeout,
		WriteTimeout: h.WriteTimeout, IdleTimeout: h.IdleTimeout, MaxHeaderBytes: int(h.HeaderLimit),
		ErrorLog: slog.NewLogLogger(dropText{a.log.Handler()}, slog.LevelWarn),
	}
	return nil
}

// BaseURL is the public address without trailing slash.
func (a *App) BaseURL() string {
	if a.cfg.HTTP.BaseURL != "" {
		return a.cfg.HTTP.BaseURL
	}
	return "http://" + a.publicAddr.Addr().String()
}

// OpsURL is the address of the operations port.
func (a *App) OpsURL() string { return "http://" + a.opsAddr.Addr().String() }

// Start serves both ports and starts the relay; it returns at once.
func (a *App) Start() {
	if len(a.cfg.Clients) == 0 {
		a.log.Warn("NO CLIENTS ARE CONFIGURED: every caller on this machine is trusted; the server binds loopback only",
			"advice", "add clients with token hashes to the configuration before anyone else can reach it")
	}
	serve := func(s *http.Server, l net.Listener) {
		defer a.running.Done()
		if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("listener ended", "address", l.Addr().String(), "cause", fmt.Sprintf("%T", err))
			a.failed <- fmt.Errorf("the listener on %s ended: %w", l.Addr(), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.stopWork = cancel
	a.running.Add(6)
	go serve(a.public, gateway.Outcomes(a.publicAddr))
	go serve(a.ops, a.opsAddr)
	go func() {
		defer a.running.Done()
		a.relay.Run(ctx)
	}()
	go func() {
		defer a.running.Done()
		a.inbox.Run(ctx)
	}()
	go func() {
		defer a.running.Done()
		a.rollout.Run(ctx)
	}()
	go func() {
		defer a.running.Done()
		a.keepRetention(ctx)
	}()
	a.running.Go(func() { a.keepIndex(ctx) })
	a.running.Go(func() { a.keepMarks(ctx) })
	a.running.Go(func() { a.escalate(ctx) })
	a.running.Go(func() { a.report(ctx) })
	if a.mllp != nil {
		a.running.Go(func() {
			if err := a.mllp.Serve(); err != nil {
				a.log.Error("listener ended", "cause", fmt.Sprintf("%T", err))
				a.failed <- err
			}
		})
	}
	a.log.Info("serving", "address", a.publicAddr.Addr().String(), "operations", a.opsAddr.Addr().String(), "version", Version)
}

// Failed tells when a listener ended by itself: nobody is served there any
// more, and only a new start helps.
func (a *App) Failed() <-chan error { return a.failed }

// Stop ends gracefully: no new requests, those in work are answered, the relay
// finishes what it is sending, the store is closed. ctx bounds the wait.
func (a *App) Stop(ctx context.Context) error {
	a.stopOnce.Do(func() {
		a.metrics.stopping.Store(true)
		a.silent.close()
		a.gateway.StopFiles()
		mllpStopped := make(chan error, 1)
		go func() {
			if a.mllp == nil {
				mllpStopped <- nil
				return
			}
			mllpStopped <- a.mllp.Stop(ctx)
		}()
		errs := []error{a.public.Shutdown(ctx), <-mllpStopped}
		if a.stopWork != nil {
			a.stopWork()
		}
		errs = append(errs, a.ops.Shutdown(ctx))
		done := make(chan struct{})
		go func() { a.running.Wait(); close(done) }()
		select {
		case <-done:
		case <-ctx.Done():
			errs = append(errs, ctx.Err())
		}
		errs = append(errs, a.close())
		a.stopErr = errors.Join(errs...)
	})
	return a.stopErr
}

func (a *App) close() error {
	var errs []error
	for _, l := range append([]net.Listener{a.publicAddr, a.opsAddr}, a.mllpSockets...) {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	return errors.Join(errs...)
}

func loadWorkflow(w config.Workflow) (*referral.Workflow, error) {
	fsys, file := workflowFile(w.Table)
	return referral.LoadWorkflow(fsys, file)
}
