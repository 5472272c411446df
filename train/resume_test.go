package train

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/internal/arch"
	"famkit/internal/trainstate"
)

// resumed are oracle models, at least one of every architecture.
var resumed = map[string]string{
	"llama": "llama-rope3", "mistral": "mistral", "qwen2": "qwen2", "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma2",
	"gemma3_text": "gemma3",
	"gpt2":        "gpt2", "gpt_neox": "gpt_neox", "olmo2": "olmo2", "phi3": "phi3", "mixtral": "mixtral",
	"qwen3_moe": "qwen3_moe",
}

// TestEveryArchitectureResumes: stopped and resumed, a training gives the bytes of an uninterrupted one; with its
// moments lost it does not.
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
	rows := trained(t, Options{Model: o.Out, Out: o.Out, Words: Words{Resume: true}})
	if len(rows) != 2 || rows[1].Loss != whole[3].Loss || rows[1].GradNorm != whole[3].GradNorm {
		t.Errorf("resumed steps are %+v, want %+v", rows, whole[2:])
	}
	want := weightsOf(t, filepath.Join(dir, "whole"))
	if !bytes.Equal(weightsOf(t, o.Out), want) {
		t.Error("weights or optimizer state differ from the uninterrupted training's")
	}
	trained(t, Options{Model: lost, Out: lost, Words: Words{Resume: true}})
	if bytes.Equal(weightsOf(t, lost), want) {
		t.Error("a training without its moments ends with the same bytes")
	}
}

// loseMoments writes zeros over the moments in an optimizer's file.
func loseMoments(t *testing.T, path string) {
	t.Helper()
	overwrite(t, path, trainstate.FirstMoment, 0)
	overwrite(t, path, trainstate.SecondMoment, 0)
}

// overwrite sets the bytes of all tensors of a safetensors file whose names begin with prefix.
func overwrite(t *testing.T, path, prefix string, with byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin := 8 + int(binary.LittleEndian.Uint64(b))
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:begin], &header); err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, entry := range header {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		n++
		for i := range b[begin+entry.Offsets[0] : begin+entry.Offsets[1]] {
			b[begin+entry.Offsets[0]+i] = with
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil || n == 0 {
		t.Fatal(n, err)
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
		{"engine cpu, bfloat16 weights, accumulation", []int{7},
			func(o *Options) { o.Engine, o.DType, o.Batch, o.Accum = "cpu", "bfloat16", 2, 2 }},
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
				o = Options{Model: o.Out, Out: o.Out, Words: Words{Resume: true}, Log: o.Log}
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
