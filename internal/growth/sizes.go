package growth

import (
	"fmt"

	"famkit/internal/arch"
)

// MaxSize bounds what a growth may ask for and what a plan may say, so that no product of sizes overflows: above any
// axis, the positions of long contexts included.
const MaxSize = 1 << 24

// Sizes of the axes that a growth can change; 0 where a model has none or it is not known.
type Sizes struct {
	Layers    int `json:"layers"`
	Hidden    int `json:"hidden"`
	FFN       int `json:"ffn"`
	Heads     int `json:"heads"`
	KVHeads   int `json:"kv_heads"`
	HeadDim   int `json:"head_dim"`
	Vocab     int `json:"vocab"`
	Positions int `json:"positions,omitempty"`
	Experts   int `json:"experts,omitempty"`
	TopK      int `json:"top_k,omitempty"`
	ExpertFFN int `json:"expert_ffn,omitempty"`
}

// Size is the size of an axis by its name.
type Size struct {
	Name string
	Size int
}

// List gives all sizes with their names, in the order in which they are shown.
func (s Sizes) List() []Size {
	return []Size{
		{"layers", s.Layers}, {"hidden", s.Hidden}, {"ffn", s.FFN}, {"heads", s.Heads}, {"kv heads", s.KVHeads},
		{"head_dim", s.HeadDim}, {"vocab", s.Vocab}, {"positions", s.Positions}, {"experts", s.Experts}, {"top-k", s.TopK},
		{"expert ffn", s.ExpertFFN},
	}
}

// SizesOf gives a model's sizes.
func SizesOf(m *arch.Model) Sizes {
	s := Sizes{
		Layers: m.Layers, Hidden: m.Hidden, FFN: m.FFN, Heads: m.Heads, KVHeads: m.KVHeads, HeadDim: m.HeadDim,
		Vocab: m.Vocab, Positions: m.MaxPos,
	}
	if m.MoE != nil {
		s.Experts, s.TopK, s.ExpertFFN = m.MoE.Experts, m.MoE.TopK, m.MoE.FFN
	}
	return s
}

// Axes lists the axes that a map can grow.
var Axes = []arch.Axis{
	arch.Vocab, arch.Pos, arch.Hidden, arch.FFN, arch.KV, arch.Group, arch.HeadDim, arch.Experts, arch.ExpertFFN,
}

// Of gives the size of an axis. Group is the query heads of one kv head.
func (s Sizes) Of(a arch.Axis) int {
	switch a {
	case arch.Layers:
		return s.Layers
	case arch.Hidden:
		return s.Hidden
	case arch.FFN:
		return s.FFN
	case arch.KV:
		return s.KVHeads
	case arch.Group:
		return s.Heads / max(1, s.KVHeads)
	case arch.HeadDim:
		return s.HeadDim
	case arch.Vocab:
		return s.Vocab
	case arch.Pos:
		return s.Positions
	case arch.Experts:
		return s.Experts
	case arch.ExpertFFN:
		return s.ExpertFFN
	}
	return 0
}

// check refuses sizes that no model has.
func (s Sizes) check() error {
	if s.Positions < 0 || s.Positions > 1<<40 { // of a rotary model they are a number in the config, no table
		return fmt.Errorf("%d positions", s.Positions)
	}
	for _, x := range s.List() {
		if x.Name != "positions" && (x.Size < 0 || x.Size > MaxSize) {
			return fmt.Errorf("%s %d: want 0 to %d", x.Name, x.Size, MaxSize)
		}
	}
	if s.Layers > arch.MaxLayers {
		return fmt.Errorf("%d layers: want at most %d", s.Layers, arch.MaxLayers)
	}
	return nil
}

// within refuses sizes above those of a model at hand. A dense MLP may have been as wide as all experts together.
func (s Sizes) within(limit Sizes, whose string) error {
	limit.FFN = max(limit.FFN, min(MaxSize, limit.Experts*limit.ExpertFFN))
	for i, x := range s.List() {
		if most := limit.List()[i].Size; x.Size > most {
			return fmt.Errorf("speaks of %s %d, %s has %d", x.Name, x.Size, whose, most)
		}
	}
	return nil
}
