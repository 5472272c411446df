package arch

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"famkit/internal/fault"
)

// asFour is the model that transformers 4 makes of a config: it lacks words that came with transformers 5, and looks
// for some settings in fewer places.
func (s *Spec) asFour(c *Config) (*Model, error) {
	old := c.Clone()
	old.Delete(ropeParams)
	if s.newer != "" {
		old.Delete(s.newer)
	}
	m, err := s.Parse(old)
	if err != nil {
		return nil, err
	}
	m.Spec = s
	if s.defaults.rope != nil {
		err = m.ropeFour(old)
	}
	if err == nil && s.four != nil {
		err = s.four(old, m)
	}
	return m, err
}

// ropeFour sets m's rotary embedding to what transformers 4 makes of a config. It takes the base and the part of each
// head from the config alone, and the original context from the config or from the object, as the scaling has it.
func (m *Model) ropeFour(c *Config) error {
	d := m.Spec.defaults
	k := d.rope
	r := &reader{Config: c}
	scaling, ok, err := c.Object(ropeScaling)
	if err != nil || !ok {
		return err
	}
	in := &reader{Config: scaling}
	rope := Rope{Theta: r.float(k.theta, d.theta), Type: in.ropeType()}
	part := 1.0
	if k.partial != "" {
		part = r.float(k.partial, k.partialDefault)
	}
	m.RotaryDim = rotaryDim(m.HeadDim, part)
	switch rope.Type {
	case ropeLongrope:
		rope.longropeFour(r, in, m, k)
	case ropeLlama3:
		in.need(originalMaxPos) // it has no default
		fallthrough
	default:
		inner := *k
		inner.context = 0
		bare := c.Clone()
		bare.Delete(originalMaxPos)
		(&reader{Config: bare}).scaling(in, &rope, m, &inner)
	}
	bare := c.IsSet(d.keys.headDim) || m.Spec != mistral // whose config has no head_dim of its own
	if !bare && slices.Contains([]string{ropeDynamic, ropeYarn, ropeLongrope}, rope.Type) {
		in.keep(fault.Inputf("%s: wanted %s beside %s scaling, found none", c.path, d.keys.headDim, rope.Type))
	}
	m.Rope = rope
	r.keep(in.err)
	return r.err
}

// longropeFour reads longrope's settings: the original context is the config's or the class's, and then stands in place
// of the factor, else max_position_embeddings.
func (rope *Rope) longropeFour(r, in *reader, m *Model, k *ropeKeys) {
	rope.ShortFactor, rope.LongFactor = in.factors("short_factor"), in.factors("long_factor")
	rope.OriginalMaxPos = r.int(originalMaxPos, k.context)
	factor := 0.0
	if rope.OriginalMaxPos > 0 {
		factor = float64(m.MaxPos) / float64(rope.OriginalMaxPos)
	} else {
		rope.OriginalMaxPos = m.MaxPos
		factor = in.need("factor")
	}
	rope.AttentionFactor = longropeAttention(factor, rope.OriginalMaxPos)
	if in.IsSet("attention_factor") {
		rope.AttentionFactor = in.need("attention_factor")
	}
	rope.Factor = m.Rope.Factor // what it decides is the attention factor
}

// otherVersion says in what transformers 4 reads the checkpoint otherwise than transformers 5 and famkit do, by the
// field of the Model; what does not load at all has a name of its own. It is empty where both read the same.
func (ck *Checkpoint) otherVersion() map[string]string {
	says := map[string]string{}
	m, err := ck.Model.Spec.asFour(ck.Config)
	if err != nil {
		says["config.json"] = fmt.Sprintf("it does not read it (%v)", err)
	} else {
		a, b := reflect.ValueOf(*ck.Model), reflect.ValueOf(*m)
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() && !sameValue(a.Field(i).Interface(), b.Field(i).Interface()) {
				says[f.Name] = fmt.Sprintf("%s is %s, not %s", f.Name, shown(b.Field(i)), shown(a.Field(i)))
			}
		}
	}
	if ck.five != "" {
		says["tensors"] = ck.five
	}
	return says
}

// inOrder joins what otherVersion says.
func inOrder(says map[string]string) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(says)) {
		list = append(list, says[k])
	}
	return strings.Join(list, "; ")
}
