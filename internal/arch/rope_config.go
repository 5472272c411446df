package arch

import (
	"fmt"
	"slices"
	"strings"

	"famkit/internal/fault"
)

// The two spellings of the rotary settings: transformers 5 has one object, transformers 4 numbers and an object.
const (
	ropeParams  = "rope_parameters"
	ropeTheta   = "rope_theta"
	ropeScaling = "rope_scaling"
	ropePartial = "partial_rotary_factor"
	ropeLocal   = "rope_local_base_freq"

	originalMaxPos = "original_max_position_embeddings"
)

// ropeKeys are how a family spells its rotary settings.
type ropeKeys struct {
	// theta and partial are transformers 4's keys beside the object; partial is "" where the whole head turns.
	theta, partial string
	partialDefault float64
	// types are the scalings that transformers takes.
	types []string
	// context is the class's own original_max_position_embeddings, which holds where the config has none, 0 if none.
	context int
	// short: transformers 4 takes no key in rope_scaling but the older ones, and the type as "type".
	short bool
	// local is the default base of sliding layers in a family that has two embeddings (Gemma 3), else 0.
	local float64
}

var llamaRope = &ropeKeys{theta: ropeTheta, types: ropeTypes}

// turning are the settings of one rotary embedding and the part of each head that it turns.
type turning struct {
	Rope
	part float64
}

func (t turning) equal(o turning) bool { return t.part == o.part && t.Rope.Equal(o.Rope) }

// rope reads the rotary settings from whichever spelling is there. Where both are, they must agree: the two
// libraries would compute different functions.
func (r *reader) rope(m *Model, d *defaults) {
	if d.rope == nil || r.err != nil {
		return
	}
	t := r.turning(m, d)
	m.Rope = t.Rope
	m.RotaryDim = rotaryDim(m.HeadDim, t.part)
	if d.rope.local != 0 {
		m.LocalRope = r.localRope(d)
	}
}

// rotaryDim is how many elements of a head turn, rounded as Python's int does.
func rotaryDim(headDim int, part float64) int { return int(float64(headDim) * part) }

func (r *reader) turning(m *Model, d *defaults) turning {
	k := d.rope
	params, five, err := r.Object(ropeParams)
	r.keep(err)
	scaling, _, err := r.Object(ropeScaling)
	r.keep(err)
	if r.err != nil {
		return turning{}
	}
	if k.local != 0 && five { // Gemma 3 has an object for each layer type
		r.typesOnly(params)
		inner, full, err := params.Object(fullAttention)
		r.keep(err)
		if scaling != nil && !full {
			r.keep(fault.Inputf("%s: %s: wanted an object beside %s, as transformers 5 insists, found none",
				params.path,
				fullAttention, ropeScaling))
		}
		params, five = inner, full
	}
	outer := turning{Rope: Rope{Theta: r.float(k.theta, d.theta), Type: ropeDefault}, part: 1}
	if k.partial != "" {
		outer.part = r.float(k.partial, k.partialDefault)
	} else {
		r.wholeHead(r.Config)
	}
	r.unread(k, outer)
	if k.local != 0 && scaling.has("type") && !scaling.has("rope_type") {
		r.keep(fault.Inputf("%s: wanted rope_type, found only type: transformers 5 passes over the scaling, transformers "+
			"4 cannot read it", scaling.path))
	}
	if scaling != nil && !scaling.Has("rope_type") && !scaling.Has("type") {
		r.keep(fault.Inputf("%s: wanted rope_type, found none: transformers 4 cannot read it", scaling.path))
	}
	old := r.ropeObject(scaling, m, k, outer)
	if !five || len(params.keys) == 0 || r.err != nil {
		return old
	}
	now := r.ropeObject(params, m, k, outer)
	r.ropeAgree(k, old, now)
	return now
}

