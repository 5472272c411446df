package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"famkit/internal/fault"
)

// The files that a training adds to a checkpoint.
const (
	stateFile     = "trainer_state.json"
	optimizerFile = "optimizer.safetensors"
	stateFormat   = 1
)

// State is what a resumed training needs beside weights and moments. There is no generator and no data cursor: the
// order of the data and the learning rate are functions of the step.
type State struct {
	Format   int      `json:"format"`
	Step     int      `json:"step"`
	Tokens   int64    `json:"tokens"`
	Seconds  float64  `json:"seconds"`
	Model    string   `json:"model"` // what the training began from
	Settings Settings `json:"settings"`
	Digests  Digests  `json:"digests"`
	Growth   *Growth  `json:"growth,omitempty"`
}

// Digests identify what a training depends on, as hex SHA-256.
type Digests struct {
	Config    string `json:"config"`
	Tokenizer string `json:"tokenizer,omitempty"`
	Data      string `json:"data"`
}

func digestOf(b []byte) string {
	if b == nil {
		return ""
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// readState reads the trainer state of a checkpoint directory.
func readState(dir string) (*State, error) {
	path := filepath.Join(dir, stateFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Hint(fault.Inputf("%s: no such file: %s is not a training that can be resumed", path, dir), "train without --resume begins a new one from its weights")
	}
	if err != nil {
		return nil, fault.Inputf("%w", err)
	}
	s := &State{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fault.Inputf("%s: %w", path, err)
	}
	if s.Format != stateFormat {
		return nil, fault.Inputf("%s: format %d, wanted %d", path, s.Format, stateFormat)
	}
	if s.Step < 0 || s.Settings.Batch < 1 || s.Settings.Seq < 1 || s.Settings.Accum < 1 {
		return nil, fault.Inputf("%s: step %d, batch %d, seq %d, accum %d cannot be", path, s.Step, s.Settings.Batch, s.Settings.Seq, s.Settings.Accum)
	}
	return s, s.Growth.check(path, s.Step)
}

func (s *State) bytes() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// refuseChanges compares a training about to be resumed with the state: what would change its result is refused unless forced.
func (s *State) refuseChanges(now *Settings, d Digests, force bool) error {
	var changed []string
	for _, c := range []struct{ what, was, now string }{
		{"config.json", s.Digests.Config, d.Config},
		{"tokenizer.json", s.Digests.Tokenizer, d.Tokenizer},
		{"the data", s.Digests.Data, d.Data},
	} {
		if c.was != c.now {
			changed = append(changed, c.what+" is another")
		}
	}
	changed = append(changed, now.differences(&s.Settings)...)
	if len(changed) == 0 || force {
		return nil
	}
	return fault.Hint(fault.Inputf("the training cannot be resumed with what would change its result: %s", strings.Join(changed, "; ")), "--force resumes it all the same")
}
