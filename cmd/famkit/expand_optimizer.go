package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/fault"
)

// The files that a training adds to a checkpoint.
const (
	trainerFile   = "trainer_state.json"
	optimizerFile = "optimizer.safetensors"
)

// training is the state of a training that lies in a parent's directory; nil where there is none or it is left behind.
type training struct {
	moments format.Handle
	trainer []byte
	how     expand.OptimizerState
}

// openTraining opens the state that a parent has, unless it is to be dropped.
func openTraining(parent, how string) (*training, error) {
	state := expand.OptimizerState(how)
	if how == "" {
		state = expand.KeepState
	}
	if err := state.Check(); err != nil {
		return nil, fault.Usagef("--%w", err)
	}
	path := filepath.Join(parent, optimizerFile)
	switch _, err := os.Stat(path); {
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return nil, fault.Inputf("%w", err)
	case err != nil || state == expand.DropState:
		if how != "" && state != expand.DropState {
			return nil, fault.Inputf("--optimizer %s: %s: not found", how, path)
		}
		return nil, nil
	}
	trainer, err := os.ReadFile(filepath.Join(parent, trainerFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Inputf("%w", err)
	}
	h, err := format.Open(path)
	if err != nil {
		return nil, err
	}
	return &training{h, trainer, state}, nil
}

func (t *training) close() {
	if t != nil {
		_ = t.moments.Close()
	}
}

// grow adds the grown state to what is written beside the weights.
func (t *training) grow(ck *arch.Checkpoint, p *expand.Plan, out format.Source, o *format.WriteOptions) (format.Source, error) {
	if t == nil {
		return out, nil
	}
	moments, err := p.Optimizer(ck, t.moments, t.how)
	if err != nil {
		return nil, err
	}
	o.Extra = map[string]format.Source{optimizerFile: moments}
	if t.trainer == nil {
		return out, nil
	}
	config, _ := format.ReadFile(out, expand.ConfigFile)
	trainer, err := grownTrainer(t.trainer, config, t.how)
	if err != nil {
		return nil, err
	}
	return format.WithFiles(out, map[string][]byte{trainerFile: trainer}), nil
}

// grownTrainer keeps the step and the settings, names the child's config, and notes the growth: entries without a history
// start with moments of zero at a late step, which bias correction does not know, so their rate should rise anew over as
// many steps as the second moment remembers.
func grownTrainer(b, config []byte, how expand.OptimizerState) ([]byte, error) {
	var state map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // a seed has more digits than a float64
	if err := d.Decode(&state); err != nil {
		return nil, fault.Inputf("%s: %w", trainerFile, err)
	}
	digests, ok := state["digests"].(map[string]any)
	settings, ok2 := state["settings"].(map[string]any)
	if !ok || !ok2 {
		return nil, fault.Inputf("%s: wanted digests and settings, found none", trainerFile)
	}
	sum := sha256.Sum256(config)
	digests["config"] = hex.EncodeToString(sum[:])
	number, _ := settings["beta2"].(json.Number)
	beta2, err := number.Float64()
	if err != nil {
		return nil, fault.Inputf("%s: beta2: wanted a number, found %v", trainerFile, settings["beta2"])
	}
	state["growth"] = map[string]any{"step": state["step"], "optimizer": how, "rewarm_steps": rewarm(beta2)}
	out, err := json.MarshalIndent(state, "", "  ")
	return append(out, '\n'), err
}

// rewarm is twice the number of steps that a second moment averages over.
func rewarm(beta2 float64) int {
	if !(beta2 > 0 && beta2 < 1) {
		return 0
	}
	return int(math.Ceil(2 / (1 - beta2)))
}
