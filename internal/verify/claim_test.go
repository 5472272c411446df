package verify

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// spoil changes a claim at random, also into what no growth could be.
func spoilClaim(c *proof.Claim, rng *rand.Rand) *proof.Claim {
	out := &proof.Claim{Layers: slices.Clone(c.Layers), Maps: maps.Clone(c.Maps), Shards: c.Shards,
		Inside: maps.Clone(c.Inside)}
	axes := []arch.Axis{arch.Hidden, arch.FFN, arch.KV, arch.Group, arch.HeadDim, arch.Vocab, arch.Pos, arch.Experts,
		arch.ExpertFFN, "nonsense"}
	wild := func() int32 { return []int32{-1, 0, 1, 2, 5, math.MaxInt32, math.MinInt32, -7}[rng.IntN(8)] }
	switch rng.IntN(8) {
	case 0:
		if n := len(out.Layers); n > 0 {
			out.Layers[rng.IntN(n)] = int(wild())
		}
	case 1:
		out.Layers = out.Layers[:rng.IntN(len(out.Layers)+1)]
	case 2:
		delete(out.Maps, axes[rng.IntN(len(axes))])
	case 3:
		out.Shards = int(wild())
	default:
		a := axes[rng.IntN(len(axes))]
		m := out.Maps[a]
		m.Src, m.Scale = slices.Clone(m.Src), slices.Clone(m.Scale)
		switch {
		case len(m.Src) == 0 || rng.IntN(8) == 0:
			m.Src = nil
			for range rng.IntN(40) {
				m.Src = append(m.Src, wild())
			}
		case rng.IntN(2) == 0:
			i, k := rng.IntN(len(m.Src)), rng.IntN(len(m.Src))
			m.Src[i], m.Src[k] = m.Src[k], m.Src[i]
		default:
			m.Src[rng.IntN(len(m.Src))] = wild()
		}
		if rng.IntN(3) == 0 { // of one layer alone
			layer := rng.IntN(3)
			if rng.IntN(10) == 0 {
				layer = int(wild())
			}
			out.Inside = maps.Clone(out.Inside)
			if out.Inside[layer] != nil {
				out.Inside[layer] = maps.Clone(out.Inside[layer])
			}
			out.Set(layer, a, m)
			break
		}
		if rng.IntN(4) == 0 {
			m.Scale = nil
			for range m.Src {
				m.Scale = append(m.Scale, []float64{1, 2, 0.5, 0, -1, math.NaN(), math.Inf(1), 1e308, math.Sqrt2}[rng.IntN(9)])
			}
		}
		out.Maps[a] = m
	}
	return out
}

