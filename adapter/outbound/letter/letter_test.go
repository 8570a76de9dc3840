package letter_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/outbound/letter"
	"github.com/linkloop/linkloop/adapter/outcome"
)

var keep = flag.String("keep", "", "folder to keep the rendered letters in, to look at them")

var person = []outcome.Fact{{Label: "Name", Text: "Ms Zoë Łukasiewicz-Hollis"}, {Label: "Date of birth", Text: "03-Feb-1971"}, {Label: "NHS number", Text: "999 000 0379"}}

// letters are what a practice may get: the usual one, a bare one, and one that
// nobody should write.
func letters() map[string]outcome.Letter {
	full := outcome.Letter{
		Title: "Social prescribing: outcome of your referral", Person: person,
		Date: "01-Jul-2026", From: "Sam Walker, Riverside PCN", To: "Riverside Surgery (A81001)",
		Sections: []outcome.Section{
			{ID: outcome.SectionActions, Title: "Actions for the practice", Lines: []string{"Please review her tablets: she says that the new ones make her dizzy in the mornings, and she has stopped taking them on the days on which she goes out.", "Please add her to the carers' register."}},
			{ID: outcome.SectionOutcome, Title: "Outcome", Lines: []string{"Completed, 01-Jul-2026"}},
			{ID: outcome.SectionReferral, Title: "Your referral", Lines: []string{"Made on 02-Mar-2026 by Dr A. Grey"}},
			{ID: outcome.SectionNeeds, Title: "Referred for", Lines: []string{"Lonely since she moved", "Financial problem"}},
			{ID: outcome.SectionWorker, Title: "Link worker", Lines: []string{"Sam Walker, Riverside PCN"}},
			{ID: outcome.SectionContacts, Title: "Contacts", Lines: []string{"10-Mar-2026: Telephone encounter", "24-Mar-2026: Face to face, did not attend", "02-Apr-2026: Face to face, at home", "01-May-2026: Video call"}},
			{ID: outcome.SectionDone, Title: "What was done", Lines: []string{"Referral to physical activity program", "Signposting"}},
			{ID: outcome.SectionUnhelpful, Title: "What did not help", Lines: []string{"The leaflet about the gym."}},
			{ID: outcome.SectionServices, Title: "Services connected to", Lines: []string{"Amfield Walkers: Tuesdays at ten, from the library"}},
			{ID: outcome.SectionGoals, Title: "Needs and goals", Lines: []string{"Go to the shop by myself: achieved", "Meet people of my age: in progress\nHas met two."}},
			{ID: outcome.SectionTold, Title: "In the link worker's words", Lines: []string{"Joined the Tuesday walking group.\nGoes with a neighbour, Nguyễn Thị Hoa."}},
			{ID: outcome.SectionMeasures, Title: "Measures", Rows: [][]string{
				{"Short Warwick-Edinburgh Mental Well-being Scale score (raw score, not converted)", "14 (10-Mar-2026)", "21 (30-Jun-2026)", "+7"},
				{"ONS4 life satisfaction", "", "7 (30-Jun-2026)", ""},
				{"UCLA 3-item loneliness score (higher is lonelier)", "", "no score: 1 of 3 answers are missing (30-Jun-2026)", ""},
			}},
			{ID: outcome.SectionRisks, Title: "Risks", Lines: []string{"No known risks recorded."}},
		},
	}
	bare := outcome.Letter{Title: full.Title, Sections: []outcome.Section{full.Sections[1]}}
	long := full
	long.Person = []outcome.Fact{{Label: "Name", Text: strings.Repeat("Longname ", 40)}, person[2]}
	long.Sections = append([]outcome.Section{
		{ID: outcome.SectionActions, Title: "Actions for the practice", Lines: []string{strings.Repeat("Please call her. ", 250)}},
		{ID: outcome.SectionTold, Title: "In the link worker's words", Lines: []string{strings.Repeat("x", 4000), strings.Repeat("Walks. ", 900)}},
		{ID: outcome.SectionMeasures, Title: "Measures", Rows: [][]string{{strings.Repeat("A measure with a name. ", 300), "1", "2", "+1"}, {"Short", "1", "2", "+1"}}},
	}, full.Sections[1:]...)
	const beyond = " 😀\U00010000\U000E0001\U0010FFFF" // no font of a PDF made here has them
	emoji := outcome.Letter{Title: full.Title, To: full.To + beyond, From: full.From + beyond, Date: full.Date,
		Person: []outcome.Fact{{Label: "Name", Text: person[0].Text + beyond}, person[2]},
		Sections: []outcome.Section{
			{ID: outcome.SectionActions, Title: "Actions for the practice", Lines: []string{"Call her" + beyond}},
			{ID: outcome.SectionMeasures, Title: "Measures", Rows: [][]string{{"Smiles" + beyond, "1" + beyond, "2", "+1"}}},
		}}
	return map[string]outcome.Letter{"full": full, "bare": bare, "long": long, "emoji": emoji}
}

// tool runs a program of poppler, and skips where there is none.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed (poppler-utils): what it would look at is not checked", name)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("Syntax Error")) {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	folder := *keep
	if folder == "" {
		folder = t.TempDir()
	}
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// squeezed is text without white space, because a reader of PDF breaks lines
// where the page does.
func squeezed(s string) string { return strings.Join(strings.Fields(s), "") }

