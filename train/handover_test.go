package train

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// grownModel grows an oracle model's depth by a method and gives the child's folder, its plan in it.
func grownModel(t *testing.T, name, depth, method string) string {
	t.Helper()
	ck := bound(t, oracle+name)
	c, err := expand.ParseChange(depth)
	if err != nil {
		t.Fatal(err)
	}
	r := expand.Request{Depth: c}
	if method != "" {
		r.Methods, r.AllowInexact = []string{method}, true
	}
	g, err := expand.Compile(ck, r)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "grown")
	out := format.WithFiles(g.Apply(), map[string][]byte{growth.PlanFile: g.JSON()})
	if _, err := format.Write(context.Background(), dir, out, format.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func bound(t *testing.T, dir string) *arch.Checkpoint {
	t.Helper()
	h, err := format.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	ck, err := arch.Bind(h)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

// numbers reads all tensors of a checkpoint.
func numbers(t *testing.T, dir string) map[string][]float64 {
	t.Helper()
	out := map[string][]float64{}
	src := bound(t, dir).Source
	for _, name := range src.Names() {
		x, err := src.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := x.Info().Elems()
		raw, v := make([]byte, x.Info().Size()), make([]float64, n)
		if err := tensor.Fill(x, raw, 0); err != nil {
			t.Fatal(err)
		}
		tensor.Decode(v, raw, x.Info().DType)
		out[name] = v
	}
	return out
}

// still are options of a training that moves nothing by itself: its rate is too small for any weight.
func still(model, data, out string, steps int) Options {
	o := newSteps(recordOptions(data, out), steps)
	o.Model, o.LR, o.DType, o.HandOver = model, 1e-300, "float64", 1
	named := o.Given
	o.Given = func(name string) bool { return name == "hand-over" || named(name) }
	return o
}

// TestHandOverEndsWhereHalvesBegin: without training a hand-over leads from silent copies to where the inexact growth
// begins in which a block and its copies add equal parts; and what they add together stays on the way.
func TestHandOverEndsWhereHalvesBegin(t *testing.T) {
	models, err := os.ReadDir(oracle)
	if err != nil {
		t.Fatal(err)
	}
	for _, de := range models {
		name := de.Name()
		if !de.IsDir() || strings.HasSuffix(name, "-v4") {
			continue
		}
		depths := []string{"2x"}
		if name == "llama-tied" || name == "gemma2" {
			depths = append(depths, "3x")
		}
		for _, depth := range depths {
			silent := grownModel(t, name, depth, "")
			begin, end := numbers(t, silent), numbers(t, grownModel(t, name, depth, "halve"))
			for _, steps := range []int{1, 3} {
				o := still(silent, name, filepath.Join(t.TempDir(), "out"), 3)
				o.SaveEvery = steps
				ctx, stop := context.WithCancel(context.Background())
				_, err := Run(ctx, o, func(e Event) {
					if e.Save != nil && e.Save.Step == steps && steps < 3 {
						stop()
					}
				})
				stop()
				if err != nil && steps == 3 {
					t.Fatal(err)
				}
				between(t, name+" "+depth, begin, end, numbers(t, o.Out), steps)
			}
		}
	}
}

// between checks that all numbers have come so many thirds of the way.
func between(t *testing.T, what string, begin, end, now map[string][]float64, thirds int) {
	t.Helper()
	moved := 0
	for name, b := range begin {
		for i, x := range b {
			way := float64(thirds) / 3
			want := x + way*(end[name][i]-x)
			// of the halves, which are stored in float32
			rounding := 1e-7*(math.Abs(x-end[name][i])+math.Abs(end[name][i])) + 1e-15
			if !(math.Abs(now[name][i]-want) <= rounding) {
				t.Fatalf("%s: %s[%d] is %v after %d moves of 3 from %v to %v", what, name, i, now[name][i], thirds, x, end[name][i])
			}
			if x != end[name][i] {
				moved++
			}
		}
	}
	if moved == 0 {
		t.Fatalf("%s: nothing is handed over", what)
	}
}

// planIn reads the plan that lies in a grown model's folder.
func planIn(t *testing.T, dir string) *growth.Plan {
	t.Helper()
	path := filepath.Join(dir, growth.PlanFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := growth.ParsePlan(path, b, growth.SizesOf(bound(t, dir).Model))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
