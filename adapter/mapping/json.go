package mapping

import (
	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/message"
)

// JSON is what the json block of a mapping says about the documents of its
// sender. Paths that are zero leave the choice to the format.
type JSON struct {
	Each message.Path // to a list of which each item is a message by itself
	ID   message.Path // to the message id
}

// JSON is what the mapping says about documents; for the format json only.
func (m *Mapping) JSON() JSON { return m.json }

var jsonKeys = []string{"each", "id"}

func (c *compiler) json(n *yaml.Node) {
	if n == nil {
		return
	}
	if c.m.format != "json" {
		c.problem(c.start(n), "format: json", "json is for mappings of the format json")
		return
	}
	block := c.object(n, "json", jsonKeys)
	if each := block["each"]; each != nil {
		c.m.json.Each = c.jsonPath(each)
		if _, plain := c.m.json.Each.Members(); !plain && len(c.problems) == 0 {
			c.problem(c.start(each), "each: export.items", "the list is named by plain members, without brackets")
		}
	}
	if id := block["id"]; id != nil {
		c.m.json.ID = c.jsonPath(id)
	}
}

// jsonPath reads a path from the top of the document.
func (c *compiler) jsonPath(n *yaml.Node) message.Path {
	if n.Kind != yaml.ScalarNode {
		c.problem(c.start(n), "each: export.items", "a path is expected here")
		return message.Path{}
	}
	p, err := message.ParsePath(n.Value)
	if err != nil {
		c.pathProblem(c.start(n), err)
	} else if p.Relative() || p.HL7() {
		c.problem(c.start(n), "each: export.items", "a path that begins with a member of the document is expected here")
	}
	return p
}
