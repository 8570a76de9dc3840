package inbound

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/referral"
)

// maxIssues bounds the reasons of one receipt.
const maxIssues = 50

// Receipt words an answer as JSON, for the formats that have no answer of
// their own:
//
//	{"status": "accepted", "messageId": "...", "receipt": "42",
//	 "serviceRequest": "https://.../ServiceRequest/...", "task": "https://.../Task/...",
//	 "flags": [{"field": "patient.nhsNumber", "code": "check-digit", "reason": "..."}]}
//
// Where the message was about a referral that is here already, it says what it
// was taken for and how the referral stands:
//
//	"action": "status",
//	"referral": {"task": "in-progress", "request": "active", "updated": "2026-03-02T10:15:00.000000Z",
//	 "doing": {"system": "...", "code": "contacted"}, "because": {"system": "...", "code": "..."}}
//
// or {"status": "refused", "messageId": "...", "errors": [{"field": "...",
// "reason": "..."}]}; a repeat has the status "duplicate". Members that do not
// apply are left out. Of the message only its id is repeated.
func Receipt(m *Message, a Answer) Reply {
	receipt, code := ReceiptTree(m, a)
	return Reply{Status: code, ContentType: "application/json; charset=utf-8", Body: append(receipt.JSON(), '\n')}
}

// ReceiptTree is the content of a Receipt and its HTTP status, for the formats
// that write it in another way.
func ReceiptTree(m *Message, a Answer) (receipt *element.Value, httpStatus int) {
	status, code := "accepted", fault.Duplicate.Row().HTTP
	issues, list := a.Flags, "flags"
	switch {
	case a.Fault != nil && a.Fault.Kind != fault.Duplicate:
		status, code = "refused", a.Fault.Kind.Row().HTTP
		issues, list = a.Fault.Issues, "errors"
		if len(issues) == 0 {
			issues = []fault.Issue{{Text: a.Fault.Kind.Row().Public}}
		}
	case a.Fault != nil:
		status, issues = "duplicate", a.Fault.Issues
	case a.Duplicate:
		status = "duplicate"
	}
	receipt = element.NewObject(element.S("status", status))
	if m != nil {
		receipt.SetString("messageId", m.ID)
	}
	if a.MessageID != 0 {
		receipt.SetString("receipt", strconv.FormatInt(a.MessageID, 10))
	}
	receipt.SetString("serviceRequest", link(a.Base, "ServiceRequest", a.Request))
	receipt.SetString("task", link(a.Base, "Task", a.Task))
	if a.Intention != "" && a.Intention != referral.New {
		receipt.SetString("action", string(a.Intention))
		if a.State != nil {
			receipt.Set("referral", stands(a.State))
		}
	}
	for _, is := range issues[:min(len(issues), maxIssues)] {
		receipt.Append(list, reason(is))
	}
	return receipt, code
}

// stands is how a referral stands.
func stands(s *State) *element.Value {
	v := element.NewObject()
	v.SetString("task", s.Task)
	v.SetString("request", s.Request)
	v.SetString("updated", s.Updated.UTC().Format(element.InstantLayout))
	coded(v, "doing", s.Business)
	coded(v, "because", s.Reason)
	return v
}

func coded(v *element.Value, name string, c *Coding) {
	if c == nil {
		return
	}
	coding := element.NewObject(element.S("system", c.System), element.S("code", c.Code))
	coding.SetString("display", c.Display)
	v.Set(name, coding)
}

func reason(is fault.Issue) *element.Value {
	v := element.NewObject()
	v.SetString("field", is.Place)
	v.SetString("element", is.Expression)
	v.SetString("code", is.Code)
	v.SetString("severity", is.Severity)
	v.SetString("reason", is.Text)
	return v
}

// link is the address of a resource, or "" without an id.
func link(base, kind, id string) string {
	if id == "" {
		return ""
	}
	return strings.TrimPrefix(base+"/"+kind+"/"+id, "/")
}
