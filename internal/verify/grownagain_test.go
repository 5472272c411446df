package verify

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// grownAgain are growths of growths whose maps or ties the proof must follow: the first, then the second.
func grownAgain(t testing.TB) map[string][2]expand.Request {
	size := func(s string) expand.Change { return pt.Size(t, s) }
	pairs := expand.Request{Depth: size("2x"), Pairs: true, Width: size("2x")}
	parts := expand.Request{Experts: size("8"), TopK: size("4"), Shards: 2}
	return map[string][2]expand.Request{
		"pairs, then head_dim":        {pairs, {HeadDim: size("2x")}},
		"pairs, then uneven":          {pairs, {Hidden: size("x1.5"), FFN: size("x1.4"), HeadDim: size("4x")}},
		"pairs, then new heads":       {pairs, {Heads: size("2x"), Methods: []string{"fresh"}}},
		"pairs, then pairs":           {pairs, {Depth: size("+2"), Pairs: true, Hidden: size("2x")}},
		"experts, then ffn":           {{Experts: size("4"), TopK: size("2"), FFN: size("x1.5")}, {FFN: size("x1.5")}},
		"experts, then more":          {{Experts: size("4"), TopK: size("2")}, {Experts: size("2x"), TopK: size("2x")}},
		"parts, then ffn":             {parts, {FFN: size("x1.5")}},
		"parts, then new neurons":     {parts, {ExpertFFN: size("x1.5"), Methods: []string{"fresh"}}},
		"parts, then hidden":          {parts, {Hidden: size("2x")}},
		"parts, then more":            {parts, {Experts: size("2x"), TopK: size("2x")}},
		"parts, then everything else": {parts, {Width: size("2x"), Depth: size("+1"), FFN: size("x1.3")}},
		"head_dim, then padding":      {{HeadDim: size("3x")}, {Hidden: size("+12"), Methods: []string{"pad"}}},
	}
}

// twice grows ck by both requests; ok is false where they are none for it.
func twice(t testing.TB, ck *arch.Checkpoint, r [2]expand.Request) (plans []*growth.Plan, cks []*arch.Checkpoint,
	ok bool) {
	t.Helper()
	for _, r := range r {
		if _, err := expand.Compile(ck, r); err != nil {
			return nil, nil, false
		}
		var p *growth.Plan
		p, ck = pt.Grow(t, ck, r)
		plans, cks = append(plans, p), append(cks, ck)
	}
	return plans, cks, true
}

func proveChain(t testing.TB, plans []*growth.Plan, parent, child *arch.Checkpoint) *proof.Proof {
	t.Helper()
	claim, err := Chain(plans)
	if err != nil {
		t.Fatal(err)
	}
	p, err := proof.Prove(context.Background(), claim, parent, child, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestGrownAgain: such growths are proved step by step and as a whole, and do compute the same.
func TestGrownAgain(t *testing.T) {
	for what, r := range grownAgain(t) {
		n := 0
		for _, name := range sorted(archtest.Configs) {
			config := archtest.Configs[name]
			for i, split := range growth.Splits {
				d := tensor.F32
				if split == growth.SplitChoice && i%2 == 0 || split == growth.SplitEven {
					d = tensor.F64 // transformers 4 rounds it unless told, so that shares add up only nearly
				}
				r[0].Split, r[1].Split = split, split
				ck := pt.Random(t, 8, config, d)
				plans, cks, ok := twice(t, ck, r)
				if !ok {
					continue
				}
				n++
				if p := prove(t, plans[1], cks[0], cks[1]); !p.Holds() {
					t.Errorf("%s %s, %s, %s: the second growth is refused:\n%s", name, d, what, split, text(p))
				}
				p := proveChain(t, plans, ck, cks[1])
				if exact := plans[0].Exact() && plans[1].Exact(); !p.Holds() || exact && p.Verdict != proof.Exact {
					t.Errorf("%s %s, %s, %s: %s:\n%s", name, d, what, split, p.Verdict, text(p))
				}
				if far := pt.Distance(t, ck, cks[1]); d == tensor.F64 && !(far <= tolerance64) {
					t.Errorf("%s, %s, %s: logits differ by %.1e of the largest", name, what, split, far)
				}
			}
		}
		if n == 0 {
			t.Errorf("%s: no model grows so", what)
		}
	}
}

// TestPartsThatAreNone: neurons that stand in two parts or none, new neurons that are read, parts of one copy with
// different scores, and equals of which only some are used are refused, whatever is claimed.
func TestPartsThatAreNone(t *testing.T) {
	ck := pt.Random(t, 8, archtest.Configs["mistral"], tensor.F64)
	plans, cks, ok := twice(t, ck, grownAgain(t)["parts, then new neurons"])
	if !ok {
		t.Fatal("the model does not grow so")
	}
	same := func(string, tensor.Info, []float64) {}
	for what, c := range map[string]struct {
		plans  int
		claim  func(c *proof.Claim)
		damage func(name string, info tensor.Info, v []float64)
		from   string // experts that take the place of those of odd number
	}{
		"one part twice": {1, func(c *proof.Claim) {
			c.Maps[arch.FFN] = proof.Map{Src: slices.Concat(upTo(10), upTo(10))}
		}, same, "the one before"},
		"a new neuron of the second part is read": {2, func(*proof.Claim) {}, func(name string, _ tensor.Info, v []float64) {
			if strings.Contains(name, "layers.0.") && strings.HasSuffix(name, "experts.3.w2.weight") {
				v[len(v)-1] += 1
			}
		}, ""},
		"scores": {1, func(*proof.Claim) {}, func(name string, info tensor.Info, v []float64) {
			if strings.HasSuffix(name, "gate.weight") {
				v[3*info.Shape[1]] += 0.5
			}
		}, ""},
		"two copies of one score": {1, func(*proof.Claim) {}, func(name string, info tensor.Info, v []float64) {
			if w := info.Shape[len(info.Shape)-1]; strings.HasSuffix(name, "gate.weight") {
				copy(v[2*w:4*w], v[:2*w])
			}
		}, ""},
	} {
		t.Run(what, func(t *testing.T) {
			claim, err := Chain(plans[:c.plans])
			if err != nil {
				t.Fatal(err)
			}
			child := cks[c.plans-1]
			whole := map[string][]float64{}
			pt.Bind(t, pt.Spoil(t, child, func(name string, _ tensor.Info, v []float64) { whole[name] = slices.Clone(v) }, nil))
			bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
				for e := 1; c.from != "" && e < 8; e += 2 {
					odd := fmt.Sprintf("experts.%d.", e)
					if strings.Contains(name, odd) {
						copy(v, whole[strings.Replace(name, odd, fmt.Sprintf("experts.%d.", e-1), 1)])
					}
				}
				c.damage(name, info, v)
			}, nil))
			if p, err := proof.Prove(context.Background(), claim, ck, child, proof.Options{}); err != nil || !p.Holds() {
				t.Fatalf("the sound one: %v\n%s", err, text(p))
			}
			claim.Maps = maps.Clone(claim.Maps) // they are the plan's
			c.claim(claim)
			if d := pt.Distance(t, ck, bad); what != "two copies of one score" && what != "scores" && !(d > 1e-6) {
				t.Errorf("the logits differ by only %.1e of the largest", d)
			}
			if p, err := proof.Prove(context.Background(), claim, ck, bad, proof.Options{}); err != nil || p.Holds() {
				t.Errorf("proved: %v\n%s", err, text(p))
			}
		})
	}
}

