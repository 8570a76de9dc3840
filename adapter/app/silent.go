package app

import (
	"net"
	"net/http"
	"sync"
)

// silent knows the connections on which nothing was said yet. A stop waits for
// requests in work, and the library's way of stopping waits five seconds for
// those as well.
type silent struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// watch is a hook for http.Server.ConnState.
func (s *silent) watch(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateNew {
		if s.conns == nil {
			s.conns = map[net.Conn]struct{}{}
		}
		s.conns[c] = struct{}{}
		return
	}
	delete(s.conns, c)
}

// close hangs up on them.
func (s *silent) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close() // nothing was in work on it
	}
}
