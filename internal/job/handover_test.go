package job

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
	"famkit/train"
)

// handing is a grown model whose new blocks are silent copies, with the settings to train it on.
type handing struct {
	grown string
	s     trainstate.Settings
}

// newHanding trains a model of one block for a moment and grows it to so many.
func newHanding(t *testing.T, depth string) *handing {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := write("text.txt", strings.Repeat("one two three four five six seven eight nine ten. ", 200))
	config := write("config.json", `{"model_type":"llama","hidden_size":16,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,
		"head_dim":8,"intermediate_size":24,"vocab_size":270,"max_position_embeddings":64,"rms_norm_eps":1e-5}`)
	tok := filepath.Join(dir, "tok")
	if _, err := TrainTokenizer(t.Context(), TokenizerOptions{Data: []string{text}, Output: tok,
		Train: tokenizerOptions(270)}, nil); err != nil {
		t.Fatal(err)
	}
	h := &handing{s: trainstate.Defaults(), grown: filepath.Join(dir, "grown")}
	h.s.Data, h.s.EvalFraction, h.s.Batch, h.s.Seq, h.s.Steps, h.s.LR, h.s.Schedule = []string{text}, 0.1, 2, 16, 3, 1e-2,
		trainstate.Constant
	parent := filepath.Join(dir, "parent")
	if _, err := train.Run(t.Context(), train.Options{Init: config, Tokenizer: tok, Out: parent, Settings: h.s,
		Given: h.given()}, func(train.Event) {}); err != nil {
		t.Fatal(err)
	}
	change, err := expand.ParseChange(depth)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Expand(t.Context(), ExpandOptions{Source: parent, Destination: h.grown,
		Request: expand.Request{Depth: change, Place: expand.Interleave}}, nil); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *handing) given() func(string) bool {
	return func(name string) bool {
		return name != "epochs" && name != "tokens" && name != "flops" && name != "eval"
	}
}

// run trains the grown model on, and stops after step k where that is not 0.
func (h *handing) run(t *testing.T, out string, k int) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := train.Options{Model: h.grown, Out: out, Settings: h.s, Given: h.given()}
	if trainstate.Is(out) {
		o = train.Options{Model: out, Out: out, Words: train.Words{Resume: true}}
	}
	_, err := train.Run(ctx, o, func(e train.Event) {
		if e.Step != nil && e.Step.Step == k {
			cancel()
		}
	})
	var stop *train.Interrupted
	if k > 0 && errors.As(err, &stop) {
		return nil
	}
	return err
}

// numbers are a tensor of a float32 checkpoint.
func numbers(t *testing.T, dir, name string) []float64 {
	t.Helper()
	h, err := format.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	x, err := h.Tensor(name)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, x.Info().Size())
	if _, err := x.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(b)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return out
}

var writers = []string{"model.layers.%.self_attn.o_proj.weight", "model.layers.%.mlp.down_proj.weight"}

func layer(name string, l string) string { return strings.Replace(name, "%", l, 1) }

// TestHandOver: at a rate that moves nothing a block of c copies keeps 1/(c+1) of its writers and each copy ends with
// as much; half way it is half of that. Without a hand-over the copies stay silent.
func TestHandOver(t *testing.T) {
	for depth, copies := range map[string]int{"2x": 1, "4x": 3} {
		h := newHanding(t, depth)
		h.s.Steps, h.s.LR, h.s.WeightDecay = 8, 1e-30, 0
		for _, c := range []struct {
			part, moved float64
		}{{0, 0}, {0.5, 1}, {1, 1}} {
			h.s.HandOver = c.part
			out := filepath.Join(t.TempDir(), "out")
			if err := h.run(t, out, 0); err != nil {
				t.Fatal(err)
			}
			checkHanded(t, h.grown, out, copies, c.moved)
		}
		out := filepath.Join(t.TempDir(), "half")
		if err := h.run(t, out, 4); err != nil {
			t.Fatal(err)
		}
		checkHanded(t, h.grown, out, copies, 0.5)
	}
}

// checkHanded wants the part moved of the hand-over done.
func checkHanded(t *testing.T, grown, out string, copies int, moved float64) {
	t.Helper()
	share := moved / float64(copies+1)
	for _, name := range writers {
		was := numbers(t, grown, layer(name, "0"))
		block := numbers(t, out, layer(name, "0"))
		for l := 1; l <= copies; l++ {
			silent := numbers(t, out, layer(name, string(rune('0'+l))))
			for i, w := range was {
				if math.Abs(silent[i]-share*w) > 1e-6*math.Abs(w) ||
					math.Abs(block[i]-(1-share*float64(copies))*w) > 1e-6*math.Abs(w) {
					t.Fatalf("%s %d: %g of %g is %g in the block and %g in copy %d", name, i, moved, w, block[i], silent[i], l)
				}
			}
		}
	}
}

// TestHandOverResumes: stopped at every step of the hand-over and after it, a training ends with the same bytes.
func TestHandOverResumes(t *testing.T) {
	h := newHanding(t, "2x")
	h.s.Steps, h.s.HandOver = 8, 0.5
	whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
	if err := h.run(t, whole, 0); err != nil {
		t.Fatal(err)
	}
	for k := 1; k <= 6; k++ {
		if err := h.run(t, parts, k); err != nil {
			t.Fatal(err)
		}
		if k == 2 {
			next := train.Options{Model: parts, Out: parts + "-next", Settings: h.s, Given: h.given()}
			if _, err := train.Run(t.Context(), next, func(train.Event) {}); fault.KindOf(err) != fault.Input ||
				!strings.Contains(err.Error(), "is handing blocks over") {
				t.Errorf("taken over in the middle: %v", err)
			}
		}
	}
	if err := h.run(t, parts, 0); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"model.safetensors", trainstate.OptimizerFile} {
		a, errA := os.ReadFile(filepath.Join(whole, name))
		b, errB := os.ReadFile(filepath.Join(parts, name))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs from the uninterrupted training's (%v, %v)", name, errA, errB)
		}
	}
}
