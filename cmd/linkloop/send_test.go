package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/config"
)

const taken = "MSH|^~\\&|EPR|Z00001|TIE|LINKLOOP|20260302091500+0000||REF^I12^REF_I12|MSG-1|P|2.5.1\n" +
	"RF1||R|||O|SP-1|20260302|20260902\n" +
	"PRD|RP|Hartley^Miriam^^^Dr|||^WPN^PH^^^^^^^^^0113 496 0101||C3456789^GMC\n" +
	"PID|1||9990000379^^^NHS^NH||Canarybird^Zebedee^^^Mr||19700611|1|||14 Quetzal Lane^^Otley^^LS21 9ZZ\n" +
	"PD1|||Oakwood Surgery^^Z00001\n"

// TestSend sends files as a clinical system would, over both ways.
func TestSend(t *testing.T) {
	a := house(t, func(c *config.Config) {
		c.MLLP.Listeners = []config.Listener{{Listen: "127.0.0.1:0", Sender: "hl7v2-ref"}}
	})
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, bad := file("good.hl7", taken), file("bad.hl7", refused)
	batch := file("batch.hl7", "BHS|^~\\&|A\n"+taken+refused+"\nBTS|2\n")
	asks := func(commit, application string) string {
		return file(commit+application+".hl7", strings.NewReplacer("|P|2.5.1", "|P|2.5.1|||"+commit+"|"+application, "MSG-1", "MSG-"+commit+application, "SP-1", "SP-"+commit+application).Replace(taken))
	}
	both, none := asks("AL", "AL"), asks("NE", "NE")
	json := file("empty.json", "{}")
	mllp, http := "mllp://"+a.MLLPAddresses()[0], a.BaseURL()+"/intake/"
	for _, c := range []struct {
		to    string
		files []string
		ok    bool
		says  []string
	}{
		{mllp, []string{good}, true, []string{"good.hl7: AA MSG-1"}},
		{mllp, []string{good, bad, good}, false, []string{"good.hl7: AA MSG-1", "bad.hl7: AE M-1: "}},
		{mllp, []string{batch}, false, []string{"batch.hl7: AA MSG-1", "batch.hl7: AE M-1: "}},
		{mllp, []string{none, both}, true, []string{"NENE.hl7: sent; it asks for no answer", "ALAL.hl7: CA MSG-ALAL", "ALAL.hl7: AA MSG-ALAL"}},
		{http + "hl7v2-ref", []string{good}, true, []string{"good.hl7: 200 AA MSG-1"}},
		{http + "hl7v2-ref", []string{batch}, false, []string{"batch.hl7: 207 AA MSG-1", "batch.hl7: 207 AE M-1: "}},
		{http + "generic-json", []string{json}, false, []string{"empty.json: 422 refused; "}},
		{http + "nobody", []string{json}, false, []string{"empty.json: 404 not-found: no sender"}},
		{"mllp://" + strings.TrimPrefix(a.OpsURL(), "http://"), []string{good}, false, nil},
		{"ftp://127.0.0.1", []string{good}, false, nil},
		{"mllp://127.0.0.1", []string{good}, false, nil},
	} {
		out, err := run(t, append([]string{"send", "--timeout", "20s", "--to", c.to}, c.files...)...)
		if (err == nil) != c.ok {
			t.Errorf("%s %v: error %v, want none: %v", c.to, c.files, err, c.ok)
		}
		says(t, out, c.says...)
	}
}
