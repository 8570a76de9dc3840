package fhir

import "github.com/linkloop/linkloop/adapter/element"

var questionnaireRules = []invariant{
	{"que-2", "each linkId stands once in a questionnaire", func(v *element.Value) bool {
		return distinct(below(v, "item", "linkId", nil))
	}},
}

// https://hl7.org/fhir/R4/questionnaire.html#invs
var questionRules = []invariant{
	{"que-1", "a group has items, and a display has none", func(v *element.Value) bool {
		return exists(v, "item") && !isType(v, "display") || !exists(v, "item") && !isType(v, "group")
	}},
	{"que-3", "a display has no code", func(v *element.Value) bool {
		return !isType(v, "display") || !exists(v, "code")
	}},
	{"que-4", "only one of answerOption and answerValueSet may be there", func(v *element.Value) bool {
		return !exists(v, "answerOption") || !exists(v, "answerValueSet")
	}},
	{"que-5", "this type of item has no answerOption and no answerValueSet", func(v *element.Value) bool {
		return !exists(v, "answerOption") && !exists(v, "answerValueSet") ||
			isType(v, "choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity")
	}},
	{"que-6", "a display is neither required nor repeats", func(v *element.Value) bool {
		return !isType(v, "display") || !exists(v, "required") && !exists(v, "repeats")
	}},
	{"que-8", "a group or a display has no initial", func(v *element.Value) bool {
		return !isType(v, "group", "display") || !exists(v, "initial")
	}},
	{"que-9", "a display has no readOnly", func(v *element.Value) bool {
		return !isType(v, "display") || !exists(v, "readOnly")
	}},
	{"que-10", "maxLength is for items of type boolean, decimal, integer, string, text, url and open-choice", func(v *element.Value) bool {
		return !exists(v, "maxLength") || isType(v, "boolean", "decimal", "integer", "string", "text", "url", "open-choice")
	}},
	{"que-11", "an item with answerOption has no initial; initialSelected says it", func(v *element.Value) bool {
		return !exists(v, "answerOption") || !exists(v, "initial")
	}},
	// R4 says "more than one" in words and "> 2" in FHIRPath; R5 has the words.
	{"que-12", "more than one enableWhen needs enableBehavior", func(v *element.Value) bool {
		return len(v.List("enableWhen")) < 2 || exists(v, "enableBehavior")
	}},
	{"que-13", "only an item that repeats has several initial", func(v *element.Value) bool {
		return len(v.List("initial")) < 2 || isTrue(v, "repeats")
	}},
}

var enableWhenRules = []invariant{
	{"que-7", "the operator exists needs answerBoolean", func(v *element.Value) bool {
		return v.Str("operator") != "exists" || exists(v, "answerBoolean")
	}},
}

var answeredRules = []invariant{
	{"qrs-1", "items stand below the item or below its answers, not both", func(v *element.Value) bool {
		return !exists(v, "item") || !exists(v, "answer")
	}},
}

func isType(v *element.Value, types ...string) bool { return among(v.Str("type"), types...) }
