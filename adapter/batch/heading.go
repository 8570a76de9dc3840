package batch

import "fmt"

// Heading is what a list of receipts says of each. It is kept beside the receipt
// as a line, so that a list opens none.
type Heading struct {
	Status Status
	Counts *Counts // nil: of a receipt that was kept without them
}

// Counts are how many messages of a file were read, and what became of them.
type Counts struct {
	Read     int `json:"read"`
	Accepted int `json:"accepted"`
	Repeated int `json:"repeated"`
	Refused  int `json:"refused"`
}

// heading is the heading of a receipt.
func (c *Receipt) heading() Heading {
	return Heading{c.Status, &Counts{c.Messages + c.Untaken, c.Accepted, c.Repeated, c.Refused}}
}

// String is the line that ParseHeading reads.
func (h Heading) String() string {
	if h.Counts == nil {
		return string(h.Status)
	}
	return fmt.Sprintf("%s %d %d %d %d", h.Status, h.Counts.Read, h.Counts.Accepted, h.Counts.Repeated, h.Counts.Refused)
}

// ParseHeading reads a heading; of a line that is none it is the status.
func ParseHeading(line string) Heading {
	var h Heading
	var n Counts
	if _, err := fmt.Sscanf(line, "%s %d %d %d %d", &h.Status, &n.Read, &n.Accepted, &n.Repeated, &n.Refused); err != nil {
		return Heading{Status: Status(line)}
	}
	h.Counts = &n
	return h
}
