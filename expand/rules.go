package expand

import (
	"math"

	"famkit/internal/arch"
	"famkit/internal/growth"
)

// rules knows what each use of each axis does to a tensor's numbers in one kind of block.
type rules struct {
	plan   *growth.Plan
	parent *arch.Model
	child  *arch.Model
	layer  bool // inside the blocks
	pairs  bool // a block of cancelling pairs
	shard  int  // of a dense MLP that becomes experts, -1 elsewhere
	grad   bool // of gradients instead of weights; see moments.go
	copies int  // of the expert that the tensor belongs to, 1 elsewhere
}

// mapOf gives the axis's source size and its map, nil where it stays.
func (r *rules) mapOf(a arch.Axis) (int, *growth.AxisMap) {
	from := r.plan.From.Of(a)
	if r.shard >= 0 && a == arch.ExpertFFN {
		m := shardMap(r.plan, r.shard, r.pairs)
		return r.plan.From.FFN, &m
	}
	if r.plan.Upcycle != nil && a == arch.Experts {
		m := routerMap()
		return 1, &m
	}
	if m, ok := r.plan.Pairs[a]; ok && r.pairs {
		return from, &m
	}
	if m, ok := r.plan.Maps[a]; ok {
		return from, &m
	}
	return from, nil
}

// axis is the rule of one axis in one use.
func (r *rules) axis(role arch.Role, use arch.Use, a arch.Axis) axisRule {
	from, m := r.mapOf(a)
	ax := axisRule{from: from, m: m}
	if m == nil {
		return ax
	}
	if r.grad {
		r.gradient(&ax, role, use, a)
		return ax
	}
	if a == arch.Hidden {
		r.stream(&ax, role, use)
		return ax
	}
	ax.pairs = r.pairs
	ax.fresh = innerFresh(role, use, m.Fill, r.parent)
	if use == arch.Reads && m.Read != nil {
		ax.scale = func(t int) float64 { return m.Read[t] }
	}
	return ax
}

// stream is the rule of the residual stream x' = E x.
func (r *rules) stream(ax *axisRule, role arch.Role, use arch.Use) {
	m := ax.m
	ax.fresh = streamFresh(use, m.Fill)
	ax.opposed = use == arch.Reads && m.Fill == growth.FillMean
	write := func(t int) float64 {
		if m.Write == nil {
			return 1
		}
		return m.Write[t]
	}
	final := role == arch.FinalNorm || role == arch.FinalNorm.Bias()
	if final && r.plan.Tied && use == arch.Scales && m.Fill == growth.FillMean {
		ax.fresh = freshZero // the embedding, which holds the mean there, reads what is left of LayerNorm's rounding
	}
	switch {
	case final && r.plan.Tied:
		ax.scale = r.tiedHead(m, use, write)
	case m.Write == nil:
	case use == arch.Writes:
		ax.scale = write
	case use == arch.Scales && !isPostNorm(role), use == arch.Reads && r.layer && !r.parent.PreNorm:
		ax.scale = func(t int) float64 { return 1 / write(t) }
	}
}

// tiedHead: with a tied head the embedding is writer and reader at once, and its columns cannot be shared among the
// copies. Of c copies written with a the head reads c a^2 times the parent's value, times what the embedding was
// divided by; the final norm's gain takes that back, and its bias, which the norm does not scale by a, takes back c
// a.
func (r *rules) tiedHead(m *growth.AxisMap, use arch.Use, write func(int) float64) func(int) float64 {
	count := m.Counts(r.plan.From.Hidden)
	embed := r.embedFactor()
	return func(t int) float64 {
		if m.Src[t] == growth.Fresh {
			return 1
		}
		c := float64(count[m.Src[t]])
		switch {
		case use == arch.Shifts:
			return 1 / (c * write(t) * embed)
		case m.Write == nil:
			return 1 / (c * embed)
		}
		return float64(r.plan.From.Hidden) / float64(r.plan.To.Hidden) / embed
	}
}

// embedFactor undoes in the embedding what the architecture multiplies it by.
func (r *rules) embedFactor() float64 {
	if r.parent.EmbedScale == r.child.EmbedScale || r.child.EmbedScale == 0 {
		return 1
	}
	return r.parent.EmbedScale / r.child.EmbedScale
}

// factor multiplies all of a role's numbers; what multiplies a weight divides its gradient, and so do the copies of an
// expert, which weigh less each.
func (r *rules) factor(role arch.Role) float64 {
	f := r.weightFactor(role)
	if r.grad {
		return 1 / (f * float64(r.copies))
	}
	return f
}

func (r *rules) weightFactor(role arch.Role) float64 {
	switch role {
	case arch.Embed:
		return r.embedFactor()
	case arch.Q, arch.Q.Bias():
		if r.parent.QKNorm {
			return 1
		}
		return r.scoreFactor()
	case arch.QNorm:
		return r.scoreFactor() * r.headNormFactor()
	case arch.KNorm:
		return r.headNormFactor()
	case arch.Down:
		if r.shard >= 0 {
			return float64(r.plan.Upcycle.Shards) // each part counts only 1/Shards
		}
	}
	return 1
}

// scoreFactor undoes in q what a larger head_dim does to the scores' factor, where that follows from head_dim.
func (r *rules) scoreFactor() float64 {
	if r.parent.ScoreScale != 0 || r.plan.From.HeadDim == r.plan.To.HeadDim {
		return 1
	}
	return math.Sqrt(float64(r.plan.To.HeadDim) / float64(r.plan.From.HeadDim))
}

// headNormFactor undoes in the gain of a norm of each head that its mean is taken over more elements, the new ones
// zero.
func (r *rules) headNormFactor() float64 {
	if !r.parent.QKNorm || r.plan.From.HeadDim == r.plan.To.HeadDim {
		return 1
	}
	return math.Sqrt(float64(r.plan.From.HeadDim) / float64(r.plan.To.HeadDim))
}

// streamFresh is what padding of the residual stream holds.
func streamFresh(use arch.Use, fill growth.Fill) fresh {
	switch use {
	case arch.Scales:
		return freshOne
	case arch.Shifts:
		return freshZero
	case arch.Reads:
		return freshRandom
	}
	if fill == growth.FillMean {
		return freshMean
	}
	return freshZero
}

// innerFresh is what new rows and columns of the other axes hold.
func innerFresh(role arch.Role, use arch.Use, fill growth.Fill, m *arch.Model) fresh {
	switch {
	case fill == growth.FillMean:
		return freshMean
	case fill == growth.FillZero:
		return freshZero
	case use == arch.Scales:
		return freshOne
	case use == arch.Reads || use == arch.Shifts || role.IsBias():
		return freshZero
	case fill == growth.FillRotary && (role == arch.K || role == arch.Q && m.QKNorm):
		return freshZero
	}
	return freshRandom
}

func isPostNorm(r arch.Role) bool { return r == arch.AttnPostNorm || r == arch.MLPPostNorm }
