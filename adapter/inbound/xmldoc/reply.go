package xmldoc

import (
	"strings"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/inbound"
	"github.com/linkloop/linkloop/adapter/markup"
)

// Reply words the answer as a receipt: what inbound.Receipt says, with an
// element for each member and for each item of a list.
//
//	<receipt><status>accepted</status><messageId>...</messageId><receipt>42</receipt>
//	  <serviceRequest>https://.../ServiceRequest/...</serviceRequest><task>https://.../Task/...</task>
//	  <flag><field>/Referral/Patient/NHSNumber</field><code>check-digit</code><reason>...</reason></flag></receipt>
//
// or <receipt><status>refused</status><error><field>...</field><reason>...</reason></error></receipt>.
// There is no namespace and no white space between elements. The answer to a
// SOAP message stands in an envelope of its version; a refusal is the detail of
// a SOAP Fault there.
func (Format) Reply(m *inbound.Message, a inbound.Answer) inbound.Reply {
	receipt, status := inbound.ReceiptTree(m, a)
	soap := ""
	if m != nil {
		soap = m.Echo["soap"]
	}
	out, kind, end := opening(soap)
	refused := receipt.Str("status") == "refused"
	switch soap {
	case "1.1":
		if refused {
			out = append(out, "<soap:Fault><faultcode>soap:"+blame(status, "Client", "Server")+"</faultcode><faultstring>the message was refused</faultstring><detail>"...)
		}
		out = appendReceipt(out, receipt)
		if refused {
			out = append(out, "</detail></soap:Fault>"...)
		}
	case "1.2":
		if refused {
			out = append(out, "<soap:Fault><soap:Code><soap:Value>soap:"+blame(status, "Sender", "Receiver")+
				`</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="en">the message was refused</soap:Text></soap:Reason><soap:Detail>`...)
		}
		out = appendReceipt(out, receipt)
		if refused {
			out = append(out, "</soap:Detail></soap:Fault>"...)
		}
	default:
		out = appendReceipt(out, receipt)
	}
	return inbound.Reply{Status: status, ContentType: kind, Body: append(append(out, end...), '\n')}
}

// opening is how an answer begins, its content type and how it ends, by the
// version of the SOAP envelope that the message came in; "": in none.
func opening(soap string) (out []byte, kind, end string) {
	out, kind = []byte(`<?xml version="1.0" encoding="UTF-8"?>`+"\n"), "application/xml; charset=utf-8"
	space := ""
	switch soap {
	case "1.1":
		kind, space = "text/xml; charset=utf-8", "http://schemas.xmlsoap.org/soap/envelope/"
	case "1.2":
		kind, space = "application/soap+xml; charset=utf-8", "http://www.w3.org/2003/05/soap-envelope"
	default:
		return out, kind, ""
	}
	return append(out, `<soap:Envelope xmlns:soap="`+space+`"><soap:Body>`...), kind, "</soap:Body></soap:Envelope>"
}

// blame says whose fault it is, in the words of a version of SOAP.
func blame(status int, sender, receiver string) string {
	if status >= 500 {
		return receiver
	}
	return sender
}

func appendReceipt(out []byte, receipt *element.Value) []byte {
	return appendElement(out, "receipt", receipt)
}

// appendElement writes a value; the items of a list flags are elements flag.
func appendElement(out []byte, name string, v *element.Value) []byte {
	if v.Kind == element.Array {
		for _, it := range v.Items {
			out = appendElement(out, strings.TrimSuffix(name, "s"), it)
		}
		return out
	}
	out = append(append(append(out, '<'), name...), '>')
	for _, f := range v.Fields {
		out = appendElement(out, f.Name, f.Value)
	}
	out = markup.AppendText(out, v.Text)
	return append(append(append(out, "</"...), name...), '>')
}
