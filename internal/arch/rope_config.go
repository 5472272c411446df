package arch

import (
	"fmt"
	"strings"

	"famkit/internal/fault"
)

// The two spellings of the rotary settings: transformers 5 has one object, transformers 4 a number and an object.
const (
	ropeParams  = "rope_parameters"
	ropeTheta   = "rope_theta"
	ropeScaling = "rope_scaling"

	originalMaxPos = "original_max_position_embeddings"
)

// rope reads the rotary settings from whichever spelling is there. Where both are, they must agree: the two
// libraries would compute different functions.
func (r *reader) rope(maxPos int, theta float64) Rope {
	if r.err != nil {
		return Rope{}
	}
	params, five, err := r.Object(ropeParams)
	r.keep(err)
	scaling, _, err := r.Object(ropeScaling)
	r.keep(err)
	if r.err != nil {
		return Rope{}
	}
	r.wholeHead(r.Config)
	outer := r.float(ropeTheta, theta)
	old := r.ropeObject(scaling, maxPos, outer)
	if !five || len(params.keys) == 0 {
		return old
	}
	now := r.ropeObject(params, maxPos, outer)
	r.ropeAgree(old, now)
	return now
}

// ropeObject reads one object of settings; nil means no scaling. theta is what holds where the object has none.
func (r *reader) ropeObject(o *Config, maxPos int, theta float64) Rope {
	rope := Rope{Theta: theta, Type: ropeDefault}
	if o == nil || r.err != nil {
		return rope
	}
	in := &reader{Config: o}
	if o.Has(fullAttention) || o.Has(slidingAttention) {
		in.keep(fault.Inputf("%s: settings by layer type, wanted one set for all layers", o.path))
	}
	in.wholeHead(o)
	if o.IsSet(ropeTheta) {
		rope.Theta = in.float(ropeTheta, theta)
	}
	rope.Type = in.ropeType()
	switch rope.Type {
	case ropeDefault:
	case ropeLinear:
		rope.Factor = in.need("factor")
	case ropeLlama3:
		rope.Factor = in.need("factor")
		rope.LowFreqFactor = in.need("low_freq_factor")
		rope.HighFreqFactor = in.need("high_freq_factor")
		rope.OriginalMaxPos = r.ropeContext(in, maxPos)
		if in.err == nil && rope.HighFreqFactor <= rope.LowFreqFactor {
			in.keep(fault.Inputf("%s: high_freq_factor: wanted more than low_freq_factor %v, found %v", o.path, rope.LowFreqFactor, rope.HighFreqFactor))
		}
	default:
		in.keep(unknownRope(o.path, rope.Type))
	}
	r.keep(in.err)
	return rope
}

// ropeType reads rope_type or its older name type. transformers 4 lets type win, transformers 5 rope_type.
func (r *reader) ropeType() string {
	now, err := r.StringOrNull("rope_type")
	r.keep(err)
	old, err := r.StringOrNull("type")
	r.keep(err)
	switch {
	case now != "" && old != "" && now != old:
		r.keep(fault.Inputf("%s: rope_type says %q and type says %q", r.path, now, old))
	case now == "" && old == "":
		return ropeDefault
	case now == "":
		return old
	}
	return now
}

// ropeContext reads the context that scaling starts from: transformers 5 prefers the key of the config to
// the object's and falls back to max_position_embeddings, transformers 4 knows the object's only.
func (r *reader) ropeContext(in *reader, maxPos int) int {
	const key = originalMaxPos
	n := in.int(key, r.int(key, maxPos))
	if r.Has(key) && r.int(key, 0) != n {
		in.keep(fault.Inputf("%s: %s says %s, %s says %d", r.path, key, clip(r.raw[key]), in.path, n))
	}
	in.positive(key, n)
	return n
}

// need reads a number that the scaling cannot do without.
func (r *reader) need(key string) float64 {
	if !r.IsSet(key) {
		r.keep(fault.Inputf("%s: %s: wanted a number, found nothing", r.path, key))
		return 0
	}
	v := r.float(key, 0)
	if v <= 0 {
		r.keep(fault.Inputf("%s: %s: wanted a positive number, found %v", r.path, key, v))
	}
	return v
}

