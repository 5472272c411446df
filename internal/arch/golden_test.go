package arch

import (
	"encoding/json"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// golden is what transformers builds for a config; internal/interop/shapes.py writes these files.
type golden struct {
	Config  json.RawMessage
	Tensors [][2]any
	Params  int64
	Windows []int
	MaxPos  int     `json:"max_position_embeddings"`
	Eps     float64 `json:"rms_norm_eps"`
	BOS     *int
	EOS     *int
	Scaling float64
	Embed   float64   `json:"embed_scale"`
	InvFreq []float64 `json:"inv_freq_f32"`
	Double  []float64 `json:"inv_freq_f64"`
	Far     []float64 `json:"inv_freq_far_f64"` // in a sequence of 3000 tokens
	Local   []float64 `json:"inv_freq_local_f64"`
	Factor  float64   `json:"attention_factor"`
}

func TestShapesAsTransformers(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/shapes/*.json")
	if err != nil || len(files) < 100 {
		t.Fatalf("golden files: %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			var want golden
			if err := json.Unmarshal(readFile(t, file), &want); err != nil {
				t.Fatal(err)
			}
			c := mustParse(t, string(want.Config))
			m := mustResolve(t, string(want.Config))
			compareGolden(t, m, &want)
			// The rewritten config, every size explicit or not, must build the same.
			if err := m.Spec.Update(c, m); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, mustResolve(t, string(c.Bytes())), &want)
			fresh, err := NewConfig(m)
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, mustResolve(t, string(fresh.Bytes())), &want)
		})
	}
}

func compareGolden(t *testing.T, m *Model, want *golden) {
	t.Helper()
	var got [][2]any
	for _, s := range m.Layout() {
		var shape []any
		for _, d := range s.Shape {
			shape = append(shape, float64(d))
		}
		got = append(got, [2]any{s.Name, shape})
	}
	slices.SortFunc(got, func(a, b [2]any) int { return strings.Compare(a[0].(string), b[0].(string)) })
	if !reflect.DeepEqual(got, want.Tensors) {
		t.Errorf("tensors\n got %v\nwant %v", got, want.Tensors)
	}
	if p := m.Params(); p != want.Params {
		t.Errorf("%d parameters, want %d", p, want.Params)
	}
	if !slices.Equal(m.Window, want.Windows) {
		t.Errorf("windows %v, want %v", m.Window, want.Windows)
	}
	if m.MaxPos != want.MaxPos || m.Eps != want.Eps || math.Abs(m.Scale()-want.Scaling) > 1e-16 {
		t.Errorf("max_pos %d eps %v scale %v, want %d %v %v", m.MaxPos, m.Eps, m.Scale(), want.MaxPos, want.Eps, want.Scaling)
	}
	for name, ids := range map[string]struct {
		got  []int
		want *int
	}{"bos": {m.BOS, want.BOS}, "eos": {m.EOS, want.EOS}} {
		if (ids.want == nil) != (ids.got == nil) || ids.want != nil && !slices.Equal(ids.got, []int{*ids.want}) {
			t.Errorf("%s %v, want %v", name, ids.got, ids.want)
		}
	}
	if math.Abs(m.EmbedScale-want.Embed) > 1e-15*want.Embed {
		t.Errorf("embedding scaled by %v, want %v", m.EmbedScale, want.Embed)
	}
	compareRope(t, m, want)
}

func compareRope(t *testing.T, m *Model, want *golden) {
	t.Helper()
	near := func(what string, want []float64, tolerance float64, got []float64, err error) {
		t.Helper()
		if err != nil || len(got) != len(want) {
			t.Fatalf("%s: %d inverse frequencies, want %d, %v", what, len(got), len(want), err)
		}
		for i, w := range want {
			if math.Abs(got[i]-w) > tolerance*w {
				t.Errorf("%s: inverse frequency %d: %v, want %v", what, i, got[i], w)
			}
		}
	}
	inv, err := m.RopeInvFreq()
	near("float32", want.InvFreq, 4e-7, inv, err)
	near("float64", want.Double, 1e-14, inv, err)
	if far, err := m.RopeInvFreqAt(3000); err != nil || m.RotaryDim > 0 {
		near("far", want.Far, 1e-14, far, err)
	}
	if m.LocalRope != nil {
		local, err := m.LocalRopeInvFreq()
		near("local", want.Local, 1e-14, local, err)
	}
	if (m.LocalRope != nil) != (len(want.Local) > 0) {
		t.Errorf("a rotary embedding of sliding layers: %v, want %d frequencies", m.LocalRope, len(want.Local))
	}
	if factor := m.RopeAttentionFactor(); m.RotaryDim > 0 && math.Abs(factor-want.Factor) > 1e-15*factor {
		t.Errorf("attention factor %v, want %v", factor, want.Factor)
	}
}
