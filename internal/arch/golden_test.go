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
	InvFreq []float64 `json:"inv_freq_f32"`
}

func TestShapesAsTransformers(t *testing.T) {
	files, err := filepath.Glob("../../fixtures/shapes/*.json")
	if err != nil || len(files) < 32 {
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
	inv, err := m.RopeInvFreq()
	if err != nil || len(inv) != len(want.InvFreq) {
		t.Fatalf("%d inverse frequencies, want %d, %v", len(inv), len(want.InvFreq), err)
	}
	for i, w := range want.InvFreq { // theirs are computed in float32
		if math.Abs(inv[i]-w) > 4e-7*w {
			t.Errorf("inverse frequency %d: %v, want %v", i, inv[i], w)
		}
	}
}
