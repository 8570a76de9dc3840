package app

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/linkloop/linkloop/adapter/intake"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/rollout"
)

// settle is how long a mapping holds still before a look on demand takes it.
const settle = 200 * time.Millisecond

// firstSenders reads the mappings for the first time and joins them with the
// senders; from then on the rollout keeps them.
func (a *App) firstSenders() ([]intake.Sender, error) {
	a.rollout = rollout.New(rollout.Config{
		Files: MappingFiles(a.cfg.Mappings), Watch: a.cfg.Mappings.Folder != "", Poll: a.cfg.Mappings.Poll, Settle: settle,
		Names:   a.wantedMappings,
		Compile: CompileMapping, Examine: examine, Use: a.useMappings, Now: a.now, Log: a.log,
	})
	sent, err := sendersOf(a.cfg)
	if err != nil {
		return nil, err
	}
	var list []intake.Sender
	err = a.rollout.With(mappingsOf(sent), func(m map[string]*mapping.Mapping) (err error) {
		list, err = senders(sent, m, a.cfg.Systems)
		return err
	})
	return list, err
}

// wantedMappings are the mappings of the configuration in use.
func (a *App) wantedMappings() ([]string, error) {
	sent, err := sendersOf(*a.latest.Load())
	return mappingsOf(sent), err
}

// useMappings puts mappings in the place of those in use. Messages in work
// finish with the mapping they began with.
func (a *App) useMappings(m map[string]*mapping.Mapping) error {
	cfg := a.latest.Load()
	sent := cfg.Senders
	if len(sent) == 0 {
		sent = ownSenders(slices.Sorted(maps.Keys(m)))
	}
	list, err := senders(sent, m, cfg.Systems)
	if err != nil {
		return err
	}
	return a.intake.Use(list)
}

// CheckMappings takes over what changed in the folder of mappings now, and not
// at the next look.
func (a *App) CheckMappings(ctx context.Context) error { return a.rollout.Check(ctx) }

// examine says what keeps a changed mapping from being taken over though it
// compiles: what lint calls an error, and examples that come out otherwise than
// wanted. It names elements, never values.
func examine(fsys fs.FS, m *mapping.Mapping) mapping.Problems {
	var ps mapping.Problems
	if err := LintMapping(fsys, m.Name()).Err(); errors.As(err, &ps) {
		return ps
	}
	examples, err := mapping.Examples(fsys, m.Name())
	if errors.As(err, &ps) {
		return ps
	}
	for _, o := range m.Test(examples, decoder(m)) {
		if o.Passed() {
			continue
		}
		text := "the example does not come out as wanted"
		if len(o.Changes) > 0 {
			text += ": " + mapping.Names(o.Changes)
		}
		ps = append(ps, mapping.Problem{File: "examples/" + o.Example.Name + ".txtar", Text: text,
			Hint: "linkloop mapping test " + m.Name(), Severity: mapping.Error})
	}
	return ps
}

// mappingCollector asks the rollout when it is scraped.
type mappingCollector struct{ r *rollout.Rollout }

var (
	mappingRefusedDesc = prometheus.NewDesc("linkloop_mapping_refused", "1 while what stands in the folder of a mapping was refused and the one before it goes on; GET /admin/mappings says why.", []string{"mapping"}, nil)
	mappingLoadsDesc   = prometheus.NewDesc("linkloop_mapping_loads_total", "Mappings taken over from their folder, and refused.", []string{"mapping", "result"}, nil)
)

func (c mappingCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- mappingRefusedDesc
	ch <- mappingLoadsDesc
}

func (c mappingCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.r.Status() {
		bad := 0.0
		if s.Refusal != nil {
			bad = 1
		}
		ch <- prometheus.MustNewConstMetric(mappingRefusedDesc, prometheus.GaugeValue, bad, s.Name)
		ch <- prometheus.MustNewConstMetric(mappingLoadsDesc, prometheus.CounterValue, float64(s.Loads), s.Name, "loaded")
		ch <- prometheus.MustNewConstMetric(mappingLoadsDesc, prometheus.CounterValue, float64(s.Refused), s.Name, "refused")
	}
}