// unread refuses keys that say something else than the ones that the family goes by.
func (r *reader) unread(k *ropeKeys, outer turning) {
	if k.theta != ropeTheta && r.IsSet(ropeTheta) && r.IsSet(k.theta) && r.float(ropeTheta, 0) != outer.Theta {
		r.keep(fault.Inputf("%s: %s says %s, but %s says %v", r.path, ropeTheta, clip(r.raw[ropeTheta]), k.theta,
			outer.Theta))
	}
	if k.partial != "" && k.partial != ropePartial && r.IsSet(ropePartial) && r.IsSet(k.partial) && r.float(ropePartial,
		0) != outer.part {
		r.keep(fault.Inputf("%s: %s says %s, but %s says %v", r.path, ropePartial, clip(r.raw[ropePartial]), k.partial,
			outer.part))
	}
}

// ropeObject reads one object of settings; nil means no scaling. outer is what holds where the object says nothing.
func (r *reader) ropeObject(o *Config, m *Model, k *ropeKeys, outer turning) turning {
	t := outer
	if o == nil || r.err != nil {
		return t
	}
	in := &reader{Config: o}
	if o.Has(fullAttention) || o.Has(slidingAttention) {
		in.keep(fault.Inputf("%s: settings by layer type, wanted one set for all layers", o.path))
	}
	if k.partial == "" {
		in.wholeHead(o)
	} else {
		t.part = in.float(ropePartial, outer.part)
	}
	t.Theta = in.float(ropeTheta, outer.Theta)
	t.Type = in.ropeType()
	if in.err == nil && !slices.Contains(k.types, t.Type) {
		in.keep(unknownRope(o.path, t.Type, k.types))
	}
	if in.err == nil {
		r.scaling(in, &t.Rope, m, k)
	}
	r.keep(in.err)
	return t
}

// scaling reads what belongs to the type of scaling.
func (r *reader) scaling(in *reader, rope *Rope, m *Model, k *ropeKeys) {
	switch rope.Type {
	case ropeLinear:
		rope.Factor = in.need("factor")
	case ropeDynamic:
		rope.Factor = in.need("factor")
		rope.OriginalMaxPos = m.MaxPos
	case ropeLlama3:
		rope.Factor = in.need("factor")
		rope.LowFreqFactor = in.need("low_freq_factor")
		rope.HighFreqFactor = in.need("high_freq_factor")
		rope.OriginalMaxPos = r.ropeContext(in, m.MaxPos, k)
		if in.err == nil && rope.HighFreqFactor <= rope.LowFreqFactor {
			in.keep(fault.Inputf("%s: high_freq_factor: wanted more than low_freq_factor %v, found %v", in.path,
				rope.LowFreqFactor, rope.HighFreqFactor))
		}
	case ropeYarn:
		rope.OriginalMaxPos = r.ropeContext(in, m.MaxPos, k)
		in.yarn(rope)
		if k.local != 0 && !rope.Whole { // transformers 5 looks for the key outside the layer type's object
			in.keep(fault.Inputf("%s: truncate: wanted true where settings go by layer type, found false", in.path))
		}
	case ropeLongrope:
		rope.OriginalMaxPos = r.ropeContext(in, m.MaxPos, k)
		in.longrope(rope, m.MaxPos)
	}
}

func (r *reader) yarn(rope *Rope) {
	rope.Factor = r.need("factor")
	rope.BetaFast, rope.BetaSlow = r.some("beta_fast", 32), r.some("beta_slow", 1)
	rope.Whole = r.bool("truncate", true)
	wide, all := r.some("mscale", 0), r.some("mscale_all_dim", 0)
	rope.AttentionFactor = yarnAttention(rope.Factor, 1)
	if wide != 0 && all != 0 {
		rope.AttentionFactor = yarnAttention(rope.Factor, wide) / yarnAttention(rope.Factor, all)
	}
	if r.IsSet("attention_factor") {
		rope.AttentionFactor = r.need("attention_factor")
	}
}