// TestHostileClaims: a wrong claim makes the proof fail, or happens to be as good; it never makes it accept a child
// that computes something else, and never crashes it.
func TestHostileClaims(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	requests := allRequests(t)
	n, held := 0, 0
	for n < 3*mutations(t) {
		s := newSubject(t, rng, requests)
		bad := s.stored.clone()
		what := bad.damage(rng)
		damaged, err := arch.Bind(bad.source())
		if err != nil {
			continue
		}
		differs := s.far(damaged) > 1
		claim := ClaimOf(s.plan)
		for range 12 {
			n++
			c := claim
			for range 1 + rng.IntN(3) {
				c = spoilClaim(c, rng)
			}
			if _, err := proof.Prove(context.Background(), c, s.parent, s.child, proof.Options{}); err != nil {
				t.Fatal(err)
			}
			p, err := proof.Prove(context.Background(), c, s.parent, damaged, proof.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if p.Holds() {
				held++
				if differs {
					t.Errorf("%s: %s: proved by a spoiled claim", s.what, what)
				}
			}
		}
	}
	t.Logf("%d spoiled claims, %d of them good enough", n, held)
}

// TestChains: growths of growths are proved from the composed claims, exactly where each of them rounds nothing.
func TestChains(t *testing.T) {
	seed := uint64(5)
	if v, err := strconv.ParseUint(os.Getenv("FAMKIT_SEED"), 10, 64); err == nil {
		seed = v
	}
	rng := rand.New(rand.NewPCG(seed, 6))
	requests := allRequests(t)
	done, rounded, inferred := 0, 0, 0
	for done < 150 {
		first := newSubject(t, rng, requests)
		ck, plans := first.child, []*growth.Plan{first.plan}
		for range 1 + rng.IntN(2) {
			r := requests[rng.IntN(len(requests))]
			r.Seed = rng.Uint64()
			if _, err := expand.Compile(ck, r); err != nil || ck.Model.Hidden > 200 || ck.Model.FFN > 400 ||
				ck.Model.Layers > 12 {
				continue
			}
			var p *growth.Plan
			p, ck = pt.Grow(t, ck, r)
			plans = append(plans, p)
		}
		if len(plans) < 2 {
			continue
		}
		if cutCopies(plans) {
			continue // parts hold copies of one neuron: their sum is taken part by part
		}
		done++
		claim, err := Chain(plans)
		if err != nil {
			t.Fatal(err)
		}
		p, err := proof.Prove(context.Background(), claim, first.parent, ck, proof.Options{})
		if err != nil {
			t.Fatal(err)
		}
		exact := !slices.ContainsFunc(plans, func(p *growth.Plan) bool { return !p.Exact() })
		if exact && p.Verdict != proof.Exact {
			t.Errorf("%s, then %d %v %v: %s:\n%s", first.what, len(plans)-1, plans[len(plans)-1].Methods, plans[len(plans)-1].To,
				p.Verdict, text(p))
		}
		if !p.Holds() {
			t.Errorf("%s, then %d %v %v: %s:\n%s", first.what, len(plans)-1, plans[len(plans)-1].Methods, plans[len(plans)-1].To,
				p.Verdict, text(p))
		}
		if p.Verdict == proof.Rounded {
			rounded++
		}
		if r, err := looked(t, first.parent, ck); err != nil || !r.Equal {
			t.Errorf("not inferred: %s, then %d %v %v: %v", first.what, len(plans)-1, plans[len(plans)-1].Methods,
				plans[len(plans)-1].To, err)
			if r != nil && r.Proof != nil {
				t.Log(text(r.Proof))
			}
		} else {
			inferred++
		}
	}
	t.Logf("%d chains, %d of them within rounding, %d inferred", done, rounded, inferred)
}

// cutCopies reports whether a dense MLP was cut into parts after its neurons had been copied.
func cutCopies(plans []*growth.Plan) bool {
	grown := false
	for _, p := range plans {
		if p.Upcycle != nil && p.Upcycle.Shards > 1 && grown {
			return true
		}
		grown = grown || p.Methods[arch.FFN] != ""
	}
	return false
}

// TestRecheck: a stored proof reads back, and says what it said.
func TestRecheck(t *testing.T) {
	ck := pt.Random(t, 1, archtest.Configs["qwen3"], tensor.BF16)
	plan, child := pt.Grow(t, ck, request(t, 2, expand.Interleave, map[string]string{"width": "2x", "depth": "+1"}))
	r, err := Models(context.Background(), ck.Source, child.Source, plan, Options{ProofOnly: true, Digests: true})
	if err != nil || !r.Equal {
		t.Fatal(err, r)
	}
	r.Proof.Parent.Path, r.Proof.Child.Path = "a", "b"
	p, err := proof.Parse("proof.json", r.Proof.JSON())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Recheck(context.Background(), p, ck.Source, child.Source, Options{})
	if err != nil || !again.Equal {
		t.Fatal(err, fmt.Sprintf("%+v", again.Checks))
	}
	other := pt.Random(t, 2, archtest.Configs["qwen3"], tensor.BF16)
	if again, err = Recheck(context.Background(), p, other.Source, child.Source, Options{}); err != nil || again.Equal {
		t.Error("a proof of another parent is accepted:", err)
	}
	config := pt.SetKeys(t, ck, map[string]any{"bos_token_id": 7}) // means nothing to the function, but is another file
	same := pt.Bind(t, pt.Spoil(t, ck, nil, config))
	if again, err = Recheck(context.Background(), p, same.Source, child.Source, Options{}); err != nil || again.Equal {
		t.Error("a proof of another config.json is accepted:", err)
	}
	for what, change := range map[string]func(*proof.Stored){
		"verdict":     func(p *proof.Stored) { p.Verdict = proof.Rounded },
		"a condition": func(p *proof.Stored) { p.Conditions[2].Verdict = proof.Rounded },
		"one too many": func(p *proof.Stored) {
			p.Conditions = append(p.Conditions, proof.Condition{Name: "another", Verdict: proof.Exact})
		},
	} {
		changed, err := proof.Parse("proof.json", r.Proof.JSON())
		if err != nil {
			t.Fatal(err)
		}
		change(changed)
		if again, err = Recheck(context.Background(), changed, ck.Source, child.Source, Options{}); err != nil ||
			again.Equal {
			t.Errorf("a proof that says something else is accepted: %s: %v", what, err)
		}
	}
}

// TestClaimedRoundingsOfProof: nor does a stored proof that says so.
func TestClaimedRoundingsOfProof(t *testing.T) {
	ck := pt.Random(t, 9, archtest.Configs["mistral"], tensor.BF16)
	bad := pt.Bind(t, pt.Spoil(t, ck, func(name string, info tensor.Info, v []float64) {
		for i := range v {
			v[i] *= 1.2
		}
	}, nil))
	claim := &proof.Claim{Rounded: pt.Steps(64, ck.Model, ck.Model)}
	for i := range ck.Model.Layers {
		claim.Layers = append(claim.Layers, i)
	}
	p, err := proof.Prove(context.Background(), claim, ck, bad, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := sign(context.Background(), p, ck.Source, bad.Source, Options{}); err != nil {
		t.Fatal(err)
	}
	p.Parent.Path, p.Child.Path = "a", "b"
	q, err := proof.Parse("x", p.JSON())
	if err != nil {
		t.Fatal(err)
	}
	r, err := Recheck(context.Background(), q, ck.Source, bad.Source, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Equal {
		t.Errorf("accepted, though the logits differ by %.3g of the largest", pt.Distance(t, ck, bad))
	}
}
