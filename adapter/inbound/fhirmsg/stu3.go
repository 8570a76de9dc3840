package fhirmsg

import (
	"bytes"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/fhir/fhirxml"
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

// readXML reads a message in XML. One that R4 does not have the types or the
// elements of is read by the definitions of STU3, where it is of that version.
func readXML(body []byte, lim element.Limits) (*element.Value, error) {
	v, err := fhirxml.Read(body, lim)
	if err == nil || fault.KindOf(err) == fault.TooLarge {
		return v, err
	}
	named := bytes.Contains(body, []byte(referralRequest))
	if !named && !bytes.Contains(body, []byte("event")) {
		return nil, err
	}
	old, errSTU3 := fhirxml.ReadSTU3(body, lim)
	switch {
	case errSTU3 == nil && (old.ResourceType() == referralRequest || stu3(old)):
		return old, nil
	case errSTU3 != nil && named:
		return nil, errSTU3
	}
	return nil, err
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
