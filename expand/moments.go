package expand

import (
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// gradient is the rule of an axis for the gradient of the loss by a tensor, instead of for the tensor. Where weights
// share a column, each copy is taken to read its mean share, 1/c of c copies: exactly right with even shares, on
// average else.
//
// What a copy of an activation gets back is the share that is read of it: 1/c inside a block, 1/(c a) for the residual
// stream written with a. So rows of writers take that part of the parent's gradient, and columns of readers all of it,
// since what they read are copies. A gain before readers has inputs a times the parent's and copies read in part: a/c.
// Fresh entries have no history.
func (r *rules) gradient(ax *axisRule, role arch.Role, use arch.Use, a arch.Axis) {
	m := ax.m
	ax.fresh = freshZero
	count := m.Counts(ax.from)
	copies := func(t int) float64 {
		if m.Src[t] == growth.Fresh {
			return 1
		}
		return float64(count[m.Src[t]])
	}
	if a != arch.Hidden {
		if use == arch.Writes || use == arch.Scales && a != arch.HeadDim {
			ax.scale = func(t int) float64 { return 1 / copies(t) }
		}
		return
	}
	write := func(t int) float64 {
		if m.Write == nil {
			return 1
		}
		return m.Write[t]
	}
	tied := r.plan.Tied && (role == arch.FinalNorm || role == arch.FinalNorm.Bias())
	switch {
	case use == arch.Writes:
		ax.scale = func(t int) float64 { return 1 / (copies(t) * write(t)) }
	case use == arch.Reads && r.layer && !r.parent.PreNorm:
		ax.scale = write
	case use == arch.Scales && tied:
		ax.scale = func(t int) float64 { return write(t) * write(t) * r.embedFactor() }
	case use == arch.Shifts && tied:
		ax.scale = func(t int) float64 { return write(t) * r.embedFactor() }
	case use == arch.Scales && !isPostNorm(role):
		ax.scale = func(t int) float64 { return write(t) / copies(t) }
	case use == arch.Scales || use == arch.Shifts:
		ax.scale = func(t int) float64 { return 1 / copies(t) }
	}
}
