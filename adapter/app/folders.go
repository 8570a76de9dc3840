package app

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/linkloop/linkloop/adapter/inbox"
	"github.com/linkloop/linkloop/config"
)

// folders are the watched folders of a configuration.
func folders(cfg config.Config) []inbox.Folder {
	var out []inbox.Folder
	for _, s := range cfg.Senders {
		if s.Folder != "" {
			out = append(out, inbox.Folder{Sender: s.Name, Path: s.Folder})
		}
	}
	return out
}

// folders tries whether files could be moved through the folder of each sender.
func (x *examination) folders(cfg config.Config) {
	for _, f := range folders(cfg) {
		if err := inbox.Check(f.Path); err != nil {
			x.fail("folder "+f.Sender, "let this user read and write senders[].folder, and keep it on one file system", "%v", err)
			continue
		}
		x.ok("folder", "files of %s can be moved through it", f.Sender)
	}
}

// folderProblems is a line for each folder that does not work. It does not make
// this instance unready: over HTTP everything still does.
func (a *App) folderProblems() string {
	var b strings.Builder
	for _, s := range a.inbox.States() {
		if s.Problem != "" {
			b.WriteString("but the folder of " + s.Sender + " does not work: " + s.Problem + "\n")
		}
	}
	return b.String()
}

// File counts a file from a folder.
func (m *metrics) File(sender, result string) { m.files.WithLabelValues(sender, result).Inc() }

// folderCollector asks the watcher when it is scraped.
type folderCollector struct{ w *inbox.Watcher }

var (
	folderWaitingDesc = prometheus.NewDesc("linkloop_folder_waiting", "Files in inbox/ of a sender's folder.", []string{"sender"}, nil)
	folderWorkingDesc = prometheus.NewDesc("linkloop_folder_working", "Files of a sender's folder in work at this instance.", []string{"sender"}, nil)
	folderProblemDesc = prometheus.NewDesc("linkloop_folder_problem", "1 while something keeps files of a sender's folder from being taken or moved; /readyz says what.", []string{"sender"}, nil)
)

func (c folderCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- folderWaitingDesc
	ch <- folderWorkingDesc
	ch <- folderProblemDesc
}

func (c folderCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.w.States() {
		bad := 0.0
		if s.Problem != "" {
			bad = 1
		}
		ch <- prometheus.MustNewConstMetric(folderWaitingDesc, prometheus.GaugeValue, float64(s.Waiting), s.Sender)
		ch <- prometheus.MustNewConstMetric(folderWorkingDesc, prometheus.GaugeValue, float64(s.Working), s.Sender)
		ch <- prometheus.MustNewConstMetric(folderProblemDesc, prometheus.GaugeValue, bad, s.Sender)
	}
}
