package expand

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"famkit/internal/growth"
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

// growLayers lists the blocks of the grown model. Every source block appears once as itself, in order.
func growLayers(from, to int, place Place) ([]growth.LayerFrom, error) {
	extra := to - from
	layers := make([]growth.LayerFrom, 0, to)
	switch {
	case place == Interleave || place == "":
		for s := range from {
			layers = append(layers, growth.LayerFrom{Src: s})
			for range (s+1)*extra/from - s*extra/from {
				layers = append(layers, growth.LayerFrom{Src: s, Silent: true})
			}
		}
		return layers, nil
	case place == Top:
		layers = growth.Originals(0, from)
		for k := range extra { // the copies end with the last block, as a stack of the upper blocks would
			layers = append(layers, growth.LayerFrom{Src: ((k-extra)%from + from) % from, Silent: true})
		}
		return layers, nil
	case place == Bottom:
		for k := range extra {
			layers = append(layers, growth.LayerFrom{Src: k % from, Silent: true})
		}
		return append(layers, growth.Originals(0, from)...), nil
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
func layersAfter(from, extra int, place Place) ([]growth.LayerFrom, error) {
	at, err := place.places()
	if err != nil {
		return nil, err
	}
	var layers []growth.LayerFrom
	next := 0
	for i, s := range at {
		if s >= from {
			return nil, fmt.Errorf("place %q: block %d, the parent's last is %d", place, s, from-1)
		}
		layers = append(layers, growth.Originals(next, s+1)...)
		next = max(next, s+1)
		n := extra / len(at)
		if i < extra%len(at) {
			n++
		}
		for range n {
			layers = append(layers, growth.LayerFrom{Src: max(0, s), Silent: true})
		}
	}
	return append(layers, growth.Originals(next, from)...), nil
}
