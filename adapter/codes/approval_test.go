package codes_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/linkloop/linkloop/adapter/codes"
)

// keyOf is a key of a made-up person, the same every time.
func keyOf(name string) ed25519.PrivateKey {
	seed := bytes.Repeat([]byte(name[:1]), ed25519.SeedSize)
	return ed25519.NewKeyFromSeed(seed)
}

func approver(name string) codes.Approver {
	return codes.Approver{Name: name, Key: keyOf(name).Public().(ed25519.PublicKey)}
}

var files = map[string][]byte{"codes.yaml": []byte("list: x\n"), "measures/a.yaml": []byte("a")}

var signedAt = time.Date(2026, 7, 1, 10, 30, 15, 999, time.FixedZone("BST", 3600))

func approval(t testing.TB, by ...string) codes.Approval {
	t.Helper()
	a := codes.Of("outcomes", "1.2.0", files)
	for _, b := range by {
		if err := a.Sign(b, keyOf(b), signedAt); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// TestHazardWrongCodeTwoPeople: a list counts as approved only with signatures
// of two different approvers over exactly this content.
func TestHazardWrongCodeTwoPeople(t *testing.T) {
	known := []codes.Approver{approver("ada"), approver("ben"), approver("cleo")}
	replace := func(a codes.Approval, i int, with codes.Signature) codes.Approval {
		a.Signatures[i] = with
		return a
	}
	for name, c := range map[string]struct {
		approval  codes.Approval
		approvers []codes.Approver
		want      string // "" for approved
	}{
		"two":                             {approval(t, "ada", "ben"), known, ""},
		"three":                           {approval(t, "ada", "ben", "cleo"), known, ""},
		"two and a stranger":              {approval(t, "ada", "dan", "ben"), known, ""},
		"nobody":                          {approval(t), known, "0 of 2"},
		"one":                             {approval(t, "ada"), known, "1 of 2"},
		"one and a stranger":              {approval(t, "ada", "dan"), known, "1 of 2"},
		"strangers":                       {approval(t, "dan", "eve"), known, "0 of 2"},
		"no approvers":                    {approval(t, "ada", "ben"), nil, "0 of 2"},
		"one key under two names":         {replace(approval(t, "ada", "dan"), 1, codes.Signature{By: "ben", At: "2026-07-01T09:30:15Z", Key: approval(t, "ada").Signatures[0].Key, Signature: approval(t, "ada").Signatures[0].Signature}), known, "1 of 2"},
		"the signature of another":        {replace(approval(t, "ada", "ben"), 1, codes.Signature{By: "ben", At: "2026-07-01T09:30:15Z", Key: approval(t, "ben").Signatures[0].Key, Signature: approval(t, "ada").Signatures[0].Signature}), known, "ben is not of this content and time"},
		"a signature that is none":        {replace(approval(t, "ada", "ben"), 0, codes.Signature{By: "ada", At: "2026-07-01T09:30:15Z", Key: approval(t, "ada").Signatures[0].Key, Signature: "AA"}), known, "ada is not of this content"},
		"approver listed twice":           {approval(t, "ada"), append(known[:1:1], known[0]), "1 of 2"},
		"approver with a key of no bytes": {replace(approval(t, "ada", "dan"), 1, codes.Signature{By: "zoe"}), append(known[:1:1], codes.Approver{Name: "zoe"}), "1 of 2"},
	} {
		by, err := c.approval.Verify(c.approvers)
		for _, p := range by {
			if p.String() != p.Name+" on 01-Jul-2026 at 09:30 UTC" {
				t.Errorf("%s: approved by %s", name, p)
			}
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for name, change := range map[string]func(*codes.Approval){
		"list":    func(a *codes.Approval) { a.List = "others" },
		"version": func(a *codes.Approval) { a.Version = "1.2.1" },
		"time":    func(a *codes.Approval) { a.Signatures[1].At = "2026-07-01T09:30:16Z" },
		"no time": func(a *codes.Approval) { a.Signatures[1].At = "yesterday" },
		"sum":     func(a *codes.Approval) { a.Files["codes.yaml"] = strings.Repeat("0", 64) },
		"file":    func(a *codes.Approval) { a.Files["more.yaml"] = strings.Repeat("0", 64) },
		"less":    func(a *codes.Approval) { delete(a.Files, "measures/a.yaml") },
		"renamed": func(a *codes.Approval) {
			a.Files["measures/b.yaml"] = a.Files["measures/a.yaml"]
			delete(a.Files, "measures/a.yaml")
		},
	} {
		a := approval(t, "ada", "ben")
		change(&a)
		if _, err := a.Verify(known); err == nil || !strings.Contains(err.Error(), "changed after it was approved") {
			t.Errorf("%s changed: %v", name, err)
		}
	}
}

// TestWithoutTime: what was signed before times were is signed anew.
func TestWithoutTime(t *testing.T) {
	a := approval(t, "ada", "ben")
	a.Signatures[0].At = ""
	if _, err := a.Verify([]codes.Approver{approver("ada"), approver("ben")}); err == nil || !strings.Contains(err.Error(), "ada has no time") {
		t.Errorf("%v", err)
	}
}

func TestCovers(t *testing.T) {
	a := approval(t)
	for name, c := range map[string]struct {
		now  codes.Approval
		want string
	}{
		"same":    {codes.Of("outcomes", "1.2.0", files), ""},
		"version": {codes.Of("outcomes", "1.3.0", files), "approved is outcomes 1.2.0, this is outcomes 1.3.0"},
		"changed": {codes.Of("outcomes", "1.2.0", map[string][]byte{"codes.yaml": nil, "measures/a.yaml": []byte("a")}), "codes.yaml differs from what was approved"},
		"more":    {codes.Of("outcomes", "1.2.0", map[string][]byte{"codes.yaml": files["codes.yaml"], "measures/a.yaml": []byte("a"), "b": nil}), "b was not approved"},
		"less":    {codes.Of("outcomes", "1.2.0", map[string][]byte{"codes.yaml": files["codes.yaml"]}), "measures/a.yaml was approved and is not here"},
	} {
		err := a.Covers(c.now)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestSignTwice(t *testing.T) {
	a := approval(t, "ada")
	for by, key := range map[string]ed25519.PrivateKey{"ada": keyOf("ben"), "ADA": keyOf("cleo"), "ben": keyOf("ada"), " ": keyOf("dan")} {
		if err := a.Sign(by, key, signedAt); err == nil {
			t.Errorf("%q approves a second time", by)
		}
	}
	if len(a.Signatures) != 1 {
		t.Errorf("%d signatures", len(a.Signatures))
	}
}

func TestReadWrite(t *testing.T) {
	a := approval(t, "ada", "ben")
	b, err := a.Write()
	if err != nil {
		t.Fatal(err)
	}
	got, err := codes.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Error(diff)
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"a word":            "yes",
		"unknown member":    string(b) + "approved: true\n",
		"two documents":     string(b) + "---\n" + string(b),
		"no files":          "list: a\nversion: '1'\n",
		"a short sum":       "list: a\nversion: '1'\nfiles: {a: abc}\n",
		"upper case":        "list: a\nversion: '1'\nfiles: {a: " + strings.Repeat("A", 64) + "}\n",
		"a line in a name":  "list: a\nversion: '1'\nfiles: {\"a\\nb\": " + strings.Repeat("a", 64) + "}\n",
		"a line in version": "list: a\nversion: \"1\\nsha256 x\"\nfiles: {a: " + strings.Repeat("a", 64) + "}\n",
		"a book":            string(b) + "#" + strings.Repeat("x", 256<<10),
	} {
		if _, err := codes.Read([]byte(text)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestKeys(t *testing.T) {
	pem, err := codes.WritePrivateKey(keyOf("ada"))
	if err != nil {
		t.Fatal(err)
	}
	if k, err := codes.ParsePrivateKey(pem); err != nil || !k.Equal(keyOf("ada")) {
		t.Errorf("%v", err)
	}
	text := base64.StdEncoding.EncodeToString(approver("ada").Key)
	if k, err := codes.ParsePublicKey(text); err != nil || !k.Equal(approver("ada").Key) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "AA", text[:40], text + text, "%"} {
		if _, err := codes.ParsePublicKey(bad); err == nil {
			t.Errorf("%q is a public key", bad)
		}
	}
	for _, bad := range []string{"", text, strings.Replace(string(pem), "PRIVATE", "PUBLIC", 2), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if _, err := codes.ParsePrivateKey([]byte(bad)); err == nil {
			t.Errorf("%q is a private key", bad)
		}
	}
}

// FuzzRead: whatever is read verifies or not, and never panics.
func FuzzRead(f *testing.F) {
	b, err := approval(f, "ada", "ben").Write()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("list: a\nversion: '1'\nfiles: {a: b}\nsignatures: [{by: x, key: '!', signature: y}]"))
	known := []codes.Approver{approver("ada"), approver("ben")}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := codes.Read(b)
		if err != nil {
			return
		}
		if by, err := a.Verify(known); err == nil && len(by) < codes.Needed {
			t.Errorf("approved by %q", by)
		}
	})
}
