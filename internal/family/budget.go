package family

import (
	"math"

	"famkit/internal/fault"
)

// flopsPerParameter is what a trained token costs for each parameter: a product and a sum in the forward pass, twice
// that in the backward pass (Kaplan and others, arXiv 2001.08361).
const flopsPerParameter = 6

// alone gives for each member the tokens that it gets when it is trained alone: by the number of its parameters, or its
// own. A budget in operations is that of the whole progressive family, which costs what the largest member costs alone.
func (r *Recipe) alone(members []*model) ([]float64, error) {
	perParam := r.Budget.TokensPerParameter
	if r.Budget.FLOPs > 0 {
		n := members[len(members)-1].counted
		perParam = r.Budget.FLOPs / (flopsPerParameter * n * n)
	}
	list := make([]float64, len(members))
	for i, m := range members {
		list[i] = perParam * m.counted
		if v := r.Members[i].Tokens; v != nil {
			n, err := count(v)
			if err != nil {
				return nil, err // check has refused it
			}
			list[i] = float64(n)
		}
	}
	return list, nil
}

// stages gives for each member the tokens of its stage in the progressive arm: what tops the cost of all stages up to
// that of the member trained alone,
//
//	tokens(i) = (C(i) - C(i-1)) / 6 N(i),  C(i) = 6 N(i) D(i).
func (r *Recipe) stages(members []*model, alone []float64) ([]float64, error) {
	list, spent := make([]float64, len(members)), 0.0
	for i, m := range members {
		cost := flopsPerParameter * m.counted * alone[i]
		if cost <= spent {
			return nil, fault.Hint(fault.Inputf("%s: member %q trained alone costs %.3g operations, and its parents have "+
				"cost %.3g: "+
				"nothing is left for its stage", r.memberAt(i), r.Members[i].Name, cost, spent), "more tokens, or a larger member")
		}
		list[i] = (cost - spent) / (flopsPerParameter * m.counted)
		spent = cost
	}
	return list, nil
}

// steps turns tokens into steps of so many tokens, at least one.
func steps(tokens float64, step int64) (int, bool) {
	n := math.Max(1, math.Round(tokens/float64(step)))
	return int(math.Min(n, math.MaxInt32)), n <= math.MaxInt32
}

// rate is the peak learning rate of a member.
func (r *Recipe) rate(i int, members []*model) float64 {
	if lr := r.Members[i].LR; lr > 0 {
		return lr
	}
	return r.Training.LR * math.Pow(members[0].counted/members[i].counted, r.Training.LRPower)
}
