package app_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/config"
)

const rowHeader = "Ref;Action;NHS_No;Family name;Given name;DOB;Sex;Created;Practice;Story\r\n"

// row is a referral of a made-up person. NHS numbers of the 999 range with
// their check digit are given to nobody.
func row(n int) string {
	return fmt.Sprintf("R-%d;;%s;Canarybird;Zebedee;14 Feb 1970;M;02 Mar 2026;Z00001;\"Would like\r\n\"\"company\"\"\"\r\n", n, nobody(n))
}

// nobody is one of the NHS numbers from 999 000 0000 upwards, another one for
// each n. Of two neighbours one at least has a check digit.
func nobody(n int) string {
	for base := 999_000_000 + 2*n; ; base++ {
		digits, sum := fmt.Sprintf("%09d", base), 0
		for i, c := range digits {
			sum += int(c-'0') * (10 - i)
		}
		if check := (11 - sum%11) % 11; check < 10 {
			return fmt.Sprintf("%s%d", digits, check)
		}
	}
}

// rows has the sender of the test mapping.
func rows(c *config.Config) {
	c.Mappings.Folder = "testdata/mappings"
	c.Senders = []config.Sender{{Name: "rows", Mapping: "practice-rows"}}
}

func (h *house) receipt(r response) batch.Receipt {
	h.t.Helper()
	var out batch.Receipt
	if err := json.Unmarshal(r.body, &out); err != nil {
		h.t.Fatalf("status %d, no receipt: %v", r.status, err)
	}
	return out
}

// counts are what a receipt says in numbers.
func counts(c batch.Receipt) string {
	return fmt.Sprintf("%s: %d accepted, %d repeated, %d refused, %d untaken", c.Status, c.Accepted, c.Repeated, c.Refused, c.Untaken)
}

// TestFileOfRows: each row has its own fate, and the receipt says which.
func TestFileOfRows(t *testing.T) {
	h := open(t, rows)
	file := rowHeader + row(1) + row(2) +
		"R-3;;9990000026;Short\r\n" + // row 4
		"R-4;;9990000034;;Zebedee;14 Feb 1970;M;02 Mar 2026;Z00001;\r\n" + // no family name
		"\r\n" +
		"R-5;;" + nobody(5) + ";\"Canarybird;Zebedee;14 Feb 1970;M;02 Mar 2026;Z00001;\r\n" + // open quotation mark
		"R-6;;" + nobody(6) + ";Canarybird;Zo\xeb;31 Feb 1970;M;02 Mar 2026;Z00001;\r\n" + // Windows-1252, and no such day
		"R-6;cancel;" + nobody(6) + ";Canarybird;;;;03 Mar 2026;Z00001;\r\n"
	r := h.want(h.call("POST", "/intake/rows", []byte(file), "Content-Type", "text/csv"), 207)
	c := h.receipt(r)
	if got := counts(c); got != "complete: 4 accepted, 0 repeated, 3 refused, 0 untaken" || c.Part != "row" || c.Last != 9 {
		t.Errorf("%s\n%s", got, r.body)
	}
	want := []struct {
		number, line int
		place, word  string
	}{
		{4, 6, "row 4", "4 columns, and 10 are expected"},
		{5, 7, "row 5, ", "names the person"},
		{7, 9, "row 7", "quotation marks"},
	}
	if len(c.Entries) != len(want) {
		t.Fatalf("%d entries\n%s", len(c.Entries), r.body)
	}
	for i, w := range want {
		e := c.Entries[i]
		if e.Number != w.number || e.Line != w.line || e.Message == 0 || !strings.HasPrefix(e.Reasons[0].Place, w.place) || !strings.Contains(e.Reasons[0].Reason, w.word) {
			t.Errorf("entry %d: %+v", i, e)
		}
		h.want(h.call("GET", fmt.Sprintf("/admin/messages/%d", e.Message), nil), 200)
	}
	// What could not be read is there for who helps, and for nobody else.
	if text := noted(h.one("Task?_tag=encoding-guessed")); !strings.Contains(text, "sent: 31 Feb 1970") {
		t.Errorf("the Task does not have what was sent: %s", text)
	}
	if all := string(r.body) + h.log.String(); strings.Contains(all, "Canarybird") || strings.Contains(all, "31 Feb") {
		t.Error("what a message says stands in the receipt or in the log")
	}
	// The cancellation came behind its referral although rows go side by side.
	got := h.want(h.call("GET", "/fhir/ServiceRequest?identifier=R-6", nil), 200).value(t).List("entry")
	if len(got) != 1 || got[0].TextAt("resource.status") != "revoked" {
		t.Errorf("%d referrals R-6, status %s", len(got), got[0].TextAt("resource.status"))
	}
	task := h.want(h.call("GET", "/fhir/Task?_tag=encoding-guessed", nil), 200).value(t).List("entry")
	if len(task) != 1 {
		t.Errorf("%d Tasks say that the encoding was guessed", len(task))
	}

	// The file of the next day repeats the rows, in another order, with a new one.
	file = rowHeader + row(7) + row(2) + "R-3;;9990000026;Short\r\n" + row(1)
	r = h.want(h.call("POST", "/intake/rows", []byte(file), "Accept", "text/csv"), 207)
	lines, err := csv.NewReader(bytes.NewReader(r.body)).ReadAll()
	if err != nil || len(lines) != 3 || lines[1][0] != "4" || lines[1][2] != fmt.Sprint(c.Entries[0].Message) ||
		!strings.Contains(lines[2][6], "4 read: 1 accepted, 2 repeated, 1 refused") {
		t.Errorf("%v, %v", lines, err)
	}
	total := h.want(h.call("GET", "/fhir/ServiceRequest?_summary=count", nil), 200).value(t).TextAt("total")
	if total != "4" {
		t.Errorf("%s referrals, want 4", total)
	}
}

