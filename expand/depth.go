package expand

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Place says where a growth in depth puts the new blocks: one of the constants, or "after:3,7" (after the parent's
// blocks 3 and 7; -1 is before the first).
type Place string

// The places. Interleave spreads them, each right after the block that it copies.
const (
	Interleave Place = "interleave"
	Top        Place = "top"
	Bottom     Place = "bottom"
	afterPlace       = "after:"
)

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

// growLayers lists the blocks of the grown model. Every source block appears once as itself, in order.
func growLayers(from, to int, place Place) ([]LayerFrom, error) {
	extra := to - from
	layers := make([]LayerFrom, 0, to)
	switch {
	case place == Interleave || place == "":
		for s := range from {
			layers = append(layers, LayerFrom{Src: s})
			for range (s+1)*extra/from - s*extra/from {
				layers = append(layers, LayerFrom{Src: s, Silent: true})
			}
		}
		return layers, nil
	case place == Top:
		layers = appendOriginals(layers, 0, from)
		for k := range extra { // the copies end with the last block, as a stack of the upper blocks would
			layers = append(layers, LayerFrom{Src: ((k-extra)%from + from) % from, Silent: true})
		}
		return layers, nil
	case place == Bottom:
		for k := range extra {
			layers = append(layers, LayerFrom{Src: k % from, Silent: true})
		}
		return appendOriginals(layers, 0, from), nil
	case strings.HasPrefix(string(place), afterPlace):
		return layersAfter(from, extra, place)
	}
	return nil, fmt.Errorf("place %q: want %s, %s, %s or %s3,7", place, Interleave, Top, Bottom, afterPlace)
}

// places reads the block numbers of an "after:" place, in order; a number given twice takes two blocks.
func (p Place) places() ([]int, error) {
	var at []int
	for _, s := range strings.Split(strings.TrimPrefix(string(p), afterPlace), ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < -1 {
			return nil, fmt.Errorf("place %q: want block numbers after %q, such as %s3,7", p, afterPlace, afterPlace)
		}
		at = append(at, n)
	}
	slices.Sort(at)
	return at, nil
}

// Check refuses a place that is none.
func (p Place) Check() error {
	_, err := growLayers(1<<14, 1<<14, p)
	return err
}

// layersAfter shares the new blocks among the named places, the first ones taking what does not divide.
func layersAfter(from, extra int, place Place) ([]LayerFrom, error) {
	at, err := place.places()
	if err != nil {
		return nil, err
	}
	var layers []LayerFrom
	next := 0
	for i, s := range at {
		if s >= from {
			return nil, fmt.Errorf("place %q: block %d, the parent's last is %d", place, s, from-1)
		}
		layers = appendOriginals(layers, next, s+1)
		next = max(next, s+1)
		n := extra / len(at)
		if i < extra%len(at) {
			n++
		}
		for range n {
			layers = append(layers, LayerFrom{Src: max(0, s), Silent: true})
		}
	}
	return appendOriginals(layers, next, from), nil
}

func appendOriginals(layers []LayerFrom, from, to int) []LayerFrom {
	for s := from; s < to; s++ {
		layers = append(layers, LayerFrom{Src: s})
	}
	return layers
}

// checkLayers refuses a list that names unknown blocks, and, unless it is inexact on purpose, one that loses, repeats or
// reorders a source block.
func checkLayers(layers []LayerFrom, from int, inexact bool) error {
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
