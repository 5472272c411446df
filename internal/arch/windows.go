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

// oneWindow gives all layers the same window, or none: such a family reads no layer_types.
func (r *reader) oneWindow(m *Model, window int, on bool) {
	if !on || r.err != nil {
		return
	}
	r.positive("sliding_window", window)
	for i := range m.Window {
		m.Window[i], m.LayerType[i] = window, slidingAttention
	}
}

// oneWindow writes the window of all layers.
func (w *writer) oneWindow() error {
	window := w.m.Window[0]
	for i, x := range w.m.Window {
		if x != window {
			return fault.Inputf("%s has one sliding_window for all layers, wanted %d in layer 0 and %d in layer %d",
				w.m.Spec.Name, window, x, i)
		}
	}
	switch {
	case window == w.was.Window[0]:
	case window == 0:
		w.c.Set("sliding_window", nil) // absent may mean 4096
	default:
		w.c.Set("sliding_window", window)
	}
	return nil
}

// listedWindows reads the layers' windows from layer_types, or from what derive gives where there is no such list.
func (r *reader) listedWindows(m *Model, def int, derive func(layer int) string) {
	window, on := r.intOrNull("sliding_window", def)
	types, listed, err := r.Strings("layer_types")
	r.keep(err)
	if on {
		r.positive("sliding_window", window)
	}
	if r.err != nil {
		return
	}
	for i := range m.LayerType {
		if m.LayerType[i] = derive(i); listed {
			m.LayerType[i] = types[i]
		}
	}
	r.windows(m, window, on, "sliding_window gives")
}

// windows gives the sliding layers their window.
func (r *reader) windows(m *Model, window int, on bool, gives string) {
	for i, kind := range m.LayerType {
		switch kind {
		case fullAttention:
		case slidingAttention:
			if !on {
				r.keep(fault.Inputf("%s: layer_types: layer %d is %s, but %s no window", r.path, i, slidingAttention, gives))
			}
			m.Window[i] = window
		default:
			r.keep(fault.Inputf("%s: layer_types: wanted %s or %s, found %q in layer %d", r.path, fullAttention,
				slidingAttention, kind, i))
		}
	}
}

// listedWindows writes layer_types explicitly where the pattern has changed, because what a config without it means
// goes by the layers' numbers.
func (w *writer) listedWindows() error {
	window, err := w.window()
	if err != nil {
		return err
	}
	if window > 0 && window != slices.Max(w.was.Window) {
		w.c.Set("sliding_window", window)
	}
	if !slices.Equal(w.was.LayerType, w.m.LayerType) {
		w.c.Set("layer_types", w.m.LayerType)
	}
	return nil
}

// window is the one window of the sliding layers, 0 where there are none.
func (w *writer) window() (int, error) {
	m, window := w.m, 0
	for i, x := range m.Window {
		if (x > 0) != (m.LayerType[i] == slidingAttention) {
			return 0, fault.Inputf("layer %d is %s, but its window is %d", i, m.LayerType[i], x)
		}
		if x > 0 && window > 0 && x != window {
			return 0, fault.Inputf("%s has one sliding_window, wanted %d and %d in layer %d", m.Spec.Name, window, x, i)
		}
		window = max(window, x)
	}
	return window, nil
}

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
	}
	r.windows(m, window, on, "use_sliding_window and sliding_window give")
}

// qwenWindows writes layer_types explicitly where windows are in use and the pattern has changed, because what
// max_window_layers gives moves when layers are inserted; max_window_layers follows for readers that know
// nothing else.
func (w *writer) qwenWindows() error {
	c, m := w.c, w.m
	window, err := w.window()
	if err != nil {
		return err
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
