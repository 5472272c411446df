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
	"time"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/growth"
	"famkit/internal/infer"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// adversary makes children that are meant to be taken for their parent's: changes that cancel in one place and not in
// another, numbers at the ends of their type, claims that fit the damage.
type adversary struct {
	t     *testing.T
	rng   *rand.Rand
	child *arch.Checkpoint
	claim *proof.Claim
	s     *stored
}

// numbers lets f change the numbers of a tensor.
func (a *adversary) numbers(b arch.Bound, f func(v []float64)) {
	info := b.Info()
	raw := slices.Clone(a.s.data[info.Name])
	v := make([]float64, len(raw)*8/info.DType.Bits())
	tensor.Decode(v, raw, info.DType)
	f(v)
	tensor.Encode(raw, v, info.DType)
	a.s.data[info.Name] = raw
}

// some draws a tensor of the child that fits.
func (a *adversary) some(fits func(b arch.Bound) bool) (arch.Bound, bool) {
	for range 50 {
		if b := a.child.Tensors[a.rng.IntN(len(a.child.Tensors))]; fits(b) {
			return b, true
		}
	}
	return arch.Bound{}, false
}

func isMatrix(b arch.Bound) bool { return len(b.Info().Shape) == 2 }

// size draws a number from the smallest of a type to its large ones.
func (a *adversary) size(d tensor.DType) float64 {
	x := math.Ldexp(1+a.rng.Float64(), a.rng.IntN(40)-30)
	switch a.rng.IntN(6) {
	case 0:
		x = d.Smallest() * float64(1+a.rng.IntN(9))
	case 1:
		x = math.Ldexp(1, a.rng.IntN(30))
	}
	if a.rng.IntN(2) == 0 {
		x = -x
	}
	return x
}

// moves are the adversary's means; each says what it did.
var moves = map[string]func(a *adversary) string{
	// what one copy has more another has less
	"shares": func(a *adversary) string {
		b, ok := a.some(isMatrix)
		if !ok {
			return ""
		}
		dim := a.rng.IntN(2)
		n := b.Info().Shape[dim]
		i, k := a.rng.IntN(n), a.rng.IntN(n)
		by, all := a.size(b.Info().DType), a.rng.IntN(2) == 0
		wide, other := b.Info().Shape[1], b.Info().Shape[1-dim]
		row := a.rng.IntN(other)
		a.numbers(b, func(v []float64) {
			for r := range other {
				if !all && r != row {
					continue
				}
				x, y := r*wide+i, r*wide+k
				if dim == 0 {
					x, y = i*wide+r, k*wide+r
				}
				v[x] += by
				v[y] -= by
			}
		})
		return fmt.Sprintf("%s: %d and %d along %d by %.3g, in all %v", b.Info().Name, i, k, dim, by, all)
	},
	// zeros become the smallest numbers
	"zeros": func(a *adversary) string {
		b, ok := a.some(isMatrix)
		if !ok {
			return ""
		}
		d := b.Info().DType
		n := 0
		a.numbers(b, func(v []float64) {
			for i := range v {
				if v[i] == 0 && a.rng.IntN(2) == 0 {
					v[i] = d.Smallest() * float64(a.rng.IntN(7)-3)
					n++
				}
			}
		})
		return fmt.Sprintf("%s: %d zeros", b.Info().Name, n)
	},
	// all numbers of a tensor by about a rounding, in one direction
	"roundings": func(a *adversary) string {
		b, _ := a.some(func(arch.Bound) bool { return true })
		d, k := b.Info().DType, float64(1+a.rng.IntN(4))
		a.numbers(b, func(v []float64) {
			for i := range v {
				v[i] *= 1 + k*d.Unit()
			}
		})
		return fmt.Sprintf("%s: all times 1 + %v u", b.Info().Name, k)
	},
	// a power of two from one tensor into another, right or wrong
	"scales": func(a *adversary) string {
		b, _ := a.some(func(b arch.Bound) bool { return b.Layer >= 0 })
		c, _ := a.some(func(c arch.Bound) bool { return c.Layer == b.Layer })
		k := math.Ldexp(1, a.rng.IntN(9)-4)
		if a.rng.IntN(3) == 0 {
			k = -k
		}
		a.numbers(b, func(v []float64) { scaleAll(v, k) })
		a.numbers(c, func(v []float64) { scaleAll(v, 1/k) })
		return fmt.Sprintf("%s times %v, %s divided by it", b.Info().Name, k, c.Info().Name)
	},
	// one channel's gain, and what reads it
	"gains": func(a *adversary) string {
		b, ok := a.some(func(b arch.Bound) bool { return b.Spec.Dims[0].Use == arch.Scales })
		if !ok {
			return ""
		}
		i, k := a.rng.IntN(b.Info().Shape[0]), []float64{0, 2, -1, 0.5, 1e-30}[a.rng.IntN(5)]
		a.numbers(b, func(v []float64) { v[i] *= k })
		for _, c := range a.child.Tensors {
			if c.Layer == b.Layer && c.Spec.ReadsStream() && a.rng.IntN(4) > 0 && k != 0 {
				a.numbers(c, func(v []float64) {
					w := c.Info().Shape[1]
					for r := 0; r+w <= len(v) && i < w; r += w {
						v[r+i] /= k
					}
				})
			}
		}
		return fmt.Sprintf("%s: gain %d times %v, and some of what reads it", b.Info().Name, i, k)
	},
	// a row, or a column, is another's
	"copies": func(a *adversary) string {
		b, ok := a.some(isMatrix)
		if !ok {
			return ""
		}
		rows, wide := b.Info().Shape[0], b.Info().Shape[1]
		i, k := a.rng.IntN(rows), a.rng.IntN(rows)
		by := []float64{1, -1, 0.5, 2}[a.rng.IntN(4)]
		a.numbers(b, func(v []float64) {
			for c := range wide {
				v[i*wide+c] = by * v[k*wide+c]
			}
		})
		return fmt.Sprintf("%s: row %d is row %d times %v", b.Info().Name, i, k, by)
	},
	"epsilon": func(a *adversary) string {
		by := []float64{1 + 1e-14, 1.5, 0, 1e-40, 4}[a.rng.IntN(5)]
		return a.config(by)
	},
	"one number": func(a *adversary) string { return a.s.damage(a.rng) },
	"claim":      func(a *adversary) string { return a.spoilClaim() },
	"rewriting":  func(a *adversary) string { return a.spoilRewriting() },
}

