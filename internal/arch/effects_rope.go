package arch

import "slices"

// scalingKeys are what each type of rotary scaling reads of its object.
var scalingKeys = map[string][]string{
	ropeLinear:  {"factor"},
	ropeDynamic: {"factor"},
	ropeLlama3:  {"factor", originalMaxPos, "low_freq_factor", "high_freq_factor"},
	ropeYarn: {"factor", originalMaxPos, "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim",
		"truncate"},
	ropeLongrope: {"factor", originalMaxPos, "attention_factor", "short_factor", "long_factor"},
}

// rules are those of the rotary settings, in the spellings of transformers 4 and 5.
func (k *ropeKeys) rules() []KeyRule {
	top := []string{ropeTheta}
	if k.theta != ropeTheta {
		top = append(top, k.theta)
	}
	top = append(top, ropePartial)
	if k.partial != "" && k.partial != ropePartial {
		top = append(top, k.partial)
	}
	if k.local == 0 {
		top = append(top, originalMaxPos)
	} else {
		top = append(top, ropeLocal)
	}
	top = append(top, k.inside(ropeScaling, k.types)...)
	if k.local == 0 {
		top = append(top, k.inside(ropeParams, k.types)...)
	} else {
		top = append(top, ropeParams)
		top = append(top, k.inside(ropeParams+"."+fullAttention, k.types)...)
		top = append(top, k.inside(ropeParams+"."+slidingAttention, nil)...)
	}
	return []KeyRule{{Keys: top, Effect: Read, Why: rotary}}
}

// inside are an object of settings by itself, null or empty, and its keys under the given types.
func (k *ropeKeys) inside(object string, types []string) []string {
	keys := []string{"rope_type", "type", ropeTheta, ropePartial}
	for _, t := range types {
		for _, key := range scalingKeys[t] {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	list := []string{object}
	for _, key := range keys {
		list = append(list, object+"."+key)
	}
	return list
}

const rotary = "rotary embedding"