func upTo(n int32) []int32 {
	var out []int32
	for i := range n {
		out = append(out, i)
	}
	return out
}

// TestPairsOfHeadsThatDiffer: where a row of q is not multiplied with zero, the heads of a pair must agree in it.
func TestPairsOfHeadsThatDiffer(t *testing.T) {
	ck := pt.Random(t, 8, archtest.Configs["mistral"], tensor.F64)
	plans, cks, ok := twice(t, ck, grownAgain(t)["pairs, then head_dim"])
	if !ok {
		t.Fatal("the model does not grow so")
	}
	child := cks[1]
	hd := child.Model.HeadDim
	layer := slices.IndexFunc(plans[0].Layers, func(l growth.LayerFrom) bool { return l.Pairs })
	name := fmt.Sprintf("model.layers.%d.self_attn.q_proj.weight", layer)
	k := fmt.Sprintf("model.layers.%d.self_attn.k_proj.weight", layer)
	fresh := slices.Index(plans[1].Maps[arch.HeadDim].Src, growth.Fresh)
	sourced := slices.IndexFunc(plans[1].Maps[arch.HeadDim].Src, func(s int32) bool { return s >= 0 })
	add := func(tensorName string, element int) *proof.Proof {
		bad := pt.Bind(t, pt.Spoil(t, child, func(name string, info tensor.Info, v []float64) {
			if name == tensorName {
				v[(hd+element)*info.Shape[1]] += 0.5
			}
		}, nil))
		return proveChain(t, plans, ck, bad)
	}
	if p := add(name, fresh); !p.Holds() {
		t.Errorf("an element of q that no score sees is asked for:\n%s", text(p))
	}
	if p := add(name, sourced); p.Holds() {
		t.Error("heads of a pair with different rows of q are proved to cancel")
	}
	if p := add(k, fresh); p.Holds() {
		t.Error("heads of a pair with different rows of k are proved to cancel")
	}
}

// TestMutationsOfGrownAgain: what changes the function of a model that was grown twice is refused, as in
// TestMutationsAreRefused.
func TestMutationsOfGrownAgain(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	all := grownAgain(t)
	kinds, names := slices.Sorted(maps.Keys(all)), slices.Sorted(maps.Keys(archtest.Configs))
	done, refused, harmless := 0, 0, 0
	for n := mutations(t); done < n; {
		r := all[kinds[rng.IntN(len(kinds))]]
		r[0].Split, r[1].Split = growth.Splits[rng.IntN(4)], growth.Splits[rng.IntN(4)]
		ck := pt.Random(t, rng.Uint64(), archtest.Configs[names[rng.IntN(len(names))]],
			[]tensor.DType{tensor.F32, tensor.F64}[rng.IntN(2)])
		plans, cks, ok := twice(t, ck, r)
		if !ok || proveChain(t, plans, ck, cks[1]).Verdict != proof.Exact {
			continue // rounding is judged elsewhere
		}
		s := &subject{parent: ck, child: cks[1], stored: store(t, cks[1]), ids: SeededIDs(rng.Uint64(), 2, 9, ck.Model.Vocab)}
		want, err := run64(ck, s.ids)
		if err != nil {
			t.Fatal(err)
		}
		s.want, s.tolerance = want, 1e-11*maxAbs(want)
		for range 12 {
			done++
			bad := s.stored.clone()
			what := bad.damage(rng)
			child, err := arch.Bind(bad.source())
			if err != nil {
				continue
			}
			holds := proveChain(t, plans, ck, child).Holds()
			switch far := s.far(child); {
			case !holds:
				refused++
			case far <= 1:
				harmless++
			case !s.shaky(t, child, far):
				t.Errorf("%v, %v: %s: not refused, though the logits differ by %.3g times the tolerance", plans[0].Methods,
					plans[1].Methods, what, far)
			}
		}
	}
	if refused == 0 || harmless == 0 {
		t.Error("the damage shows nothing")
	}
	t.Logf("%d mutations: %d refused, %d harmless", done, refused, harmless)
}
