package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/store"
	"github.com/linkloop/linkloop/adapter/store/sqlite"
)

func goexit() { runtime.Goexit() }

// put writes the next version of a Task of this id.
func put(t testing.TB, s *sqlite.Store, id string) store.Key {
	t.Helper()
	k := store.Key{Type: "Task", ID: id}
	if err := s.Decide(context.Background(), func(tx store.Tx) error { return next(tx, k) }); err != nil {
		t.Fatalf("put: %v", err)
	}
	return k
}

func next(tx store.Tx, k store.Key) error {
	cur, err := tx.Resources().Get(k)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	b := element.Canonical(element.NewObject(element.S("resourceType", k.Type), element.S("id", k.ID)))
	_, err = tx.Resources().Put(store.Write{Key: k, Body: b, Expect: cur.Number})
	return err
}

// crashFolder, when set in the environment, makes the test binary the child
// that writes until it is killed.
const crashFolder = "LINKLOOP_STORE_CRASH_FOLDER"

func TestMain(m *testing.M) {
	if place := os.Getenv(crashFolder); place != "" {
		writeUntilKilled(place)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeUntilKilled prints the name of each decision after it was acknowledged.
func writeUntilKilled(place string) {
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: place, CheckpointPages: 100, WALPages: 200, FreshRows: 60})
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; ; i++ {
				name := fmt.Sprintf("p%d-w%d-%d", os.Getpid(), w, i)
				if err := s.Decide(context.Background(), func(tx store.Tx) error { return crashDecision(tx, name) }); err != nil {
					fmt.Println("decide:", err)
					return
				}
				mu.Lock()
				fmt.Println("ok", name)
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
}

// crashDecision writes three rows that must be there all or none.
func crashDecision(tx store.Tx, name string) error {
	if err := next(tx, store.Key{Type: "Task", ID: name}); err != nil {
		return err
	}
	if _, _, err := tx.Deliveries().Owe(store.Delivery{Key: name}); err != nil {
		return err
	}
	if first, err := tx.Ledger().Once(name); err != nil || !first {
		return errors.Join(err, errors.New("claimed twice"))
	}
	return next(tx, store.Key{Type: "Task", ID: "shared"})
}

// TestKilledWhileWriting kills a writing process again and again; whatever was
// acknowledged must be there, whole and once.
func TestKilledWhileWriting(t *testing.T) {
	place := t.TempDir()
	var acknowledged []string
	for round := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashFolder+"="+place)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			name, ok := strings.CutPrefix(lines.Text(), "ok ")
			if !ok {
				t.Fatalf("the child said %q", lines.Text())
			}
			acknowledged = append(acknowledged, name)
			if n == 100+37*round {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
	}
	s := open(t, sqlite.Config{Path: place})
	defer s.Close()
	if err := s.QuickCheck(context.Background()); err != nil {
		t.Errorf("quick check: %v", err)
	}
	if err := s.View(context.Background(), func(r store.Reader) error {
		for _, name := range acknowledged {
			if v, err := r.Resources().Get(store.Key{Type: "Task", ID: name}); err != nil || v.Number != 1 {
				t.Errorf("%s: version %d, %v", name, v.Number, err)
			}
		}
		counts, err := r.Deliveries().Counts()
		if err != nil {
			return err
		}
		shared, err := r.Resources().Get(store.Key{Type: "Task", ID: "shared"})
		if err != nil {
			return err
		}
		// What was committed but not yet told may be there too, but whole.
		if shared.Number != counts[store.Owed] || shared.Number < int64(len(acknowledged)) {
			t.Errorf("%d acknowledged, %d deliveries, %d versions of the shared Task", len(acknowledged), counts[store.Owed], shared.Number)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
