package sqlite

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// BenchmarkDrivers is the reason why this package does not use database/sql:
// the same 54 index rows and 9 bodies per transaction, without waiting for the
// disk, through both.
func BenchmarkDrivers(b *testing.B) {
	const schema = "CREATE TABLE p (list INTEGER, seq INTEGER, PRIMARY KEY (list, seq)) WITHOUT ROWID; CREATE TABLE v (seq INTEGER PRIMARY KEY, body BLOB)"
	const insertP, insertV = "INSERT INTO p (list, seq) VALUES (?, ?)", "INSERT INTO v (seq, body) VALUES (?, ?)"
	payload := make([]byte, 700)
	b.Run("direct", func(b *testing.B) {
		c, err := openConn(filepath.Join(b.TempDir(), "a.db"), readWrite)
		if err != nil {
			b.Fatal(err)
		}
		defer c.close()
		if err := c.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; " + schema); err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := c.run("BEGIN IMMEDIATE"); err != nil {
				b.Fatal(err)
			}
			for j := range 63 {
				s := c.stmt(insertP)
				if j%7 == 0 {
					s.done()
					s = c.stmt(insertV)
					s.int(int64(i*100 + j)).blob(payload)
				} else {
					s.int(rng.Int64()).int(int64(i*100 + j))
				}
				err := s.exec()
				s.done()
				if err != nil {
					b.Fatal(err)
				}
			}
			if err := c.run("COMMIT"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("database-sql", func(b *testing.B) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "b.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate")
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		ctx := context.Background()
		c, err := db.Conn(ctx)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		if _, err := c.ExecContext(ctx, schema); err != nil {
			b.Fatal(err)
		}
		p, err := c.PrepareContext(ctx, insertP)
		if err != nil {
			b.Fatal(err)
		}
		v, err := c.PrepareContext(ctx, insertV)
		if err != nil {
			b.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(1, 2))
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			tx, err := c.BeginTx(ctx, nil)
			if err != nil {
				b.Fatal(err)
			}
			for j := range 63 {
				if j%7 == 0 {
					_, err = v.ExecContext(ctx, int64(i*100+j), payload)
				} else {
					_, err = p.ExecContext(ctx, rng.Int64(), int64(i*100+j))
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
