package sqlite

import (
	"path/filepath"
	"testing"
)

// TestPace: what is written through the paced table of functions is in the file,
// and after each so many pages it is asked whether there is time to rest.
func TestPace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	c, err := openConn(file, readWrite)
	if err != nil {
		t.Fatal(err)
	}
	const pages = 10 * restAfter
	asked := 0
	if err := c.rest(func() bool { asked++; return asked > 2 }); err != nil {
		t.Fatal(err)
	}
	if err := c.exec("PRAGMA page_size=4096; CREATE TABLE x (b BLOB)"); err != nil {
		t.Fatal(err)
	}
	s := c.stmt("INSERT INTO x SELECT zeroblob(4000) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ?) SELECT i FROM n)")
	err = s.int(pages).exec()
	s.done()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	if asked < pages/restAfter || asked > 2*pages/restAfter {
		t.Errorf("asked %d times for %d pages", asked, pages)
	}
	again, err := openConn(file, readOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if n, err := again.int64Of("SELECT sum(length(b)) FROM x"); n != pages*4000 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
