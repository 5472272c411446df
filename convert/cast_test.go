package convert

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"famkit/format"
	"famkit/internal/fault"
	"famkit/internal/gguftest"
	"famkit/internal/tensor"
)

func vector(name string, d tensor.DType, v ...float64) tensor.Tensor {
	data := make([]byte, len(v)*d.Bits()/8)
	tensor.Encode(data, v, d)
	return format.FromBytes(tensor.Info{Name: name, DType: d, Shape: []int{len(v)}}, data)
}

// nearest rounds v to the nearest value of a type by trying its neighbours: the slow twin of the cast.
func nearest(v float64, d tensor.DType) float64 {
	var best float64
	found := false
	var tie bool
	for h := range 1 << 16 {
		var x float64
		switch d {
		case tensor.F16:
			x = float64(tensor.F16ToF32(uint16(h)))
		case tensor.BF16:
			x = float64(math.Float32frombits(uint32(h) << 16))
		}
		if math.IsNaN(x) || math.IsInf(x, 0) || math.Signbit(x) != math.Signbit(v) {
			continue
		}
		switch a, b := math.Abs(x-v), math.Abs(best-v); {
		case !found || a < b:
			best, found, tie = x, true, h&1 == 1
		case a == b && tie: // the neighbour with the even last bit
			best, tie = x, h&1 == 1
		}
	}
	return best
}

// TestCastRounds compares casts with a search over every value of the target.
func TestCastRounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := []float64{0, math.Copysign(0, -1), 1, 1 + 1.0/2048, 1 + 3.0/2048, 1 + 1.0/256, 1 + 3.0/256, 6e-8, 2.9e-8,
		65503, 1e-40, -3.14159}
	for range 30 {
		values = append(values, math.Ldexp(rng.Float64()-0.5, rng.IntN(40)-24))
	}
	for _, from := range []tensor.DType{tensor.F64, tensor.F32} {
		for _, to := range []tensor.DType{tensor.F16, tensor.BF16} {
			src := format.FromTensors([]tensor.Tensor{vector("w", from, values...)}, nil, nil)
			got, in := castAll(t, src, to), castAll(t, src, tensor.F64)
			for i := range values {
				if want := nearest(in[i], to); got[i] != want || math.Signbit(got[i]) != math.Signbit(want) {
					t.Errorf("%s to %s: %v gives %v, wanted %v", from, to, in[i], got[i], want)
				}
			}
		}
	}
}

// castAll casts tensor w and widens the result to float64.
func castAll(t *testing.T, src format.Source, to tensor.DType) []float64 {
	t.Helper()
	c, err := Cast(src, to)
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Tensor("w")
	if err != nil {
		t.Fatal(err)
	}
	data, err := format.ReadAll(x)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, x.Info().Shape[0])
	tensor.Decode(out, data, to)
	return out
}

