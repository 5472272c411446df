package expand

import (
	"testing"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// headless is a llama of SmolLM2's shape, of which only the headers exist.
func headless(t *testing.T) *arch.Checkpoint {
	t.Helper()
	spec, err := arch.Lookup("llama")
	if err != nil {
		t.Fatal(err)
	}
	ck, err := sample(spec)
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range map[string]any{"hidden_size": 576, "num_attention_heads": 9, "num_key_value_heads": 3,
		"head_dim":          64,
		"intermediate_size": 1536, "num_hidden_layers": 2} {
		ck.Config.Set(key, v)
	}
	if ck.Model, err = arch.Resolve(ck.Config); err != nil {
		t.Fatal(err)
	}
	return ck
}

// TestWidthHintsKeepTheHead: where whole heads do not fill the width that was asked for, the widths around it that keep
// head_dim are proposed.
func TestWidthHintsKeepTheHead(t *testing.T) {
	for ask, want := range map[string]string{
		"x1.5": "hidden 768 heads 12 kv 4 ffn 2048 or hidden 960 heads 15 kv 5 ffn 2560",
		"150%": "hidden 768 heads 12 kv 4 ffn 2048 or hidden 960 heads 15 kv 5 ffn 2560",
		"x1.2": "hidden 768 heads 12 kv 4 ffn 2048",
	} {
		by, err := ParseChange(ask)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Compile(headless(t), Request{Width: by})
		if err == nil || fault.HintOf(err) != want {
			t.Errorf("width %s: %v, hint %q; want %q", ask, err, fault.HintOf(err), want)
		}
	}
}

func TestSizesAreReadAlike(t *testing.T) {
	for ask, want := range map[string]int{"768": 768, "2x": 200, "2X": 200, "x1.5": 150, "X1.5": 150, "150%": 150,
		"112.5%": 113,
		"+2":     102} {
		c, err := ParseChange(ask)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Of("hidden", 100); err != nil || got != want {
			t.Errorf("%s of 100: %d, %v; want %d", ask, got, err, want)
		}
	}
	for _, ask := range []string{"x", "%", "-2x", "2xx", "x2x", "1e3", "1e3x", "1/2x", "0x", "0%", "+0", "+-1", "2 x",
		"1_0x", "--", "٣"} {
		if c, err := ParseChange(ask); err == nil {
			t.Errorf("%q is taken as %+v", ask, c)
		}
	}
}

// TestNumberForFactor: who writes 2 for 2x is told how to.
func TestNumberForFactor(t *testing.T) {
	c, err := ParseChange("2")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Of("depth", 30)
	if want := "depth 2x multiplies it, depth +2 adds to it"; fault.HintOf(err) != want {
		t.Errorf("%v, hint %q; want %q", err, fault.HintOf(err), want)
	}
}