func scaleAll(v []float64, k float64) {
	for i := range v {
		v[i] *= k
	}
}

// config multiplies the child's epsilon.
func (a *adversary) config(by float64) string {
	for _, key := range []string{"rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon"} {
		if a.child.Config.IsSet(key) {
			c := a.child.Config.Clone()
			c.Set(key, a.child.Model.Eps*by)
			a.s.files[configFile] = c.Bytes()
		}
	}
	return fmt.Sprintf("epsilon times %v", by)
}

// spoilClaim changes a claim at random.
func (a *adversary) spoilClaim() string {
	c := a.claim
	if len(c.Maps) == 0 || a.rng.IntN(4) == 0 {
		n := 1 + a.rng.IntN(proof.MostRoundings)
		c.Rounded = pt.Steps(n, a.child.Model, a.child.Model)
		return fmt.Sprintf("%d roundings are claimed", n)
	}
	axes := slices.Sorted(maps.Keys(c.Maps))
	axis := axes[a.rng.IntN(len(axes))]
	m := proof.Map{Src: slices.Clone(c.Maps[axis].Src), Scale: slices.Clone(c.Maps[axis].Scale)}
	i, k := a.rng.IntN(len(m.Src)), a.rng.IntN(len(m.Src))
	switch a.rng.IntN(3) {
	case 0:
		m.Src[i] = proof.NoSource
	case 1:
		m.Src[i], m.Src[k] = m.Src[k], m.Src[i]
	default:
		if m.Scale != nil {
			m.Scale[i] *= []float64{2, -1, 0.5}[a.rng.IntN(3)]
		}
	}
	c.Maps = maps.Clone(c.Maps)
	c.Maps[axis] = m
	return fmt.Sprintf("the claim of %s, at %d and %d", axis, i, k)
}

// spoilRewriting claims a rewriting at random, of one layer.
func (a *adversary) spoilRewriting() string {
	m := a.child.Model
	layer := a.rng.IntN(m.Layers)
	r := &proof.LayerRewriting{}
	neurons := m.FFN
	if m.Mixture(layer) {
		neurons = m.MoE.Experts * m.MoE.FFN
	}
	list := func(n int) []float64 {
		out := slices.Repeat([]float64{1}, n)
		out[a.rng.IntN(n)] = []float64{-1, 2, 0.5, 3, 0, math.NaN(), math.Inf(1)}[a.rng.IntN(7)]
		return out
	}
	swapped := func(n int) []int32 {
		var out []int32
		for i := range n {
			out = append(out, int32(i))
		}
		i, k := a.rng.IntN(n), a.rng.IntN(n)
		out[i], out[k] = out[k], out[i]
		if a.rng.IntN(4) == 0 {
			out[i] = int32(a.rng.IntN(2*n) - n/2)
		}
		return out
	}
	kv := m.KVHeads * m.HeadDim
	what := a.rng.IntN(7)
	switch what {
	case 0:
		r.AttnNorm = list(m.Hidden)
	case 1:
		r.MLPNorm = list(m.Hidden)
	case 2:
		r.Keys = list(kv)
	case 3:
		r.Values.Scale = list(kv)
	case 4:
		r.Values.Src = swapped(kv)
	case 5:
		r.Neurons = list(neurons)
	case 6:
		r.Order = swapped(neurons)
	}
	a.claim.Rewritten = &proof.Rewriting{Unfolded: a.rng.IntN(3) == 0, Layers: map[int]*proof.LayerRewriting{layer: r}}
	return fmt.Sprintf("a rewriting of kind %d is claimed of layer %d", what, layer)
}

