package train

import (
	"fmt"
	"path/filepath"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// Erased is a training that goes when a new one is first saved in its place.
type Erased struct {
	Path   string   `json:"path"`
	Step   int      `json:"step"`
	Steps  int      `json:"steps"`
	Tokens int64    `json:"tokens"`
	Files  []string `json:"files"`
	Bytes  int64    `json:"bytes"`
	// Unreadable says why the state could not be read, where it could not.
	Unreadable string `json:"unreadable,omitempty"`

	log string // path of its log, "" where it has none
}

// String says how far the training had come.
func (e *Erased) String() string {
	if e.Unreadable != "" {
		return "its state cannot be read"
	}
	return fmt.Sprintf("%d of %d steps, %d tokens", e.Step, e.Steps, e.Tokens)
}

// surveyTraining says what the training in dir is made of. A state that cannot be read does not keep it from being
// erased.
func surveyTraining(dir string) (*Erased, error) {
	e := &Erased{Path: dir}
	if s, err := trainstate.Read(dir); err != nil {
		e.Unreadable = err.Error()
	} else {
		e.Step, e.Steps, e.Tokens = s.Step, s.Settings.Steps, s.Tokens
		e.log = logPath(dir, s.Log)
	}
	list, err := disk.List(dir)
	if err != nil {
		return nil, fault.OS(err)
	}
	for _, de := range list {
		e.Files = append(e.Files, de.Name())
		if st, err := disk.StatOf(filepath.Join(dir, de.Name())); err == nil && st.Mode().IsRegular() {
			e.Bytes += st.Size()
		}
	}
	if kept := keptDir(dir); isFolder(kept) {
		e.Files = append(e.Files, filepath.Base(kept)+"/")
	}
	return e, nil
}
