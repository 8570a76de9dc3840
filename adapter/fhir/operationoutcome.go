package fhir

import (
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
)

// OperationOutcome words issues as FHIR does. The kind gives severity and code
// where an issue does not say its own. A source address goes into diagnostics,
// because expression is for FHIRPath only.
// https://hl7.org/fhir/R4/operationoutcome.html
func OperationOutcome(kind fault.Kind, issues []fault.Issue) *element.Value {
	row := kind.Row()
	if len(issues) == 0 {
		issues = []fault.Issue{{Text: row.Public}}
	}
	list := element.NewArray()
	for _, is := range issues {
		severity, code, text := is.Severity, is.Code, is.Text
		switch severity {
		case "fatal", "error", "warning", "information":
		default:
			severity = "error"
			if row.HTTP < 300 {
				severity = "information"
			}
		}
		if !issueTypes[code] {
			if code = row.Issue; is.Severity != "" && is.Severity != "error" && row.HTTP < 300 {
				code = "informational" // a remark on what was accepted
			}
		}
		if text == "" {
			text = row.Public
		}
		if is.Place != "" {
			text = is.Place + ": " + text
		}
		v := element.NewObject(element.S("severity", severity), element.S("code", code), element.S("diagnostics", text))
		if is.Code != "" && is.Code != code {
			v.Set("details", element.NewObject(element.S("text", is.Code)))
		}
		if is.Expression != "" {
			v.Set("expression", element.NewArray(element.NewString(is.Expression)))
		}
		list.Items = append(list.Items, v)
	}
	return element.NewObject(element.S("resourceType", "OperationOutcome"), element.F("issue", list))
}

// issueTypes are the codes of http://hl7.org/fhir/issue-type, R4; a finer word
// of ours goes into details instead.
var issueTypes = map[string]bool{
	"invalid": true, "structure": true, "required": true, "value": true, "invariant": true, "security": true,
	"login": true, "unknown": true, "expired": true, "forbidden": true, "suppressed": true, "processing": true,
	"not-supported": true, "duplicate": true, "multiple-matches": true, "not-found": true, "deleted": true,
	"too-long": true, "code-invalid": true, "extension": true, "too-costly": true, "business-rule": true,
	"conflict": true, "transient": true, "lock-error": true, "no-store": true, "exception": true, "timeout": true,
	"incomplete": true, "throttled": true, "informational": true,
}
