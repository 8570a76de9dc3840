package referral_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/fault"
	"github.com/linkloop/linkloop/adapter/referral"
	"github.com/linkloop/linkloop/conformance"
)

func gravity(t *testing.T) *referral.Workflow {
	t.Helper()
	w, err := referral.LoadWorkflow(conformance.Files, "workflow-gravity.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var both = []referral.Party{referral.Requester, referral.Owner}

// TestGravityMatrix is the published table written a second time, state by
// state: SDOH Clinical Care STU 3.0.0, ReferralTaskStateDiagram.
func TestGravityMatrix(t *testing.T) {
	w := gravity(t)
	allowed := map[string][]string{
		"draft":       {"requested", "cancelled"},
		"requested":   {"accepted", "rejected", "cancelled"},
		"accepted":    {"in-progress", "on-hold", "cancelled", "completed", "failed"},
		"in-progress": {"on-hold", "completed", "failed", "cancelled"},
		"on-hold":     {"in-progress", "completed", "failed", "cancelled"},
		"rejected":    {}, "cancelled": {}, "failed": {}, "completed": {}, "entered-in-error": {},
	}
	for from, tos := range allowed {
		for to := range allowed {
			if from == to {
				continue
			}
			want := slices.Contains(tos, to) || to == "entered-in-error"
			f := w.CheckMove(from, to, both)
			if (f == nil) != want {
				t.Errorf("%s to %s: %v, want allowed=%v", from, to, f, want)
			}
			if f != nil && f.Kind != fault.IllegalMove {
				t.Errorf("%s to %s: kind %s, want illegal-move", from, to, f.Kind)
			}
			if f != nil && len(tos) > 0 && !strings.Contains(f.Error(), tos[0]) {
				t.Errorf("%s to %s: the refusal %q does not name the allowed moves", from, to, f)
			}
		}
	}
}

func TestParties(t *testing.T) {
	w := gravity(t)
	tests := []struct {
		from, to string
		by       referral.Party
		want     fault.Kind // Internal: allowed
	}{
		{"requested", "accepted", referral.Owner, fault.Internal},
		{"requested", "accepted", referral.Requester, fault.Forbidden},
		{"accepted", "entered-in-error", referral.Owner, fault.Forbidden},
		{"accepted", "entered-in-error", referral.Requester, fault.Internal},
		{"in-progress", "cancelled", referral.Requester, fault.Internal},
		{"in-progress", "cancelled", referral.Owner, fault.Internal},
	}
	for _, tt := range tests {
		f := w.CheckMove(tt.from, tt.to, []referral.Party{tt.by})
		got := fault.Internal
		if f != nil {
			got = f.Kind
		}
		if got != tt.want {
			t.Errorf("%s to %s by %s: %s, want %s", tt.from, tt.to, tt.by, got, tt.want)
		}
	}
}

// task builds a Task from a few words: "status=accepted owner=A".
func task(t *testing.T, words string) *element.Value {
	t.Helper()
	v := element.NewObject(element.S("resourceType", "Task"), element.S("status", "requested"), element.S("intent", "order"))
	for _, w := range strings.Fields(words) {
		name, value, _ := strings.Cut(w, "=")
		switch name {
		case "owner", "for", "requester", "focus":
			v.Set(name, element.NewObject(element.S("reference", value)))
		case "statusReason", "businessStatus":
			v.Set(name, element.NewObject(element.S("text", value)))
		case "output":
			v.Append(name, element.NewObject(element.S("valueString", value)))
		default:
			v.SetString(name, value)
		}
	}
	return v
}

func TestCheckChange(t *testing.T) {
	w := gravity(t)
	owner, requester := []referral.Party{referral.Owner}, []referral.Party{referral.Requester}
	tests := []struct {
		name     string
		old, new string
		parties  []referral.Party
		claim    bool
		want     fault.Kind // Internal: allowed
		place    string
	}{
		{"claim", "", "status=accepted owner=A", nil, true, fault.Internal, ""},
		{"claim without the right", "", "status=accepted owner=A", nil, false, fault.Forbidden, "Task.owner"},
		{"claim what is claimed", "status=accepted owner=A", "status=accepted owner=B", nil, true, fault.Conflict, "Task.owner"},
		{"claim what is claimed, trusted", "status=accepted owner=A", "status=accepted owner=B", both, true, fault.Conflict, "Task.owner"},
		{"turn down what nobody owns", "", "status=rejected statusReason=full", nil, true, fault.Internal, ""},
		{"turn down without a reason", "", "status=rejected", nil, true, fault.IllegalMove, "Task.statusReason"},
		{"accept without an owner", "", "status=accepted", both, true, fault.IllegalMove, "Task.owner"},
		{"owner works", "status=accepted owner=A", "status=in-progress owner=A businessStatus=x", owner, false, fault.Internal, ""},
		{"owner changes priority", "status=accepted owner=A", "status=accepted owner=A priority=urgent", owner, false, fault.IllegalMove, "Task.priority"},
		{"requester changes priority", "status=accepted owner=A", "status=accepted owner=A priority=urgent", requester, false, fault.Internal, ""},
		{"nobody changes the patient", "for=P", "for=Q", both, true, fault.IllegalMove, "Task.for"},
		{"stranger", "status=accepted owner=A", "status=in-progress owner=A", nil, false, fault.Forbidden, "Task"},
		{"complete without output", "status=in-progress owner=A", "status=completed owner=A", owner, false, fault.IllegalMove, "Task.output"},
		{"complete", "status=in-progress owner=A", "status=completed owner=A output=done", owner, false, fault.Internal, ""},
		{"change what is over", "status=completed owner=A output=done", "status=completed owner=A output=other", owner, false, fault.IllegalMove, "Task"},
		{"the same again when over", "status=completed owner=A output=done", "status=completed owner=A output=done", owner, false, fault.Internal, ""},
		{"give back", "status=accepted owner=A", "status=requested", owner, false, fault.Internal, ""},
		{"give back by the requester", "status=accepted owner=A", "status=requested", requester, false, fault.IllegalMove, "Task.status"},
		{"give back and keep it", "status=accepted owner=A", "status=requested owner=A", owner, false, fault.IllegalMove, "Task.status"},
		{"have no owner and go on", "status=accepted owner=A", "status=in-progress", both, true, fault.IllegalMove, "Task.owner"},
		{"give back what is over", "status=failed owner=A", "status=requested", both, true, fault.IllegalMove, "Task.owner"},
		{"take the owner off before the work", "status=requested owner=A", "status=requested", requester, false, fault.Internal, ""},
		{"hand over", "status=requested owner=A", "status=requested owner=B", owner, false, fault.Forbidden, "Task.owner"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := w.CheckChange(task(t, tt.old), task(t, tt.new), tt.parties, tt.claim)
			if f == nil {
				if tt.want != fault.Internal {
					t.Fatalf("allowed, want %s", tt.want)
				}
				return
			}
			if f.Kind != tt.want || f.Issues[0].Expression != tt.place {
				t.Errorf("got %s at %s, want %s at %s", f.Kind, f.Issues[0].Expression, tt.want, tt.place)
			}
		})
	}
}

// TestCheckChangeNames: a refused element is named with the rule of the table
// and with what is allowed.
func TestCheckChangeNames(t *testing.T) {
	w := gravity(t)
	f := w.CheckChange(task(t, "status=accepted owner=A for=P"), task(t, "status=accepted owner=A for=Q priority=stat"), []referral.Party{referral.Owner}, false)
	if f == nil || f.Kind != fault.IllegalMove || len(f.Issues) != 2 {
		t.Fatalf("got %v, want two refused elements", f)
	}
	for i, want := range []struct{ expression, rule, allowed string }{
		{"Task.for", "rule immutable of the workflow gravity", "intent, code, focus"},
		{"Task.priority", "rule owner_changes of the workflow gravity", "status, statusReason, businessStatus, output, note, executionPeriod"},
	} {
		if is := f.Issues[i]; is.Expression != want.expression || !strings.Contains(is.Text, want.rule) || !strings.Contains(is.Text, want.allowed) {
			t.Errorf("issue %d is %s: %q", i, is.Expression, is.Text)
		}
	}
}

// TestComplete: what a whole-resource update leaves out is put back where its
// author cannot have meant to take it away.
func TestComplete(t *testing.T) {
	w := gravity(t)
	old := "status=accepted owner=A for=P focus=S priority=stat businessStatus=seen output=x"
	for _, tt := range []struct {
		name, new, want string
		parties         []referral.Party
		sure            bool
	}{
		{"owner", "status=in-progress owner=A", "status=in-progress owner=A for=P focus=S priority=stat", []referral.Party{referral.Owner}, true},
		{"requester", "status=accepted owner=A", "status=accepted owner=A for=P focus=S", []referral.Party{referral.Requester}, true},
		{"anybody without a version", "status=in-progress", "status=in-progress owner=A for=P focus=S priority=stat businessStatus=seen output=x", both, false},
		{"what is there stays", old, old, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, want := task(t, tt.new), task(t, tt.want)
			put := w.Complete(task(t, old), got, tt.parties, tt.sure)
			if !element.Equal(got, want) {
				t.Errorf("got %s, want %s", got.JSON(), want.JSON())
			}
			if put != (tt.new != tt.want) {
				t.Errorf("it says that it put something back: %v", put)
			}
		})
	}
	was := element.NewObject(element.S("resourceType", "Task"), element.S("authoredOn", "2026"), element.F("_authoredOn", object("id", "a")))
	now := element.NewObject(element.S("resourceType", "Task"), element.S("authoredOn", "2026"))
	if w.Complete(was, now, nil, true); now.TextAt("_authoredOn.id") != "a" {
		t.Error("the other half of a primitive that did not change was lost")
	}
	now = element.NewObject(element.S("resourceType", "Task"), element.S("authoredOn", "2027"))
	if w.Complete(was, now, nil, true); now.Get("_authoredOn") != nil {
		t.Error("what was said about another value was put back")
	}
}

