package arch

import (
	"math"
	"testing"
)

const llama3Params = `{"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}`
const llama3Scaling = `{"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}`

func TestRopeSpellings(t *testing.T) {
	llama3 := Rope{Theta: 500000, Type: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPos: 16}
	linear := Rope{Theta: 10000, Type: "linear", Factor: 2}
	for name, tc := range map[string]struct {
		extra string
		want  Rope
	}{
		"neither":                {``, Rope{Theta: 10000, Type: "default"}},
		"transformers 5":         {`"rope_parameters": ` + llama3Params, llama3},
		"transformers 4":         {`"rope_theta": 500000.0, "rope_scaling": ` + llama3Scaling, llama3},
		"both":                   {`"rope_theta": 500000, "rope_scaling": ` + llama3Scaling + `, "rope_parameters": ` + llama3Params, llama3},
		"object without theta":   {`"rope_theta": 500000.0, "rope_parameters": ` + llama3Scaling, llama3},
		"scaling with theta":     {`"rope_scaling": ` + llama3Params, llama3},
		"old name of the type":   {`"rope_scaling": {"type": "linear", "factor": 2}`, linear},
		"both names of the type": {`"rope_scaling": {"type": "linear", "rope_type": "linear", "factor": 2.0}`, linear},
		"null scaling":           {`"rope_theta": 7.0, "rope_scaling": null`, Rope{Theta: 7, Type: "default"}},
		"theta only, null":       {`"rope_theta": 7.0, "rope_scaling": null, "rope_parameters": {"rope_theta": 7.0, "rope_type": "default"}`, Rope{Theta: 7, Type: "default"}},
		"empty object":           {`"rope_theta": 7.0, "rope_parameters": {}`, Rope{Theta: 7, Type: "default"}},
		"llama3 from max_pos": {`"rope_parameters": {"rope_type": "llama3", "rope_theta": 1.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}`,
			Rope{Theta: 1, Type: "llama3", Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPos: 256}},
	} {
		if got := mustResolve(t, tiny("llama", tc.extra)).Rope; !got.Equal(tc.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestRopeRefuses(t *testing.T) {
	for _, tc := range []struct{ extra, want string }{
		{`"rope_theta": 10000.0, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "default"}`,
			`rope_parameters says {"rope_theta": 500000.0, "rope_type": "default"}, but rope_theta says 10000.0`},
		{`"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}`, `but rope_scaling says {"type": "linear", "factor": 2.0}`},
		{`"rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "linear", "factor": 4.0}`,
			`rope_scaling says {"type": "linear", "factor": 2.0}`},
		{`"rope_theta": 500000.0, "rope_scaling": null, "rope_parameters": ` + llama3Params,
			`rope_theta says 500000.0 and rope_scaling says null`},
		// transformers 4 would take 10000
		{`"rope_scaling": ` + llama3Scaling + `, "rope_parameters": ` + llama3Params, `rope_scaling says`},
		{`"rope_scaling": {"type": "proportional", "factor": 2.0}`,
			`rope_scaling: rotary scaling "proportional" is not supported, known are default, linear, dynamic, llama3, yarn, longrope`},
		{`"rope_parameters": {"rope_type": "dynamic"}`, `rope_parameters: factor: wanted a number, found nothing`},
		{`"rope_parameters": {"rope_type": "yarn", "factor": 2.0, "attention_factor": -1.0}`,
			`attention_factor: wanted a positive number, found -1`},
		{`"rope_parameters": {"rope_type": "longrope"}`,
			`rope_parameters: short_factor: wanted a list of numbers, found nothing`},
		{`"rope_parameters": {"rope_type": "longrope", "short_factor": [1.0, "x"], "long_factor": [1.0]}`,
			`short_factor: wanted a list of numbers, found [1.0, "x"]`},
		{`"rope_parameters": {"rope_type": "longrope", "short_factor": [1.0, 0], "long_factor": [1.0]}`,
			`short_factor: wanted positive numbers, found 0`},
		{`"rope_parameters": {"rope_type": "longrope", "short_factor": [1.0, 2.0], "long_factor": [1.0, 2.0]}`,
			`short_factor and long_factor: wanted 6 numbers each, one for each frequency, found 2 and 2`},
		{`"rope_scaling": {"type": "linear", "rope_type": "llama3", "factor": 2.0}`,
			`rope_type says "llama3" and type says "linear"`},
		{`"rope_scaling": {}`, `rope_scaling: wanted rope_type, found none: transformers 4 cannot read it`},
		{`"rope_scaling": {"rope_type": null, "factor": 2.0}`, `rope_type: wanted a string, found null`},
		{`"rope_scaling": {"rope_type": ""}`, `rope_type: wanted a name, found ""`},
		{`"rope_parameters": {"rope_theta": null}`, `rope_theta: wanted a number, found null`},
		{`"dtype": ""`, `dtype: wanted a name, found ""`},
		{`"rope_scaling": {"type": "linear"}`, `rope_scaling: factor: wanted a number, found nothing`},
		{`"rope_scaling": {"type": "linear", "factor": "2"}`, `rope_scaling: factor: wanted a number, found "2"`},
		{`"rope_scaling": {"type": "linear", "factor": -2}`, `rope_scaling: factor: wanted a positive number, found -2`},
		{`"rope_scaling": "linear"`, `rope_scaling: wanted an object, found "linear"`},
		{`"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0}`,
			`high_freq_factor: wanted more than low_freq_factor 4, found 4`},
		{`"original_max_position_embeddings": 32, "rope_parameters": ` + llama3Params,
			`original_max_position_embeddings says 32, config.json: rope_parameters says 16`},
		{`"rope_parameters": {"full_attention": {"rope_type": "default"}}`, `settings by layer type`},
		{`"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.25}`,
			`partial_rotary_factor: wanted 1, found 0.25`},
	} {
		_, err := Resolve(mustParse(t, tiny("llama", tc.extra)))
		wantErr(t, err, "config.json", tc.want)
	}
}

func TestRopeInvFreq(t *testing.T) {
	m := mustResolve(t, tiny("llama", ""))
	inv, err := m.RopeInvFreq()
	if err != nil || len(inv) != 6 || inv[0] != 1 || math.Abs(inv[3]-0.01) > 1e-17 {
		t.Errorf("default: %v, %v", inv, err)
	}
	m.Rope = Rope{Theta: 10000, Type: "linear", Factor: 4}
	if inv, err = m.RopeInvFreq(); err != nil || inv[0] != 0.25 {
		t.Errorf("linear: %v, %v", inv, err)
	}
	m.Rope.Type = "proportional"
	_, err = m.RopeInvFreq()
	wantErr(t, err, "proportional")
	if s := m.Scale(); math.Abs(s-1/math.Sqrt(12)) > 1e-16 {
		t.Errorf("scale %v", s)
	}
}