// hard spoils a parent so that proofs have less to hold on to: zeros, equal rows, numbers of few bits, large and
// small ones.
func hard(t *testing.T, rng *rand.Rand, ck *arch.Checkpoint) *arch.Checkpoint {
	return pt.Spoiled(t, ck, func(_ string, info tensor.Info, v []float64) {
		w := info.Shape[len(info.Shape)-1]
		switch rng.IntN(8) {
		case 0:
			for i := range v {
				if rng.IntN(3) == 0 {
					v[i] = 0
				}
			}
		case 1:
			for i := range v {
				m, e := math.Frexp(v[i])
				v[i] = math.Ldexp(math.Round(m*8)/8, e)
			}
		case 2:
			if len(info.Shape) == 2 {
				copy(v[:w], v[len(v)-w:])
			}
		case 3:
			v[rng.IntN(len(v))] *= 1000
		case 4:
			v[rng.IntN(len(v))] = info.DType.Smallest() * float64(1+rng.IntN(5))
		}
	})
}

// beyondRounding is by how much a child's logits may differ beyond the tolerance of random roundings where all
// numbers are rounded in the direction that hurts.
const beyondRounding = 64

// TestAdversary lets an adversary make children for as long as FAMKIT_ADVERSARY says ("10m"), a few without it. The
// float64 engine says whether one computes something else, and then it must be refused: by the claim that comes with
// it, and by what is found without one.
func TestAdversary(t *testing.T) {
	seed, until := uint64(1), time.Time{}
	if v, err := strconv.ParseUint(os.Getenv("FAMKIT_SEED"), 10, 64); err == nil {
		seed = v
	}
	if d, err := time.ParseDuration(os.Getenv("FAMKIT_ADVERSARY")); err == nil {
		until = time.Now().Add(d)
	}
	rng := rand.New(rand.NewPCG(seed, 77))
	requests, names := allRequests(t), slices.Sorted(maps.Keys(moves))
	made, harmful, proved, missed := 0, 0, 0, 0
	for subjects := 0; subjects < 25 || time.Now().Before(until); subjects++ {
		s := hardSubject(t, rng, requests)
		for range 16 {
			a := &adversary{t, rng, s.child, ClaimOf(s.plan), s.stored.clone()}
			var how []string
			for range 1 + rng.IntN(4) {
				move := names[rng.IntN(len(names))]
				how = append(how, move+": "+moves[move](a))
			}
			made++
			child, err := arch.Bind(a.s.source())
			if err != nil {
				continue
			}
			far := s.far(child)
			if far > 1 {
				harmful++
			}
			for way, claim := range map[string]*proof.Claim{"claimed": a.claim, "found": foundIn(t, s.parent, child)} {
				if claim == nil {
					continue
				}
				p := judged(t, claim, s.parent, child)
				if !p.Holds() {
					continue
				}
				proved++
				limit := 1.0
				if p.Verdict == proof.Rounded {
					limit = beyondRounding
				}
				if far > limit && !s.shaky(t, child, far/limit) {
					missed++
					t.Errorf("seed %d, %s, %s: %v: %s, though the logits differ by %.3g times the tolerance", seed, s.what, way, how,
						p.Verdict, far)
				}
			}
		}
	}
	t.Logf("%d children, %d of them harmful; %d proofs; %d missed", made, harmful, proved, missed)
	if harmful < made/3 || proved == 0 {
		t.Errorf("an adversary that does no harm, or that nothing gets past: %d of %d harmful, %d proved", harmful, made,
			proved)
	}
}

// hardSubject is a growth of a parent that is hard to judge.
func hardSubject(t *testing.T, rng *rand.Rand, requests []expand.Request) *subject {
	names := slices.Sorted(maps.Keys(archtest.Configs))
	for {
		name := names[rng.IntN(len(names))]
		d := []tensor.DType{tensor.F32, tensor.BF16, tensor.F16}[rng.IntN(3)]
		r := requests[rng.IntN(len(requests))]
		r.Seed, r.Split = rng.Uint64(), growth.Splits[rng.IntN(len(growth.Splits))]
		ck := hard(t, rng, pt.Random(t, rng.Uint64(), archtest.Configs[name], d))
		if _, err := expand.Compile(ck, r); err != nil {
			continue
		}
		s := &subject{what: fmt.Sprintf("%s %s %+v", name, d, r), parent: ck}
		s.plan, s.child = pt.Grow(t, ck, r)
		s.stored = store(t, s.child)
		s.measure(t, rng.Uint64())
		return s
	}
}

// foundIn is the claim that is found of a child, nil for none.
func foundIn(t *testing.T, parent, child *arch.Checkpoint) *proof.Claim {
	t.Helper()
	claim, err := infer.Claim(context.Background(), parent, child)
	if err != nil {
		return nil
	}
	if p := judged(t, claim, parent, child); p.Holds() {
		return claim
	}
	if claim, err = infer.Rewritten(context.Background(), parent, child, claim); err != nil {
		return nil
	}
	return claim
}
