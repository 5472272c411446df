package proof

import (
	"fmt"
	"maps"
	"slices"

	"famkit/internal/arch"
	"famkit/internal/runs"
)

// rewritingText is a Rewriting as it is stored, its lists as runs.
type rewritingText struct {
	Unfolded  bool                       `json:"unfolded,omitempty"`
	Layers    map[int]layerRewritingText `json:"layers,omitempty"`
	FinalNorm [][2]float64               `json:"final_norm,omitempty"`
}

type layerRewritingText struct {
	AttnNorm [][2]float64 `json:"attn_norm,omitempty"`
	MLPNorm  [][2]float64 `json:"mlp_norm,omitempty"`
	Keys     [][2]float64 `json:"keys,omitempty"`
	Values   *mapText     `json:"values,omitempty"`
	Neurons  [][2]float64 `json:"neurons,omitempty"`
	Order    string       `json:"order,omitempty"`
}

func (r *Rewriting) text() *rewritingText {
	if r == nil {
		return nil
	}
	t := &rewritingText{Unfolded: r.Unfolded, Layers: map[int]layerRewritingText{}, FinalNorm: runs.Scales(r.FinalNorm)}
	for l, x := range r.Layers {
		own := layerRewritingText{AttnNorm: runs.Scales(x.AttnNorm), MLPNorm: runs.Scales(x.MLPNorm),
			Keys:    runs.Scales(x.Keys),
			Neurons: runs.Scales(x.Neurons), Order: runs.Indices(x.Order)}
		if x.Values.Src != nil || x.Values.Scale != nil {
			v := x.Values.text()
			own.Values = &v
		}
		t.Layers[l] = own
	}
	return t
}

// rewriting reads it for a child.
func (t *rewritingText) rewriting(child *arch.Model) (*Rewriting, error) {
	if t == nil {
		return nil, nil
	}
	r := &Rewriting{Unfolded: t.Unfolded, Layers: map[int]*LayerRewriting{}}
	m := r.presented(child)
	var err error
	if r.FinalNorm, err = runs.ParseScales(t.FinalNorm, m.Hidden); err != nil {
		return nil, fmt.Errorf("final norm: %w", err)
	}
	for _, l := range slices.Sorted(maps.Keys(t.Layers)) {
		if l < 0 || l >= m.Layers {
			return nil, fmt.Errorf("layer %d is rewritten, the child has %d layers", l, m.Layers)
		}
		if r.Layers[l], err = t.Layers[l].layer(m, l); err != nil {
			return nil, fmt.Errorf("layer %d: %w", l, err)
		}
	}
	return r, nil
}

func (t layerRewritingText) layer(m *arch.Model, l int) (*LayerRewriting, error) {
	kv, neurons := m.KVHeads*m.HeadDim, m.FFN
	if m.Mixture(l) {
		neurons = m.MoE.Experts * m.MoE.FFN
	}
	r := &LayerRewriting{}
	var values [][2]float64
	var src string
	if t.Values != nil {
		values, src = t.Values.Scale, t.Values.Src
	}
	for _, list := range []struct {
		to   *[]float64
		from [][2]float64
		n    int
	}{{&r.AttnNorm, t.AttnNorm, m.Hidden}, {&r.MLPNorm, t.MLPNorm, m.Hidden}, {&r.Keys, t.Keys, kv},
		{&r.Values.Scale, values, kv},
		{&r.Neurons, t.Neurons, neurons}} {
		var err error
		if *list.to, err = runs.ParseScales(list.from, list.n); err != nil {
			return nil, err
		}
	}
	for _, list := range []struct {
		to   *[]int32
		from string
		n    int
	}{{&r.Values.Src, src, kv}, {&r.Order, t.Order, neurons}} {
		if list.from == "" {
			continue
		}
		var err error
		if *list.to, err = runs.ParseIndices(list.from, list.n, list.n); err != nil {
			return nil, err
		}
	}
	return r, nil
}