func object(name, text string) *element.Value { return element.NewObject(element.S(name, text)) }

// TestMovesAreOffered: who is refused a move is told its own moves, and whose the
// others are.
func TestMovesAreOffered(t *testing.T) {
	w := gravity(t)
	for _, c := range []struct {
		from, to string
		parties  []referral.Party
		want     string
	}{
		{"in-progress", "rejected", []referral.Party{referral.Owner}, "to rejected; allowed: on-hold, completed, failed, cancelled; allowed to the requester: entered-in-error"},
		{"in-progress", "rejected", []referral.Party{referral.Requester}, "to rejected; allowed: cancelled, entered-in-error; allowed to the owner: on-hold, completed, failed"},
		{"in-progress", "rejected", []referral.Party{referral.Requester, referral.Owner}, "to rejected; allowed: on-hold, completed, failed, cancelled, entered-in-error"},
		{"cancelled", "in-progress", []referral.Party{referral.Owner}, "to in-progress; allowed to the requester: entered-in-error"},
		{"entered-in-error", "in-progress", []referral.Party{referral.Owner}, "to in-progress, nor anywhere else"},
	} {
		if f := w.CheckMove(c.from, c.to, c.parties); f == nil || !strings.HasSuffix(f.Issues[0].Text, c.want) {
			t.Errorf("%s to %s: %v, want %q", c.from, c.to, f, c.want)
		}
	}
}

