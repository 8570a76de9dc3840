package load

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/linkloop/linkloop/adapter/recordtest"
)

// StandIn is a patient record of our own for every practice, over real HTTP. It
// knows everybody, and counts what is written into it.
type StandIn struct {
	*recordtest.Record
	URL string

	server *http.Server
}

// NewStandIn serves a record on a free loopback port. wrap stands between the
// network and the record, where a test delays what comes in; nil: nothing does.
func NewStandIn(wrap func(http.Handler) http.Handler) (*StandIn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the stand-in record: %w", err)
	}
	s := &StandIn{Record: recordtest.NewRecord(), URL: "http://" + l.Addr().String()}
	s.KnowEveryone()
	var h http.Handler = s.Record
	if wrap != nil {
		h = wrap(h)
	}
	s.server = &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go s.server.Serve(l) //nolint:errcheck // ends with Close
	return s, nil
}

// Env are the settings that make a server deliver here, under a path such as /a
// where servers are to be told apart.
func (s *StandIn) Env(path string) []string {
	return []string{fmt.Sprintf(`LINKLOOP_RECORDS=[{ods: "*", base_url: %q}]`, s.URL+path)}
}

// Close stops serving.
func (s *StandIn) Close() { _ = s.server.Close() }
