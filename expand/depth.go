package expand

import "fmt"

// Place says where a growth in depth puts the new blocks.
type Place string

// The places. Interleave spreads them, each right after the block that it copies.
const (
	Interleave Place = "interleave"
	Top        Place = "top"
	Bottom     Place = "bottom"
)

// LayerFrom says which block a grown block is a copy of. A silent one has its writers (o_proj, down_proj and
// their biases) zero: it adds nothing to the stream until training moves it.
type LayerFrom struct {
	Src    int  `json:"src"`
	Silent bool `json:"silent,omitempty"`
}

// growLayers lists the blocks of the grown model. Every source block appears once as itself, in order.
func growLayers(from, to int, place Place) ([]LayerFrom, error) {
	extra := to - from
	layers := make([]LayerFrom, 0, to)
	switch place {
	case Interleave, "":
		for s := range from {
			layers = append(layers, LayerFrom{Src: s})
			for range (s+1)*extra/from - s*extra/from {
				layers = append(layers, LayerFrom{Src: s, Silent: true})
			}
		}
		return layers, nil
	case Top:
		layers = appendOriginals(layers, from)
		for k := range extra { // the copies end with the last block, as a stack of the upper blocks would
			layers = append(layers, LayerFrom{Src: ((k-extra)%from + from) % from, Silent: true})
		}
		return layers, nil
	case Bottom:
		for k := range extra {
			layers = append(layers, LayerFrom{Src: k % from, Silent: true})
		}
		return appendOriginals(layers, from), nil
	}
	return nil, fmt.Errorf("place %q: want %s, %s or %s", place, Interleave, Top, Bottom)
}

func appendOriginals(layers []LayerFrom, n int) []LayerFrom {
	for s := range n {
		layers = append(layers, LayerFrom{Src: s})
	}
	return layers
}

// checkLayers refuses a list that loses, repeats or reorders a source block.
func checkLayers(layers []LayerFrom, from int) error {
	next := 0
	for i, l := range layers {
		if l.Src < 0 || l.Src >= from {
			return fmt.Errorf("layer %d: source layer %d, want below %d", i, l.Src, from)
		}
		if l.Silent {
			continue
		}
		if l.Src != next {
			return fmt.Errorf("layer %d: source layer %d, want %d", i, l.Src, next)
		}
		next++
	}
	if next != from {
		return fmt.Errorf("%d of %d source layers are kept", next, from)
	}
	return nil
}
