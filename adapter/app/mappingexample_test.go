package app_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/linkloop/linkloop/adapter/app"
)

// TestExampleOfARow: an example of a row in Windows-1252 with line ends of
// Windows in its cells is UTF-8, keeps what the mapping goes by and what is wrong
// with the row, and nothing of who it is.
func TestExampleOfARow(t *testing.T) {
	const rules = `mapping: m
title: Rows
version: 1.0.0
format: csv
accepts: ['*']
csv:
  encoding: windows-1252
  header: no
  separator: semicolon
  columns: [Made, Name, Born, NHSNumber, Address, Contact, Needs, Notes]
resources:
  patient:
    resourceType: Patient
    identifier: [{system: "https://fhir.nhs.uk/Id/nhs-number", value: <- NHSNumber | nhsNumber}]
    name: [{text: <- Name}]
    birthDate: '<- Born | date("dd.MM.yyyy")'
    address: [{text: <- Address}]
    telecom:
      - $each: Contact | phones
        value: <- . | phone
  request:
    resourceType: ServiceRequest
    authoredOn: '<- Made | dateTime("d MMM yy", "yy from 2000")'
    reasonCode:
      - $each: Needs | split("/")
        coding: [{code: <- . | code(needs)}]
    note: [{text: <- Notes}]
`
	fsys := fstest.MapFS{
		"m/mapping.yaml":          {Data: []byte(rules)},
		"m/vocabulary/needs.json": {Data: []byte(`{"resourceType":"ConceptMap","group":[{"target":"urn:x","element":[{"code":"LON","target":[{"code":"a"}]}]}]}`)},
	}
	row := "29 Feb 26;\"QUILL, Zo\xeb\";31.02.1951;\"999 000 0019\";\"12 Larkspur Row\r\nLeeds LS6 2AA\";c/o Mia 07711 222333;LON/XQ7;\"Lonely \x96 says \"\"help\"\".\r\nLikes Zo\xeb\"\r\n"
	body, err := app.ExampleOf(fsys, "m", []byte(row), app.Which{Message: 1})
	if err != nil {
		t.Fatal(err)
	}
	out := string(body)
	for _, want := range []string{"This file is UTF-8", "29 Feb 23;", ";31.02.1970;", "c/o ", ";LON/", `"code": "a"`,
		`"from": "column Born"`, `"from": "column Made"`, `"from": "column Needs (value 2)"`, `"somebody-elses-number"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the example does not hold %s:\n%s", want, out)
		}
	}
	for _, mark := range []string{"QUILL", "Zoë", "Larkspur", "Lonely", "0019", "222333", "Mia", "1951", "XQ7", "29 Feb 26", "\r"} {
		if strings.Contains(out, mark) {
			t.Errorf("the example holds %q:\n%s", mark, out)
		}
	}
	if !utf8.ValidString(out) {
		t.Error("the example is not UTF-8")
	}
}