// TestCastWidens: every 16-bit value goes to float32 and back unchanged.
func TestCastWidens(t *testing.T) {
	for _, d := range []tensor.DType{tensor.F16, tensor.BF16} {
		data := make([]byte, 2<<16)
		for h := range 1 << 16 {
			binary.LittleEndian.PutUint16(data[2*h:], uint16(h))
		}
		src := format.FromTensors([]tensor.Tensor{format.FromBytes(tensor.Info{Name: "w", DType: d, Shape: []int{1 << 16}},
			data)}, nil, nil)
		wide, err := Cast(src, tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Cast(wide, d)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := back.Tensor("w")
		got, err := format.ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(data); i += 2 {
			a, b := binary.LittleEndian.Uint16(got[i:]), binary.LittleEndian.Uint16(data[i:])
			if a != b && !(d == tensor.F16 && b&0x7c00 == 0x7c00 && b&0x3ff != 0 && a&0x7c00 == 0x7c00 && a&0x3ff != 0) &&
				!(d == tensor.BF16 && b&0x7f80 == 0x7f80 && b&0x7f != 0 && a == b|0x40) {
				t.Fatalf("%s %04x comes back as %04x", d, b, a)
			}
		}
	}
}

// TestCastCopies: other tensors, and those of the type already, keep their bytes, NaN payloads included.
func TestCastCopies(t *testing.T) {
	nan := []byte{0x01, 0x00, 0x80, 0x7f} // a signalling NaN
	src := format.FromTensors([]tensor.Tensor{
		format.FromBytes(tensor.Info{Name: "same", DType: tensor.F32, Shape: []int{1}}, nan),
		format.FromBytes(tensor.Info{Name: "ids", DType: tensor.I64, Shape: []int{1}}, make([]byte, 8)),
		format.FromBytes(tensor.Info{Name: "f8", DType: tensor.F8E4M3, Shape: []int{3}}, []byte{1, 2, 3}),
	}, map[string]string{"k": "v"}, map[string][]byte{"plan.json": []byte("{}")})
	c, err := Cast(src, tensor.F32)
	if err != nil {
		t.Fatal(err)
	}
	sameTensors(t, c, src)
	if got := fileNames(c); len(got) != 1 || c.Meta()["k"] != "v" {
		t.Error(got, c.Meta())
	}
}

func TestCastConfig(t *testing.T) {
	const plan = "plan.json"
	for _, c := range []struct{ name, in, want string }{
		{"both spellings", `{"a": 30.0, "dtype": "float32"}`,
			"{\n  \"a\": 30.0,\n  \"dtype\": \"bfloat16\",\n  \"torch_dtype\": \"bfloat16\"\n}\n"},
		{"old spelling", `{"torch_dtype":"float16","b":1e-05}`,
			"{\n  \"torch_dtype\": \"bfloat16\",\n  \"b\": 1e-05,\n  \"dtype\": \"bfloat16\"\n}\n"},
		{"as it is", `{"torch_dtype" :  "bfloat16"}`, `{"torch_dtype" :  "bfloat16"}`},
		{"says nothing", `{}`, "{\n  \"dtype\": \"bfloat16\",\n  \"torch_dtype\": \"bfloat16\"\n}\n"},
		{"contradicts", `{"dtype":"bfloat16","torch_dtype":"float32"}`,
			"{\n  \"dtype\": \"bfloat16\",\n  \"torch_dtype\": \"bfloat16\"\n}\n"},
	} {
		src := format.FromTensors([]tensor.Tensor{vector("w", tensor.F32, 1)}, nil,
			map[string][]byte{"config.json": []byte(c.in), plan: []byte("{}"), "tokenizer.json": []byte("x")})
		out, err := Cast(src, tensor.BF16)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := format.ReadFile(out, "config.json"); string(got) != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		if _, there := format.ReadFile(out, plan); there || len(fileNames(out)) != 2 {
			t.Errorf("%s: files %v", c.name, fileNames(out))
		}
	}
}

// TestCastBothSpellings: a config that one version of transformers wrote means the same to the other after a cast.
func TestCastBothSpellings(t *testing.T) {
	for _, name := range []string{"llama-rope3", "llama-rope3-v4", "qwen2", "mistral"} {
		src, want := oracleModel(t, name)
		out, err := Cast(src, tensor.BF16)
		if err != nil {
			t.Fatal(err)
		}
		got := resolve(t, out)
		want.DType = tensor.BF16
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: config means\n%+v, wanted\n%+v", name, got, want)
		}
		text, _ := format.ReadFile(out, "config.json")
		for _, key := range []string{`"rope_theta": `, `"rope_scaling": `, `"rope_parameters": `, `"dtype": "bfloat16"`,
			`"torch_dtype": "bfloat16"`} {
			if !bytes.Contains(text, []byte("\n  "+key)) {
				t.Errorf("%s: config.json lacks %s:\n%s", name, key, text)
			}
		}
	}
	_, err := Cast(format.FromTensors(nil, nil, map[string][]byte{"config.json": []byte(`{"model_type": "llama", "rope_theta": 1e4, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}`)}), tensor.BF16)
	if err == nil || !strings.Contains(err.Error(), "rope_theta") || fault.KindOf(err) != fault.Input {
		t.Errorf("spellings that contradict each other: %v", err)
	}
}

func TestCastRefusals(t *testing.T) {
	one := func(v float64, config string) format.Source {
		return format.FromTensors([]tensor.Tensor{vector("w", tensor.F64, 0.5, v)}, nil,
			map[string][]byte{"config.json": []byte(config)})
	}
	for _, c := range []struct {
		src  format.Source
		to   tensor.DType
		want string
		kind fault.Kind
	}{
		{one(1, "{}"), tensor.I8, "cannot cast to I8", fault.Usage},
		{one(1, "["), tensor.F16, "config.json: not valid JSON", fault.Input},
		{one(1, `{"quantization_config": {"bits": 4}}`), tensor.F16, "found quantised ones", fault.Input},
		{one(1, `{"dtype": 16}`), tensor.F16, "dtype: wanted a string, found 16", fault.Input},
	} {
		if _, err := Cast(c.src, c.to); err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != c.kind {
			t.Errorf("%v, wanted %s", err, c.want)
		}
	}
	for v, types := range map[float64][]tensor.DType{65520: {tensor.F16}, -1e39: {tensor.F16, tensor.BF16, tensor.F32},
		3.4e38: {tensor.F16}, 3.3996e38: {tensor.BF16, tensor.F16}} {
		for _, from := range []tensor.DType{tensor.F64, tensor.F32} {
			if from == tensor.F32 && math.Abs(v) > math.MaxFloat32 {
				continue
			}
			for _, to := range types {
				c, err := Cast(format.FromTensors([]tensor.Tensor{vector("w", from, 0.5, v)}, nil, nil), to)
				if err != nil {
					t.Fatal(err)
				}
				x, _ := c.Tensor("w")
				if from == to {
					continue
				}
				if _, err = format.ReadAll(x); err == nil || !strings.Contains(err.Error(), `tensor "w": element 1, `) ||
					!strings.Contains(err.Error(), "too large for "+to.String()) || fault.KindOf(err) != fault.Input {
					t.Errorf("%v from %s to %s: %v", v, from, to, err)
				}
			}
		}
	}
	inf, err := Cast(format.FromTensors([]tensor.Tensor{vector("w", tensor.F32, math.Inf(1), math.NaN())}, nil, nil),
		tensor.F16)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := inf.Tensor("w")
	if data, err := format.ReadAll(x); err != nil || binary.LittleEndian.Uint16(data) != 0x7c00 ||
		binary.LittleEndian.Uint16(data[2:])&0x7fff <= 0x7c00 {
		t.Errorf("infinity and NaN give % x, %v", data, err)
	}
}

