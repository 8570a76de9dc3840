package hl7v2_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/message"
)

// TestUndivided: separators that nobody escaped are text where a field has no
// components, and separate everywhere else.
func TestUndivided(t *testing.T) {
	const msh = "MSH|^~\\&|APP|FAC|LL|LL001|20260301||REF^I12|M1|P|2.4\r"
	for _, c := range []struct{ segment, path, want string }{
		{`NTE|1||Likes R&B and tea ^ coffee. 3<4`, "NTE-3", "Likes R&B and tea ^ coffee. 3<4"},
		{`NTE|1||R&B~tea ^ coffee`, "NTE-3[2]", "tea ^ coffee"},
		{`NTE|1||R\T\B & tea\.br\milk`, "NTE-3", "R&B & tea\nmilk"},
		{`NTE|1|a&b|c`, "NTE-2.1.2", "b"},
		{`OBX|1|FT|X^Y||a & b ^ c`, "OBX-5", "a & b ^ c"},
		{`OBX|1|FT|X^Y||a & b ^ c`, "OBX-3.2", "Y"},
		{`OBX|1|TX|X^Y||a & b ^ c~d&e`, "OBX-5[2]", "d&e"},
		{`OBX|1|ST|X^Y||a & b`, "OBX-5", "a & b"},
		{`OBX|1|CWE|X^Y||1^a&b^SCT`, "OBX-5.3", "SCT"},
		{`OBX|1||X^Y||1^a`, "OBX-5.2", "a"},
		{`CON|1||||I agree & understand ^ fully`, "CON-5", "I agree & understand ^ fully"},
		{`DG1|1||Z60.2|Isolated & low`, "DG1-4", "Isolated & low"},
		{`DG1|1||267076002^Lonely & isolated^SCT`, "DG1-3.2", "Lonely & isolated"},
		{`DG1|1||267076002^Lonely & isolated^SCT`, "DG1-3.3", "SCT"},
		{`OBX|1|CWE|X^Y||1^a & b^SCT`, "OBX-5.2", "a & b"},
		{`OBX|1|CWE|71020&IMP^Y||1`, "OBX-3.1.2", "IMP"},
		{`PID|1||1^^^NHS^NH`, "PID-3.4", "NHS"},
	} {
		m, err := hl7v2.New().Decode([]byte(msh + c.segment + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		path, err := message.ParsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := path.First(m.Tree.Root()).Value(); got != c.want {
			t.Errorf("%s: %s is %q, want %q", c.segment, c.path, got, c.want)
		}
	}
	m, err := hl7v2.New().Decode([]byte("MSH$%~/!$A$B$C$D$20260301$$REF%I12$X1$P$2.4\rNTE$1$$50% off! ^&\r"))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Tree.Root().Child("NTE").Child("3").Value(); got != "50% off! ^&" {
		t.Errorf("own separators: %q", got)
	}
}

// TestUndividedRewritten: such a text is replaced as one value.
func TestUndividedRewritten(t *testing.T) {
	const text = "MSH|^~\\&|APP\rOBX|1|FT|a^b||R&B ^ tea~milk||||||c&d\rNTE|1||x^y\rPID|1^2"
	var seen []string
	got := hl7v2.New().Rewrite(text, func(s string) string {
		seen = append(seen, s)
		return s
	})
	if want := "APP,1,FT,a,b,R&B ^ tea,milk,c,d,1,x^y,1,2"; strings.Join(seen, ",") != want {
		t.Errorf("the values are %q", seen)
	}
	if want := "MSH|^~\\&|APP\rOBX|1|FT|a^b||R\\T\\B \\S\\ tea~milk||||||c&d\rNTE|1||x\\S\\y\rPID|1^2"; got != want {
		t.Errorf("rewritten: %q", got)
	}
}
