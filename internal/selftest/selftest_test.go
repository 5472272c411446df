package selftest

import (
	"os"
	"strings"
	"testing"

	"famkit/internal/engine"
	_ "famkit/internal/engine/cpu"
	"famkit/internal/engine/cuda"
	"famkit/internal/engine/cuda/cudatest"
	_ "famkit/internal/engine/ref"
)

// Engine cuda finds libraries here that play a device, whose memory is too small for the models that are timed.
var _ = os.Setenv("FAKE_CUDA_MEMORY", "500000000")
var _ = cudatest.Use()

func report(t *testing.T, name string, p engine.Precision) *Report {
	t.Helper()
	c, err := engine.Choose(name, p)
	if err != nil {
		t.Fatal(err)
	}
	if c.Unusable != "" {
		t.Skip(c.Unusable)
	}
	last, all := int64(0), int64(1)
	r, err := Run(&c.Candidate, Options{Options: engine.Options{Precision: p, Threads: 2}, Largest: 512,
		Progress: func(done, total int64) { last, all = done, total }})
	if err != nil {
		t.Fatal(err)
	}
	if last != all {
		t.Errorf("%d of %d parts done at the end", last, all)
	}
	return r
}

func TestGoodEngines(t *testing.T) {
	for name, precisions := range map[string][]engine.Precision{"cpu": {engine.Float32, engine.BFloat16},
		cuda.Name: {engine.BFloat16}} {
		for _, p := range precisions {
			t.Run(name+"/"+string(p), func(t *testing.T) {
				r := report(t, name, p)
				if !r.Good() || r.Checks < 300 {
					t.Errorf("%d checks, failed: %s", r.Checks, strings.Join(r.Failed, "\n"))
				}
				if r.Training == nil || !r.Training.Repeated || r.Training.Loss == 0 || len(r.Products) != 1 ||
					r.Products[0].TFLOPS <= 0 {
					t.Errorf("%+v %v", r.Training, r.Products)
				}
				if len(r.Steps) != 0 || len(r.NotRun) != 6 {
					t.Errorf("steps %v, not run %q", r.Steps, r.NotRun)
				}
			})
		}
	}
}

// wrong is an engine one of whose operators is.
type wrong struct{ engine.Engine }

func (w wrong) Gate(o *engine.Gate) {
	p := *o
	p.Act = engine.GELU
	w.Engine.Gate(&p)
}

func TestWrongEngine(t *testing.T) {
	c, err := engine.Choose("ref", "")
	if err != nil {
		t.Fatal(err)
	}
	good := c.Create
	c.Create = func(o engine.Options) (engine.Engine, error) {
		e, err := good(o)
		return wrong{e}, err
	}
	r, err := Run(&c.Candidate, Options{Options: engine.Options{Threads: 2}, Largest: 512})
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(r.Failed, "\n")
	if r.Good() || !strings.Contains(said, "Gate/act=0") || !strings.Contains(said, "training: the loss is off by") {
		t.Error(said)
	}
}
