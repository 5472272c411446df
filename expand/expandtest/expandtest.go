// Package expandtest makes growths for tests: of every axis, by every method, of every architecture.
package expandtest

import (
	"fmt"
	"slices"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// Case is a growth to try; not every model can be grown so.
type Case struct {
	Name string
	expand.Request
}

func size(s string) expand.Change {
	c, err := expand.ParseChange(s)
	if err != nil {
		panic(err) // the sizes below
	}
	return c
}

// Axis gives requests that grow one axis of a model by its own method: by whole factors, unevenly and by a little.
// Where the heads fill the hidden size both are asked for together.
func Axis(m *arch.Model, a arch.Axis) []expand.Request {
	var out []expand.Request
	for _, s := range []string{"2x", "x1.5", "3x", "+1", "4x"} {
		r := expand.Request{}
		to := map[arch.Axis]*expand.Change{
			arch.Layers: &r.Depth, arch.Hidden: &r.Hidden, arch.FFN: &r.FFN, arch.KV: &r.KV, arch.Group: &r.Heads,
			arch.HeadDim: &r.HeadDim, arch.Vocab: &r.Vocab, arch.Pos: &r.Positions, arch.Experts: &r.Experts,
			arch.ExpertFFN: &r.ExpertFFN,
		}[a]
		*to = size(s)
		if a == arch.Experts {
			r.TopK = size(s)
			if m.MoE == nil {
				r.Experts, r.TopK = size("4"), size("2")
			}
		}
		out = append(out, r)
		if m.Spec.HeadsAreHidden && (a == arch.KV || a == arch.HeadDim) {
			r.Hidden = size(s)
			if a == arch.HeadDim {
				r.Heads, r.KV = size(fmt.Sprint(m.Heads)), size(fmt.Sprint(m.KVHeads))
			}
			out = append(out, r)
		}
	}
	return out
}

// Methods gives a growth of a model for every method, every axis that it can grow and several sizes. The ways to share
// take turns.
func Methods(m *arch.Model) []Case {
	var out []Case
	for _, method := range expand.Methods() {
		for _, a := range method.Axes() {
			for i, r := range Axis(m, a) {
				r.Methods = []string{method.Name()}
				r.Split = growth.Splits[len(out)%len(growth.Splits)]
				r.Seed = uint64(len(out))
				out = append(out, Case{fmt.Sprintf("%s by %s, %d, %s", a, method.Name(), i, r.Split), r})
			}
		}
	}
	return out
}

// Exact reports whether every method that a growth uses is declared exact.
func Exact(p *growth.Plan) bool {
	return !slices.ContainsFunc(expand.Methods(), func(m expand.Method) bool {
		for _, by := range p.Methods {
			if by == m.Name() && !m.Exact() {
				return true
			}
		}
		return false
	})
}