// TestCastAnywhere reads ranges across the chunks of a cast over quantised tensors.
func TestCastAnywhere(t *testing.T) {
	const n = 3*castChunk + 32
	rng := rand.New(rand.NewPCG(5, 6))
	data := make([]byte, n/32*34)
	for i := range data {
		data[i] = byte(rng.Uint32())
		if i%34 == 1 {
			data[i] &= 0x3f
		}
	}
	h := openFile(t, &gguftest.File{Tensors: []gguftest.Tensor{{Name: "w", Dims: []uint64{n}, Type: 8, Data: data}}})
	for _, to := range []tensor.DType{tensor.BF16, tensor.F64} {
		c, err := Cast(h, to)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := c.Tensor("w")
		all, err := format.ReadAll(x)
		if err != nil {
			t.Fatal(err)
		}
		for range 60 {
			off := rng.IntN(len(all))
			p := make([]byte, 1+rng.IntN(1<<rng.IntN(20)))
			k, err := x.ReadAt(p, int64(off))
			if !bytes.Equal(p[:k], all[off:min(off+len(p), len(all))]) || (err != nil) != (off+len(p) > len(all)) {
				t.Fatalf("%s: %d bytes at %d: %d read, error %v", to, len(p), off, k, err)
			}
		}
		if _, err := x.ReadAt(make([]byte, 1), -1); err == nil {
			t.Error("a negative offset was read")
		}
	}
}

// TestNarrow compares the loops with the scalar conversions on patterns around every exponent.
func TestNarrow(t *testing.T) {
	le := binary.LittleEndian
	var src []byte
	for e := range 256 {
		for _, man := range []uint32{0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x3000, 0x7fff, 0x8000, 0x8001, 0x18000,
			0x3fffff, 0x7fdfff, 0x7fefff, 0x7ff000, 0x7fffff} {
			for _, sign := range []uint32{0, 1 << 31} {
				src = le.AppendUint32(src, sign|uint32(e)<<23|man)
			}
		}
	}
	one := make([]byte, 2)
	for i := 0; i < len(src); i += 4 {
		v := math.Float32frombits(le.Uint32(src[i:]))
		for _, c := range []struct {
			narrow   func(dst, src []byte) int
			want     uint16
			infinite uint16
		}{{narrowF16, tensor.F16FromF32(v), 0x7c00}, {narrowBF16, tensor.BF16FromF32(v), 0x7f80}} {
			refused := c.want&0x7fff == c.infinite && !math.IsInf(float64(v), 0)
			at := c.narrow(one, src[i:i+4])
			if refused != (at == 0) || !refused && le.Uint16(one) != c.want {
				t.Errorf("%08x: %04x, refused at %d; wanted %04x, refused %t", math.Float32bits(v), le.Uint16(one), at, c.want,
					refused)
			}
		}
	}
}

// TestCastCounts: of numbers whose fate is known, those that change are counted, by the fast path and the plain one.
func TestCastCounts(t *testing.T) {
	kept := []float64{0, 1, -2.5, math.Inf(1), math.NaN(), 0.0078125}
	lost := []float64{1.001, 3.14159274, -1e-30, 257.5}
	for _, from := range []tensor.DType{tensor.F32, tensor.F64} {
		for _, to := range []tensor.DType{tensor.BF16, tensor.F16} {
			var n atomic.Int64
			src := format.FromTensors([]tensor.Tensor{vector("w", from, append(slices.Clone(kept), lost...)...)}, nil, nil)
			c, err := CastCounted(src, to, &n)
			if err != nil {
				t.Fatal(err)
			}
			w, err := c.Tensor("w")
			if err != nil {
				t.Fatal(err)
			}
			want := int64(len(lost))
			if to == tensor.F16 {
				want-- // 257.5 is a float16
			}
			if err := tensor.Fill(w, make([]byte, w.Info().Size()), 0); err != nil || n.Load() != want {
				t.Errorf("%s to %s: %d numbers counted, %v; want %d", from, to, n.Load(), err, want)
			}
		}
	}
}
