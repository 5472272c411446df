package job

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/fault"
	"famkit/internal/tensor"
)

const small = "../../fixtures/oracle/llama-tied"

// heard keeps what a job tells.
type heard []Event

func (h *heard) listen() Observer { return func(e Event) { *h = append(*h, e) } }

// notes are the messages of one kind, put together.
func (h heard) notes(kind Kind) string {
	var b strings.Builder
	for _, e := range h {
		if e.Kind == kind {
			b.WriteString(e.Message.String() + "\n")
		}
	}
	return b.String()
}

// ends reports whether a task's progress rose to its total.
func (h heard) ends(t *testing.T, task string) {
	t.Helper()
	last := Event{Done: -1}
	for _, e := range h {
		if e.Kind == Progress && e.Task == task {
			if e.Done < last.Done || e.Done > e.Total {
				t.Errorf("%s: %d of %d after %d", task, e.Done, e.Total, last.Done)
			}
			last = e
		}
	}
	if last.Done < 0 || last.Done != last.Total {
		t.Errorf("%s: ends at %d of %d", task, last.Done, last.Total)
	}
}

func twice(t *testing.T) expand.Request {
	t.Helper()
	c, err := expand.ParseChange("2x")
	if err != nil {
		t.Fatal(err)
	}
	return expand.Request{Depth: c}
}

// grow makes a child of the small model.
func grow(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "grown")
	if _, err := Expand(t.Context(), ExpandOptions{Source: small, Destination: out, Request: twice(t)}, nil); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExpand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "grown")
	o := ExpandOptions{Source: small, Destination: out, Request: twice(t), DryRun: true, Tensors: true}
	plan, err := Expand(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Written || plan.Plan.To.Layers != 4 || !plan.Exact || len(plan.Tensors) == 0 || plan.Memory != MemoryBound {
		t.Errorf("a dry run gives %+v", plan)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a dry run writes")
	}
	var h heard
	o.DryRun, o.Tensors = false, false
	r, err := Expand(t.Context(), o, h.listen())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Written || r.Output != out || r.Params != plan.Params {
		t.Errorf("growing gives %+v after a plan of %d parameters", r, plan.Params)
	}
	h.ends(t, "expanding")
	if _, err := Expand(t.Context(), o, nil); fault.KindOf(err) != fault.Input {
		t.Errorf("an output that is there: %v, want a refusal", err)
	}
}

