package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/linkloop/linkloop/adapter/store"
)

// metrics counts what operators watch. Labels are route templates, configured
// names and closed words, never anything from a request.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	intakes  *prometheus.CounterVec
	attempts *prometheus.CounterVec
	files    *prometheus.CounterVec
	pruned   prometheus.Counter
	stopping atomic.Bool
}

func newMetrics(s store.Store) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "linkloop_http_request_seconds", Help: "Time to answer, by route template, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"route", "method", "status"}),
		intakes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkloop_intake_messages_total", Help: "Messages by sender and how they ended.",
		}, []string{"sender", "result"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkloop_delivery_attempts_total", Help: "Write-back attempts by result.",
		}, []string{"result"}),
		files: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linkloop_folder_files_total", Help: "Files taken from the folders of senders, by where they were moved.",
		}, []string{"sender", "result"}),
		pruned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "linkloop_pruned_total", Help: "Rows removed because their retention was over.",
		}),
	}
	m.registry.MustRegister(m.requests, m.intakes, m.attempts, m.files, m.pruned, storeCollector{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request implements gateway.Observer.
func (m *metrics) Request(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// Intake implements gateway.Observer.
func (m *metrics) Intake(sender, kind string) { m.intakes.WithLabelValues(sender, kind).Inc() }

// storeCollector asks the store when it is scraped.
type storeCollector struct{ s store.Store }

var (
	deliveriesDesc = prometheus.NewDesc("linkloop_deliveries", "Deliveries by state.", []string{"state"}, nil)
	waitingDesc    = prometheus.NewDesc("linkloop_store_waiting", "Decisions that wait for the store.", nil, nil)
	commitsDesc    = prometheus.NewDesc("linkloop_store_commits_total", "Commits; each holds the decisions of several requests.", nil, nil)
	decisionsDesc  = prometheus.NewDesc("linkloop_store_decisions_total", "Decisions committed.", nil, nil)
	refusedDesc    = prometheus.NewDesc("linkloop_store_refused_total", "Decisions turned away because too many waited.", nil, nil)
	failedDesc     = prometheus.NewDesc("linkloop_store_failed_commits_total", "Commits that the disk or the database refused; nothing of them was acknowledged.", nil, nil)
	aheadDesc      = prometheus.NewDesc("linkloop_store_clock_ahead_seconds", "How far the last commit time is in front of the clock, which has gone back then.", nil, nil)
	walDesc        = prometheus.NewDesc("linkloop_store_wal_bytes", "Size of the write-ahead log of the embedded database.", nil, nil)
	dataDesc       = prometheus.NewDesc("linkloop_store_data_bytes", "Size of the database.", nil, nil)
)

func (c storeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{deliveriesDesc, waitingDesc, commitsDesc, decisionsDesc, refusedDesc, failedDesc, aheadDesc, walDesc, dataDesc} {
		ch <- d
	}
}

func (c storeCollector) Collect(ch chan<- prometheus.Metric) {
	st := c.s.Stats()
	ch <- prometheus.MustNewConstMetric(waitingDesc, prometheus.GaugeValue, float64(st.Waiting))
	ch <- prometheus.MustNewConstMetric(commitsDesc, prometheus.CounterValue, float64(st.Commits))
	ch <- prometheus.MustNewConstMetric(decisionsDesc, prometheus.CounterValue, float64(st.Decisions))
	ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(st.Refused))
	ch <- prometheus.MustNewConstMetric(failedDesc, prometheus.CounterValue, float64(st.FailedCommits))
	ch <- prometheus.MustNewConstMetric(aheadDesc, prometheus.GaugeValue, st.ClockAhead.Seconds())
	ch <- prometheus.MustNewConstMetric(walDesc, prometheus.GaugeValue, float64(st.LogBytes))
	ch <- prometheus.MustNewConstMetric(dataDesc, prometheus.GaugeValue, float64(st.DataBytes))
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var counts map[store.DeliveryState]int64
	err := c.s.View(ctx, func(r store.Reader) (err error) {
		counts, err = r.Deliveries().Counts()
		return err
	})
	if err != nil {
		return // a scrape without the gauge says enough
	}
	for state, n := range counts {
		ch <- prometheus.MustNewConstMetric(deliveriesDesc, prometheus.GaugeValue, float64(n), string(state))
	}
}

// opsHandler serves /healthz (the process lives), /readyz (it can take work)
// and /metrics.
func (a *App) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if a.metrics.stopping.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		if err := a.store.Check(ctx); err != nil {
			http.Error(w, "the store does not answer", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n"+a.folderProblems())
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

// dropText keeps the server's own complaints out of the log but for the fact
// that there was one: their text can quote what a client sent.
type dropText struct{ slog.Handler }

func (h dropText) Handle(ctx context.Context, r slog.Record) error {
	return h.Handler.Handle(ctx, slog.NewRecord(r.Time, r.Level, "http server complaint", r.PC))
}

// Attempt implements relay.Observer.
func (m *metrics) Attempt(_, state string, _ time.Duration) { m.attempts.WithLabelValues(state).Inc() }
