// Package letter renders what an outcome says to a practice as a letter: HTML
// that a screen reader walks through by its headings, and a PDF of the same with
// a structure tree. Both take outcome.Letter, so they say what the record gets,
// in the order of the PRSB message back to GP and referrer: actions for the
// practice first. A letter is the last resort of a route; a person sends it.
package letter

import (
	"bytes"
	"html/template"
	"strings"

	"github.com/linkloop/linkloop/adapter/outcome"
)

// MediaHTML and MediaPDF are the content types of what is rendered.
const (
	MediaHTML = "text/html; charset=utf-8"
	MediaPDF  = "application/pdf"
)

// page has headings in order, landmarks, a table with a caption and header
// cells, and no script. Colours keep a contrast of at least 4.5 to 1 (WCAG 2.2
// AA, 1.4.3); nothing is said by colour alone.
var page = template.Must(template.New("letter").Funcs(template.FuncMap{
	"lines": func(text string) []string { return strings.Split(text, "\n") },
	"columns": func() []string {
		return outcome.ScoreColumns
	},
	"cell": cell,
}).Parse(`<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{.Title}}</title>
<style>
body{font:1rem/1.5 Arial,Helvetica,sans-serif;color:#212b32;background:#fff;margin:0}
main{max-width:44rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.6rem;line-height:1.25;color:#003087;margin:0 0 1rem}
h2{font-size:1.15rem;line-height:1.3;margin:1.5rem 0 .4rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0 0 1rem}
dt{font-weight:bold}
dd{margin:0}
.person{border:2px solid #005eb8;padding:.8rem 1rem}
.actions{border-left:.5rem solid #005eb8;background:#e8edee;padding:.6rem 1rem;margin-top:1.5rem}
.actions h2{margin-top:0}
ul{margin:0;padding-left:1.3rem}
li{margin:.15rem 0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}
caption{text-align:left;font-size:.9rem;padding-bottom:.3rem}
tbody th{font-weight:normal}
th,td{text-align:left;vertical-align:top;border-bottom:1px solid #768692;padding:.35rem .6rem .35rem 0}
@media print{main{max-width:none;padding:0}h2{break-after:avoid}li,tr{break-inside:avoid}}
</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<dl>
{{- with .To}}<dt>To</dt><dd>{{.}}</dd>{{end}}
{{- with .From}}<dt>From</dt><dd>{{.}}</dd>{{end}}
{{- with .Date}}<dt>Date</dt><dd>{{.}}</dd>{{end}}
</dl>
{{- with .Person}}
<dl class="person" aria-label="About">
{{- range .}}<dt>{{.Label}}</dt><dd>{{.Text}}</dd>{{end}}
</dl>
{{- end}}
{{- range .Sections}}
<section{{if eq .ID "actions"}} class="actions"{{end}} aria-labelledby="{{.ID}}">
<h2 id="{{.ID}}">{{.Title}}</h2>
{{- if .Rows}}
<table>
<caption>First and latest score of each measure</caption>
<thead><tr>{{range columns}}<th scope="col">{{.}}</th>{{end}}</tr></thead>
<tbody>
{{- range .Rows}}
<tr>{{range $i, $cell := .}}{{if eq $i 0}}<th scope="row">{{$cell}}</th>{{else}}<td>{{cell $i $cell}}</td>{{end}}{{end}}</tr>
{{- end}}
</tbody>
</table>
{{- else}}
<ul>
{{- range .Lines}}
<li>{{range $i, $line := lines .}}{{if $i}}<br>{{end}}{{$line}}{{end}}</li>
{{- end}}
</ul>
{{- end}}
</section>
{{- end}}
</main>
</body>
</html>
`))

// HTML is the letter as one page that needs nothing else.
func HTML(l outcome.Letter) ([]byte, error) {
	var b bytes.Buffer
	if err := page.Execute(&b, l); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
