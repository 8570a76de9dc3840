package profile_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/profile"
)

// TestContextsBelowThemselves: an element that R4 defines by another one of the same
// resource, such as an item in an item, is the place of that one.
func TestContextsBelowThemselves(t *testing.T) {
	l := profile.NewLibrary(&profile.Package{Definitions: []*element.Value{
		extensionFor(t, "urn:x:item", "Questionnaire.item"),
		extensionFor(t, "urn:x:option", "Questionnaire.item.answerOption"),
		extensionFor(t, "urn:x:answered", "QuestionnaireResponse.item"),
	}})
	item, option, answered := `"extension":[{"url":"urn:x:item","valueBoolean":true}]`, `"extension":[{"url":"urn:x:option","valueBoolean":true}]`, `"extension":[{"url":"urn:x:answered","valueBoolean":true}]`
	tests := []struct{ name, in, path string }{
		{"an item", `{"resourceType":"Questionnaire","item":[{` + item + `}]}`, ""},
		{"an item in an item", `{"resourceType":"Questionnaire","item":[{"item":[{"item":[{` + item + `}]}]}]}`, ""},
		{"an option of an item in an item", `{"resourceType":"Questionnaire","item":[{"item":[{"answerOption":[{` + option + `}]}]}]}`, ""},
		{"an item below an answer", `{"resourceType":"QuestionnaireResponse","item":[{"answer":[{"item":[{` + answered + `}]}]}]}`, ""},
		{"beside an item", `{"resourceType":"Questionnaire",` + item + `,"item":[{"item":[{` + option + `}]}]}`,
			"Questionnaire.extension[0] Questionnaire.item[0].item[0].extension[0]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var found []string
			for _, is := range l.CheckClaims(t.Context(), parse(t, tt.in), nil, profile.Checking{}) {
				if is.Code == "extension" {
					found = append(found, is.Expression)
				}
			}
			if got := strings.Join(found, " "); got != tt.path {
				t.Errorf("told at %q, want %q", got, tt.path)
			}
		})
	}
}

func extensionFor(t *testing.T, url, place string) *element.Value {
	return parse(t, `{"resourceType":"StructureDefinition","url":"`+url+`","type":"Extension","kind":"complex-type","derivation":"constraint","abstract":false,
		"context":[{"type":"element","expression":"`+place+`"}],
		"snapshot":{"element":[{"id":"Extension","path":"Extension","min":0,"max":"*"},{"id":"Extension.url","path":"Extension.url","min":1,"max":"1","type":[{"code":"uri"}]},
			{"id":"Extension.value[x]","path":"Extension.value[x]","min":0,"max":"1","type":[{"code":"boolean"}]}]}}`)
}