func (r *reader) longrope(rope *Rope, maxPos int) {
	rope.ShortFactor, rope.LongFactor = r.factors("short_factor"), r.factors("long_factor")
	if r.IsSet("factor") {
		rope.Factor = r.need("factor")
	}
	if rope.OriginalMaxPos > 0 {
		rope.AttentionFactor = rope.ownAttention(maxPos)
	}
	if r.IsSet("attention_factor") {
		rope.AttentionFactor = r.need("attention_factor")
	}
}

// ownAttention is longrope's attention factor where the config gives none.
func (r *Rope) ownAttention(maxPos int) float64 {
	factor := r.Factor
	if factor == 0 {
		factor = float64(maxPos) / float64(r.OriginalMaxPos)
	}
	return longropeAttention(factor, r.OriginalMaxPos)
}

// ropeType reads rope_type or its older name type. transformers 4 lets type win, transformers 5 rope_type.
func (r *reader) ropeType() string {
	now, err := r.String("rope_type", "")
	r.keep(err)
	old, err := r.String("type", "")
	r.keep(err)
	r.named("rope_type", now)
	r.named("type", old)
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
// the object's and falls back to the class's or to max_position_embeddings, transformers 4 knows the object's only.
func (r *reader) ropeContext(in *reader, maxPos int, k *ropeKeys) int {
	const key = originalMaxPos
	outer := maxPos
	if k.context != 0 {
		outer = k.context
	}
	said := r.Has(key) && k.local == 0 // settings by layer type have their own
	if said {
		outer = r.int(key, outer)
	}
	n := in.int(key, outer)
	if (said || k.context != 0) && outer != n {
		in.keep(fault.Inputf("%s: %s says %d, %s says %d", r.path, key, outer, in.path, n))
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

// some reads a number for which null and 0 mean the default.
func (r *reader) some(key string, def float64) float64 {
	if r.IsSet(key) {
		if v := r.float(key, 0); v != 0 {
			return v
		}
	}
	return def
}

// factors reads a list of positive numbers.
func (r *reader) factors(key string) []float64 {
	list, ok, err := r.Floats(key)
	r.keep(err)
	if !ok || len(list) == 0 {
		r.keep(fault.Inputf("%s: %s: wanted a list of numbers, found nothing", r.path, key))
	}
	for _, f := range list {
		if f <= 0 {
			r.keep(fault.Inputf("%s: %s: wanted positive numbers, found %v", r.path, key, f))
		}
	}
	return list
}

// wholeHead refuses a rotation of only a part of each head: the family has none.
func (r *reader) wholeHead(o *Config) {
	v, err := o.Float(ropePartial, 1)
	r.keep(err)
	if err == nil && v != 1 {
		r.keep(fault.Inputf("%s: %s: wanted 1, found %v", o.path, ropePartial, v))
	}
}

// ropeAgree compares what the two spellings say. The keys of the old one count as said when the config has them:
// a null rope_scaling says that there is no scaling.
func (r *reader) ropeAgree(k *ropeKeys, old, now turning) {
	if r.err != nil || old.equal(now) {
		return
	}
	if !r.Has(ropeScaling) {
		theta := now.Rope
		theta.Theta = old.Theta
		old.Rope = theta
	}
	if !r.IsSet(ropeScaling) {
		if !r.Has(k.theta) {
			old.Theta = now.Theta
		}
		if k.partial == "" || !r.Has(k.partial) {
			old.part = now.part
		}
	}
	if old.equal(now) {
		return
	}
	r.keep(fault.Hint(fault.Inputf("%s: %s says %s, but %s", r.path, ropeParams, clip(r.raw[ropeParams]),
		r.oldSpelling(k)),
		"transformers 4 reads %s and %s, transformers 5 may read either; make them say the same", k.theta, ropeScaling))
}

func (r *reader) oldSpelling(k *ropeKeys) string {
	var says []string
	for _, key := range []string{k.theta, k.partial, ropeScaling} {
		if r.Has(key) {
			says = append(says, fmt.Sprintf("%s says %s", key, clip(r.raw[key])))
		}
	}
	return strings.Join(says, " and ")
}