// TestDropReason: the reason of one status is not that of the next.
func TestDropReason(t *testing.T) {
	w := gravity(t)
	for _, c := range []struct {
		from, to, was, is string
		stays             bool
	}{
		{"on-hold", "in-progress", "in hospital", "in hospital", false},
		{"on-hold", "completed", "in hospital", "in hospital", false},
		{"on-hold", "completed", "in hospital", "moved away", true},
		{"on-hold", "cancelled", "in hospital", "in hospital", true},
		{"on-hold", "on-hold", "in hospital", "in hospital", true},
		{"on-hold", "completed", "", "moved away", true},
		{"requested", "accepted", "on leave", "on leave", false},
		{"requested", "rejected", "on leave", "on leave", true},
		{"in-progress", "completed", "declined", "declined", true},
	} {
		task := func(status, reason string) *element.Value {
			v := element.NewObject(element.S("resourceType", "Task"), element.S("status", status))
			if reason != "" {
				v.Set("statusReason", element.NewObject(element.S("text", reason)))
			}
			return v
		}
		now := task(c.to, c.is)
		w.DropReason(task(c.from, c.was), now)
		if stays := now.Get("statusReason") != nil; stays != c.stays {
			t.Errorf("%+v: stays %t", c, stays)
		}
	}
}