// TestFindingsOfAcceptedRows are in the receipt, with place and code and without
// a value; again when the file comes again.
func TestFindingsOfAcceptedRows(t *testing.T) {
	h := open(t, rows)
	bad := strings.NewReplacer("14 Feb 1970", "31 Feb 1970", ";M;", ";XYZZY;").Replace(row(2))
	file := []byte(rowHeader + row(1) + bad)
	for _, again := range []bool{false, true} {
		c := h.receipt(h.want(h.call("POST", "/intake/rows", file), 200))
		if len(c.Entries) != 0 || c.Warned != 1 || len(c.Warnings) != 1 {
			t.Fatalf("%+v", c)
		}
		w := c.Warnings[0]
		if w.Number != 3 || w.Kind != "warning" || w.Message == 0 || w.Again != again || len(w.Reasons) != 2 {
			t.Fatalf("%+v", w)
		}
		for i, want := range []batch.Reason{
			{Place: "row 3, column `DOB`", Element: "Patient.birthDate", Code: "not-a-date"},
			{Place: "row 3, column Sex", Element: "Patient.gender", Code: "unknown-code"},
		} {
			got := w.Reasons[i]
			if got.Reason == "" || strings.Contains(got.Reason, "XYZZY") || got.Place != want.Place || got.Element != want.Element || got.Code != want.Code {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
		kept := h.receipt(h.want(h.call("GET", "/admin/receipts/"+c.ID, nil), 200))
		if kept.Warned != 1 || len(kept.Warnings) != 1 {
			t.Errorf("what is kept of it: %+v", kept)
		}
	}
	r := h.want(h.call("POST", "/intake/rows", file, "Accept", "text/csv"), 200)
	if !strings.Contains(string(r.body), "warning,\"row 3, column `DOB`\",Patient.birthDate,") || !strings.Contains(string(r.body), "1 accepted with warnings") {
		t.Errorf("%s", r.body)
	}
}

// TestNotesAboutAFile: one without a row, and a last line that is none, are told.
func TestNotesAboutAFile(t *testing.T) {
	h := open(t, rows)
	for file, want := range map[string]string{rowHeader: "there is no row in the file", rowHeader + row(1) + "\x1a": "row 3, the last line holds nothing but"} {
		r := h.want(h.call("POST", "/intake/rows", []byte(file), "Accept", "text/csv"), 200)
		if !strings.Contains(string(r.body), "warning") || !strings.Contains(string(r.body), want) {
			t.Errorf("%q: %s", want, r.body)
		}
	}
}

// TestLinesThatAreNoRow: a preamble and a trailer are counted, make no message
// and need nobody.
func TestLinesThatAreNoRow(t *testing.T) {
	h := at(t, strings.Replace(hospital, "format: json", "format: csv\ncsv: {passes: [HDR, TRL], columns: [wants, at, nhs, family, given, born, ref, phone, town]}", 1))
	const head, line = "wants,at,nhs,number,family,given,born,died,phone,street,town,carer,carerPhone,practice,ref\n", "new,2026-03-02T10:15:00Z,,,Canarybird,Jo,1970-02-14,,,,,,,,R-1\n"
	for _, file := range []string{"HDR|x|20260302\n" + head + line + "TRL|1\n", head + line, "HDR\n" + strings.ReplaceAll(head+line, "\n", "\r\n") + "TRL\n", strings.ReplaceAll("HDR\n"+head+line+"TRL\n", "\n", "\r")} {
		c := h.receipt(h.want(h.call("POST", "/intake/hospital", []byte(file)), 200))
		if c.Accepted+c.Repeated != 1 || c.Messages != 1 || len(c.Notes) != 0 || c.Passed != 2*strings.Count(file, "TRL") {
			t.Errorf("%q: %+v", file, c)
		}
	}
}

// TestFilesThatCannotBeTaken are answered as a whole.
func TestFilesThatCannotBeTaken(t *testing.T) {
	h := open(t, func(c *config.Config) {
		rows(c)
		c.Files.SizeLimit = 100 * config.Kilobyte
	})
	for name, x := range map[string]struct {
		file   string
		status int
		want   string
		word   string
	}{
		"empty":            {"", 400, "refused: 0 accepted, 0 repeated, 0 refused, 0 untaken", "empty"},
		"a renamed column": {strings.Replace(rowHeader+row(1), "NHS_No", "NHS No", 1), 400, "refused: 0 accepted, 0 repeated, 0 refused, 0 untaken", "is it the one called NHS No?"},
		"a row alone":      {rowHeader + row(1), 200, "complete: 1 accepted, 0 repeated, 0 refused, 0 untaken", ""},
		"no row taken":     {rowHeader + "R-1;x\n", 422, "complete: 0 accepted, 0 repeated, 1 refused, 0 untaken", ""},
		"10,000 columns":   {rowHeader + strings.Repeat(";", 10_000) + "x\n", 422, "complete: 0 accepted, 0 repeated, 1 refused, 0 untaken", ""},
	} {
		r := h.call("POST", "/intake/rows", []byte(x.file))
		c := h.receipt(r)
		if r.status != x.status || counts(c) != x.want || !strings.Contains(c.Reason, x.word) {
			t.Errorf("%s: status %d, %s, %q", name, r.status, counts(c), c.Reason)
		}
	}
	big := []byte(rowHeader + strings.Repeat(row(9), 1500))
	h.refused(h.call("POST", "/intake/rows", big), 413, "", "larger than")
	// A size that is not said is found out on the way; what came before counts.
	res, err := http.Post(h.base+"/intake/rows", "text/csv", io.MultiReader(bytes.NewReader(big)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	res.Body.Close()
	c := h.receipt(response{res.StatusCode, res.Header, b})
	if err != nil || res.StatusCode != 413 || c.Status != batch.Partial || c.Accepted != 1 || c.Repeated == 0 || !strings.Contains(c.Reason, "send the whole file again") {
		t.Errorf("status %d, %s, %q, %v", res.StatusCode, counts(c), c.Reason, err)
	}
}

// TestAFileMayTakeItsTime: the limits of a message are not those of a file that
// keeps arriving; one that stands still is ended.
func TestAFileMayTakeItsTime(t *testing.T) {
	h := open(t, func(c *config.Config) {
		rows(c)
		c.HTTP.ReadTimeout, c.HTTP.WriteTimeout = time.Second, time.Second
	})
	send := func(pause time.Duration) (*http.Response, error) {
		r, w := io.Pipe()
		go func() {
			_, err := io.WriteString(w, rowHeader)
			for n := 1; err == nil && n <= 12; n++ {
				time.Sleep(pause)
				_, err = io.WriteString(w, row(n))
			}
			w.Close()
		}()
		return http.Post(h.base+"/intake/rows", "text/csv", r)
	}
	res, err := send(110 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if c := h.receipt(response{res.StatusCode, res.Header, b}); err != nil || res.StatusCode != 200 || c.Accepted != 12 {
		t.Errorf("status %d, %s %s, %v", res.StatusCode, counts(c), c.Reason, err)
	}
	if res, err = send(4 * time.Second); err == nil {
		defer res.Body.Close()
		if res.StatusCode != 408 {
			t.Errorf("a file that stands still: status %d", res.StatusCode)
		}
	}
}

// TestABrokenUploadLosesNothing: what was accepted before the line broke stays,
// and the whole file again makes the rest.
func TestABrokenUploadLosesNothing(t *testing.T) {
	h := open(t, rows)
	file := rowHeader
	for n := range 50 {
		file += row(n)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /intake/rows HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(file), file[:len(file)/2])
	deadline := time.Now().Add(20 * time.Second)
	for h.accepted() < 5 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	conn.Close()
	before := h.accepted()
	if before < 5 {
		t.Fatalf("%d rows were taken before the line broke", before)
	}
	c := h.receipt(h.want(h.call("POST", "/intake/rows", []byte(file)), 200))
	if c.Accepted+c.Repeated != 50 || c.Repeated < before {
		t.Errorf("%s, want 50 in all and at least %d repeated", counts(c), before)
	}
	if n := h.accepted(); n != 50 {
		t.Errorf("%d referrals, want 50", n)
	}
}

// accepted is the number of referrals there are.
func (h *house) accepted() int {
	h.t.Helper()
	var n int
	total := h.want(h.call("GET", "/fhir/ServiceRequest?_summary=count", nil), 200).value(h.t).TextAt("total")
	if _, err := fmt.Sscan(total, &n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestRowsAreReplayedAndExplained as messages by themselves.
func TestRowsAreReplayedAndExplained(t *testing.T) {
	var out bytes.Buffer
	if err := app.TestMapping(os.DirFS("testdata/mappings"), "practice-rows", "", &out); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	out.Reset()
	if err := app.ExplainMapping(os.DirFS("testdata/mappings"), "practice-rows", []byte(rowHeader+row(1)), &out); err != nil || !strings.Contains(out.String(), "column `Family name`") {
		t.Errorf("%v\n%s", err, out.String())
	}
	// A row that was refused is accepted after the mapping was corrected.
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS("testdata/mappings")); err != nil {
		t.Fatal(err)
	}
	h := open(t, func(c *config.Config) {
		rows(c)
		c.Mappings.Folder = folder
	})
	file := []byte(rowHeader + strings.Replace(row(1), "Canarybird", "", 1))
	c := h.receipt(h.want(h.call("POST", "/intake/rows", file), 422))
	name := filepath.Join(folder, "practice-rows", "mapping.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(text, []byte(` | required("a referral names the person it is for")`), nil, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.app.CheckMappings(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.want(h.call("POST", fmt.Sprintf("/admin/messages/%d/replay", c.Entries[0].Message), nil), 200)
	if n := h.accepted(); n != 1 {
		t.Errorf("%d referrals after the replay", n)
	}
	if c := h.receipt(h.want(h.call("POST", "/intake/rows", file), 200)); c.Repeated != 1 {
		t.Errorf("the file after the replay: %s", counts(c))
	}
}

// BenchmarkFile takes a file of b.N rows.
func BenchmarkFile(b *testing.B) {
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", b.TempDir()
	rows(&cfg)
	a, err := app.New(b.Context(), cfg, app.Options{})
	if err != nil {
		b.Fatal(err)
	}
	a.Start()
	defer a.Stop(context.Background())
	r, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, rowHeader)
		for n := range b.N {
			_, _ = io.WriteString(w, row(n))
		}
		w.Close()
	}()
	b.ResetTimer()
	res, err := http.Post(a.BaseURL()+"/intake/rows", "text/csv", r)
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		b.Fatalf("status %d", res.StatusCode)
	}
}
