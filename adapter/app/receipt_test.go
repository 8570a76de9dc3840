package app_test

import (
	"bytes"
	"fmt"
	"net"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/config"
)

// TestReceiptsAreKept: what was answered to an upload is read again later, by
// its sender and by an operator, and nobody else; also when the sender hung up
// before it was answered.
func TestReceiptsAreKept(t *testing.T) {
	h := open(t, func(c *config.Config) {
		rows(c)
		c.Senders = append(c.Senders, config.Sender{Name: "xml", Mapping: "supplier-xml"})
		c.Clients = []config.Client{
			{Name: "gp", Role: config.RoleSender, Senders: []string{"rows"}, TokenSHA256: sha("gp")},
			{Name: "other", Role: config.RoleSender, Senders: []string{"xml"}, TokenSHA256: sha("other")},
			{Name: "lw", Role: config.RoleLinkWorker, Organization: "Z00009", TokenSHA256: sha("lw")},
			{Name: "op", Role: config.RoleOperator, TokenSHA256: sha("op")},
		}
	})
	as := func(token, method, path string, body []byte, headers ...string) response {
		t.Helper()
		return h.call(method, path, body, append([]string{"Authorization", "Bearer " + token}, headers...)...)
	}
	file := []byte(rowHeader + row(1) + "R-3;;9990000026;Short\r\n")
	r := h.want(as("gp", "POST", "/intake/rows", file), 207)
	first := h.receipt(r)
	at := r.header.Get("Location")
	if first.ID == "" || at != h.base+"/intake/rows/receipts/"+first.ID {
		t.Fatalf("the receipt is %q, at %q", first.ID, at)
	}
	at = "/intake/rows/receipts/" + first.ID
	again := h.want(as("gp", "GET", at, nil), 200)
	if !bytes.Equal(again.body, r.body) {
		t.Errorf("read again:\n%s\nanswered:\n%s", again.body, r.body)
	}
	if c := h.receipt(again); len(c.Entries) != 1 || c.Entries[0].Number != 3 || !strings.Contains(c.Entries[0].Reasons[0].Reason, "4 columns") {
		t.Errorf("%+v", c.Entries)
	}
	csv := h.want(as("gp", "GET", at, nil, "Accept", "text/csv"), 200)
	if !strings.HasPrefix(string(csv.body), "number,line,") || !strings.Contains(string(csv.body), "row 3") {
		t.Errorf("%s", csv.body)
	}
	for token, status := range map[string]int{"other": 403, "lw": 403, "nobody": 401} {
		h.want(as(token, "GET", at, nil), status)
		h.want(as(token, "GET", "/intake/rows/receipts", nil), status)
		h.want(as(token, "GET", "/admin/receipts", nil), status)
	}
	h.want(as("other", "GET", "/intake/xml/receipts/"+first.ID, nil), 404)
	h.want(as("gp", "GET", "/intake/rows/receipts/none", nil), 404)
	h.want(as("op", "GET", "/admin/receipts/"+first.ID, nil), 200)
	for _, body := range [][]byte{again.body, csv.body} {
		if strings.Contains(string(body), "Canarybird") || strings.Contains(string(body), nobody(1)) {
			t.Error("the receipt holds patient data")
		}
	}

	// A sender who hangs up in the middle of the file.
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /intake/rows HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer gp\r\nContent-Type: text/csv\r\nContent-Length: 100000\r\n\r\n%s", rowHeader+row(5))
	time.Sleep(50 * time.Millisecond)
	conn.Close()
	var list []struct{ ID, Sender, Status string }
	for end := time.Now().Add(20 * time.Second); len(list) < 2; time.Sleep(20 * time.Millisecond) {
		list = nil
		for _, v := range h.want(as("op", "GET", "/admin/receipts?sender=rows", nil), 200).value(t).Items {
			list = append(list, struct{ ID, Sender, Status string }{v.Str("id"), v.Str("sender"), v.Str("status")})
		}
		if time.Now().After(end) {
			t.Fatalf("no receipt of the upload that broke off: %v", list)
		}
	}
	if list[0].Status == "complete" || list[1].ID != first.ID {
		t.Errorf("listed %v", list)
	}
	mine := h.want(as("gp", "GET", "/intake/rows/receipts?limit=1", nil), 200).value(t).Items
	if len(mine) != 1 || path.Base(mine[0].Str("id")) != list[0].ID {
		t.Errorf("the sender lists %d", len(mine))
	}
	older := h.want(as("gp", "GET", "/intake/rows/receipts?before="+list[0].ID, nil), 200).value(t).Items
	if len(older) != 1 || older[0].Str("id") != first.ID {
		t.Errorf("before it there are %d", len(older))
	}
}
