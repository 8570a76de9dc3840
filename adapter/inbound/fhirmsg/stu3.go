package fhirmsg

import (
	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/message"
)

// referralRequest is what a referral was called in FHIR STU3, and the type of
// a message that has no MessageHeader to say another.
// https://hl7.org/fhir/STU3/referralrequest.html
const referralRequest = "ReferralRequest"

// stu3 reports whether a Bundle is of FHIR STU3: it holds a resource of a type
// that R4 does not have any more, or a MessageHeader with the event of STU3
// (https://hl7.org/fhir/STU3/messageheader.html).
func stu3(bundle *element.Value) bool {
	for _, e := range bundle.List("entry") {
		r := e.Get("resource")
		switch r.ResourceType() {
		case referralRequest:
			return true
		case "MessageHeader":
			if r.Get("event") != nil {
				return true
			}
		}
	}
	return false
}

// headless describes a Bundle around a ReferralRequest without a
// MessageHeader. Its id is that of the Bundle, else what the ReferralRequest
// is known by: its identifier, its id.
func (b *bundle) headless() *inbound.Message {
	m := &inbound.Message{Tree: b.tree, Type: referralRequest, Echo: map[string]string{}}
	for _, n := range []message.Node{
		b.node.Child("id"), b.node.Child("identifier").Child("value"),
		b.referral.Child("identifier").First().Child("value"), b.referral.Child("id"),
	} {
		if v := n.Value(); n.Kind() == message.Text && v != "" && len(v) <= maxID {
			m.ID = v
			break
		}
	}
	m.Trace = b.trace(m)
	return m
}
