package hl7v2_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/inboundtest"
	"github.com/linkloop/linkloop/adapter/message"
)

// TestCorpus reads real-world samples where they are present.
func TestCorpus(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/corpus/hl7v2/*.hl7")
	if len(files) == 0 {
		t.Skip("the corpus is not present")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m, err := hl7v2.New().Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			inboundtest.CheckTree(t, m)
			if !strings.HasPrefix(m.Type, "REF^I1") || m.ID == "" {
				t.Errorf("type %q, id %q", m.Type, m.ID)
			}
			lines := 0
			for line := range strings.Lines(string(body)) {
				if strings.TrimSpace(line) != "" {
					lines++
				}
			}
			segments := 0
			for n := m.Tree.Root().First(); n.Ok(); n = n.Next() {
				segments++
			}
			if segments != lines {
				t.Errorf("%d segments of %d lines", segments, lines)
			}
			if ok, err := verdict(hl7v2.New().Reply(m, inbound.Answer{})); !ok || err != nil {
				t.Errorf("acknowledgement: %v, %v", ok, err)
			}
		})
	}
}

// The exact shape of one referral that others build on.
func TestShape(t *testing.T) {
	m, err := hl7v2.New().Decode([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	pid := m.Tree.Root().Child("PID")
	three := pid.Child("3")
	if three.Kind() != message.List || three.First().Kind() != message.Object {
		t.Fatalf("PID-3 is %v of %v", three.Kind(), three.First().Kind())
	}
	second := three.First().Next()
	if got := second.Child("1"); got.Value() != "9990000018" || got.Address() != "PID-3[2].1" {
		t.Errorf("%s = %q", got.Address(), got.Value())
	}
	if got := pid.Child("8").First(); got.Kind() != message.Text || got.Value() != "F" || got.Address() != "PID-8" {
		t.Errorf("%s = %q", got.Address(), got.Value())
	}
	if got := m.Tree.Root().Child("MSH").Child("2").Value(); got != `^~\&` {
		t.Errorf("MSH-2 = %q", got)
	}
	for key, want := range map[string]string{"MSH-3": "SYSTMONE", "MSH-6": "LL001", "MSH-10": "MSG00001", "MSH-12": "2.5.1", "separators": `|^~\&`} {
		if m.Echo[key] != want {
			t.Errorf("echo of %s is %q, want %q", key, m.Echo[key], want)
		}
	}
}

func FuzzReplyPlace(f *testing.F) {
	f.Add("OBX[2]-5[1].1.2", "text")
	f.Add("PID-", "a|b\\")
	f.Add("segment 3", "\xff")
	f.Fuzz(func(t *testing.T, place, text string) {
		if text == "" {
			return
		}
		r := hl7v2.New().Reply(&inbound.Message{Echo: map[string]string{"separators": `|^~\&`, "MSH-12": "2.5.1"}},
			inbound.Answer{Fault: &fault.Fault{Kind: fault.Profile, Issues: []fault.Issue{{Place: place, Text: text}}}})
		if _, err := verdict(r); err != nil {
			t.Fatal(err)
		}
	})
}
