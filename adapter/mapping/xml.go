package mapping

import (
	"regexp"

	"go.yaml.in/yaml/v3"

	"github.com/linkloop/linkloop/adapter/message"
)

// XML is what the xml block of a mapping says about the documents of its
// sender. Fields that are empty leave the choice to the format.
type XML struct {
	Each     message.Path      // to elements of which each is a message by itself
	ID       []message.Path    // to the message id, the first that leads to a text
	Type     message.Path      // to the message type
	Prefixes map[string]string // that names of a namespace have in paths, by namespace
}

// XML is what the mapping says about documents; for the format xml only.
func (m *Mapping) XML() XML { return m.xml }

var xmlKeys = []string{"each", "id", "type", "namespaces"}

// maxXMLNames bounds the lists of the block.
const maxXMLNames = 50

// xmlPrefix is what can be a prefix; those of every document are not free.
var xmlPrefix = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func (c *compiler) xml(n *yaml.Node) {
	if n == nil {
		return
	}
	if c.m.format != "xml" {
		c.problem(c.start(n), "format: xml", "xml is for mappings of the format xml")
		return
	}
	block := c.object(n, "xml", xmlKeys)
	if each := block["each"]; each != nil {
		c.m.xml.Each = c.xmlPath(each)
		if _, plain := c.m.xml.Each.Members(); !plain && len(c.problems) == 0 {
			c.problem(c.start(each), "each: Referrals.Referral", "the elements are named by plain names from the root, without brackets")
		}
	}
	switch id := block["id"]; {
	case id == nil:
	case id.Kind == yaml.SequenceNode && len(id.Content) <= maxXMLNames:
		for _, x := range id.Content {
			c.m.xml.ID = append(c.m.xml.ID, c.xmlPath(x))
		}
	default:
		c.m.xml.ID = []message.Path{c.xmlPath(id)}
	}
	if t := block["type"]; t != nil {
		c.m.xml.Type = c.xmlPath(t)
	}
	if spaces := block["namespaces"]; spaces != nil {
		c.xmlNamespaces(spaces)
	}
}

// xmlPath reads a path from the root of the document.
func (c *compiler) xmlPath(n *yaml.Node) message.Path {
	if n.Kind != yaml.ScalarNode {
		c.problem(c.start(n), "id: Referral.Header.MessageId", "a path is expected here")
		return message.Path{}
	}
	p, err := message.ParsePath(n.Value)
	if err != nil {
		c.problem(c.start(n), "", "%v", err)
	} else if p.Relative() || p.HL7() {
		c.problem(c.start(n), "id: Referral.Header.MessageId", "a path that begins with the root element is expected here")
	}
	return p
}

// xmlNamespaces reads prefix: namespace lines.
func (c *compiler) xmlNamespaces(n *yaml.Node) {
	const like = "namespaces: {hl7: 'urn:hl7-org:v3'}"
	if n.Kind != yaml.MappingNode || len(n.Content) > 2*maxXMLNames {
		c.problem(c.start(n), like, "namespaces is at most %d lines prefix: namespace", maxXMLNames)
		return
	}
	c.m.xml.Prefixes = map[string]string{}
	taken := map[string]bool{"xml": true, "xsi": true, "soap": true}
	for i := 0; i+1 < len(n.Content); i += 2 {
		prefix, space := n.Content[i], n.Content[i+1]
		switch {
		case !xmlPrefix.MatchString(prefix.Value):
			c.problem(c.start(prefix), like, "%q cannot be a prefix", prefix.Value)
		case taken[prefix.Value]:
			c.problem(c.start(prefix), like, "the prefix %q is taken", prefix.Value)
		case space.Kind != yaml.ScalarNode || space.Value == "":
			c.problem(c.start(space), like, "a namespace is a text")
		case c.m.xml.Prefixes[space.Value] != "":
			c.problem(c.start(space), like, "the namespace stands twice")
		default:
			taken[prefix.Value] = true
			c.m.xml.Prefixes[space.Value] = prefix.Value
		}
	}
}
