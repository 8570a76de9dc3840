package intake

import (
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/mapping"
	"github.com/linkloop/linkloop/adapter/message"
	"github.com/linkloop/linkloop/adapter/profile"
)

// deceased flags a person who has died (R4 Patient.deceased[x]). The referral is
// taken, because only its sender knows whether it still makes sense.
func (d *draft) deceased(out *mapping.Result, tree *message.Tree) {
	for _, r := range out.Resources {
		if r.Type != "Patient" {
			continue
		}
		for _, name := range [...]string{"deceasedBoolean", "deceasedDateTime"} {
			if v := r.Root.Get(name); v == nil || v.Text == "false" {
				continue
			}
			path := "Patient." + name
			d.flags = append(d.flags, fault.Issue{
				Severity: "warning", Code: profile.FlagDeceased, Expression: path, Place: locate(r.Root, path, tree),
				Text: "the sender says that the person has died; ask before anybody is telephoned",
			})
		}
	}
}
