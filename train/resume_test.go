package train

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/trainstate"
)

// resumed are oracle models, at least one of every architecture.
var resumed = map[string]string{
	"llama": "llama-rope3", "mistral": "mistral", "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3",
	"gpt2": "gpt2", "gpt_neox": "gpt_neox", "olmo2": "olmo2", "phi3": "phi3", "mixtral": "mixtral", "qwen3_moe": "qwen3_moe",
}

// TestEveryArchitectureResumes: stopped and resumed, a training gives the bytes of an uninterrupted one; with its moments
// lost it does not.
func TestEveryArchitectureResumes(t *testing.T) {
	if testing.Short() {
		t.Skip("TestResumeIsBitEqual covers what is concurrent")
	}
	for _, s := range arch.Specs() {
		model, ok := resumed[s.Name]
		if !ok {
			t.Errorf("%s: no model to resume", s.Name)
			continue
		}
		for _, engine := range []string{"cpu", "ref"} {
			t.Run(model+"/"+engine, func(t *testing.T) { resumesTo(t, s.Name, model, engine) })
		}
	}
}

func resumesTo(t *testing.T, architecture, model, engine string) {
	dir := t.TempDir()
	o := recordOptions(model, filepath.Join(dir, "whole"))
	o.Engine, o.Steps = engine, 4
	whole := trained(t, o)
	o.Out = filepath.Join(dir, "parts")
	stopAt(t, o, 2)
	if b, err := os.ReadFile(filepath.Join(o.Out, "config.json")); err != nil {
		t.Fatal(err)
	} else if c, err := arch.ParseConfig(b); err != nil {
		t.Fatal(err)
	} else if got, err := c.String("model_type", ""); err != nil || got != architecture {
		t.Fatalf("the model is a %q (%v), want %s", got, err, architecture)
	}
	lost := filepath.Join(dir, "lost")
	if err := os.CopyFS(lost, os.DirFS(o.Out)); err != nil {
		t.Fatal(err)
	}
	loseMoments(t, filepath.Join(lost, trainstate.OptimizerFile))
	rows := trained(t, Options{Model: o.Out, Out: o.Out, Resume: true})
	if len(rows) != 2 || rows[1].Loss != whole[3].Loss || rows[1].GradNorm != whole[3].GradNorm {
		t.Errorf("resumed steps are %+v, want %+v", rows, whole[2:])
	}
	want := weightsOf(t, filepath.Join(dir, "whole"))
	if !bytes.Equal(weightsOf(t, o.Out), want) {
		t.Error("weights or optimizer state differ from the uninterrupted training's")
	}
	trained(t, Options{Model: lost, Out: lost, Resume: true})
	if bytes.Equal(weightsOf(t, lost), want) {
		t.Error("a training without its moments ends with the same bytes")
	}
}

// loseMoments writes zeros over the numbers of a safetensors file.
func loseMoments(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[8+binary.LittleEndian.Uint64(b):])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
