// Package worklist is what link-worker tools work with: reading, searching,
// creating and changing resources over FHIR R4, with the rules of the referral
// workflow applied inside the transaction that writes, so that they hold with
// or without If-Match. When a Task ends, what is owed to the patient record is
// written in that same transaction.
//
// Source: https://hl7.org/fhir/R4/http.html
package worklist

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/adapter/profile"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

// Config is what a Service is made of.
type Config struct {
	Store    store.Store
	Indexer  *resource.Indexer
	Workflow *referral.Workflow
	Rules    *profile.Rules
	Gate     *profile.Gate // profiles that resources are held against; nil: none
	Outcomes *outcome.List
	Interim  []string // updates that a practice gets before a Task ends, of outcome.Updates
	BaseURL  string   // public FHIR base without trailing slash
	Channel  string   // write-back channel that deliveries are owed to
	// NationalID derives the id of a resource that has a national identifier,
	// so that the API and the intake know a person under one id.
	NationalID func(v *element.Value) string
	// Respond makes the payload of what a sender is told, or nil when it is
	// told nothing; nil: no sender is. It runs inside a decision. Responds
	// reports whether any sender is told of a state; nil: they may be.
	Respond         func(Response) []byte
	Responds        func(state string) bool
	ResponseChannel string // channel that responses are owed to
	Owed            func() // called after a commit that owes something
	Now             func() time.Time
	Log             *slog.Logger
}

// Service is the FHIR side of the house.
type Service struct {
	cfg        Config
	reindexing *atomic.Bool // see Reindex
	lenient    bool         // see Judging
	remarks    *Remarks     // see Judging
	lister     *lister      // of the request, where it has several searches; nil: of each search
	also       string       // the base of the configuration, where this is the service under another one

	outcomes *atomic.Pointer[outcome.List] // see UseOutcomes
}

// New returns a service.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, reindexing: new(atomic.Bool), outcomes: new(atomic.Pointer[outcome.List])}
	s.UseOutcomes(cfg.Outcomes)
	return s
}

// UseOutcomes puts another list of outcome codes in the place of that in use.
func (s *Service) UseOutcomes(list *outcome.List) { s.outcomes.Store(list) }

// At is the same service for callers who know it by another base, as those do
// who come through a proxy: links lead there, and references below either base
// are to what is held here.
func (s *Service) At(base string) *Service {
	at := *s
	at.cfg.BaseURL, at.also = base, s.cfg.BaseURL
	return &at
}

// Caller is who asks. Trusted is the unauthenticated loopback mode: it may act
// for every party.
type Caller struct {
	Name         string
	Trusted      bool
	LinkWorker   bool   // may claim Tasks that nobody owns
	Practice     bool   // may make referrals over FHIR
	Organization string // id of the Organization the caller belongs to
}

// definition returns the served type; fault.NotFound names those there are.
func definition(typ string) (*resource.Definition, error) {
	d, ok := resource.Lookup(typ)
	if !ok {
		return nil, fault.New(fault.NotFound, "", "this resource type is not served; see /fhir/metadata")
	}
	return d, nil
}

// Read returns the current version; fault.NotFound or fault.Gone.
func (s *Service) Read(ctx context.Context, typ, id string) (store.Version, error) {
	return s.read(ctx, typ, func(r store.Reader) (store.Version, error) {
		return r.Resources().Get(store.Key{Type: typ, ID: id})
	})
}

// VRead returns one version; fault.NotFound or fault.Gone.
func (s *Service) VRead(ctx context.Context, typ, id string, number int64) (store.Version, error) {
	return s.read(ctx, typ, func(r store.Reader) (store.Version, error) {
		return r.Resources().GetVersion(store.Key{Type: typ, ID: id}, number)
	})
}

func (s *Service) read(ctx context.Context, typ string, get func(store.Reader) (store.Version, error)) (store.Version, error) {
	if _, err := definition(typ); err != nil {
		return store.Version{}, err
	}
	var v store.Version
	err := s.cfg.Store.View(ctx, func(r store.Reader) (err error) {
		v, err = get(r)
		return err
	})
	if err == nil && v.Deleted {
		err = fault.New(fault.Gone, "", "deleted")
	}
	return v, err
}
