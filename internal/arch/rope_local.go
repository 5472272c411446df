package arch

import (
	"slices"

	"famkit/internal/fault"
)

// typesOnly refuses an object of rotary settings that has anything but the two layer types' objects.
func (r *reader) typesOnly(params *Config) {
	for _, key := range params.keys {
		if !slices.Contains([]string{fullAttention, slidingAttention}, key) {
			r.keep(fault.Inputf("%s: wanted settings by layer type, %s and %s, found %q", params.path, fullAttention,
				slidingAttention, key))
		}
	}
}

// localRope reads the rotary settings of sliding layers: a base without scaling, since transformers 4 has no more.
func (r *reader) localRope(d *defaults) *Rope {
	rope := &Rope{Theta: r.float(ropeLocal, d.rope.local), Type: ropeDefault}
	params, five, err := r.Object(ropeParams)
	r.keep(err)
	if !five || r.err != nil {
		return rope
	}
	o, ok, err := params.Object(slidingAttention)
	r.keep(err)
	if !ok || r.err != nil {
		return rope
	}
	in := &reader{Config: o}
	in.wholeHead(o)
	theta := in.float(ropeTheta, rope.Theta)
	if kind := in.ropeType(); in.err == nil && kind != ropeDefault {
		in.keep(fault.Inputf("%s: rope_type: wanted %s for sliding layers, found %q", o.path, ropeDefault, kind))
	}
	r.keep(in.err)
	if r.Has(ropeLocal) && theta != rope.Theta {
		r.keep(fault.Inputf("%s: %s says %v, but %s says %v", r.path, ropeLocal, rope.Theta, o.path, theta))
	}
	rope.Theta = theta
	return rope
}

// localRope writes the base of sliding layers beside full, the settings of the others, and by itself.
func (w *writer) localRope(full *Config) {
	c := w.c
	local := EmptyConfig()
	if params, ok, _ := c.Object(ropeParams); ok { // Resolve has read it
		if o, ok, _ := params.Object(slidingAttention); ok {
			local = o
		}
	}
	changed := w.was.LocalRope.Theta != w.m.LocalRope.Theta
	if raw, ok := c.Raw(ropeLocal); ok && !changed && !local.IsSet(ropeTheta) {
		local.Set(ropeTheta, raw)
	} else if changed || !local.IsSet(ropeTheta) {
		local.Set(ropeTheta, w.m.LocalRope.Theta)
	}
	if !local.IsSet("rope_type") {
		local.Set("rope_type", ropeDefault)
	}
	both := EmptyConfig()
	both.Set(fullAttention, full)
	both.Set(slidingAttention, local)
	c.Set(ropeParams, both)
	theta, _ := local.Raw(ropeTheta)
	c.Set(ropeLocal, theta)
}
