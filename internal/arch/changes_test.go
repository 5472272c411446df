package arch_test

import (
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// stored is a small llama of numbers that type numbers has, stored in type as, whose config says dtype.
func stored(t *testing.T, numbers, as tensor.DType, dtype string) *arch.Checkpoint {
	t.Helper()
	src, err := archtest.Random(5, archtest.Configs["llama"], numbers)
	if err != nil {
		t.Fatal(err)
	}
	c, err := arch.ParseConfig([]byte(archtest.Configs["llama"]))
	if err != nil {
		t.Fatal(err)
	}
	if dtype != "" {
		c.Set("dtype", dtype)
	}
	out := format.FromTensors(nil, src.Meta(), map[string][]byte{"config.json": c.Bytes()})
	for _, name := range src.Names() {
		x, err := src.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		info := x.Info()
		raw := make([]byte, info.Size())
		if err := tensor.ReadFull(x, raw, 0); err != nil {
			t.Fatal(err)
		}
		values := make([]float64, len(raw)*8/numbers.Bits())
		tensor.Decode(values, raw, numbers)
		info.DType = as
		data := make([]byte, info.Size())
		tensor.Encode(data, values, as)
		out.AddBytes(info, data)
	}
	ck, err := arch.Bind(out)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

// TestRoundedOnLoading: numbers that loading changes in the child alone stand against it, whatever the types are
// called.
func TestRoundedOnLoading(t *testing.T) {
	const bf16, f16, f32, f64 = tensor.BF16, tensor.F16, tensor.F32, tensor.F64
	s := func(numbers, as tensor.DType, dtype string) *arch.Checkpoint { return stored(t, numbers, as, dtype) }
	for name, tc := range map[string]struct {
		parent, child *arch.Checkpoint
		fatal, noted  bool
	}{
		"all BF16":                  {parent: s(bf16, bf16, ""), child: s(bf16, bf16, "bfloat16")},
		"BF16 as F32":               {parent: s(bf16, bf16, "bfloat16"), child: s(bf16, f32, "float32")},
		"BF16 as F32, held as BF16": {parent: s(bf16, bf16, "bfloat16"), child: s(bf16, f32, "bfloat16")},
		"F32 held as BF16": {parent: s(bf16, bf16, "bfloat16"), child: s(f32, f32, "bfloat16"),
			fatal: true},
		"F32 held as F16":                {parent: s(f32, f32, ""), child: s(f32, f32, "float16"), fatal: true},
		"BF16 held as F16, which has it": {parent: s(bf16, bf16, ""), child: s(bf16, bf16, "float16")},
		"F16 held as BF16":               {parent: s(f16, f16, ""), child: s(f16, f16, "bfloat16"), fatal: true},
		"both held as BF16": {parent: s(f32, f32, "bfloat16"), child: s(f32, f32, "bfloat16"),
			noted: true},
		"F64, which transformers 4 cuts": {parent: s(f64, f64, ""), child: s(f64, f64, ""), noted: true},
		"F64 in the child alone":         {parent: s(f32, f32, ""), child: s(f64, f64, ""), fatal: true},
	} {
		_, found := arch.CompareLoaded(tc.parent, tc.child)
		var refused, noted bool
		for _, f := range found {
			if f.Code == arch.DTypeDiffers {
				refused, noted = refused || f.Fatal, true
			}
			if f.Code == arch.DTypeDiffers && !strings.Contains(f.Text, "rounds tensor") {
				t.Errorf("%s: %s", name, f.Text)
			}
		}
		if refused != tc.fatal || noted != (tc.fatal || tc.noted) {
			t.Errorf("%s: refused %v, noted %v: %+v", name, refused, noted, found)
		}
	}
}

// TestChangesFindsOne: one number among many is enough, in any piece of a tensor.
func TestChangesFindsOne(t *testing.T) {
	ck := stored(t, tensor.BF16, tensor.F32, "")
	if name, err := ck.Changes(tensor.BF16); name != "" || err != nil {
		t.Fatalf("%q, %v", name, err)
	}
	last := ck.Tensors[len(ck.Tensors)-1]
	raw := make([]byte, last.Info().Size())
	if err := tensor.ReadFull(last, raw, 0); err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-4] |= 1
	ck.Tensors[len(ck.Tensors)-1].Tensor = format.FromBytes(last.Info(), raw)
	if name, err := ck.Changes(tensor.BF16); name != last.Info().Name || err != nil {
		t.Errorf("%q, %v", name, err)
	}
	faults := &archtest.Faults{Nth: 1}
	src, err := archtest.Failing(ck.Source, faults)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := arch.Bind(src)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broken.Changes(tensor.BF16); err == nil {
		t.Error("a failing disk is no answer")
	}
}
