package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/corpus"
	"famkit/internal/fault"
	"famkit/internal/tensor"
	"famkit/internal/trainstate"

	_ "famkit/internal/engine/cpu"
	_ "famkit/internal/engine/ref"
)

const oracle = "../fixtures/oracle/"

// recordOptions are the settings of the oracle's training records.
func recordOptions(model, out string) Options {
	s := trainstate.Defaults()
	s.Data, s.Batch, s.Seq, s.Steps = []string{oracle + model + "/train_tokens.safetensors"}, 4, 31, 20
	s.LR, s.Schedule, s.Warmup, s.Engine = 1e-3, trainstate.Constant, 0, "ref"
	return Options{Model: oracle + model, Out: out, Settings: s, Given: given("batch", "seq", "steps")}
}

func given(flags ...string) func(string) bool {
	return func(f string) bool {
		for _, g := range flags {
			if f == g {
				return true
			}
		}
		return false
	}
}

// trained runs o and gives its step rows; it fails the test where the training fails.
func trained(t *testing.T, o Options) []StepRow {
	t.Helper()
	var rows []StepRow
	if _, err := Run(context.Background(), o, func(e Event) {
		if e.Step != nil {
			rows = append(rows, *e.Step)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// refused runs o, which must fail with kind and an error that has all of the words.
func refused(t *testing.T, name string, o Options, kind fault.Kind, words ...string) {
	t.Helper()
	_, err := Run(context.Background(), o, func(Event) {})
	if err == nil {
		t.Errorf("%s: accepted", name)
		return
	}
	if k := fault.KindOf(err); k != kind {
		t.Errorf("%s: kind %d, want %d: %v", name, k, kind, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error()+" "+fault.HintOf(err), w) {
			t.Errorf("%s: %q is not in %q (hint %q)", name, w, err, fault.HintOf(err))
		}
	}
}

type record struct {
	Losses    []float64 `json:"losses"`
	GradNorms []float64 `json:"grad_norms"`
}

func readRecord(t *testing.T, model string) (r record) {
	t.Helper()
	b, err := os.ReadFile(oracle + model + "/train_record.json")
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// worst is the largest relative deviation of the rows from the record.
func worst(rows []StepRow, r record) (loss, norm float64) {
	for i, row := range rows {
		loss = max(loss, math.Abs(row.Loss-r.Losses[i])/r.Losses[i])
		norm = max(norm, math.Abs(row.GradNorm-r.GradNorms[i])/r.GradNorms[i])
	}
	return loss, norm
}

func TestFollowsPyTorch(t *testing.T) {
	models := []string{"llama-untied", "llama-tied", "llama-rope3", "mistral", "qwen2", "qwen3"}
	if testing.Short() {
		models = models[1:2]
	}
	for _, model := range models {
		for _, engine := range []string{"ref", "cpu"} {
			t.Run(model+"/"+engine, func(t *testing.T) {
				o := recordOptions(model, filepath.Join(t.TempDir(), "out"))
				o.Engine = engine
				rows := trained(t, o)
				if len(rows) != 20 {
					t.Fatalf("%d steps, want 20", len(rows))
				}
				if loss, norm := worst(rows, readRecord(t, model)); loss > 2e-4 || norm > 1e-3 {
					t.Errorf("loss deviates by %.1e, gradient norm by %.1e; want 2e-4, 1e-3", loss, norm)
				}
			})
		}
	}
}

// What the record does not forgive: each of these must leave it.
func TestLeavesPyTorchsRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here is concurrent")
	}
	for name, spoil := range map[string]func(*trainstate.Settings){
		"no decay": func(s *trainstate.Settings) { s.WeightDecay = 0 },
		"no clip":  func(s *trainstate.Settings) { s.Clip = 0 },
		"beta1":    func(s *trainstate.Settings) { s.Beta1 = 0 },
		"warm-up":  func(s *trainstate.Settings) { s.Warmup = 1; s.Schedule = trainstate.Cosine },
	} {
		o := recordOptions("llama-tied", filepath.Join(t.TempDir(), "out"))
		o.Engine = "cpu"
		spoil(&o.Settings)
		if loss, norm := worst(trained(t, o), readRecord(t, "llama-tied")); loss <= 2e-4 && norm <= 1e-3 {
			t.Errorf("%s: still within the tolerance, %.1e and %.1e", name, loss, norm)
		}
	}
}

func TestMicroBatchesDoNotChangeAStep(t *testing.T) {
	for engine, tolerance := range map[string]float64{"ref": 1e-12, "cpu": 1e-6} {
		run := func(batch, accum int) []StepRow {
			o := recordOptions("qwen3", filepath.Join(t.TempDir(), "out"))
			o.Engine, o.Data, o.Steps, o.Batch, o.Accum = engine, []string{eightRows(t)}, 3, batch, accum
			return trained(t, o)
		}
		whole := run(8, 1)
		for _, c := range [][2]int{{1, 8}, {4, 2}} {
			for i, r := range run(c[0], c[1]) {
				w := whole[i]
				if math.Abs(r.Loss-w.Loss) > tolerance*w.Loss || math.Abs(r.GradNorm-w.GradNorm) > tolerance*w.GradNorm || r.Tokens != w.Tokens {
					t.Errorf("%s, %d x %d, step %d: loss %v, norm %v, tokens %d; as one batch %v, %v, %d",
						engine, c[0], c[1], i+1, r.Loss, r.GradNorm, r.Tokens, w.Loss, w.GradNorm, w.Tokens)
				}
			}
		}
	}
}

// eightRows is the oracle's data of 20 batches of 4 rows as 10 batches of 8.
func eightRows(t *testing.T) string {
	t.Helper()
	h, err := format.Open(oracle + "qwen3/train_tokens.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	x, err := h.Tensor(corpus.TokensTensor)
	if err != nil {
		t.Fatal(err)
	}
	b, err := format.ReadAll(x)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "eight.safetensors")
	m := &format.Memory{}
	m.AddBytes(tensor.Info{Name: corpus.TokensTensor, DType: x.Info().DType, Shape: []int{10, 8, 32}}, b)
	if _, err := format.Write(context.Background(), path, m, format.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// weightsOf reads the bytes of a training's weights and optimizer state.
func weightsOf(t *testing.T, dir string) []byte {
	t.Helper()
	var out []byte
	for _, name := range []string{"model.safetensors", trainstate.OptimizerFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// stopAt ends a training as a signal would, as soon as step k is done.
func stopAt(t *testing.T, o Options, k int) {
	t.Helper()
	reason := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := Run(ctx, o, func(e Event) {
		if e.Step != nil && e.Step.Step == k {
			cancel(reason)
		}
	})
	if !errors.Is(err, reason) {
		t.Fatalf("stopped at step %d: %v", k, err)
	}
}

func TestResumeIsBitEqual(t *testing.T) {
	for _, c := range []struct {
		name  string
		stops []int
		alter func(*Options)
	}{
		{"recorded batches, twice", []int{3, 7}, func(*Options) {}},
		{"before the first step", []int{0}, func(o *Options) {}},
		{"before the last step", []int{9}, func(o *Options) { o.Schedule = trainstate.Cosine; o.Warmup = 3 }},
		{"accumulation", []int{4}, func(o *Options) { o.Batch, o.Accum = 1, 4 }},
		{"bfloat16 weights", []int{5}, func(o *Options) { o.DType = "bfloat16" }},
		{"shuffled rows in the middle of an epoch", []int{5}, shuffledData},
		{"shuffled rows at the edge of an epoch", []int{6}, shuffledData},
		{"engine cpu, recorded batches", []int{4}, func(o *Options) { o.Engine = "cpu" }},
		{"engine cpu, bfloat16 weights, accumulation", []int{7}, func(o *Options) { o.Engine, o.DType, o.Batch, o.Accum = "cpu", "bfloat16", 2, 2 }},
		{"engine cpu, shuffled rows", []int{5}, func(o *Options) { o.Engine = "cpu"; shuffledData(o) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			o := recordOptions("llama-tied", filepath.Join(dir, "whole"))
			o.Steps = 10
			c.alter(&o)
			if testing.Short() && o.Accum == 1 {
				t.Skip("one of these is enough")
			}
			want := trained(t, o)
			o.Out = filepath.Join(dir, "parts")
			var rows []StepRow
			o.Log = filepath.Join(dir, "log.jsonl")
			for _, k := range c.stops {
				if k == 0 {
					stopBeforeFirst(t, o)
				} else {
					stopAt(t, o, k)
				}
				o = Options{Model: o.Out, Out: o.Out, Resume: true, Log: o.Log}
			}
			rows = trained(t, o)
			last := c.stops[len(c.stops)-1]
			if len(rows) != 10-last {
				t.Fatalf("%d steps after the resume, want %d", len(rows), 10-last)
			}
			for i, r := range rows {
				if w := want[last+i]; r.Loss != w.Loss || r.GradNorm != w.GradNorm || r.LR != w.LR || r.Tokens != w.Tokens {
					t.Errorf("step %d: %+v, want %+v", r.Step, r, w)
				}
			}
			if !bytes.Equal(weightsOf(t, filepath.Join(dir, "whole")), weightsOf(t, o.Out)) {
				t.Error("weights or optimizer state differ from the uninterrupted training's")
			}
			checkLog(t, o.Log, 10)
		})
	}
}

func stopBeforeFirst(t *testing.T, o Options) {
	t.Helper()
	reason := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(context.Background())
	if _, err := Run(ctx, o, func(e Event) {
		if e.Start != nil {
			cancel(reason)
		}
	}); !errors.Is(err, reason) {
		t.Fatal(err)
	}
}

// shuffledData trains on token windows: 6 steps of 4 rows are an epoch.
func shuffledData(o *Options) {
	path := filepath.Join(filepath.Dir(o.Out), "data.bin")
	var b []byte
	for i := range 24*16 + 1 {
		b = append(b, byte(i*7%131), 0)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		panic(err)
	}
	o.Data, o.TokenDType, o.Seq = []string{path}, "uint16", 16
}

// checkLog wants one step row for each of the steps, in order.
func checkLog(t *testing.T, path string, steps int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	next, last := 1, ""
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var r struct {
			Type string
			Step int
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if r.Type == "step" {
			if r.Step != next {
				t.Errorf("step row %d, want %d", r.Step, next)
			}
			next++
		}
		last = r.Type
	}
	if next != steps+1 || last != "end" {
		t.Errorf("log has steps up to %d and ends with %q, want %d and end", next-1, last, steps)
	}
}

// changedTokens copies recorded batches with one id changed.
func changedTokens(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-4] ^= 1
	out := filepath.Join(t.TempDir(), "other.safetensors")
	if err := os.WriteFile(out, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestResumeRefusals(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.Schedule = trainstate.Cosine
	stopAt(t, o, 3)
	resume := func(set func(*Options), flags ...string) Options {
		r := Options{Model: o.Out, Out: o.Out, Resume: true, Settings: trainstate.Defaults(), Given: given(flags...)}
		set(&r)
		return r
	}
	other := []string{changedTokens(t, o.Data[0])}
	for _, c := range []struct {
		name  string
		o     Options
		kind  fault.Kind
		words []string
	}{
		{"learning rate", resume(func(o *Options) { o.LR = 1 }, "lr"), fault.Input, []string{"lr was 0.001, now 1", "force"}},
		{"steps of a cosine", resume(func(o *Options) { o.Steps = 30 }, "steps"), fault.Input, []string{"steps was 20, now 30"}},
		{"data", resume(func(o *Options) { o.Data = other }, "data"), fault.Input, []string{"the data was"}},
		{"threads", resume(func(o *Options) { o.Threads = 77 }, "threads"), fault.Input, []string{"threads was", "now 77"}},
		{"type", resume(func(o *Options) { o.DType = "bfloat16" }, "dtype"), fault.Input, []string{"dtype was float32, now bfloat16"}},
		{"no training", Options{Model: oracle + "llama-tied", Out: filepath.Join(dir, "new"), Resume: true}, fault.Input, []string{trainstate.StateFile}},
		{"no resume", recordOptions("llama-tied", o.Out), fault.Input, []string{"exists already", "--resume"}},
	} {
		refused(t, c.name, c.o, c.kind, c.words...)
	}
	forced := resume(func(o *Options) { o.LR = 2e-3; o.Force = true }, "lr")
	if rows := trained(t, forced); len(rows) != 17 {
		t.Errorf("forced: %d steps, want 17", len(rows))
	}
}

func TestNonFiniteStopsBeforeTheUpdate(t *testing.T) {
	dir := t.TempDir()
	o := recordOptions("llama-tied", filepath.Join(dir, "out"))
	o.LR, o.Clip, o.Log = 1e300, 0, filepath.Join(dir, "log.jsonl")
	_, err := Run(context.Background(), o, func(Event) {})
	if fault.KindOf(err) != fault.Failed || !strings.Contains(fmt.Sprint(err), "stopped before the update") {
		t.Fatalf("got %v", err)
	}
	state, err := trainstate.Read(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(o.Log)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), `"type":"step"`); n != state.Step || n == 0 {
		t.Errorf("checkpoint of step %d, the log has %d steps", state.Step, n)
	}
	if !strings.Contains(string(b), `"type":"stop"`) {
		t.Error("the log does not tell of the stop")
	}
}

func TestWeightsThatAreNotFinite(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		b, err := os.ReadFile(oracle + "llama-tied/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "model.safetensors" {
			copy(b[len(b)-4:], []byte{0, 0, 0xc0, 0x7f}) // NaN
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := recordOptions("llama-tied", filepath.Join(t.TempDir(), "out"))
	o.Model, o.Engine = dir, "cpu"
	refused(t, "loss", o, fault.Failed, "step 1: loss is NaN", "inspect --values")
	o.Eval = o.Data[0]
	refused(t, "evaluation", o, fault.Failed, "step 0: evaluation loss is NaN")
	if _, err := os.Stat(o.Out); err == nil {
		t.Error("an output was left")
	}
}
