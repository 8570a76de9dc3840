package main

import (
	"context"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/app"
	"github.com/linkloop/linkloop/adapter/batch"
	"github.com/linkloop/linkloop/adapter/gateway"
	"github.com/linkloop/linkloop/config"
)

// TestReceipts lists and shows what became of a file.
func TestReceipts(t *testing.T) {
	cfg := config.Default()
	cfg.HTTP.Listen, cfg.Admin.Listen, cfg.Data.Folder = "127.0.0.1:0", "127.0.0.1:0", t.TempDir()
	cfg.Senders = []config.Sender{{Name: "tpp", Mapping: "tpp-srreferralout"}}
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	res, err := http.Post(a.BaseURL()+"/intake/tpp", "text/csv", strings.NewReader("Nothing,That,Is,Known\n1,2,3,4\n"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	id := path.Base(res.Header.Get("Location"))
	if len(id) != 36 {
		t.Fatalf("the upload is answered with %d and the receipt %q", res.StatusCode, id)
	}
	server := "--server=" + a.BaseURL()
	for _, tc := range []struct {
		args  []string
		words []string
	}{
		{[]string{"receipts", "list", server}, []string{"READ", id, "tpp", "refused  0     0         0         0\n"}},
		{[]string{"receipts", "list", "--sender", "tpp", server}, []string{id}},
		{[]string{"receipts", "show", id, server}, []string{id, `"status": "refused"`, `"reason"`}},
		{[]string{"receipts", "show", "--csv", id, server}, []string{"number,line,message", "refused"}},
	} {
		out, err := run(t, tc.args...)
		if err != nil {
			t.Fatalf("%v: %v", tc.args, err)
		}
		says(t, out, tc.words...)
	}
	if _, err := run(t, "receipts", "show", "none", server); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("an unknown receipt: %v", err)
	}
}

// TestReceiptsCount: the list says how many rows were read and what became of
// them, and messages say which row of which receipt they were first.
func TestReceiptsCount(t *testing.T) {
	folder := writeMapping(t, "csv", referralOf("Surname"), nil)
	a := house(t, func(c *config.Config) {
		c.Mappings.Folder, c.Senders = folder, []config.Sender{{Name: "rows", Mapping: "m"}}
	})
	var ids []string
	for _, body := range []string{"Surname,Ref\nMarsh,1\n,2\nFenn,3\n", "Surname,Ref\nMarsh,1\nSedge,4\n,5\n,6\n"} {
		res, err := http.Post(a.BaseURL()+"/intake/rows", "text/csv", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		ids = append(ids, path.Base(res.Header.Get("Location")))
	}
	server := "--server=" + a.BaseURL()
	out, err := run(t, "receipts", "list", server)
	if err != nil {
		t.Fatal(err)
	}
	says(t, out, "  complete  3     2         0         1\n", "  complete  4     1         1         2\n")
	if out, err = run(t, "messages", "list", server); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"2 of receipt " + ids[0], "3 of receipt " + ids[0], "4 of receipt " + ids[0], "3 of receipt " + ids[1], "4 of receipt " + ids[1], "5 of receipt " + ids[1]} {
		if strings.Count(out, "(row "+row+")") != 1 {
			t.Errorf("not one message is row %s:\n%s", row, out)
		}
	}
	if out, err = run(t, "messages", "show", strings.Fields(strings.Split(out, "\n")[1])[0], server); err != nil {
		t.Fatal(err)
	}
	says(t, out, "\nfile      row ", " (without an id, of sender rows, format csv)\n")
}

// TestRowOfAFile: what two files could have brought is said of none.
func TestRowOfAFile(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	file := func(id string, offset time.Duration, read int) gateway.ReceiptView {
		return gateway.ReceiptView{ID: id, Received: at.Add(offset), Counts: &batch.Counts{Read: read}}
	}
	for name, tc := range map[string]struct {
		after time.Duration
		files []gateway.ReceiptView
		want  string
	}{
		"one":            {14 * time.Microsecond, []gateway.ReceiptView{file("a", 0, 20), file("b", -time.Hour, 20)}, "row 14 of receipt a"},
		"two that fit":   {14 * time.Microsecond, []gateway.ReceiptView{file("a", 0, 20), file("b", 3*time.Microsecond, 20)}, ""},
		"later":          {-time.Microsecond, []gateway.ReceiptView{file("a", 0, 20)}, ""},
		"none":           {time.Second, []gateway.ReceiptView{file("a", 0, 20)}, ""},
		"without counts": {time.Microsecond, []gateway.ReceiptView{{ID: "a", Received: at}}, ""},
	} {
		if got := rowOf(at.Add(tc.after), tc.files); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
