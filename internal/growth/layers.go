package growth

import "fmt"

// LayerFrom says which block of the parent a grown block comes from.
type LayerFrom struct {
	Src int `json:"src"`
	// Silent: the block adds nothing to the stream until training moves it. Its writers (o_proj, down_proj and their
	// biases) are zero, or the gains of its post-norms where it has those.
	Silent bool `json:"silent,omitempty"`
	// Pairs: a silent block whose writers are not zero: every neuron and head is there twice, written with +c and -c.
	// The plan's Pairs say how.
	Pairs bool `json:"pairs,omitempty"`
	// Fresh: what a silent block reads with is random instead of copied.
	Fresh bool `json:"fresh,omitempty"`
	// Writers multiplies what the block adds to the stream; 0 means 1. Only growths that are inexact on purpose use it.
	Writers float64 `json:"writers,omitempty"`
}

// Originals lists the parent's blocks from from up to to as they are.
func Originals(from, to int) []LayerFrom {
	var layers []LayerFrom
	for s := from; s < to; s++ {
		layers = append(layers, LayerFrom{Src: s})
	}
	return layers
}

// CheckLayers refuses a list that names unknown blocks, and, unless it is inexact on purpose, one that loses, repeats
// or reorders a source block.
func CheckLayers(layers []LayerFrom, from int, inexact bool) error {
	next := 0
	for i, l := range layers {
		if l.Src < 0 || l.Src >= from {
			return fmt.Errorf("layer %d: source layer %d, want below %d", i, l.Src, from)
		}
		if (l.Pairs || l.Fresh) && !l.Silent {
			return fmt.Errorf("layer %d: pairs and fresh weights are for silent layers", i)
		}
		if l.Silent || inexact {
			continue
		}
		if l.Src != next || l.Writers != 0 {
			return fmt.Errorf("layer %d: source layer %d, want %d as it is", i, l.Src, next)
		}
		next++
	}
	if next != from && !inexact {
		return fmt.Errorf("%d of %d source layers are kept", next, from)
	}
	return nil
}
