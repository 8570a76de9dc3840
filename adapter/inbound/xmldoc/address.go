package xmldoc

import (
	"strconv"
	"strings"

	"github.com/linkloop/linkloop/adapter/message"
)

// maxName bounds one name of an address.
const maxName = 60

// address writes a place as an XPath by local names.
func address(n message.Node) string {
	if !n.Parent().Ok() {
		return "/"
	}
	return string(appendAddress(nil, n, false))
}

// soapAddress is address for what stood in a SOAP envelope.
func soapAddress(n message.Node) string {
	if !n.Parent().Ok() {
		return "/Envelope"
	}
	return string(appendAddress(nil, n, true))
}

func appendAddress(out []byte, n message.Node, soap bool) []byte {
	parent := n.Parent()
	if parent.Kind() == message.List {
		out = append(appendAddress(out, parent, soap), '[')
		out = strconv.AppendInt(out, int64(n.Index()+1), 10)
		return append(out, ']')
	}
	name := n.Name()
	switch {
	case parent.Parent().Ok():
		out = appendAddress(out, parent, soap)
	case soap && name == soapHeader:
		return append(out, "/Envelope/Header"...)
	case soap:
		out = append(out, "/Envelope/Body"...)
	}
	out = append(out, '/')
	switch {
	case name == textName:
		return append(out, "text()"...)
	case len(name) > maxName:
		return append(append(out, strings.ToValidUTF8(name[:maxName], "")...), "..."...)
	}
	return append(out, name...)
}