// wholeHead refuses a rotation of only a part of each head: these architectures have none.
func (r *reader) wholeHead(o *Config) {
	const key = "partial_rotary_factor"
	if !o.IsSet(key) {
		return
	}
	v, err := o.Float(key, 1)
	r.keep(err)
	if err == nil && v != 1 {
		r.keep(fault.Inputf("%s: %s: wanted 1, found %v", o.path, key, v))
	}
}

// ropeAgree compares what the two spellings say. rope_theta and rope_scaling count as said when the config
// has the key: a null rope_scaling says that there is no scaling.
func (r *reader) ropeAgree(old, now Rope) {
	if r.err != nil || old.Equal(now) {
		return
	}
	if !r.Has(ropeScaling) {
		theta := now
		theta.Theta = old.Theta
		old = theta
	}
	if !r.Has(ropeTheta) && !r.IsSet(ropeScaling) {
		old.Theta = now.Theta
	}
	if old.Equal(now) {
		return
	}
	r.keep(fault.Hint(fault.Inputf("%s: %s says %s, but %s", r.path, ropeParams, clip(r.raw[ropeParams]), r.oldSpelling()),
		"transformers 4 reads %s and %s, transformers 5 may read either; make them say the same", ropeTheta, ropeScaling))
}

func (r *reader) oldSpelling() string {
	var says []string
	for _, key := range []string{ropeTheta, ropeScaling} {
		if r.Has(key) {
			says = append(says, fmt.Sprintf("%s says %s", key, clip(r.raw[key])))
		}
	}
	return strings.Join(says, " and ")
}

// rope writes both spellings. Numbers that stay keep their text: it is taken from whichever spelling was there.
func (w *writer) rope() {
	c := w.c
	params, five, _ := c.Object(ropeParams) // Resolve has read both objects
	scaling, four, _ := c.Object(ropeScaling)
	switch {
	case !w.was.Rope.Equal(w.m.Rope):
		params = ropeObject(w.m.Rope)
	case five && len(params.keys) > 0:
	case four && len(scaling.keys) > 0:
		params = scaling.Clone()
		params.Delete("type")
	default:
		params = EmptyConfig()
	}
	rope := w.m.Rope
	if !params.IsSet(ropeTheta) {
		if raw, ok := c.Raw(ropeTheta); ok && w.was.Rope.Equal(rope) {
			params.Set(ropeTheta, raw)
		} else {
			params.Set(ropeTheta, rope.Theta)
		}
	}
	if !params.IsSet("rope_type") {
		params.Set("rope_type", rope.Type)
	}
	if rope.Type == ropeLlama3 && !params.IsSet(originalMaxPos) {
		params.Set(originalMaxPos, rope.OriginalMaxPos)
	}
	c.Set(ropeParams, params)
	theta, _ := params.Raw(ropeTheta)
	c.Set(ropeTheta, theta)
	if rope.Type == ropeDefault {
		c.Set(ropeScaling, nil)
		return
	}
	if four && w.was.Rope.Equal(rope) && (rope.Type != ropeLlama3 || scaling.IsSet(originalMaxPos)) {
		return
	}
	old := params.Clone()
	old.Delete(ropeTheta)
	c.Set(ropeScaling, old)
}

// ropeObject spells settings as transformers 5 does.
func ropeObject(rope Rope) *Config {
	o := EmptyConfig()
	if rope.Type != ropeDefault {
		o.Set("factor", rope.Factor)
	}
	if rope.Type == ropeLlama3 {
		o.Set("high_freq_factor", rope.HighFreqFactor)
		o.Set("low_freq_factor", rope.LowFreqFactor)
		o.Set(originalMaxPos, rope.OriginalMaxPos)
	}
	o.Set(ropeTheta, rope.Theta)
	o.Set("rope_type", rope.Type)
	return o
}
