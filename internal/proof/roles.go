package proof

import (
	"fmt"
	"slices"
	"strings"

	"famkit/internal/arch"
)

// kind is the condition that judges a tensor's numbers.
type kind int

const (
	matrix kind = iota // sums over copies
	gain               // a norm's gain or bias
	router             // a matrix whose scores also choose
)

// rule is what is known of a role: where it stands, what its dimensions may be, and which condition judges it. A tensor
// that no rule describes is refused before anything is read, so that what nobody has thought of is never proved.
type rule struct {
	kind   kind
	cond   string
	block  bool // inside the blocks
	expert bool // one of each expert, where its neurons are an expert's
	// dims are the sets of dimensions that it may have, in either order.
	dims [][]string
}

const (
	toHeads   = "writes kv group head_dim"
	toKeys    = "writes kv head_dim"
	toStream  = "writes hidden"
	onStream  = "reads hidden"
	ofHeads   = "reads kv group head_dim"
	fusedQKV  = "writes q:kv group head_dim k:kv head_dim v:kv head_dim"
	fusedMLP  = "writes gate:ffn up:ffn"
	byTurnsKV = " by turns of kv"
)

// roles are all the tensors that are known. Biases of projections and norms are those of their weights with one
// dimension; see ruleOf.
var roles = map[arch.Role]rule{
	arch.Embed:     {cond: condEmbed, dims: [][]string{{"looks vocab", toStream}}},
	arch.PosTable:  {cond: condEmbed, dims: [][]string{{"looks pos", toStream}}},
	arch.Head:      {cond: condHead, dims: [][]string{{"writes vocab", onStream}}},
	arch.FinalNorm: {kind: gain, cond: condNorms, dims: [][]string{{"scales hidden"}}},

	arch.AttnNorm:     {kind: gain, cond: condNorms, block: true, dims: [][]string{{"scales hidden"}}},
	arch.MLPNorm:      {kind: gain, cond: condNorms, block: true, dims: [][]string{{"scales hidden"}}},
	arch.AttnPostNorm: {kind: gain, cond: condNorms, block: true, dims: [][]string{{"scales hidden"}}},
	arch.MLPPostNorm:  {kind: gain, cond: condNorms, block: true, dims: [][]string{{"scales hidden"}}},
	arch.QNorm: {kind: gain, cond: condNorms, block: true, dims: [][]string{{"scales head_dim"},
		{"scales kv group head_dim"}}},
	arch.KNorm: {kind: gain, cond: condNorms, block: true, dims: [][]string{{"scales head_dim"},
		{"scales kv head_dim"}}},

	arch.Q:   {cond: condReaders, block: true, dims: [][]string{{toHeads, onStream}}},
	arch.K:   {cond: condReaders, block: true, dims: [][]string{{toKeys, onStream}}},
	arch.V:   {cond: condReaders, block: true, dims: [][]string{{toKeys, onStream}}},
	arch.QKV: {cond: condReaders, block: true, dims: [][]string{{fusedQKV, onStream}, {fusedQKV + byTurnsKV, onStream}}},
	arch.O:   {cond: condWriters, block: true, dims: [][]string{{toStream, ofHeads}}},

	arch.Gate:   {cond: condReaders, block: true, expert: true, dims: [][]string{{"writes ffn", onStream}}},
	arch.Up:     {cond: condReaders, block: true, expert: true, dims: [][]string{{"writes ffn", onStream}}},
	arch.GateUp: {cond: condReaders, block: true, dims: [][]string{{fusedMLP, onStream}}},
	arch.Down:   {cond: condWriters, block: true, expert: true, dims: [][]string{{toStream, "reads ffn"}}},
	arch.Router: {kind: router, cond: condExperts, block: true, dims: [][]string{{"writes experts", onStream}}},
}

// ruleOf gives the rule of a tensor, or says why it is none that is known.
func ruleOf(t *arch.TensorSpec) (rule, error) {
	r, ok := roles[t.Role.Weight()]
	if !ok {
		return r, fmt.Errorf("no condition is known for a tensor of role %s", t.Role)
	}
	is := shown(t.Dims, t.PerExpert)
	for _, dims := range r.dims {
		want := slices.Clone(dims)
		if t.Role.IsBias() {
			want = want[:1]
			want[0] = strings.Replace(want[0], "scales", "shifts", 1)
		}
		if fits(is, want) && t.PerExpert == (t.PerExpert && r.expert) && hasBias(t.Role) {
			return r, nil
		}
	}
	return r, fmt.Errorf("no condition is known for a tensor of role %s that %s", t.Role, strings.Join(is, " and "))
}

// hasBias reports whether a role, if it is a bias, is one that conditions speak of: of a projection inside the
// blocks, or of a norm that takes its bias after its gain.
func hasBias(r arch.Role) bool {
	switch r.Weight() {
	case arch.Embed, arch.PosTable, arch.Head, arch.Router, arch.QNorm, arch.KNorm:
		return !r.IsBias()
	}
	return true
}

func fits(is, want []string) bool {
	is, want = slices.Clone(is), slices.Clone(want)
	slices.Sort(is)
	slices.Sort(want)
	return slices.Equal(is, want)
}

// shown writes dimensions as the rules do. An expert's neurons are its own axis.
func shown(dims []arch.Dim, expert bool) []string {
	var out []string
	for _, d := range dims {
		text := string(d.Use)
		for _, a := range d.Axes {
			text += " " + string(a)
		}
		for _, p := range d.Parts {
			text += " " + string(p.Role) + ":"
			for i, a := range p.Axes {
				if i > 0 {
					text += " "
				}
				text += string(a)
			}
		}
		if d.Interleave != "" {
			text += " by turns of " + string(d.Interleave)
		}
		if expert {
			text = strings.Replace(text, " "+string(arch.ExpertFFN), " "+string(arch.FFN), 1)
		}
		out = append(out, text)
	}
	return out
}

// closedWorld: every tensor of both models is one that a condition speaks of, and none stands there twice.
func (s *space) closedWorld() {
	for _, ck := range []*arch.Checkpoint{s.parent, s.child} {
		seen := map[arch.Key]bool{}
		for i, b := range ck.Tensors {
			r, err := ruleOf(b.Spec)
			switch name := b.Info().Name; {
			case err != nil:
				s.refusef(condConfig, 10+i, name, "%v", err)
			case r.block != (b.Layer >= 0) || b.Layer >= ck.Model.Layers || b.Spec.PerExpert != (b.Expert >= 0):
				s.refusef(condConfig, 10+i, name, "a tensor of role %s stands in layer %d, expert %d", b.Spec.Role, b.Layer,
					b.Expert)
			case seen[b.Key()]:
				s.refusef(condConfig, 10+i, name, "a second tensor of role %s in layer %d", b.Spec.Role, b.Layer)
			}
			seen[b.Key()] = true
		}
	}
}
