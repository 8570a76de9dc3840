package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/resource"
	"github.com/linkloop/linkloop/adapter/store"
)

func testResources(t *testing.T, open Open) {
	t.Run("a version is served as stamped", func(t *testing.T) {
		s := fresh(t, open)
		k := key("Task", "3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3d")
		v := put(t, s, k, 0, "hello", facts("a"))
		got, err := get(t, s, k)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "body", string(got.Body), string(element.Stamp(body(k, "hello"), 1, v.Updated)))
		want(t, "body as returned by Put", string(v.Body), string(got.Body))
		want(t, "key", got.Key, k)
		want(t, "number", got.Number, int64(1))
		want(t, "updated", got.Updated, v.Updated)
	})
	t.Run("ids that look alike are different", func(t *testing.T) {
		s := fresh(t, open)
		for i, id := range []string{"3f1c9f9e-6f0b-4a53-9a55-2d1f0a1b2c3d", "3F1C9F9E-6F0B-4A53-9A55-2D1F0A1B2C3D", "3f1c9f9e6f0b4a539a552d1f0a1b2c3d", "a", "A", "1", "01", "a.b-c"} {
			put(t, s, key("Task", id), 0, strings.Repeat("x", i), facts())
			put(t, s, key("Patient", id), 0, strings.Repeat("y", i), facts())
		}
		v, err := get(t, s, key("Task", "01"))
		if err != nil || v.ID != "01" || !strings.Contains(string(v.Body), `"id":"01"`) {
			t.Errorf("got %v, %v", v.Key, err)
		}
	})
	t.Run("expectations", func(t *testing.T) {
		s := fresh(t, open)
		k := key("Task", "e")
		try := func(expect int64) error {
			return s.Decide(ctx(), func(tx store.Tx) error {
				_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "x"), Expect: expect})
				return err
			})
		}
		wantKind(t, try(1), fault.VersionConflict)
		put(t, s, k, 0, "one", facts())
		wantKind(t, try(0), fault.VersionConflict)
		wantKind(t, try(2), fault.VersionConflict)
		want(t, "second", put(t, s, k, 1, "two", facts()).Number, int64(2))
		wantKind(t, try(1), fault.VersionConflict)
	})
	t.Run("not there", func(t *testing.T) {
		s := fresh(t, open)
		put(t, s, key("Task", "a"), 0, "", facts())
		for _, k := range []store.Key{key("Task", "b"), key("Patient", "a"), key("", ""), key("Task", "")} {
			_, err := get(t, s, k)
			wantKind(t, err, fault.NotFound)
		}
		for _, n := range []int64{0, 2, -1} {
			err := s.View(ctx(), func(r store.Reader) error {
				_, err := r.Resources().GetVersion(key("Task", "a"), n)
				return err
			})
			wantKind(t, err, fault.NotFound)
		}
		err := s.Decide(ctx(), func(tx store.Tx) error {
			_, err := tx.Resources().Put(store.Write{Key: key("Task", "never")})
			return err
		})
		wantKind(t, err, fault.NotFound)
	})
	t.Run("delete and revive", func(t *testing.T) { deleteAndRevive(t, fresh(t, open)) })
	t.Run("a body of another key is refused", func(t *testing.T) {
		s := fresh(t, open)
		for name, b := range map[string][]byte{
			"other id": body(key("Task", "b"), ""), "other type": body(key("Patient", "a"), ""), "not canonical": []byte(`{"id":"a"}`), "empty": {},
		} {
			err := s.Decide(ctx(), func(tx store.Tx) error {
				_, err := tx.Resources().Put(store.Write{Key: key("Task", "a"), Body: b})
				return err
			})
			if err == nil {
				t.Errorf("%s: was stored", name)
			}
		}
		_, err := get(t, s, key("Task", "a"))
		wantKind(t, err, fault.NotFound)
	})
	t.Run("a large body", func(t *testing.T) {
		s := fresh(t, open)
		text := strings.Repeat("long ", 400_000)
		put(t, s, key("Task", "large"), 0, text, facts("large"))
		v, err := get(t, s, key("Task", "large"))
		if err != nil || len(v.Body) < len(text) {
			t.Errorf("%d bytes, %v", len(v.Body), err)
		}
	})
	t.Run("reopened", func(t *testing.T) { reopened(t, open) })
}

