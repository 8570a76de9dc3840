package jsondoc

import "github.com/linkloop/linkloop/adapter/inbound"

// Reply words the answer as a receipt, see inbound.Receipt.
func (Format) Reply(m *inbound.Message, a inbound.Answer) inbound.Reply { return inbound.Receipt(m, a) }
