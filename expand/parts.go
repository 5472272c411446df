package expand

import (
	"famkit/internal/arch"
	"famkit/internal/growth"
)

// dimension composes one dimension of a tensor. size is its size in the parent: where no axis changes it is kept, so
// that axes of unknown size do no harm.
func (r *rules) dimension(role arch.Role, d arch.Dim, size int) *gather {
	parts := d.Parts
	if parts == nil {
		parts = []arch.Part{{Role: role, Axes: d.Axes}}
	}
	touched := false
	all := make([]part, len(parts))
	for i, p := range parts {
		of := partRole(role, p.Role, d.Parts != nil)
		all[i].factor = 1
		if d.Use == arch.Writes || d.Use == arch.Scales {
			all[i].factor = r.factor(of)
		}
		touched = touched || all[i].factor != 1
		for _, a := range p.Axes {
			ax := r.axis(of, d.Use, a)
			touched = touched || ax.m != nil
			all[i].rules = append(all[i].rules, ax)
		}
	}
	if !touched {
		return &gather{from: size, to: size, use: d.Use}
	}
	var g *gather
	switch {
	case d.Parts == nil:
		cells, from := product(all[0].rules, all[0].factor)
		g = newGather(d.Use, cells, from)
	case d.Interleave != "":
		cells, from := interleaved(all)
		g = newGather(d.Use, cells, from)
	default:
		cells, from := sideBySide(all)
		g = newGather(d.Use, cells, from)
	}
	g.shared = d.Use == arch.Reads && !r.pairs && !r.grad
	return g
}

// partRole is the role of a part of a fused tensor; that of a fused bias is a bias.
func partRole(whole, p arch.Role, fused bool) arch.Role {
	if fused && (whole == arch.QKV.Bias() || whole == arch.GateUp.Bias()) {
		return p.Bias()
	}
	return p
}

type part struct {
	rules  []axisRule
	factor float64
}

func (c cell) shifted(src, root int) cell {
	if c.src != growth.Fresh {
		c.src += int32(src)
	}
	c.root += int32(root)
	return c
}

// sideBySide puts the parts one after another.
func sideBySide(parts []part) (out []cell, from int) {
	for _, p := range parts {
		cells, n := product(p.rules, p.factor)
		at := len(out)
		for _, c := range cells {
			out = append(out, c.shifted(from, at))
		}
		from += n
	}
	return out, from
}

// interleaved lets the parts take turns along their outermost axis.
func interleaved(parts []part) (out []cell, from int) {
	outer := parts[0].rules[0]
	inner := make([][]cell, len(parts))
	start := make([]int, len(parts)+1) // of each part in one turn of the parent
	for i, p := range parts {
		cells, n := product(p.rules[1:], p.factor)
		inner[i], start[i+1] = cells, start[i]+n
	}
	turn := start[len(parts)]
	for t := range outer.to() {
		o := outer.cell(t)
		for i, cells := range inner {
			first := len(out)
			for k, c := range cells {
				c.scale *= o.scale
				c.fresh = max(c.fresh, o.fresh)
				if c.fresh != sourced {
					c.src = growth.Fresh
				} else {
					c.src += o.src*int32(turn) + int32(start[i])
				}
				if int(o.root) != t { // the pair of a whole turn
					c.root = int32(first+k) - int32(t-int(o.root))*int32(turnSize(inner))
				} else {
					c.root += int32(first)
				}
				out = append(out, c)
			}
		}
	}
	return out, outer.from * turn
}

func turnSize(inner [][]cell) int {
	n := 0
	for _, c := range inner {
		n += len(c)
	}
	return n
}
