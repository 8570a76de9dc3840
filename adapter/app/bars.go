package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/outbound"
	"github.com/linkloop/linkloop/adapter/outbound/bars"
	"github.com/linkloop/linkloop/adapter/worklist"
	"github.com/linkloop/linkloop/config"
)

// fhirFormat is the format of FHIR messages, set up for a sender.
func fhirFormat(s config.Sender, systems []config.System) (inbound.Format, error) {
	o := fhirmsg.Options{On: s.RepairsOn, Off: s.RepairsOff}
	for _, x := range systems {
		o.Systems = append(o.Systems, fhirmsg.System{URI: x.URI, Also: x.Also})
	}
	if s.BaRSTarget != "" {
		o.BaRS = &fhirmsg.BaRS{Target: s.BaRSTarget, Organization: s.Organization, Versions: s.BaRSVersions, UseCases: s.BaRSUseCases, Answers: s.AnswerURL != ""}
	}
	return fhirmsg.NewWith(o)
}

// responseChannel is what answers to senders are owed to.
const responseChannel = "bars"

// answer is how one sender is told what became of its referrals.
type answer struct {
	channel outbound.Channel
	states  []string // empty: all
}

// answers routes an answer to its sender.
type answers struct {
	bySender atomic.Pointer[map[string]answer]
}

// answering are the senders that are told anything.
func answering(cfg config.Config) (map[string]answer, error) {
	out := map[string]answer{}
	for _, s := range cfg.Senders {
		if s.AnswerURL == "" {
			continue
		}
		bc := bars.DefaultConfig()
		bc.URL, bc.Token = s.AnswerURL, s.AnswerToken.Reveal()
		bc.ConnectTimeout, bc.RequestTimeout = cfg.Relay.ConnectTimeout, cfg.Relay.RequestTimeout
		for _, h := range s.AnswerHeaders {
			bc.Headers = append(bc.Headers, bars.Header{Name: h.Name, Value: h.Value})
		}
		ch, err := bars.New(bc)
		if err != nil {
			return nil, fmt.Errorf("answers to sender %s: %w", s.Name, err)
		}
		out[s.Name] = answer{ch, s.AnswerStates}
	}
	return out, nil
}

// Deliver implements outbound.Channel.
func (a *answers) Deliver(ctx context.Context, d outbound.Delivery) outbound.Result {
	to, ok := (*a.bySender.Load())[strings.TrimPrefix(d.Destination, worklist.ResponseLane)]
	if !ok {
		return outbound.Result{State: outbound.Dead, Reason: "no answer_url is configured for this sender any more; add it, then retry"}
	}
	return to.channel.Deliver(ctx, d)
}

// wants reports whether a sender is told of a state.
func (to answer) wants(state string) bool {
	return len(to.states) == 0 || slices.Contains(to.states, state)
}

// responds reports whether any sender is told of a state.
func (a *App) responds(state string) bool {
	for _, to := range *a.answers.bySender.Load() {
		if to.wants(state) {
			return true
		}
	}
	return false
}

// respond is what a sender is told, or nil.
func (a *App) respond(r worklist.Response) []byte {
	to, ok := (*a.answers.bySender.Load())[r.Sender]
	if !ok || !to.wants(r.State) {
		return nil
	}
	return bars.Response{
		State: bars.State(r.State), Message: r.Trace[inbound.TraceMessage], Correlation: r.Trace[inbound.TraceCorrelation],
		From: r.Trace[inbound.TraceTo], To: r.Trace[inbound.TraceFrom], Version: r.Trace[inbound.TraceVersion],
		Key: r.Key, Task: r.Task, Request: r.Request, Patient: r.Patient, At: r.At,
	}.Payload()
}
