package scaffold_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/csvdoc"
	"github.com/linkloop/linkloop/adapter/inbound/fhirmsg"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/inbound/jsondoc"
	"github.com/linkloop/linkloop/adapter/inbound/xmldoc"
	"github.com/linkloop/linkloop/adapter/nhs"
	"github.com/linkloop/linkloop/adapter/scaffold"
)

// anonymous makes a text anonymous as mapping example does.
func anonymous(t *testing.T, f inbound.Format, standard bool, text string) string {
	t.Helper()
	text = scaffold.Plain(text)
	m, err := f.Decode([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	p := scaffold.Sample(m.Tree, standard, nil, nil)
	made, err := p.Anonymous(f, text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	again, err := f.Decode([]byte(made))
	if err != nil {
		t.Fatalf("%v: %s", err, made)
	}
	if leaks := p.Leaks(again.Tree); len(leaks) > 0 {
		t.Errorf("leaks at %v of %s\nas %s", leaks, text, made)
	}
	return made
}

// canaries makes values that no list of codes has, each of a shape that messages
// hold, and gives what must not be found again.
type canaries struct {
	n     int
	marks []string
}

func (c *canaries) next() string {
	c.n++
	word := "Zq" + strings.Map(func(r rune) rune { return 'a' + (r-'0')*2 }, fmt.Sprintf("%04d", c.n)) + "yx"
	number := fmt.Sprint(731_000_000 + 7_919*c.n)
	c.marks = append(c.marks, strings.ToLower(word), number)
	return []string{
		word, number, word + " " + number, number + word, word + "-" + number, strings.ToUpper(word) + ", " + word,
		"Mrs " + word + " of " + number + " High Street", word + "@example.com " + number, word + `\S\s ` + number, "(" + number + ") " + word,
		"https://fhir.nhs.uk/" + word + "/" + number, "urn:oid:1.2." + number + "." + word, "Patient/" + word + number, word + "_" + number,
	}[c.n%14]
}

// gone fails for each canary that is left.
func (c *canaries) gone(t *testing.T, made string) {
	t.Helper()
	lower := strings.ToLower(made)
	for _, m := range c.marks {
		if strings.Contains(lower, m) {
			t.Errorf("%s is left in\n%s", m, made)
		}
	}
}

// TestNothingStays: of a canary in every place of every format none is left, at
// places that rules read and at places that none does.
func TestNothingStays(t *testing.T) {
	for round := range 14 {
		c := &canaries{n: round}
		var b strings.Builder
		for _, s := range []string{"PID", "PD1", "NK1", "PRD", "PV1", "RF1", "OBX", "NTE", "ZRF", "CON"} {
			b.WriteString("\r" + s)
			for f := range 34 {
				b.WriteByte('|')
				if f%3 == 0 {
					b.WriteString(c.next() + "~" + c.next())
				} else {
					b.WriteString(c.next() + "^" + c.next() + "&" + c.next())
				}
			}
		}
		msh := "MSH|^~\\&|" + c.next() + "|" + c.next() + "|" + c.next() + "|" + c.next() + "|20241118091205||REF^I12|" + strings.ReplaceAll(c.next(), `\S\`, "") + "|P|2.4|" + c.next()
		c.gone(t, anonymous(t, hl7v2.New(), true, msh+b.String()+"\r"))

		c = &canaries{n: round}
		members := []string{"nhs", "surname", "forename", "name", "dob", "type", "kind", "code", "status", "consent", "address", "town", "postcode", "phone", "email",
			"practice", "notes", "reason", "id", "date", "identifier", "gender", "priority", "x", "system", "display", "reference"}
		var doc, xml, head, row strings.Builder
		for i, m := range members {
			v := c.next()
			fmt.Fprintf(&doc, `,"%s":%q,"%s2":[%q,{"%s":%q}],"%s3":7%09d`, m, v, m, c.next(), m, c.next(), m, 1310001+i*7919)
			c.marks = append(c.marks, fmt.Sprintf("7%09d", 1310001+i*7919))
		}
		c.gone(t, anonymous(t, jsondoc.New(), false, "{"+doc.String()[1:]+"}"))

		c = &canaries{n: round}
		for _, m := range members {
			fmt.Fprintf(&xml, `<%s a="%s" type="%s">%s<b>%s</b></%s><!-- %s --><c><![CDATA[%s]]></c>`, m, c.next(), c.next(), c.next(), c.next(), m, c.next(), c.next())
			head.WriteString("," + m)
			row.WriteString(`,"` + c.next() + `"`)
		}
		c.gone(t, anonymous(t, xmldoc.New(), false, "<r>"+xml.String()+"</r>"))
		c.gone(t, anonymous(t, csvdoc.New(), false, head.String()[1:]+"\n"+row.String()[1:]+"\n"))
		c.gone(t, anonymous(t, csvdoc.New(csvdoc.Options{Header: csvdoc.None}), false, row.String()[1:]+"\n"))

		c = &canaries{n: round}
		fhir := fmt.Sprintf(`{"resourceType":"Bundle","id":%q,"type":"message","entry":[{"fullUrl":%q,"link":[{"url":%q}],"resource":{"resourceType":"MessageHeader","id":%q,
			"eventCoding":{"system":%q,"code":%q},"source":{"endpoint":%q}}},{"fullUrl":%q,"resource":{"resourceType":"Patient","identifier":[{"system":%q,"value":%q}],
			"name":[{"use":%q,"family":%q,"given":[%q],"prefix":[%q]}],"address":[{"line":[%q],"text":%q}],"gender":%q,"extension":[{"url":%q,"valueString":%q}],"contained":[{"resourceType":"Basic","id":%q}]}}]}`,
			c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next(),
			c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next(), c.next())
		c.gone(t, anonymous(t, fhirmsg.New(), true, fhir))
	}
}

// TestWhatStays: structure, codes, titles and what is wrong about a number or a
// date stay; the same value becomes the same.
func TestWhatStays(t *testing.T) {
	made := anonymous(t, hl7v2.New(), true, strings.ReplaceAll(`MSH|^~\&|PAS|RX9|L|H|202411180912||REF^I12|M1|P|2.3|||AL|NE|GBR|8859/1
PRD|RP^x|ADEYEMI^Tunde^^^Dr|||01723 555 0111||G9912345^GMP
PID|1||9994123743^^^NHS^NH~MRN004211||THORNBURY^Edith^^^Mrs||19410230|2||||||||W||||||||||||||||01
PD1||||G9954321^PATEL^Meera^^^Dr
OBX|1|TX|NEED^Need^L||Anxious since redundancy men\S\s shed, son Toby in jail||||||F
ZRF|1|Edith Thornbury of 3 Elm Rd|MF-REF-88101|PATEL, Meera|MRN004211|01
`, "\n", "\r"))
	fields := func(segment string) []string {
		for _, line := range strings.Split(made, "\r") {
			if strings.HasPrefix(line, segment) {
				return strings.Split(line, "|")
			}
		}
		return make([]string, 40)
	}
	msh, pid, zrf := fields("MSH"), fields("PID"), fields("ZRF")
	for _, x := range []struct{ got, want string }{
		{msh[8], "REF^I12"}, {msh[17], "8859/1"}, {pid[16], "W"}, {pid[32], "01"}, {zrf[6], "01"}, {pid[8], "2"},
		{strings.Split(pid[3], "~")[1], zrf[5]}, {strings.Join(strings.Split(pid[5], "^")[2:], "^"), "^^Mrs"}, {pid[7][4:], "0230"},
		{strings.Split(pid[3], "^")[4], "NH~" + zrf[5]},
	} {
		if x.got != x.want {
			t.Errorf("got %q, want %q in\n%s", x.got, x.want, made)
		}
	}
	if _, why := nhs.ParseNumber(pid[3][:10]); why != nhs.CheckDigit || pid[3][:3] != "999" || strings.HasPrefix(pid[3], "9994123743") {
		t.Errorf("%q is %s", pid[3], why)
	}
	for _, left := range []string{"PATEL", "Meera", "G9954321", "88101", "Anxious", "Toby", "THORNBURY", "Elm", "RX9", "004211"} {
		if strings.Contains(strings.ToLower(made), strings.ToLower(left)) {
			t.Errorf("%s is left in\n%s", left, made)
		}
	}
	if !regexp.MustCompile(`^[A-Z]{2}[0-9]$`).MatchString(msh[3]) {
		t.Errorf("RX9 became %s", msh[3])
	}
}

// TestDates: a time of HL7 v2 in any precision stays one, and another one.
func TestDates(t *testing.T) {
	for in, layout := range map[string]string{
		"2024": "2006", "202411": "200601", "20241118": "20060102", "2024111809": "2006010215", "202411180912": "200601021504", "20241118091205": "20060102150405",
		"20241118091205.250": "20060102150405.000", "20241118091205+0000": "20060102150405-0700", "202411180912+0100": "200601021504-0700", "20241118091205.2500-0530": "20060102150405.0000-0700",
	} {
		made := strings.Split(anonymous(t, hl7v2.New(), true, `MSH|^~\&|A|B|C|D|`+in+`||REF^I12|M1|P|2.3`+"\rPID|1\r"), "|")[6]
		if _, err := time.Parse(layout, made); err != nil || made == in || made[:4] == in[:4] {
			t.Errorf("%s became %s, %v", in, made, err)
		}
	}
	for in, want := range map[string]string{"31/02/1951": "31/02/", "1951-13-45": "-13-45", "29/02/1951": "29/02/", "4/6/51": "/6/", "14 June 1951": " June "} {
		made := anonymous(t, jsondoc.New(), false, `{"dob":"`+in+`","nhs":"9990000018"}`)
		if !strings.Contains(made, want) || strings.Contains(made, in) {
			t.Errorf("%s became %s", in, made)
		}
	}
}

// TestRefuses: a member that is called like somebody is no structure.
func TestRefuses(t *testing.T) {
	for _, text := range []string{`{"9990000018":{"a":"b"}}`, `{"people":{"Quillfeather":1},"surname":"Quillfeather"}`, `{"kim@example.org":1}`} {
		m, err := jsondoc.New().Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if made, err := scaffold.Sample(m.Tree, false, nil, nil).Anonymous(jsondoc.New(), text); err == nil {
			t.Errorf("%s became %s", text, made)
		} else if strings.Contains(err.Error(), "Quill") || strings.Contains(err.Error(), "999") {
			t.Errorf("%v", err)
		}
	}
}

// TestTextsKeepTheirShape: a mapping goes by separators, layouts and markup.
func TestTextsKeepTheirShape(t *testing.T) {
	for in, want := range map[string]string{
		`{"contact":"Mob: 07711 900123; home 0113 4960001"}`: `^\{"contact":"Mob: 07700 9000\d\d; home 0163 2960\d\d\d"\}$`,
		`{"x":"999 000 0018"}`:                               `^\{"x":"999 \d{3} \d{4}"\}$`,
		`{"name":"SMITHSON, John (Mr)"}`:                     `^\{"name":"[A-Z]+, [A-Z][a-z]+ \(Mr\)"\}$`,
		`{"why":"<p>Kim &amp; Joan since May</p>"}`:          `^\{"why":"<p>\pL+ &amp; \pL+ \pL+ \pL+</p>"\}$`,
		`{"user":"hps\\recep46"}`:                            `^\{"user":"\pL{3}\\\\\pL{5}\d\d"\}$`,
		`{"a":true,"b":12.5,"c":9990000018,"d":null}`:        `^\{"a":true,"b":12.5,"c":999\d{7},"d":null\}$`,
	} {
		if made := anonymous(t, jsondoc.New(), false, in); !regexp.MustCompile(want).MatchString(made) {
			t.Errorf("%s became %s", in, made)
		}
	}
}

// FuzzNothingStays: whatever a message of JSON holds, the check finds nothing of
// it in what comes out, or there is no example.
func FuzzNothingStays(f *testing.F) {
	f.Add("Quillfeather", "9990000018", "Anxious since redundancy, son Toby")
	f.Add("Ng", "31/02/1951", `men\S\s shed`)
	f.Fuzz(func(t *testing.T, name, number, text string) {
		body := fmt.Sprintf("{\"surname\":%s,\"nhs\":%s,\"notes\":%s,\"x\":%s}", quote(name), quote(number), quote(text), quote(text))
		m, err := jsondoc.New().Decode([]byte(body))
		if err != nil {
			return
		}
		p := scaffold.Sample(m.Tree, false, nil, nil)
		made, err := p.Anonymous(jsondoc.New(), body)
		if err != nil {
			return
		}
		again, err := jsondoc.New().Decode([]byte(made))
		if err != nil {
			t.Fatalf("%q became %q: %v", body, made, err)
		}
		if leaks := p.Leaks(again.Tree); len(leaks) > 0 {
			t.Errorf("%q became %q", body, made)
		}
		if len([]rune(name)) > 8 && regexp.MustCompile(`^\pL+$`).MatchString(name) && again.Tree.Root().Child("surname").Value() == name {
			t.Errorf("%q stays", name)
		}
	})
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a text always prints
	return string(b)
}
