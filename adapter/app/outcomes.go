package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/linkloop/linkloop/adapter/codes"
	"github.com/linkloop/linkloop/adapter/measure"
	"github.com/linkloop/linkloop/adapter/outcome"
	"github.com/linkloop/linkloop/config"
	"github.com/linkloop/linkloop/mappings"
)

// OutcomeRules are the rules by which outcomes are coded, and what is known of
// their approval.
type OutcomeRules struct {
	List     *outcome.List
	Measures *measure.Set
	Content  codes.Approval   // what an approval of these rules covers, without signatures
	File     string           // where the approval is read from; empty: none is needed
	Approved codes.Approval   // as read; empty when there is no file yet
	Known    []codes.Approver // whose signatures count
	By       []codes.Approved // who approved, and when
}

// ReadOutcomeRules reads the list of codes and the measures of a configuration,
// without asking whether they were approved.
func ReadOutcomeRules(w config.Workflow) (*OutcomeRules, error) {
	fsys, name := outcomeFile(w.Codes)
	list, err := outcome.LoadList(fsys, name)
	if err != nil {
		return nil, err
	}
	measures, err := loadMeasures(w.Measures)
	if err != nil {
		return nil, err
	}
	if err := list.Use(measures); err != nil {
		return nil, err
	}
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"codes.yaml": content}
	for file, b := range measures.Files() {
		files["measures/"+file] = b
	}
	r := &OutcomeRules{List: list, Measures: measures, Content: codes.Of(list.Name, list.Version, files)}
	for _, a := range w.Approvers {
		key, err := codes.ParsePublicKey(a.Key)
		if err != nil {
			return nil, fmt.Errorf("workflow.approvers, %s: %w", a.Name, err)
		}
		r.Known = append(r.Known, codes.Approver{Name: a.Name, Key: key})
	}
	r.File = approvalFile(w)
	return r, nil
}

// approvalFile is where the approval stands: where the configuration says, else
// beside the list of one's own, or else beside the folder of measures. The
// shipped rules alone need none, because they are part of the program, unless
// the configuration names a file.
func approvalFile(w config.Workflow) string {
	switch {
	case w.Approval != "":
		return w.Approval
	case w.Codes != "":
		return filepath.Join(filepath.Dir(w.Codes), "approval.yaml")
	case w.Measures != "":
		return filepath.Join(w.Measures, "..", "approval.yaml")
	}
	return ""
}

// Check returns an error unless two people approved exactly these rules.
func (r *OutcomeRules) Check() error {
	if r.File == "" {
		return nil
	}
	b, err := os.ReadFile(r.File)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the list of outcome codes and its measures are not approved: there is no %s; two people approve them with linkloop codes approve", r.File)
	}
	if err != nil {
		return fmt.Errorf("the approval of the list of outcome codes: %w", err)
	}
	if r.Approved, err = codes.Read(b); err != nil {
		return fmt.Errorf("%s: %w", r.File, err)
	}
	if err := r.Approved.Covers(r.Content); err != nil {
		return fmt.Errorf("%s does not approve these outcome codes: %w", r.File, err)
	}
	if r.By, err = r.Approved.Verify(r.Known); err != nil {
		return fmt.Errorf("%s: %w", r.File, err)
	}
	return nil
}

// loadOutcomes reads the rules and wants them approved: codes outside an
// approved list leave for no record.
func loadOutcomes(w config.Workflow) (*outcome.List, error) {
	r, err := ReadOutcomeRules(w)
	if err != nil {
		return nil, err
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return r.List, nil
}

// loadMeasures reads the measures of a folder, or the shipped ones.
func loadMeasures(folder string) (*measure.Set, error) {
	if folder == "" {
		return measure.Load(mappings.Files, "measures")
	}
	return measure.Load(os.DirFS(folder), ".")
}
