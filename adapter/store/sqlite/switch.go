package sqlite

import (
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
)

// switches is the reading room of switches.
type switches struct{ *snapshot }

// Get returns the value of a switch, nil when it is not set.
func (r switches) Get(name string) ([]byte, error) {
	s := r.c.stmt("SELECT value FROM switch WHERE name = ?")
	defer s.done()
	ok, err := s.text(name).step()
	if err != nil || !ok {
		return nil, asFault(err)
	}
	return append([]byte{}, s.view(0)...), nil
}

// List returns the switches of a prefix.
func (r switches) List(prefix string) (map[string][]byte, error) {
	s := r.c.stmt("SELECT name, value FROM switch WHERE name >= ? AND substr(name, 1, length(?)) = ? ORDER BY name LIMIT ?")
	defer s.done()
	s.text(prefix).text(prefix).text(prefix).int(store.MaxSwitches)
	out := map[string][]byte{}
	for {
		ok, err := s.step()
		if err != nil {
			return nil, asFault(err)
		}
		if !ok {
			return out, nil
		}
		out[s.string(0)] = append([]byte{}, s.view(1)...)
	}
}

// switchWriter is the writing room of switches.
type switchWriter struct {
	switches
	t *tx
}

// Set sets a switch, or removes it when value is nil.
func (w switchWriter) Set(name string, value []byte) error {
	if name == "" || len(name) > 256 || len(value) > 64<<10 {
		return fault.New(fault.Internal, "", "a switch has a name of 1 to 256 bytes and a value of at most 64 KiB")
	}
	if err := w.t.writing(); err != nil {
		return err
	}
	if value == nil {
		s := w.c.stmt("DELETE FROM switch WHERE name = ?")
		defer s.done()
		return w.t.breaks(s.text(name).exec())
	}
	s := w.c.stmt("INSERT INTO switch (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
	defer s.done()
	return w.t.breaks(s.text(name).blob(value).exec())
}
