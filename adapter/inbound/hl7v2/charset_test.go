package hl7v2_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/inbound/hl7v2"
	"github.com/linkloop/linkloop/adapter/message"
)

// value decodes the message and returns the value at the path.
func value(t *testing.T, body, path string) message.Node {
	t.Helper()
	m, err := hl7v2.New().Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	p, err := message.ParsePath(path)
	if err != nil {
		t.Fatal(err)
	}
	return p.First(m.Tree.Root())
}

func TestCharacterSets(t *testing.T) {
	for _, c := range []struct{ name, msh18, in, want string }{
		{"nothing said, UTF-8", "", "Zo\xc3\xab \xe2\x80\x99", "Zoë ’"},
		{"nothing said, Windows-1252", "", "Zo\xeb \x92\x80", "Zoë ’€"},
		{"8859/1 is read as Windows-1252", "||||||8859/1", "Zo\xeb \x92", "Zoë ’"},
		{"8859/1 is believed", "||||||8859/1", "\xc3\xab\xeb", "Ã«ë"},
		{"8859/1 that is UTF-8 throughout", "||||||8859/1", "Zo\xc3\xab", "Zoë"},
		{"first repetition counts", "||||||8859/1~UNICODE UTF-8", "\xeb", "ë"},
		{"UNICODE UTF-8", "||||||UNICODE UTF-8", "Zo\xc3\xab", "Zoë"},
		{"UNICODE UTF-8 that is not", "||||||UNICODE UTF-8", "Zo\xeb", "Zoë"},
		{"ISO-8859-1, as others write it", "||||||iso-8859-1", "Zo\xeb", "Zoë"},
		{"WINDOWS-1252", "||||||Windows-1252", "\x80\xc3\xab", "€Ã«"},
		{"8859/15 has the euro sign", "||||||8859/15", "\xa4\xeb\x41", "€ëA"},
		{"UTF-8 without UNICODE", "||||||UTF-8", "Zo\xc3\xab", "Zoë"},
		{"open position of the code page", "||||||8859/1", "\x81", "\u0081"},
		{"a set without a table, plain text", "||||||8859/5", "Zoe", "Zoe"},
		{"a set without a table, but UTF-8", "||||||8859/5", "Zo\xc3\xab", "Zoë"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := value(t, header(c.msh18)+"\rPID|1||||"+c.in+"\r", "PID-5").Value(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestDoubtfulCharacterSet: bytes that are not what MSH-18 declares are flagged,
// whichever way round; where nothing is declared, or it holds, nothing is said.
func TestDoubtfulCharacterSet(t *testing.T) {
	for _, c := range []struct {
		msh18, in string
		doubt     bool
	}{
		{"8859/1", "Zo\xc3\xab", true}, {"ISO-8859-1", "Zo\xc3\xab", true}, {"8859/15", "Zo\xc3\xab", true}, {"ASCII", "Zo\xc3\xab", true},
		{"UNICODE UTF-8", "Zo\xeb", true}, {"UTF-8", "Zo\xeb", true}, {"ASCII", "Zo\xeb", true},
		{"8859/1", "Zo\xeb", false}, {"8859/1", "Zoe", false}, {"", "Zo\xeb", false}, {"", "Zo\xc3\xab", false}, {"UNICODE UTF-8", "Zo\xc3\xab", false},
		{"8859/5", "Zo\xc3\xab", false},
	} {
		m, err := hl7v2.New().Decode([]byte(header("||||||"+c.msh18) + "\rPID|1||||" + c.in + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(m.Flags) == 1 && m.Flags[0].Code == hl7v2.FlagEncodingDoubtful && m.Flags[0].Place == "MSH-18"; got != c.doubt || len(m.Flags) > 1 {
			t.Errorf("%s, %q: flags %v, want one: %v", c.msh18, c.in, m.Flags, c.doubt)
		}
	}
}

// TestUnknownEscapesAreFlagged: what is written as a sequence of the standard
// and stays; a path of Windows is none.
func TestUnknownEscapesAreFlagged(t *testing.T) {
	for in, flagged := range map[string]bool{
		`plain`: false, `\F\ \.br\ \H\x\N\ \Xeb\`: false, `C:\dir\file`: false, `one\`: false, `\\`: false,
		`\Zlocal\`: true, `\C2842\`: true, `\.in+4\text`: true, `\f\`: true, `\X00\`: true, `\F\ and \.ce\`: true,
	} {
		m, err := hl7v2.New().Decode([]byte(header("") + "\rNTE|1||" + in + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(m.Flags) == 1 && m.Flags[0].Code == hl7v2.FlagEscape && strings.HasPrefix(m.Flags[0].Place, "NTE-3"); got != flagged {
			t.Errorf("%s: flags %v, want one: %v", in, m.Flags, flagged)
		}
	}
	m, err := hl7v2.New().Decode([]byte(header("") + strings.Repeat("\rNTE|1||\\Zx\\", 100) + "\r"))
	if err != nil || len(m.Flags) != 20 {
		t.Errorf("%d flags, %v, want 20", len(m.Flags), err)
	}
}

// TestAnswerInTheSetOfTheSender: MSH-18 of the answer is that of the message
// where that is a set of one byte for a character and has every character.
func TestAnswerInTheSetOfTheSender(t *testing.T) {
	for _, c := range []struct{ msh18, app, want, kind string }{
		{"", "EPR", "|UNICODE UTF-8\r", "utf-8"},
		{"8859/1", "EPR", "|8859/1\r", "utf-8"},
		{"ISO-8859-1~UNICODE UTF-8", "EPR", "|ISO-8859-1\r", "utf-8"},
		{"8859/1", "Zo\xeb", "|Zo\xeb|", "iso-8859-1"},
		{"8859/15", "\xa4", "|\xa4|", "iso-8859-15"},
		{"8859/1", "\x80", "|€|", "utf-8"}, // Windows-1252, which 8859/1 does not have
		{"ASCII", "EPR", "|ASCII\r", "utf-8"},
		{"ASCII", "Zo\xeb", "|UNICODE UTF-8\r", "utf-8"},
		{"8859/5", "EPR", "|UNICODE UTF-8\r", "utf-8"},
		{"anything", "EPR", "|UNICODE UTF-8\r", "utf-8"},
	} {
		f := hl7v2.New()
		m, err := f.Decode([]byte("MSH|^~\\&|" + c.app + "|A81001|||20260302||REF^I12|M1|P|2.3||||||" + c.msh18 + "\r"))
		if err != nil {
			t.Fatal(err)
		}
		r := f.Reply(m, inbound.Answer{At: at})
		if !strings.Contains(string(r.Body), c.want) || !strings.HasSuffix(r.ContentType, "charset="+c.kind) {
			t.Errorf("%s, %q: %q as %s, want %q as %s", c.msh18, c.app, r.Body, r.ContentType, c.want, c.kind)
		}
		if acks, err := hl7v2.Acknowledgements(r.Body); err != nil || len(acks) != 1 || !acks[0].Accepted() {
			t.Errorf("%s, %q: the answer reads as %v, %v", c.msh18, c.app, acks, err)
		}
	}
}

func TestEscapes(t *testing.T) {
	for in, want := range map[string]string{
		`plain`:             `plain`,
		`\F\\S\\T\\R\\E\`:   `|^&~\`,
		`a\.br\b`:           "a\nb",
		`a\.sp\b`:           "a\nb",
		`a\.sp3\b`:          "a\n\n\nb",
		`a\.sp+2\b`:         "a\n\nb",
		`a\.sp99\b`:         `a\.sp99\b`,
		`a\.spx\b`:          `a\.spx\b`,
		`\X41\`:             `A`,
		`\XC3AB\`:           `ë`,
		`\Xeb\`:             `ë`,
		`\X0D0A\`:           "\r\n",
		`\X00\`:             `\X00\`,
		`\X4\`:              `\X4\`,
		`\X4G\`:             `\X4G\`,
		`\X\`:               `\X\`,
		`\H\loud\N\`:        `loud`,
		`\Zlocal\`:          `\Zlocal\`,
		`\C2842\`:           `\C2842\`,
		`\.in+4\text`:       `\.in+4\text`,
		`C:\dir\file`:       `C:\dir\file`,
		`C:\dir \F\ x`:      `C:\dir | x`,
		`one\`:              `one\`,
		`\\`:                `\\`,
		`\f\`:               `\f\`,
		`\P\`:               `\P\`,
		`\F\ then \T\ then`: `| then & then`,
	} {
		if got := value(t, header("")+"\rNTE|1||"+in+"\r", "NTE-3").Value(); got != want {
			t.Errorf("%s decodes to %q, want %q", in, got, want)
		}
	}
}

func TestNullIsNotEmpty(t *testing.T) {
	body := header("") + "\rPID|1||\"\"|^\"\"|\"\"x"
	for path, want := range map[string]message.Kind{"PID-3": message.Null, "PID-4.2": message.Null, "PID-5": message.Text} {
		n := value(t, body, path)
		if !n.Ok() || n.Kind() != want {
			t.Errorf("%s: there %v, kind %v, want %v", path, n.Ok(), n.Kind(), want)
		}
	}
	if n := value(t, body, "PID-2"); n.Ok() {
		t.Error("a field with nothing in it is a node")
	}
}

func TestLineEndsAndFraming(t *testing.T) {
	for name, wrap := range map[string][2]string{
		"CR":              {"", "\r"},
		"LF":              {"", "\n"},
		"CR LF":           {"", "\r\n"},
		"blank lines":     {"\r\n\n", "\r\r\n\n"},
		"MLLP":            {"\x0b", "\r"},
		"byte order mark": {"\xef\xbb\xbf", "\r"},
	} {
		t.Run(name, func(t *testing.T) {
			end := wrap[1]
			body := wrap[0] + header("") + end + "PID|1" + end + "NTE|1||last" + end
			if name == "MLLP" {
				body += "\x1c\r"
			}
			if got := value(t, body, "NTE-3").Value(); got != "last" {
				t.Errorf("NTE-3 = %q", got)
			}
		})
	}
}
