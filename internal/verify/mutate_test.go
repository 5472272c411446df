package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/engine"
	"famkit/internal/growth"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
)

// mutations is how many the mutation test makes; FAMKIT_MUTATIONS says another number.
func mutations(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("FAMKIT_MUTATIONS"))
	if err != nil {
		n = 600
	}
	if testing.Short() {
		n = min(n, 120)
	}
	return n
}

// stored is a child in memory, to be damaged.
type stored struct {
	infos []tensor.Info
	data  map[string][]byte
	files map[string][]byte
}

func store(t testing.TB, ck *arch.Checkpoint) *stored {
	t.Helper()
	s := &stored{data: map[string][]byte{}, files: maps.Collect(ck.Source.Files())}
	for _, b := range ck.Tensors {
		raw, err := format.ReadAll(b.Tensor)
		if err != nil {
			t.Fatal(err)
		}
		s.infos = append(s.infos, b.Info())
		s.data[b.Info().Name] = raw
	}
	return s
}

// clone shares the tensors' bytes: damage replaces what it changes.
func (s *stored) clone() *stored {
	return &stored{slices.Clone(s.infos), maps.Clone(s.data), maps.Clone(s.files)}
}

func (s *stored) source() format.Source {
	out := format.FromTensors(nil, nil, s.files)
	for _, info := range s.infos {
		out.AddBytes(info, s.data[info.Name])
	}
	return out
}

// damage changes something at random and says what.
func (s *stored) damage(rng *rand.Rand) string {
	info := s.infos[rng.IntN(len(s.infos))]
	raw := slices.Clone(s.data[info.Name])
	s.data[info.Name] = raw
	e := info.DType.Bits() / 8
	n := len(raw) / e
	i := rng.IntN(n)
	set := func(i int, f func(float64) float64) {
		var v [1]float64
		tensor.Decode(v[:], raw[i*e:(i+1)*e], info.DType)
		v[0] = f(v[0])
		tensor.Encode(raw[i*e:(i+1)*e], v[:], info.DType)
	}
	wide := info.Shape[len(info.Shape)-1]
	swap := func(i, k, n int) {
		for j := range n * e {
			raw[i*e+j], raw[k*e+j] = raw[k*e+j], raw[i*e+j]
		}
	}
	switch kind := rng.IntN(14); kind {
	case 0, 1, 2:
		bit := rng.IntN(8 * e)
		raw[i*e+bit/8] ^= 1 << (bit % 8)
		return fmt.Sprintf("%s: bit %d of element %d", info.Name, bit, i)
	case 3:
		set(i, func(v float64) float64 { return v*1.05 + 0.01 })
		return fmt.Sprintf("%s: element %d moved", info.Name, i)
	case 4:
		k := rng.IntN(20)
		set(i, func(v float64) float64 { return v * (1 + math.Ldexp(1, -k)) })
		return fmt.Sprintf("%s: element %d times 1 + 2^-%d", info.Name, i, k)
	case 5:
		set(i, func(float64) float64 { return 0 })
		return fmt.Sprintf("%s: element %d zero", info.Name, i)
	case 6:
		k := rng.IntN(n)
		swap(i, k, 1)
		return fmt.Sprintf("%s: elements %d and %d swapped", info.Name, i, k)
	case 7:
		a, b := rng.IntN(n/wide), rng.IntN(n/wide)
		swap(a*wide, b*wide, wide)
		return fmt.Sprintf("%s: rows %d and %d swapped", info.Name, a, b)
	case 8:
		a, b := rng.IntN(wide), rng.IntN(wide)
		for r := range n / wide {
			swap(r*wide+a, r*wide+b, 1)
		}
		return fmt.Sprintf("%s: columns %d and %d swapped", info.Name, a, b)
	case 9:
		clear(raw[i/wide*wide*e : (i/wide+1)*wide*e])
		return fmt.Sprintf("%s: row %d zero", info.Name, i/wide)
	case 10:
		by := []float64{0, 2, 0.5, -1, 1.25}[rng.IntN(5)]
		for i := range n {
			set(i, func(v float64) float64 { return v * by })
		}
		return fmt.Sprintf("%s: times %v", info.Name, by)
	case 11:
		set(i, func(float64) float64 { return []float64{math.NaN(), math.Inf(1), -0.7, 3}[rng.IntN(4)] })
		return fmt.Sprintf("%s: element %d set", info.Name, i)
	case 12:
		for range 20 {
			other := s.infos[rng.IntN(len(s.infos))]
			if other.Name != info.Name && other.SameShape(info) {
				s.data[info.Name], s.data[other.Name] = s.data[other.Name], raw
				return fmt.Sprintf("%s and %s swapped", info.Name, other.Name)
			}
		}
	}
	return s.damageConfig(rng)
}