// TestPDF: poppler, which nobody here wrote, reads every word of the letter in
// the order of the letter, each page says whose it is, and the same letter gives
// the same bytes.
func TestPDF(t *testing.T) {
	for name, l := range letters() {
		t.Run(name, func(t *testing.T) {
			b, err := letter.PDF(l)
			if err != nil {
				t.Fatal(err)
			}
			again, err := letter.PDF(l)
			if err != nil || !bytes.Equal(b, again) {
				t.Errorf("not the same again: %v", err)
			}
			file := write(t, name+".pdf", b)
			text := squeezed(tool(t, "pdftotext", "-raw", file, "-"))
			if name != "full" {
				// Long texts are cut by the feet of pages.
				text = squeezed(regexp.MustCompile(`(?m)^.*Page \d+ of \d+.*$`).ReplaceAllString(tool(t, "pdftotext", "-layout", file, "-"), ""))
			}
			at := 0
			for _, s := range l.Sections {
				i := strings.Index(text[at:], squeezed(s.Title))
				if i < 0 {
					t.Fatalf("%q does not come in its place", s.Title)
				}
				at += i
				for _, line := range s.Lines {
					if name == "full" && !strings.Contains(text[at:], squeezed(line)) {
						t.Errorf("%q is missing", line)
					}
				}
			}
			for i, p := range strings.Split(strings.TrimSuffix(tool(t, "pdftotext", "-layout", file, "-"), "\f"), "\f") {
				if !strings.Contains(p, fmt.Sprintf("Page %d of ", i+1)) || len(l.Person) > 0 && !strings.Contains(p, "999 000 0379") {
					t.Errorf("page %d does not say whose it is:\n%s", i+1, p)
				}
			}
		})
	}
}

// TestPDFForScreenReaders: the structure tree as poppler sees it has the
// headings, lists and header cells, in order, and the words below them.
func TestPDFForScreenReaders(t *testing.T) {
	for name, l := range letters() {
		t.Run(name, func(t *testing.T) {
			b, err := letter.PDF(l)
			if err != nil {
				t.Fatal(err)
			}
			file := write(t, name+".pdf", b)
			info := tool(t, "pdfinfo", file)
			if !regexp.MustCompile(`(?m)^Tagged:\s+yes$`).MatchString(info) || !strings.Contains(info, l.Title) {
				t.Errorf("not tagged:\n%s", info)
			}
			look := "-struct"
			if name == "full" {
				look = "-struct-text" // which takes poppler long for many pages
			}
			tree := tool(t, "pdfinfo", look, file)
			if strings.Count(tree, "H2") != len(l.Sections) || strings.Count(tree, "H1") != 1 || !strings.HasPrefix(strings.TrimSpace(tree), "Document") {
				t.Errorf("headings:\n%.2000s", tree)
			}
			if name != "full" {
				return
			}
			want := 0
			for _, s := range l.Sections {
				want += len(s.Lines)
			}
			if n := strings.Count(tree, "LBody"); n != want {
				t.Errorf("%d items, want %d", n, want)
			}
			if n := strings.Count(tree, "TR"); n != 4 || strings.Count(tree, "TH") != 7 {
				t.Errorf("table:\n%s", tree[strings.Index(tree, "Table"):])
			}
			plain := squeezed(strings.ReplaceAll(tree, `"`, ""))
			if !strings.Contains(plain, squeezed("Please review her tablets: she says")) || strings.Contains(tree, "Page 1 of") {
				t.Errorf("words of the tree:\n%.3000s", tree)
			}
		})
	}
}

// TestPDFLayout: nothing stands outside the margins, and no heading alone at
// the foot of a page.
func TestPDFLayout(t *testing.T) {
	for name, l := range letters() {
		b, err := letter.PDF(l)
		if err != nil {
			t.Fatal(err)
		}
		file := write(t, name+".pdf", b)
		words := regexp.MustCompile(`<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">`)
		for _, w := range words.FindAllStringSubmatch(tool(t, "pdftotext", "-bbox", file, "-"), -1) {
			var x [4]float64
			for i := range x {
				if _, err := fmt.Sscan(w[i+1], &x[i]); err != nil {
					t.Fatal(err)
				}
			}
			if x[0] < 55 || x[2] > 541 || x[1] < 40 || x[3] > 820 {
				t.Errorf("%s: a word stands at %v, outside the margins", name, x)
				break
			}
		}
	}
}

// TestHTML: one h1, an h2 for each section in order, header cells with a scope,
// the language, and typed text that stays text.
func TestHTML(t *testing.T) {
	l := letters()["full"]
	l.Sections[1].Lines = []string{`<script>alert(1)</script> & "more"`}
	b, err := letter.HTML(l)
	if err != nil {
		t.Fatal(err)
	}
	write(t, "full.html", b)
	s := string(b)
	for _, want := range []string{`<html lang="en-GB">`, `<main>`, `<th scope="col">`, `<th scope="row">`, `<caption>`, `only one score`, `999 000 0379`, `&lt;script&gt;`, `<br>Has met two.`} {
		if !strings.Contains(s, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(s, "<script") || strings.Count(s, "<h1>") != 1 || strings.Count(s, "<h2 ") != len(l.Sections) || strings.Contains(s, "http") {
		t.Errorf("structure:\n%s", s)
	}
	at := 0
	for _, sec := range l.Sections {
		i := strings.Index(s[at:], `<h2 id="`+sec.ID+`">`)
		if i < 0 {
			t.Fatalf("%s does not come in its place", sec.ID)
		}
		at += i
	}
}

func BenchmarkPDF(b *testing.B) {
	l := letters()["full"]
	for b.Loop() {
		if _, err := letter.PDF(l); err != nil {
			b.Fatal(err)
		}
	}
}
