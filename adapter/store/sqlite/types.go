package sqlite

import (
	"maps"
	"sync/atomic"

	"github.com/linkloop/linkloop/adapter/fault"
)

// types is the numbers of the resource types. Readers see what is committed;
// the writer may know more.
type types struct {
	committed atomic.Pointer[typeTable]
}

type typeTable struct {
	byName map[string]int64
	byID   map[int64]string
}

func loadTypes(c *conn) (*types, error) {
	t := &types{}
	table, err := readTypes(c)
	if err != nil {
		return nil, err
	}
	t.committed.Store(table)
	return t, nil
}

func readTypes(c *conn) (*typeTable, error) {
	table := &typeTable{byName: map[string]int64{}, byID: map[int64]string{}}
	s := c.stmt("SELECT id, name FROM type")
	defer s.done()
	for {
		ok, err := s.step()
		if err != nil || !ok {
			return table, err
		}
		table.byName[s.string(1)], table.byID[s.int64(0)] = s.int64(0), s.string(1)
	}
}

// maxTypes bounds the table; FHIR R4 has 148 resource types.
const maxTypes = 1000

// number returns the type's number, giving it the next one when it is new.
func (w *writer) number(name string) (int64, error) {
	if id, ok := w.types.byName[name]; ok {
		return id, nil
	}
	if name == "" || len(name) > 64 || len(w.types.byName) >= maxTypes {
		return 0, fault.New(fault.Internal, "", "the store was given a resource type that cannot be one")
	}
	id := int64(len(w.types.byName)) + 1
	s := w.c.stmt("INSERT INTO type (id, name) VALUES (?, ?)")
	defer s.done()
	if err := s.int(id).text(name).exec(); err != nil {
		return 0, err
	}
	w.types = &typeTable{byName: maps.Clone(w.types.byName), byID: maps.Clone(w.types.byID)}
	w.types.byName[name], w.types.byID[id] = id, name
	return id, nil
}
