package config_test

import (
	"strings"
	"testing"

	"github.com/linkloop/linkloop/config"
)

// TestWorkflowApprovers: who approves the list of outcome codes is two people
// with two keys, or nobody where nothing is to be approved.
func TestWorkflowApprovers(t *testing.T) {
	ada := config.Approver{Name: "ada", Key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
	ben := config.Approver{Name: "ben", Key: "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw="}
	for name, c := range map[string]struct {
		workflow config.Workflow
		want     string // keys of the problems
	}{
		"nobody":                 {config.Workflow{}, ""},
		"two":                    {config.Workflow{Codes: "/c.yaml", Approvers: []config.Approver{ada, ben}}, ""},
		"two for the shipped":    {config.Workflow{Approval: "/a.yaml", Approvers: []config.Approver{ada, ben}}, ""},
		"two for nothing":        {config.Workflow{Approvers: []config.Approver{ada, ben}}, "workflow.approval"},
		"one":                    {config.Workflow{Codes: "/c.yaml", Approvers: []config.Approver{ada}}, "workflow.approvers"},
		"a list and nobody":      {config.Workflow{Codes: "/c.yaml"}, "workflow.approvers"},
		"measures and nobody":    {config.Workflow{Measures: "/m"}, "workflow.approvers"},
		"one key twice":          {config.Workflow{Codes: "/c.yaml", Approvers: []config.Approver{ada, {Name: "ben", Key: ada.Key}}}, "workflow.approvers[2].key"},
		"one name twice":         {config.Workflow{Codes: "/c.yaml", Approvers: []config.Approver{ada, {Name: "ada", Key: ben.Key}}}, "workflow.approvers[2].name"},
		"no key":                 {config.Workflow{Codes: "/c.yaml", Approvers: []config.Approver{ada, {Name: "ben", Key: "AAAA"}}}, "workflow.approvers[2].key"},
		"an update nobody knows": {config.Workflow{Interim: []string{"accepted", "claimed"}}, "workflow.interim[2]"},
		"an update twice":        {config.Workflow{Interim: []string{"accepted", "accepted"}}, "workflow.interim[2]"},
		"all updates":            {config.Workflow{Interim: []string{"accepted", "first-contact", "plan-agreed"}}, ""},
	} {
		cfg := config.Default()
		c.workflow.Table = cfg.Workflow.Table
		cfg.Workflow = c.workflow
		err := cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestReport: when the daily report is made is a time of day, and who gets it is
// reached by webhook or mail.
func TestReport(t *testing.T) {
	channels := []config.Channel{
		{Name: "hook", Kind: config.KindWebhook, URL: "https://hook.example.nhs.uk/in", SecretEnv: "HOOK"},
		{Name: "tie", Kind: config.KindHL7v2, Address: "127.0.0.1:2575"},
	}
	for name, c := range map[string]struct {
		report config.Report
		want   string // key of the problem
	}{
		"nobody":             {config.Report{At: "07:00"}, ""},
		"a hook":             {config.Report{At: "23:59", Channels: []string{"hook"}}, ""},
		"no time":            {config.Report{}, "report.at"},
		"no leading nought":  {config.Report{At: "7:00"}, "report.at"},
		"a time of no day":   {config.Report{At: "24:00"}, "report.at"},
		"a practice's way":   {config.Report{At: "07:00", Channels: []string{"hook", "tie"}}, "report.channels[2]"},
		"nothing of a name":  {config.Report{At: "07:00", Channels: []string{"mail"}}, "report.channels[1]"},
		"the same one twice": {config.Report{At: "07:00", Channels: []string{"hook", "hook"}}, "report.channels[2]"},
	} {
		cfg := config.Default()
		cfg.Channels, cfg.Report = channels, c.report
		err := cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
