package proof

import (
	"reflect"
	"slices"

	"famkit/internal/arch"
)

// judgedElsewhere are the fields of a model that may change with its size, each with the condition that judges it. Any
// other field must be the same in both, a new one too.
var judgedElsewhere = map[string]string{
	"Vocab": "relations", "Hidden": "relations", "FFN": "relations", "Heads": "relations", "KVHeads": "relations",
	"HeadDim": "relations", "MaxPos": "positions", "Layers": "keptLayers", "Eps": "epsilon", "Rope": "frequencies",
	"LocalRope": "frequencies", "RotaryDim": "pairsTurn", "ScoreScale": "scores", "EmbedScale": "embedScales",
	"Window": "windows", "LayerType": "windows", "Tied": "config", "MoE": "experts", "Spec": "closedWorld",
	"QKVBias": "withoutBias", "OBias": "withoutBias", "MLPBias": "withoutBias",
	"InitRange": "acts in training", "DType": "loaders", "BOS": "names ids", "EOS": "names ids",
}

// config: every field of the resolved configs that has no condition of its own is equal, and so is everything else that
// loaders obey beside the tensors. It gives what was compared.
func (s *space) config() []arch.Fact {
	a, b := reflect.ValueOf(*s.parent.Model), reflect.ValueOf(*s.child.Model)
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if !f.IsExported() || judgedElsewhere[f.Name] != "" {
			continue
		}
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			s.refusef(condConfig, 0, "config.json", "%s: wanted %v as in the parent, found %v", f.Name, a.Field(i), b.Field(i))
		}
	}
	m, c := s.parent.Model, s.child.Model
	if c.Tied && !m.Tied {
		s.refusef(condConfig, 0, "config.json", "the child's head is tied to its embedding, the parent's is not")
	}
	if m.LearnedPos && c.MaxPos < m.MaxPos {
		s.refusef(condConfig, 0, "config.json", "%d positions, the parent has %d", c.MaxPos, m.MaxPos)
	}
	s.windows()
	s.hold(condConfig)
	return s.loaders()
}

// loaders: what loaders, transformers 4 and 5, make of both checkpoints beside their tensors and configs is the same.
func (s *space) loaders() []arch.Fact {
	facts, found := arch.CompareLoaded(s.storedParent, s.storedChild)
	for i, f := range found {
		if f.Fatal {
			s.refusef(condConfig, 1+i, "", "%s", f.Text)
		} else {
			s.note("%s", f.Text)
		}
	}
	return slices.DeleteFunc(facts, func(f arch.Fact) bool { return f.Parent == "" && f.Child == "" })
}

// windows: a layer sees what its source sees, through the same rotary embedding.
func (s *space) windows() {
	m, c := s.parent.Model, s.child.Model
	for i, l := range s.claim.Layers {
		if l < 0 {
			continue
		}
		if was, is := at(m.Window, l), at(c.Window, i); was != is {
			s.refusef(condConfig, 100+i, "config.json", "layer %d has an attention window of %d, its source, layer %d, %d", i,
				is, l, was)
		}
		if was, is := at(m.LayerType, l), at(c.LayerType, i); was != is && m.LocalRope != nil {
			s.refusef(condConfig, 100+i, "config.json", "layer %d is of type %s, its source, layer %d, %s", i, is, l, was)
		}
	}
}

// at is element i of v, nothing where v has none.
func at[T any](v []T, i int) T {
	var none T
	if i < len(v) {
		return v[i]
	}
	return none
}