// damageConfig changes one value of config.json.
func (s *stored) damageConfig(rng *rand.Rand) string {
	var c map[string]any
	if err := json.Unmarshal(s.files[configFile], &c); err != nil {
		panic(err)
	}
	keys := slices.Sorted(maps.Keys(c))
	change := func(o map[string]any, k string) {
		switch v := o[k].(type) {
		case float64:
			o[k] = v * []float64{1.3, 2, 0.5, 1.000001}[rng.IntN(4)]
			if v == math.Trunc(v) && math.Abs(v) < 5000 {
				o[k] = []float64{v * 2, v + 1, v - 1, math.Trunc(v / 2)}[rng.IntN(4)]
			}
		case bool:
			o[k] = !v
		case []any:
			if len(v) > 1 {
				a, b := rng.IntN(len(v)), rng.IntN(len(v))
				v[a], v[b] = v[b], v[a]
			}
		case string:
			o[k] = []string{"silu", "gelu", "gelu_pytorch_tanh", "default", "gelu_new"}[rng.IntN(5)]
		}
	}
	k := keys[rng.IntN(len(keys))]
	if o, ok := c[k].(map[string]any); ok {
		inner := slices.Sorted(maps.Keys(o))
		j := inner[rng.IntN(len(inner))]
		if deep, ok := o[j].(map[string]any); ok {
			o, inner = deep, slices.Sorted(maps.Keys(deep))
			j = inner[rng.IntN(len(inner))]
		}
		change(o, j)
		if _, ok := c[j]; ok { // transformers 4's spelling
			c[j] = o[j]
		}
		k += "." + j
	} else {
		change(c, k)
		if p, ok := c["rope_parameters"].(map[string]any); ok {
			if _, ok := p[k]; ok {
				p[k] = c[k]
			}
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	s.files[configFile] = b
	return "config.json: " + k + " " + string(b)
}

// allRequests are the growths that mutations start from.
func allRequests(t testing.TB) []expand.Request {
	var out []expand.Request
	for i, sizes := range growths {
		out = append(out, request(t, uint64(i), placeOf(i, sizes), sizes))
	}
	for _, of := range []map[string]expand.Request{axisRequests(t), expertRequests(t)} {
		for _, k := range slices.Sorted(maps.Keys(of)) {
			out = append(out, of[k])
		}
	}
	return out
}

// subject is a growth that is damaged many times.
type subject struct {
	what          string
	parent, child *arch.Checkpoint
	plan          *growth.Plan
	stored        *stored
	ids           IDs
	want          []float64
	tolerance     float64 // of |delta logit|
}

func newSubject(t testing.TB, rng *rand.Rand, requests []expand.Request) *subject {
	names := slices.Sorted(maps.Keys(archtest.Configs))
	for {
		name := names[rng.IntN(len(names))]
		d := []tensor.DType{tensor.F32, tensor.F32, tensor.BF16, tensor.F64, tensor.F16}[rng.IntN(5)]
		r := requests[rng.IntN(len(requests))]
		r.Seed, r.Split = rng.Uint64(), growth.Splits[rng.IntN(len(growth.Splits))]
		ck := pt.Random(t, rng.Uint64(), archtest.Configs[name], d)
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

func run64(ck *arch.Checkpoint, ids IDs) ([]float64, error) {
	m := &meter{engine: "ref", ids: ids, spent: func(float64) {}}
	out, spec, err := m.logits(context.Background(), ck)
	if err == nil && spec.Act != engine.F64 {
		err = fmt.Errorf("ref computes in %s", spec.Act)
	}
	return out, err
}

// measure runs the parent, and finds what rounding explains.
func (s *subject) measure(t testing.TB, seed uint64) {
	t.Helper()
	s.ids = SeededIDs(seed, 2, 9, s.parent.Model.Vocab)
	want, err := run64(s.parent, s.ids)
	if err != nil {
		t.Fatal(err)
	}
	s.want = want
	s.tolerance = 1e-11 * maxAbs(want)
	if prove(t, s.plan, s.parent, s.child).Verdict == proof.Exact {
		return
	}
	for i := range draws {
		moved, err := perturb(s.parent, 2*s.parent.DType().Unit(), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		shaken, err := run64(moved, s.ids)
		if err != nil {
			t.Fatal(err)
		}
		s.tolerance = math.Max(s.tolerance, slack*maxDelta(want, shaken))
	}
}

// far is how much a child's logits differ beyond what rounding explains: above 1 they do.
func (s *subject) far(child *arch.Checkpoint) float64 {
	got, err := run64(child, s.ids)
	if err != nil {
		return math.Inf(1)
	}
	v, c, worst := s.parent.Model.Vocab, child.Model.Vocab, 0.0
	if c < v {
		return math.Inf(1)
	}
	for r := range s.ids.Data {
		worst = math.Max(worst, maxDelta(s.want[r*v:(r+1)*v], got[r*c:r*c+v]))
	}
	return worst / s.tolerance
}

// shaky reports whether float64 is too short to tell: whether what moving the child's weights by its rounding does to
// the logits explains how far they are. Weights of 1e38 that cancel do that.
func (s *subject) shaky(t testing.TB, child *arch.Checkpoint, far float64) bool {
	t.Helper()
	got, err := run64(child, s.ids)
	if err != nil {
		return false
	}
	worst := 0.0
	for i := range draws {
		moved, err := perturb(child, relativeError(tensor.F64.Unit(), longestSum(child.Model), 0), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		shaken, err := run64(moved, s.ids)
		if err != nil {
			t.Fatal(err)
		}
		worst = math.Max(worst, slack*maxDelta(got, shaken))
	}
	return far*s.tolerance <= worst
}

// TestMutationsAreRefused damages children at random. What changes the function by more than rounding must be refused
// by the proof; what is not damaged must not be.
func TestMutationsAreRefused(t *testing.T) {
	seed := uint64(1)
	if v, err := strconv.ParseUint(os.Getenv("FAMKIT_SEED"), 10, 64); err == nil {
		seed = v
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	requests := allRequests(t)
	n := mutations(t)
	done, loading, missed, falsely, harmless, harmlessRefused, unbound, subjects, shaky := 0, 0, 0, 0, 0, 0, 0, 0, 0
	for done < n {
		s := newSubject(t, rng, requests)
		subjects++
		if p := prove(t, s.plan, s.parent, s.child); !p.Holds() {
			falsely++
			t.Errorf("%s: sound, but refused:\n%s", s.what, text(p))
			continue
		}
		if far := s.far(s.child); far > 1 {
			t.Errorf("%s: the grown child itself is %.2g times beyond the tolerance", s.what, far)
			continue
		}
		for range 12 {
			done++
			bad := s.stored.clone()
			what, does, src := "", anything, format.Source(nil)
			if rng.IntN(4) == 0 {
				loading++
				what, does, src = bad.damageLoading(t, rng, s.parent)
			} else {
				what = bad.damage(rng)
			}
			if src == nil {
				src = bad.source()
			}
			child, err := arch.Bind(src)
			if err != nil {
				unbound++
				continue
			}
			p := prove(t, s.plan, s.parent, child)
			holds := p.Holds()
			if does == harmful && holds || does == harmlessly && !holds {
				missed++
				t.Errorf("%s: %s: proved %v\n%s", s.what, what, holds, text(p))
				continue
			}
			if does == harmful {
				continue
			}
			switch far := s.far(child); {
			case far <= 1 && holds:
				harmless++
			case far <= 1:
				harmlessRefused++
			case holds && s.shaky(t, child, far):
				shaky++
			case holds:
				missed++
				t.Errorf("%s: %s: not refused, though the logits differ by %.3g times the tolerance", s.what, what, far)
			}
		}
	}
	t.Logf("%d mutations of %d growths, %d of them of what loaders read: %d missed, %d sound ones refused; %d were no "+
		"checkpoint any more, %d harmless and accepted, %d harmless and refused, %d beyond float64",
		done, subjects, loading, missed, falsely, unbound, harmless, harmlessRefused, shaky)
}
