package arch

import (
	"slices"

	"famkit/internal/fault"
)

// The entries of layer_types that the decoder knows.
const (
	fullAttention    = "full_attention"
	slidingAttention = "sliding_attention"
)

// qwenWindows reads the windows of Qwen 2 and 3: none unless use_sliding_window, then in the layers that
// layer_types names, or from max_window_layers on where there is no such list.
func (r *reader) qwenWindows(m *Model) {
	use := r.bool("use_sliding_window", false)
	window, on := r.intOrNull("sliding_window", 4096)
	first := r.int("max_window_layers", 28)
	types, listed, err := r.Strings("layer_types")
	r.keep(err)
	if on = on && use; on {
		r.positive("sliding_window", window)
	}
	if r.err != nil {
		return
	}
	for i := range m.LayerType {
		switch {
		case listed:
			m.LayerType[i] = types[i]
		case on && i >= first:
			m.LayerType[i] = slidingAttention
		}
		switch m.LayerType[i] {
		case fullAttention:
		case slidingAttention:
			if !on {
				r.keep(fault.Inputf("%s: layer_types: layer %d is %s, but use_sliding_window and sliding_window give no window", r.path, i, slidingAttention))
			}
			m.Window[i] = window
		default:
			r.keep(fault.Inputf("%s: layer_types: wanted %s or %s, found %q in layer %d", r.path, fullAttention, slidingAttention, m.LayerType[i], i))
		}
	}
}

// qwenWindows writes layer_types explicitly where windows are in use and the pattern has changed, because what
// max_window_layers gives moves when layers are inserted; max_window_layers follows for readers that know
// nothing else.
func (w *writer) qwenWindows() error {
	c, m := w.c, w.m
	window := 0
	for i, x := range m.Window {
		if (x > 0) != (m.LayerType[i] == slidingAttention) {
			return fault.Inputf("layer %d is %s, but its window is %d", i, m.LayerType[i], x)
		}
		if x > 0 && window > 0 && x != window {
			return fault.Inputf("%s has one sliding_window, wanted %d and %d in layer %d", m.Spec.Name, window, x, i)
		}
		window = max(window, x)
	}
	if window > 0 {
		if window != slices.Max(w.was.Window) {
			c.Set("sliding_window", window)
		}
		w.bool("use_sliding_window", slices.Max(w.was.Window) > 0, true)
	}
	use, err := c.Bool("use_sliding_window", false)
	if err != nil {
		return err
	}
	if !use {
		return nil
	}
	if !slices.Equal(w.was.LayerType, m.LayerType) {
		c.Set("layer_types", m.LayerType)
	}
	first := slices.Index(m.LayerType, slidingAttention)
	if first < 0 {
		first = m.Layers
	}
	if old, err := c.Int("max_window_layers", 28); err != nil || old != first {
		c.Set("max_window_layers", first)
	}
	return nil
}
