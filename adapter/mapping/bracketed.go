package mapping

import (
	"regexp"
	"strings"

	"github.com/linkloop/linkloop/adapter/nhs"
)

// inOnePair is a text in one pair of brackets, with no brackets within.
var inOnePair = regexp.MustCompile(`\(([^()\[\]]*)\)|\[([^()\[\]]*)\]`)

// bracketed gives what stands in the last brackets of a text; with ods what
// stands in the last that hold an ODS code. With rest it gives the text without
// them. Trusts have codes of letters alone (RHM), but in brackets behind a name
// such a word is as likely a town: an ODS code here has a digit.
func bracketed(e *eval, c *call, v val) val {
	isCode, rest := false, false
	for _, a := range c.args {
		isCode, rest = isCode || a == "ods", rest || a == "rest"
	}
	pairs := inOnePair.FindAllStringSubmatchIndex(v.text, -1)
	for i := len(pairs) - 1; i >= 0; i-- {
		p := pairs[i]
		from, to := max(p[2], p[4]), max(p[3], p[5])
		in := strings.TrimSpace(v.text[from:to])
		if isCode {
			code, why := nhs.ParseODS(in)
			if why != nhs.Valid || !strings.ContainsAny(in, "0123456789") {
				continue
			}
			in = code
		}
		if rest {
			in = strings.Join(strings.Fields(v.text[:p[0]]+" "+v.text[p[1]:]), " ")
		}
		return text(v, in)
	}
	switch {
	case rest:
		return text(v, strings.TrimSpace(v.text))
	case isCode && strings.TrimSpace(v.text) != "":
		return e.unusable(v, "not-ods-code", "there is no ODS code in brackets in the text")
	}
	return text(v, "")
}
