package mapping

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// constantsBy lets constants depend on the message, so that one mapping serves
// many practices:
//
//	constants:
//	  referralSystem: urn:example:referral
//	constantsBy:
//	  value: <- MSH-4 | ods
//	  cases:
//	    A81001: {referralSystem: https://a81001.example.nhs.uk/referral}
//
// The value is taken once per message, behind the lets. A constant that its
// case does not name, and every constant of a message without a case, is as
// for any other message.
type constantsBy struct {
	value *template
	cases map[string]map[int32]string // text of a constant by value and index
}

// ConstantKey is the key in Context.Constants of a constant that holds for one
// value of constantsBy only; with an empty value it is the name itself.
func ConstantKey(name, value string) string {
	if value == "" {
		return name
	}
	return name + " of " + value
}

// maxCases is more than the number of practices in the United Kingdom.
const maxCases = 20_000

// constantCases reads the cases, before anything can use a constant; the value
// is compiled later, by constantsValue.
func (c *compiler) constantCases(n *yaml.Node) {
	if n == nil {
		return
	}
	head := c.object(n, "constantsBy", []string{"value", "cases"})
	if head["value"] == nil || head["cases"] == nil {
		c.problem(c.start(n), "value: <- MSH-4 | ods", "constantsBy has a value and cases")
		return
	}
	cases := head["cases"]
	c.object(cases, "cases", nil)
	c.m.by = &constantsBy{cases: map[string]map[int32]string{}}
	if len(cases.Content)/2 > maxCases {
		c.problem(c.start(cases), "", "more than %d cases", maxCases)
		return
	}
	for i := 0; i+1 < len(cases.Content); i += 2 {
		texts := map[int32]string{}
		k, v := cases.Content[i], cases.Content[i+1]
		c.object(v, "a case", nil)
		for j := 0; j+1 < len(v.Content); j += 2 {
			name, text := v.Content[j], v.Content[j+1]
			id, ok := c.m.celNames[name.Value]
			switch {
			case !ok || !id.constant:
				c.problem(c.start(name), nearest(name.Value, c.constantNames()), "%q is not one of the constants", name.Value)
			case text.Kind != yaml.ScalarNode:
				c.problem(c.start(text), "", "a constant is a text")
			default:
				texts[id.index] = text.Value
				if !slices.Contains(c.varying, id.index) {
					c.varying = append(c.varying, id.index)
				}
			}
		}
		c.m.by.cases[k.Value] = texts
	}
}

// constantsValue compiles the value that chooses the case.
func (c *compiler) constantsValue(n *yaml.Node) {
	if c.m.by == nil {
		return
	}
	const example = "value: <- MSH-4 | ods"
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "value" {
			continue
		}
		v := n.Content[i+1]
		c.m.by.value = c.headRule(v, "value", example)
		if t := c.m.by.value; t != nil && (t.shape == isConstant || t.shape == isNamed) {
			c.problem(c.start(v), example, "the value comes from the message, or the case would always be the same")
		}
	}
}

// early reports a constant that depends on the message where it is not known
// yet.
func (c *compiler) early(at position, index int32) {
	if c.letting && slices.Contains(c.varying, index) {
		c.problem(at, "", "%s depends on constantsBy, which is known behind the lets only", c.m.constants[index].name)
	}
}

func (c *compiler) constantNames() []string {
	out := make([]string, len(c.m.constants))
	for i := range c.m.constants {
		out[i] = c.m.constants[i].name
	}
	return out
}

// constant is the text of a constant for the message at hand: what the
// installation says for its case, what the mapping says for it, what the
// installation says for the sender, what stands in the mapping.
func (e *eval) constant(i int32) string {
	c := &e.m.constants[i]
	if e.caseOf != "" {
		if len(e.overrides) > 0 {
			if o := e.overrides[ConstantKey(c.name, e.caseOf)]; o != "" {
				return o
			}
		}
		if text, ok := e.m.by.cases[e.caseOf][i]; ok {
			return text
		}
	}
	if o := e.overrides[c.name]; o != "" {
		return o
	}
	return c.text
}
