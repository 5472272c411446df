package trainstate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"

	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/infile"
	"famkit/internal/strictjson"
)

// stateFormat is the version of trainer_state.json.
const stateFormat = 1

// State is what a training needs beside weights and moments to go on. There is no generator: the order of the data is a
// function of the row's number, and the learning rate one of the step.
type State struct {
	Format   int      `json:"format"`
	Step     int      `json:"step"`              // steps done
	Updates  int      `json:"updates,omitempty"` // that the moments have seen
	Rows     int64    `json:"rows,omitempty"`    // of the data's order that were served
	Tokens   int64    `json:"tokens"`            // target tokens of the steps done
	Seconds  float64  `json:"seconds"`           // wall time of all runs
	Model    string   `json:"model"`             // what the training began from
	Log      string   `json:"log,omitempty"`     // where its log is, as seen from the checkpoint's directory
	Settings Settings `json:"settings"`
	Digests  Digests  `json:"digests"`
	Growth   *Growth  `json:"growth,omitempty"`
	// HandOver says in which steps blocks hand over to their copies; nil: none.
	HandOver *HandOver `json:"hand_over,omitempty"`
	Eval     *Eval     `json:"eval,omitempty"` // the last evaluation
}

// Eval is an evaluation: after which step, on which rows, in nats a token.
type Eval struct {
	Step int     `json:"step"`
	Loss float64 `json:"loss"`
	Data string  `json:"data"` // digest of what was evaluated on
}

// Digests identify what a training depends on, as hex SHA-256.
type Digests struct {
	Config    string `json:"config"`
	Tokenizer string `json:"tokenizer,omitempty"`
	Data      string `json:"data"`
}

// Digest is the hex SHA-256 of b, "" of nil.
func Digest(b []byte) string {
	if b == nil {
		return ""
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Is reports whether a directory holds the state of a training, sound or not. Where it cannot be told it may hold
// one, and reading it says why not.
func Is(dir string) bool {
	_, err := disk.LstatOf(filepath.Join(dir, StateFile))
	return !disk.Absent(err)
}

// Guard refuses to replace a directory that holds a training which nothing else holds: steps made there, or a state
// that cannot be read. What a growth carried along from a parent is no such training.
func Guard(dir string) error {
	switch _, err := disk.LstatOf(filepath.Join(dir, StateFile)); {
	case disk.Absent(err):
		return nil
	case err != nil:
		return fault.OS(err)
	}
	what := "whose state cannot be read"
	s, err := Read(dir)
	switch {
	case fault.Machines(err):
		return err
	case err == nil:
		if s.Step == 0 || s.Growth != nil && s.Growth.Step == s.Step {
			return nil
		}
		what = fmt.Sprintf("of %d steps", s.Step)
	}
	return fault.Hint(fault.Inputf("%s: not replaced: it holds a training %s", dir, what),
		"choose another name, or remove it yourself if it may go")
}

// Foreign reports whether a directory's state was written by transformers' Trainer, which uses the same name for its
// file.
func Foreign(dir string) bool {
	b, err := infile.Read(filepath.Join(dir, StateFile))
	var file map[string]json.RawMessage
	return err == nil && json.Unmarshal(b, &file) == nil && file["format"] == nil && file["global_step"] != nil
}

// Read reads the state that a checkpoint's directory holds.
func Read(dir string) (*State, error) {
	path := filepath.Join(dir, StateFile)
	b, err := infile.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Inputf("%s: no such file: %s is not a training that can be resumed", path, dir)
	}
	if err != nil {
		return nil, err
	}
	if Foreign(dir) {
		return nil, fault.Inputf("%s: is the state of another trainer (transformers)", path)
	}
	return Parse(path, b)
}

// Parse reads a state from the text of the file at path. Everything that could not have been written is refused (kind
// Input), and the file is named.
func Parse(path string, b []byte) (*State, error) {
	s := &State{}
	if err := strictjson.UnmarshalKnown(b, s); err != nil {
		return nil, fault.Inputf("%s: %w", path, err)
	}
	if s.Format != stateFormat {
		return nil, fault.Inputf("%s: format %d, wanted %d", path, s.Format, stateFormat)
	}
	err := complete(b)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		// Its words are the file's own: a setting in it is no flag of a command.
		return nil, fault.Inputf("%s: %s", path, err.Error())
	}
	return s.defaults(), nil
}

