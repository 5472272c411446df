package expand

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// layersOf writes a plan's layers: source, and what a block's output is multiplied by.
func layersOf(p *growth.Plan) string {
	var out []string
	for _, l := range p.Layers {
		s := fmt.Sprint(l.Src)
		if l.Writers != 0 {
			s += fmt.Sprintf("*%.2g", l.Writers)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// TestInexactDepth: the published recipes take the blocks that they say.
func TestInexactDepth(t *testing.T) {
	ck := random(t, "llama-tied-bias", tensor.F32) // 3 layers
	for _, c := range []struct{ method, to, want string }{
		{"stack", "7", "0 1 2 0 1 2 0"}, {"interpolate", "7", "0 0 0 1 1 2 2"}, {"solar", "5", "0 1 2 1 2"},
		{"solar", "4", "0 1 1 2"},
		{"halve", "5", "0 1*0.5 1*0.5 2*0.5 2*0.5"}, {"aki", "4", "0 1 2 0"}, {"aki-pro", "6", "0 0 1 1 2 2"},
	} {
		p := compile(t, ck, Request{Depth: change(t, c.to), Methods: []string{c.method}})
		if got := layersOf(p.Plan); got != c.want || len(p.Inexact) == 0 {
			t.Errorf("%s to %s: %s (%v), want %s", c.method, c.to, got, p.Inexact, c.want)
		}
		if _, err := growth.ParsePlan(growth.PlanFile, p.JSON(), p.To); err != nil {
			t.Errorf("%s: %v", c.method, err)
		}
	}
	if _, err := Compile(ck, Request{Depth: change(t, "7"), Methods: []string{"solar"}}); err == nil {
		t.Error("solar beyond two stacks is accepted")
	}
}

// TestNextLayer: under AKI a new neuron's row is the next block's, the old ones' their own.
func TestNextLayer(t *testing.T) {
	ck := random(t, "llama", tensor.F32)
	p := compile(t, ck, Request{FFN: change(t, "2x"), Methods: []string{"aki"}})
	out := p.Apply()
	read := func(src format.Source, layer int) []byte {
		x, err := src.Tensor(fmt.Sprintf("model.layers.%d.mlp.up_proj.weight", layer))
		if err != nil {
			t.Fatal(err)
		}
		b, err := format.ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	row, src := 4*ck.Model.Hidden, p.Maps[arch.FFN].Src
	child, own, next := read(out, 0), read(ck.Source, 0), read(ck.Source, 1)
	for i, s := range src {
		want := own[int(s)*row : int(s+1)*row]
		if i >= ck.Model.FFN {
			want = next[int(s)*row : int(s+1)*row]
		}
		if !bytes.Equal(child[i*row:(i+1)*row], want) {
			t.Fatalf("neuron %d is not the source's", i)
		}
	}
}

// TestGoldenPlans: plans are files that others read; their text stays. UPDATE=1 writes it anew.
func TestGoldenPlans(t *testing.T) {
	for name, c := range map[string]struct {
		model string
		r     Request
	}{
		"width":  {"llama", Request{Width: change(t, "3x"), Depth: change(t, "+1"), Seed: 7}},
		"padded": {"gpt_neox", Request{Hidden: change(t, "+8"), Place: "after:0,1", Pairs: true, Split: growth.SplitShares}},
		"mixture": {"mistral", Request{Experts: change(t, "4"), TopK: change(t, "2"), Shards: 2, HeadDim: change(t, "2x"),
			Vocab: change(t, "+3")}},
		"stack": {"gemma2", Request{Depth: change(t, "2x"), Methods: []string{"stack"}}},
	} {
		p := compile(t, random(t, c.model, tensor.BF16), c.r)
		path := filepath.Join("testdata", "plan-"+name+".json")
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, p.JSON(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.JSON(); !bytes.Equal(got, want) {
			t.Errorf("%s: the plan is\n%s\nwant\n%s", name, got, want)
		}
	}
}