func deleteAndRevive(t *testing.T, s store.Store) {
	k := key("Task", "d")
	put(t, s, k, 0, "one", facts("d"))
	del := remove(t, s, k, 1)
	if !del.Deleted || del.Body != nil || del.Number != 2 {
		t.Errorf("deletion is %+v", del)
	}
	got, err := get(t, s, k)
	if err != nil || !got.Deleted || got.Body != nil || got.Number != 2 || got.Key != k {
		t.Errorf("deleted reads as %+v, %v", got, err)
	}
	want(t, "found when deleted", ids(search(t, s, resource.Query{Type: "Task", Clauses: []resource.Clause{{Any: []resource.Term{term("d")}}}, Limit: 10})), "")
	want(t, "listed when deleted", ids(search(t, s, resource.Query{Type: "Task", IDs: []string{"d"}, Limit: 10})), "")
	err = s.Decide(ctx(), func(tx store.Tx) error {
		_, err := tx.Resources().Put(store.Write{Key: k, Body: body(k, "again"), Expect: 0})
		return err
	})
	wantKind(t, err, fault.VersionConflict)
	want(t, "revived", put(t, s, k, 2, "three", facts("d")).Number, int64(3))
	want(t, "found when revived", ids(search(t, s, resource.Query{Type: "Task", Clauses: []resource.Clause{{Any: []resource.Term{term("d")}}}, Limit: 10})), "d")
	view(t, s, func(r store.Reader) error {
		for number, deleted := range []bool{1: false, 2: true, 3: false} {
			if number == 0 {
				continue
			}
			v, err := r.Resources().GetVersion(k, int64(number))
			if err != nil || v.Deleted != deleted || v.Number != int64(number) || (v.Body == nil) != deleted {
				t.Errorf("version %d: %+v, %v", number, v, err)
			}
		}
		return nil
	})
}

func reopened(t *testing.T, open Open) {
	place, c := t.TempDir(), newClock()
	s := open(t, place, c.tick)
	k := key("Task", "kept")
	first := put(t, s, k, 0, "one", facts("kept"))
	second := put(t, s, k, 1, "two", facts("kept"))
	decide(t, s, func(tx store.Tx) error {
		if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: "k", Lane: "A"}); err != nil {
			return err
		}
		_, err := tx.Inbox().Add(store.Message{Dedupe: [32]byte{1}, State: store.Accepted, Body: []byte("raw"), Received: c.now()})
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, place, c.tick)
	defer s.Close()
	got, err := get(t, s, k)
	if err != nil || string(got.Body) != string(second.Body) {
		t.Errorf("after reopening: %+v, %v", got, err)
	}
	view(t, s, func(r store.Reader) error {
		v, err := r.Resources().GetVersion(k, 1)
		if err != nil || string(v.Body) != string(first.Body) {
			t.Errorf("version 1 after reopening: %+v, %v", v, err)
		}
		m, err := r.Inbox().Find([32]byte{1})
		if err != nil || string(m.Body) != "raw" {
			t.Errorf("message after reopening: %v", err)
		}
		d, err := r.Deliveries().List(store.DeliveryFilter{Lane: "A"})
		if err != nil || len(d) != 1 {
			t.Errorf("deliveries after reopening: %v, %v", d, err)
		}
		return nil
	})
	want(t, "found after reopening", ids(search(t, s, resource.Query{Type: "Task", Clauses: []resource.Clause{{Any: []resource.Term{term("kept")}}}, Limit: 5})), "kept")
}

func testTimes(t *testing.T, open Open) {
	place, c := t.TempDir(), newClock()
	s := open(t, place, c.now)
	var last time.Time
	later := func(what string, at time.Time) {
		t.Helper()
		if !at.After(last) {
			t.Errorf("%s: %v is not after %v", what, at, last)
		}
		if at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
			t.Errorf("%s: %v is not UTC in microseconds", what, at)
		}
		last = at
	}
	// The clock stands: times increase all the same, within a decision too.
	for range 3 {
		decide(t, s, func(tx store.Tx) error {
			at := tx.Time()
			for _, id := range []string{"a", "b", "c"} {
				cur, err := tx.Resources().Get(key("Task", id))
				if err != nil && fault.KindOf(err) != fault.NotFound {
					return err
				}
				v, err := tx.Resources().Put(store.Write{Key: key("Task", id), Body: body(key("Task", id), ""), Expect: cur.Number})
				if err != nil {
					return err
				}
				later("version", v.Updated)
				if id == "a" {
					want(t, "the first version's time", v.Updated, at)
				}
			}
			want(t, "the time of one decision", tx.Time(), at)
			return nil
		})
	}
	// A decision that writes no version has a time of its own as well.
	decide(t, s, func(tx store.Tx) error { later("decision", tx.Time()); return nil })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The clock goes back over a restart.
	c.set(start.Add(-time.Hour))
	s = open(t, place, c.now)
	defer s.Close()
	decide(t, s, func(tx store.Tx) error { later("after the restart", tx.Time()); return nil })
	// And comes right again.
	c.set(start.Add(time.Hour))
	decide(t, s, func(tx store.Tx) error {
		later("with the clock right", tx.Time())
		want(t, "the clock's own time", tx.Time(), start.Add(time.Hour))
		return nil
	})
}