// TestTakenAndGivenBack are the two operations on a Task.
func TestTakenAndGivenBack(t *testing.T) {
	w := gravity(t)
	for _, tt := range []struct {
		old, owner, want string
		kind             fault.Kind // Internal: allowed
	}{
		{"priority=stat", "A", "status=accepted priority=stat owner=A", fault.Internal},
		{"owner=A", "A", "status=accepted owner=A", fault.Internal},
		{"owner=B", "A", "", fault.Conflict},
		{"status=accepted owner=B", "A", "", fault.Conflict},
		{"status=cancelled", "A", "", fault.IllegalMove},
		{"status=draft", "A", "", fault.IllegalMove},
	} {
		got, f := w.Taken(task(t, tt.old), tt.owner)
		check(t, "taken "+tt.old, got, f, tt.want, tt.kind)
	}
	for _, tt := range []struct {
		old, reason, want string
		kind              fault.Kind
	}{
		{"status=in-progress owner=A businessStatus=seen output=x", "", "status=requested output=x", fault.Internal},
		{"status=on-hold owner=A statusReason=ill", "full", "status=requested statusReason=full", fault.Internal},
		{"status=completed owner=A", "", "", fault.IllegalMove},
		{"status=requested owner=A", "", "", fault.IllegalMove},
	} {
		var reason *element.Value
		if tt.reason != "" {
			reason = object("text", tt.reason)
		}
		old := task(t, tt.old)
		got, f := w.GivenBack(old, reason)
		check(t, "given back "+tt.old, got, f, tt.want, tt.kind)
		if f == nil {
			if f := w.CheckChange(old, got, []referral.Party{referral.Owner}, false); f != nil {
				t.Errorf("%s: the rules for changes refuse it: %v", tt.old, f)
			}
		}
	}
	var none referral.Workflow
	if _, f := none.Taken(task(t, ""), "A"); f == nil || f.Kind != fault.Unsupported {
		t.Errorf("a workflow without claims: %v", f)
	}
}

func check(t *testing.T, what string, got *element.Value, f *fault.Fault, want string, kind fault.Kind) {
	t.Helper()
	switch {
	case f == nil && (kind != fault.Internal || !element.Equal(got, task(t, want))):
		t.Errorf("%s: got %s, want %s %s", what, got.JSON(), want, kind)
	case f != nil && f.Kind != kind:
		t.Errorf("%s: %v, want %s", what, f, kind)
	}
}

func TestCheckCreate(t *testing.T) {
	w := gravity(t)
	if f := w.CheckCreate(task(t, "")); f != nil {
		t.Errorf("a requested Task: %v", f)
	}
	if f := w.CheckCreate(task(t, "status=completed")); f == nil || f.Kind != fault.IllegalMove {
		t.Errorf("a completed Task from nowhere: %v", f)
	}
}

func TestLoadWorkflowReportsAll(t *testing.T) {
	fsys := fstest.MapFS{"w.yaml": {Data: []byte(`
workflow: broken
start: [requestd]
end: [completed]
moves:
  - {from: requested, to: acepted, by: [owner]}
  - {from: completed, to: requested, by: [sender]}
  - {from: any, to: failed, by: []}
claim: {from: [askd], to: accepted}
release: {from: [completed], to: requested}
`)}}
	_, err := referral.LoadWorkflow(fsys, "w.yaml")
	if err == nil {
		t.Fatal("a broken table was loaded")
	}
	for _, want := range []string{"requestd", "acepted", `"sender" is no party`, "leaves completed", "moves[2].by is empty", "askd", "release.from names an end"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if _, err := referral.LoadWorkflow(fstest.MapFS{"w.yaml": {Data: []byte("moovs: []")}}, "w.yaml"); err == nil || !strings.Contains(err.Error(), "moovs") {
		t.Errorf("an unknown key: %v", err)
	}
}
