package proof

import (
	"math"
	"math/big"
	"slices"

	"famkit/internal/rowsum"
)

// streamScales: the squares of the scales of a source's copies add up to the same c for every source. Under LayerNorm
// all scales are alike, and every source has equally many copies.
func (s *space) streamScales() {
	r := s.stream
	if r.From == r.To() && slices.ContainsFunc(r.Scale, func(k float64) bool { return !rowsum.IsPower(k) }) {
		s.refusef(condStream, 0, "", "the stream is as wide as the parent's, but its copies are scaled")
		return
	}
	squares, exact := make([]float64, r.From), true
	sumOf := make([]*big.Rat, r.From)
	for t, src := range r.Src {
		if src < 0 {
			continue
		}
		a := r.ScaleAt(t)
		squares[src] += a * a
		if exact = exact && rowsum.IsPower(a); exact {
			if sumOf[src] == nil {
				sumOf[src] = new(big.Rat)
			}
			q := new(big.Rat).SetFloat64(a)
			sumOf[src].Add(sumOf[src], q.Mul(q, q))
		}
	}
	if i := slices.Index(squares, 0); i >= 0 {
		s.refusef(condStream, i, "", "no channel of the child holds channel %d of the parent", i)
		return
	}
	for i, q := range squares {
		if exact && sumOf[i].Cmp(sumOf[0]) != 0 || !near(q, squares[0]) {
			s.refusef(condStream, i, "", "the copies of index %d have squares that sum to %v, those of index 0 to %v", i, q,
				squares[0])
			return
		}
	}
	s.rho = squares[0] * float64(r.From) / float64(r.To())
	one := big.NewRat(1, 1)
	if exact && new(big.Rat).Mul(sumOf[0], big.NewRat(int64(r.From), int64(r.To()))).Cmp(one) == 0 || near(s.rho, 1) {
		s.rho = 1
	}
	s.even = exact
	if s.parent.Model.LayerNorm && !s.meanKept() {
		return
	}
	s.epsilon()
	s.embedScales()
}

// meanKept is the part that LayerNorm asks for.
func (s *space) meanKept() bool {
	copies := s.stream.Copies()
	for i, c := range copies {
		if c != copies[0] {
			s.refusef(condStream, i, "", "index %d has %d copies, index 0 %d: LayerNorm's mean is not kept", i, c, copies[0])
			return false
		}
	}
	for t := range s.stream.Src {
		if s.stream.ScaleAt(t) != s.stream.ScaleAt(0) {
			s.refusef(condStream, t, "", "index %d is scaled by %v, index 0 by %v: LayerNorm's mean is not kept",
				t, s.stream.ScaleAt(t), s.stream.ScaleAt(0))
			return false
		}
	}
	return true
}

// leastEpsilon is the smallest normal number of float32, in which norms are computed. An epsilon below it is no
// epsilon: a norm of zeros would be 0/0.
const leastEpsilon = 0x1p-126

// epsilon: the child's epsilon is rho times the parent's, and both are normal numbers of float32.
func (s *space) epsilon() {
	was, is := s.parent.Model.Eps, s.child.Model.Eps
	want := was * s.rho
	switch {
	case !(was >= leastEpsilon && is >= leastEpsilon):
		s.refusef(condStream, 0, "config.json", "the norms' epsilon is %v, the parent's %v: wanted at least %.3g, so that "+
			"a norm of zeros is zero", is, was, leastEpsilon)
	case is == want && s.even && rowsum.IsPower(s.rho):
		s.hold(condStream)
	case is == want || s.rho != 1 && near(is, want):
		s.round(condStream, "", 0)
	default:
		s.refusef(condStream, 0, "config.json", "the norms' epsilon is %v, wanted %v", is, want)
	}
}

// embedScales are what the embedding's columns are written with: the stream's scales over the architecture's own
// factor.
func (s *space) embedScales() {
	was, is := s.parent.Model.EmbedScale, s.child.Model.EmbedScale
	if was == is || was == 0 || is == 0 {
		if was != is {
			s.refusef(condEmbed, 0, "config.json", "the embedding is multiplied by %v, the parent's by %v", is, was)
		}
		s.embed = s.stream.Scale
		return
	}
	s.embed = make([]float64, s.stream.To())
	for t := range s.embed {
		s.embed[t] = s.stream.ScaleAt(t) * (was / is)
	}
}

// streamClasses are the channels of the stream that are copies of each other, written alike: of one source and one
// scale. New channels are zero under RMSNorm, which needs no class, and all alike under LayerNorm.
func (s *space) streamClasses() rowsum.Classes {
	type key struct {
		src   int32
		scale uint64
	}
	number := map[key]int32{}
	out := rowsum.Classes{Of: make([]int32, s.stream.To())}
	for t, src := range s.stream.Src {
		k := key{src, math.Float64bits(s.stream.ScaleAt(t))}
		if src < 0 {
			k = key{src: NoSource}
			if !s.parent.Model.LayerNorm {
				out.Of[t] = rowsum.None
				continue
			}
		}
		n, ok := number[k]
		if !ok {
			n = int32(len(number))
			number[k] = n
		}
		out.Of[t] = n
	}
	out.N = len(number)
	return out
}
