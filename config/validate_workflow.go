package config

import (
	"fmt"

	"github.com/linkloop/linkloop/adapter/codes"
)

// workflow checks who approves the list of outcome codes, and the updates that
// leave before an outcome.
func (k *checker) workflow() {
	w := k.config.Workflow
	names, keys := seen{}, seen{}
	for i, a := range w.Approvers {
		at := fmt.Sprintf("workflow.approvers[%d]", i+1)
		k.label(at+".name", a.Name)
		k.unique(names, at+".name", a.Name)
		if _, err := codes.ParsePublicKey(a.Key); err != nil {
			k.add(at+".key", "is no public key", "write the base64 that linkloop codes key prints, 44 characters")
		}
		k.unique(keys, at+".key", a.Key)
	}
	if n := len(w.Approvers); n > 0 && n < codes.Needed || n == 0 && (w.Codes != "" || w.Measures != "" || w.Approval != "") {
		k.add("workflow.approvers", "are not two people", "a list of outcome codes or measures of one's own, and an approval, need two approvers with a key each")
	}
	if len(w.Approvers) > 0 && w.Codes == "" && w.Measures == "" && w.Approval == "" {
		k.add("workflow.approval", "is missing while approvers are named", "write the path of the file with their signatures under the shipped rules")
	}
	events := seen{}
	for i, e := range w.Interim {
		at := fmt.Sprintf("workflow.interim[%d]", i+1)
		k.choice(at, e, "accepted", "first-contact", "plan-agreed")
		k.unique(events, at, e)
	}
}