// TestCancelled: a job that is stopped leaves nothing behind.
func TestCancelled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	stop := func(e Event) {
		if e.Kind == Progress {
			cancel()
		}
	}
	_, err := Convert(ctx, ConvertOptions{Source: small, Destination: filepath.Join(dir, "out"), DType: tensor.F64}, stop)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("converting ends with %v, want that it was cancelled", err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestConvert(t *testing.T) {
	var h heard
	half := filepath.Join(t.TempDir(), "half")
	r, err := Convert(t.Context(), ConvertOptions{Source: small, Destination: half, DType: tensor.BF16}, h.listen())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Written || r.Rounded == 0 || r.Rounded > r.Params || len(r.DTypes) != 1 || r.DTypes[0] != "BF16" {
		t.Errorf("float32 as bfloat16 gives %+v", r)
	}
	h.ends(t, "converting")
	back, err := Convert(t.Context(), ConvertOptions{Source: half, Destination: half + "-wide", DType: tensor.F32}, nil)
	if err != nil || back.Rounded != 0 {
		t.Errorf("bfloat16 as float32 rounds %d numbers, %v; want none", back.Rounded, err)
	}
	var lone heard
	if _, err := Convert(t.Context(), ConvertOptions{Source: small, Destination: half + ".safetensors"},
		lone.listen()); err != nil ||
		!strings.Contains(lone.notes(Note), "config and tokenizer are left out") {
		t.Errorf("as one file: %v, notes %q", err, lone.notes(Note))
	}
}

// TestInspectShowsWhatItRefuses: what is wrong comes with what was found out.
func TestInspectShowsWhatItRefuses(t *testing.T) {
	r, err := Inspect(t.Context(), InspectOptions{Path: small, Values: true, Strict: true}, nil)
	if err != nil || r.Model.Layers != 2 || len(r.Second) != 1 || !r.Second[0].Agree || len(r.Values.Bad) != 0 ||
		r.TensorList != nil {
		t.Fatalf("a sound model: %+v, %v", r, err)
	}
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		b, err := os.ReadFile(filepath.Join(small, name))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(b), `"num_hidden_layers": 2`, `"num_hidden_layers": 3`, 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err = Inspect(t.Context(), InspectOptions{Path: dir}, nil)
	if fault.KindOf(err) != fault.Input || r == nil || len(r.Findings) == 0 || len(r.TensorList) == 0 {
		t.Errorf("a layer too many: %+v, %v", r, err)
	}
}

func TestVerify(t *testing.T) {
	grown := grow(t)
	proof := filepath.Join(t.TempDir(), "proof.json")
	var h heard
	r, err := Verify(t.Context(), VerifyOptions{Child: grown, WriteProof: proof, Version: "test"}, h.listen())
	if err != nil || !r.Equal || r.Proof == nil {
		t.Fatalf("a child with its plan: %+v, %v", r, err)
	}
	again, err := Recheck(t.Context(), proof, 0, nil)
	if err != nil || !again.Equal {
		t.Errorf("its proof, once more: %+v, %v", again, err)
	}
	other, err := Verify(t.Context(), VerifyOptions{Parent: "../../fixtures/oracle/mistral", Child: grown}, nil)
	if err == nil && other.Equal {
		t.Error("a model of another family is equal")
	}
	if _, err := Verify(t.Context(), VerifyOptions{Child: small}, nil); fault.KindOf(err) != fault.Input {
		t.Errorf("a child without plan and parent: %v, want a refusal", err)
	}
	if err := os.WriteFile(filepath.Join(grown, "model.safetensors"), damaged(t, grown), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := Verify(t.Context(), VerifyOptions{Parent: small, Child: grown}, nil); err != nil || r.Equal {
		t.Errorf("a damaged child: %+v, %v; want a report that says no", r, err)
	}
	if r, err := Recheck(t.Context(), proof, 0, nil); err == nil && r.Equal {
		t.Error("the proof of another child holds")
	}
}

// damaged is a model's weights with one bit of the last number turned.
func damaged(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-2] ^= 0x10
	return b
}

// TestModelConfig: a model's folder and its config.json are one and the same.
func TestModelConfig(t *testing.T) {
	for _, path := range []string{small, filepath.Join(small, "config.json")} {
		if m, err := ModelConfig(path); err != nil || m.Layers != 2 {
			t.Errorf("%s: %+v, %v", path, m, err)
		}
	}
	for _, path := range []string{t.TempDir(), filepath.Join(small, "model.safetensors"), "nobody/nothing"} {
		if _, err := ModelConfig(path); fault.KindOf(err) != fault.Input {
			t.Errorf("%s: %v, want a refusal", path, err)
		}
	}
}

// TestHubNames: a model that is named as on the hub is found in the cache, and where it is is told.
func TestHubNames(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	full, err := filepath.Abs(small)
	if err != nil {
		t.Fatal(err)
	}
	snapshots := filepath.Join(cache, "models--org--small", "snapshots")
	if err := os.MkdirAll(snapshots, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(full, filepath.Join(snapshots, "abc")); err != nil {
		t.Fatal(err)
	}
	var h heard
	r, err := Inspect(t.Context(), InspectOptions{Path: "org/small"}, h.listen())
	if err != nil || r.Model.Layers != 2 || !strings.Contains(h.notes(Note), "org/small is "+cache) {
		t.Errorf("%+v, %v, notes %q", r, err, h.notes(Note))
	}
	if _, err := Inspect(t.Context(), InspectOptions{Path: "org/none"}, nil); fault.KindOf(err) != fault.Input ||
		!strings.Contains(fault.HintOf(err), "hf download org/none") {
		t.Errorf("a model that is not there: %v, hint %q", err, fault.HintOf(err))
	}
}
