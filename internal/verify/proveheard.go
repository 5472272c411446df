package verify

import (
	"math"

	"famkit/internal/arch"
	"famkit/internal/tensor"
)

// hearing is what makes two places of the stream the same to a branch's readers: one source, and one gain, bias and scale.
type hearing struct {
	src               int32
	gain, bias, scale float64
}

// heard tells which places of the stream the readers of a layer without a source hear alike. Only those may be added up
// before two neurons are compared: nothing else asks for the gains of such a layer. A new channel is heard where the norm's
// bias is not zero. Where numbers may have been rounded, gains that are equal but for that count as equal, and the
// condition is one within rounding.
func (p *prover) heard(layer int, h branch) (*relation, error) {
	if !p.parent.Model.PreNorm {
		return p.stream, nil
	}
	gains, d, err := p.normOfLayer(layer, h.preNorm)
	if err != nil {
		return nil, err
	}
	biases, _, err := p.normOfLayer(layer, h.preNorm.Bias())
	if err != nil {
		return nil, err
	}
	out := &relation{src: make([]int32, p.stream.to())}
	number, first := map[hearing]int32{}, map[int32]hearing{}
	for t, s := range p.stream.src {
		a := hearing{s, at(gains, t), at(biases, t), p.stream.scale(t)}
		if s < 0 {
			out.src[t] = noSource
			if a.bias == 0 {
				continue
			}
			a.src = noSource - int32(t) // like no other
		}
		if f, ok := first[a.src]; !ok {
			first[a.src] = a
		} else if a != f && p.claim.Roundings > 0 && p.nearlyTheSame(a, f, d) {
			p.judge(condIdentity, layer, string(h.preNorm), &outcome{rounded: true})
			a = f
		}
		n, ok := number[a]
		if !ok {
			n = int32(len(number))
			number[a] = n
		}
		out.src[t] = n
	}
	out.from = len(number)
	return out, nil
}

// nearlyTheSame reports whether the same times the gains that two copies should have is within the rounding of both.
func (p *prover) nearlyTheSame(a, b hearing, d tensor.DType) bool {
	offset := p.parent.Model.GainOffset
	bound := func(a hearing) float64 {
		held := math.Abs(a.gain) + math.Abs(offset)
		return p.claim.rounds() * (roundingBound(d, held) + claimError*math.Abs(offset)) * math.Abs(a.scale)
	}
	diff := math.Abs((a.gain+offset)*a.scale - (b.gain+offset)*b.scale)
	return a.bias == b.bias && diff <= bound(a)+bound(b)
}

// normOfLayer reads a norm's gain or bias in a layer of the child; nil where it has none.
func (p *prover) normOfLayer(layer int, role arch.Role) ([]float64, tensor.DType, error) {
	for _, b := range p.child.Tensors {
		if b.Layer == layer && b.Spec.Role == role {
			v, err := vector(b.Tensor)
			return v, b.Info().DType, err
		}
	}
	return nil, tensor.F64, nil
}
