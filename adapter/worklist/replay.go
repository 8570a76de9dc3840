package worklist

import (
	"context"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// replay takes a history. The versions of one resource are one decision, in the
// place of the oldest of them. Those that are not newer than what is here are
// passed over, so that nothing newer is written over, and a history that comes
// twice changes nothing the second time.
// https://hl7.org/fhir/R4/http.html#other-bundles
func (s *Service) replay(ctx context.Context, who Caller, list []*element.Value, prefer Preferences) []answer {
	b := s.batchOf(who, list, prefer)
	var order []*past
	byKey := map[store.Key]*past{}
	for i := len(list) - 1; i >= 0; i-- {
		e, err := b.entry(ctx, list[i])
		var at time.Time
		if err == nil && !e.reads() && e.operation == "" {
			at, err = e.replayed(list[i])
		}
		if err != nil {
			b.fail(i, err)
			continue
		}
		p := byKey[e.key]
		if p == nil || e.reads() || e.operation != "" {
			p = &past{}
			order = append(order, p)
		}
		if !e.reads() && e.operation == "" {
			byKey[e.key] = p
		}
		p.places, p.entries, p.at = append(p.places, i), append(p.entries, e), append(p.at, at)
	}
	for _, p := range order {
		err := inTime(ctx)
		failed := 0
		if e := p.entries[0]; err == nil && (e.reads() || e.operation != "") {
			err = b.do(ctx, p.places[0], e)
		} else if err == nil {
			failed, err = b.replay(ctx, p)
		}
		if err != nil {
			err = located(err, p.places[failed])
			for _, i := range p.places {
				f := fault.Of(err)
				b.out[i] = answer{status: f.Kind.Row().HTTP, fault: f}
			}
		}
	}
	return b.out
}

// past are the versions of one resource in a history, the oldest first.
type past struct {
	places  []int // in the Bundle
	entries []entry
	at      []time.Time // zero where the history does not say it
}

// replay does the versions of one resource that are newer than what is here, or
// none; failed is the one that was refused.
func (b *batch) replay(ctx context.Context, p *past) (failed int, err error) {
	key, newest := p.entries[0].key, p.at[len(p.at)-1]
	made := make([]answer, len(p.entries))
	*b.left = ofEntry()
	err = b.service.within(ctx, func(in *Service, tx store.Tx) error {
		failed = 0
		here, err := tx.Resources().Get(key)
		absent := err != nil && fault.KindOf(err) == fault.NotFound
		if err != nil && !absent {
			return err
		}
		if !absent && newest.IsZero() {
			return fault.New(fault.VersionConflict, "", "there is such a resource here, and the history does not say when its newest version was written: response.lastModified, or meta.lastUpdated")
		}
		for n, e := range p.entries {
			if failed = n; !absent && !(newest.After(here.Updated) && p.at[n].After(here.Updated)) {
				made[n] = passedOver(here)
				continue
			}
			if err := inTime(ctx); err != nil {
				return err
			}
			if made[n], err = in.done(ctx, b.who, e); err != nil {
				return err
			}
		}
		return nil
	}, store.Hint{Keys: []store.Key{key}})
	if err != nil {
		return failed, err
	}
	for n, i := range p.places {
		b.out[i] = made[n]
		if err := b.keep(i, false); err != nil {
			return n, err
		}
	}
	return 0, nil
}

// passedOver is the answer about a version that was not taken.
func passedOver(here store.Version) answer {
	here.Body = nil
	return answer{status: 200, version: here, remarks: []fault.Issue{{Severity: "information", Code: "informational",
		Text: "this version is not newer than what is here, which stays"}}}
}

// replayed makes an entry of a history a change of the resource under its id,
// and says when the version was written. An ifMatch counts, and is about the
// versions here; other conditions, and the versions of there, say nothing of now
// and here.
func (e *entry) replayed(x *element.Value) (at time.Time, err error) {
	e.ifNoneMatch, e.ifNoneExist, e.query = "", "", ""
	if e.key.ID == "" && e.resource != nil {
		e.key.ID = e.resource.ID()
	}
	if e.key.ID == "" {
		return at, fault.New(fault.Malformed, "", "an entry of a history names its resource by its id")
	}
	if e.method == "POST" {
		e.method = "PUT"
	}
	text := x.TextAt("response.lastModified")
	if text == "" && e.method != "DELETE" {
		text = e.resource.TextAt("meta.lastUpdated")
	}
	if text != "" {
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return at, fault.New(fault.Malformed, "", "the time of a version is an instant with a time zone")
		}
	}
	if meta := e.resource.Get("meta"); e.method != "DELETE" && meta != nil && meta.Kind == element.Object {
		meta.Remove("versionId")
		meta.Remove("lastUpdated")
		if len(meta.Fields) == 0 {
			e.resource.Remove("meta")
		}
	}
	return at, nil
}
