package hl7v2

import (
	"bytes"

	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/inbound"
)

var _ inbound.Condenser = Format{}

// Codes of MSA-1, table 0008.
var commitCodes = map[string]string{"AA": "CA", "AE": "CE", "AR": "CR"}

// saying is one acknowledgement of an answer.
type saying struct {
	code string // MSA-1
	full bool   // with the reasons; false: there is another behind it that has them
}

// sayings are the acknowledgements that a message wants (HL7 v2.5.1 sections
// 2.9.2 and 2.9.3). code is MSA-1 in original mode.
//
// Neither MSH-15 nor MSH-16: original mode, AA, AE or AR. Else enhanced mode: a
// commit acknowledgement as MSH-15 wants it and an application acknowledgement
// as MSH-16 does, always (AL), on success (SU), on error (ER) or never (NE and
// empty).
//
// The two come together, because a message is decided when it is committed. One
// that is kept and refused is CA and then AE. Where no application
// acknowledgement is wanted, the refusal is told as CE or CR, so that the sender
// learns of it: a commit acknowledgement must not say more than is true for
// the referral. A message that could not be kept at all is CE, and one that
// cannot be read CR, and no application acknowledgement follows.
func sayings(commit, application, code string, kind fault.Kind) []saying {
	if commit == "" && application == "" {
		return []saying{{code, true}}
	}
	kept := code == "AA" || code == "AE" && kind != fault.Transient && kind != fault.Internal
	var out []saying
	tells := kept && wanted(application, code == "AA")
	first := commitCodes[code]
	if tells {
		first = "CA"
	}
	if wanted(commit, first == "CA") {
		out = append(out, saying{first, !tells})
	}
	if tells || !kept && wanted(application, false) && commit != "AL" && commit != "ER" {
		out = append(out, saying{code, true})
	}
	return out
}

// wanted reads a value of table 0155. One that is not in it is answered always:
// to say nothing is the greater surprise.
func wanted(when string, success bool) bool {
	switch when {
	case "", "NE":
		return false
	case "SU":
		return success
	case "ER":
		return !success
	}
	return true
}

// Condense leaves out a CA that is followed by the application acknowledgement
// of the same message, which says more.
func (Format) Condense(r inbound.Reply) inbound.Reply {
	frames := Frames(r.Body)
	if len(frames) < 2 {
		return r
	}
	var out []byte
	for i, f := range frames {
		if i+1 < len(frames) {
			code, id := answered(f)
			if _, next := answered(frames[i+1]); code == "CA" && id == next {
				continue
			}
		}
		out = append(out, f...)
	}
	r.Body = out
	return r
}

// answered reads MSA-1 and MSA-2 of an acknowledgement of this package, as they
// are written.
func answered(ack []byte) (code, id string) {
	_, msa, _ := bytes.Cut(ack, []byte("\rMSA"))
	if len(msa) == 0 {
		return "", ""
	}
	msa, _, _ = bytes.Cut(msa, []byte("\r"))
	fields := bytes.Split(msa[1:], msa[:1])
	if len(fields) < 2 {
		return "", ""
	}
	return string(fields[0]), string(fields[1])
}