// defaults fills what older files do not have.
func (s *State) defaults() *State {
	if s.Updates == 0 && (s.Growth == nil || s.Growth.Optimizer != ResetMoments) {
		s.Updates = s.Step
	}
	if s.Rows == 0 {
		s.Rows = int64(s.Step) * s.Settings.StepRows()
	}
	return s
}

// complete refuses a file that leaves out, or sets to null, a setting that every training has: 0 would be taken for it.
func complete(b []byte) error {
	var file struct {
		Settings json.RawMessage `json:"settings"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return err
	}
	if file.Settings == nil || string(file.Settings) == "null" {
		return errors.New("settings are missing")
	}
	members, err := strictjson.Members(file.Settings)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	there := map[string]bool{}
	for _, m := range members {
		there[m.Key] = string(m.Value) != "null"
	}
	for _, f := range fields {
		if !f.optional && !there[f.name] {
			return fmt.Errorf("settings: %s is missing", f.name)
		}
	}
	return nil
}

func (s *State) check() error {
	if err := s.Settings.Check(); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if err := s.Settings.Rate().Check(); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	for _, path := range []string{s.Model, s.Log} {
		if strings.ContainsRune(path, 0) {
			return fmt.Errorf("%q is no path", path)
		}
	}
	for _, c := range []struct {
		ok    bool
		name  string
		found any
	}{
		{s.Step >= 0 && s.Step <= s.Settings.Steps, "step", s.Step},
		{s.Updates >= 0 && s.Updates <= maxTokens, "updates", s.Updates},
		{s.Rows >= 0 && s.Rows <= maxTokens, "rows", s.Rows},
		{s.Tokens >= 0 && s.Tokens <= maxTokens, "tokens", s.Tokens},
		{s.HandOver.sound(s.Settings.Steps), "hand_over", s.HandOver},
		{s.Seconds >= 0 && finite(s.Seconds), "seconds", s.Seconds},
		{s.Eval == nil || s.Eval.Step >= 0 && s.Eval.Step <= s.Step, "eval", s.Eval},
	} {
		if !c.ok {
			return fmt.Errorf("%s %v cannot be in a training of %d steps", c.name, reflect.Indirect(reflect.ValueOf(c.found)),
				s.Settings.Steps)
		}
	}
	return s.Growth.check(s.Step)
}

// Bytes is the text of the state file.
func (s *State) Bytes() ([]byte, error) {
	s.Format = stateFormat
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// Changes lists what would change the result of the training when it goes on with other settings and inputs.
func (s *State) Changes(now *Settings, d Digests) []Change {
	var list []Change
	for _, c := range []struct{ what, was, now string }{
		{"config.json", s.Digests.Config, d.Config},
		{"tokenizer.json", s.Digests.Tokenizer, d.Tokenizer},
		{"the data", s.Digests.Data, d.Data},
	} {
		if c.was != c.now {
			list = append(list, Change{c.what, short(c.was), short(c.now)})
		}
	}
	for _, c := range now.Changes(&s.Settings) {
		if c.Name != "steps" || !s.Extends(now) {
			list = append(list, c)
		}
	}
	return list
}

// Extends reports whether another number of steps leaves what was done as it is: the training is finished and gets more
// steps, or its steps so far had the rates that they would have had with the new number.
func (s *State) Extends(now *Settings) bool {
	finished := s.Step == s.Settings.Steps && now.Steps > s.Step
	return finished || !s.Settings.Rate().Decays(s.Step) && !now.Rate().Decays(s.Step)
}

// short is the head of a digest, enough to tell two apart.
func short(digest string) string {
	if digest == "" {
		return "none"
	}
	return strings.ToLower(digest[:min(len(digest), 12)])
}
