package expand

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

func random(t testing.TB, name string, d tensor.DType) *arch.Checkpoint {
	t.Helper()
	src, err := archtest.Random(1, archtest.Configs[name], d)
	if err != nil {
		t.Fatal(err)
	}
	ck, err := arch.Bind(src)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

func change(t testing.TB, s string) Change {
	t.Helper()
	c, err := ParseChange(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compile(t testing.TB, ck *arch.Checkpoint, r Request) *Growth {
	t.Helper()
	p, err := Compile(ck, r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParseChange(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want int
	}{{"", 7, 7}, {"9", 7, 9}, {"2x", 7, 14}, {"x2", 7, 14}, {"x1.5", 7, 11}, {"x1.37", 112, 153}, {"+3", 7, 10},
		{"1.25x", 576, 720}} {
		if got, err := change(t, c.in).Of("ffn", c.n); err != nil || got != c.want {
			t.Errorf("%q of %d: %d (%v), want %d", c.in, c.n, got, err, c.want)
		}
	}
	for _, bad := range []string{"x", "0", "-3", "+0", "+-1", "x0", "2x2", "1e3", "x1/2", "7.5", "two", "x-1", " 3"} {
		if _, err := ParseChange(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	for _, s := range []string{"6", "x0.5", "x9999999999"} {
		if n, err := change(t, s).Of("ffn", 7); err == nil || fault.KindOf(err) != fault.Input {
			t.Errorf("%q of 7: %d, %v; want a refusal", s, n, err)
		}
	}
}

func TestGrowLayers(t *testing.T) {
	for _, c := range []struct {
		from, to int
		place    Place
		want     string
	}{
		{2, 4, Interleave, "0 (0) 1 (1)"}, {3, 4, Interleave, "0 1 2 (2)"}, {2, 7, Interleave, "0 (0) (0) 1 (1) (1) (1)"},
		{3, 5, Top, "0 1 2 (1) (2)"}, {2, 5, Top, "0 1 (1) (0) (1)"}, {2, 4, Bottom, "(0) (1) 0 1"},
	} {
		layers, err := growLayers(c.from, c.to, c.place)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		for _, l := range layers {
			if l.Silent {
				parts = append(parts, fmt.Sprintf("(%d)", l.Src))
			} else {
				parts = append(parts, fmt.Sprint(l.Src))
			}
		}
		if got := strings.Join(parts, " "); got != c.want {
			t.Errorf("%d to %d %s: %s, want %s", c.from, c.to, c.place, got, c.want)
		}
		if err := growth.CheckLayers(layers, c.from, false); err != nil {
			t.Errorf("%d to %d %s: %v", c.from, c.to, c.place, err)
		}
	}
	if _, err := growLayers(2, 4, "sideways"); err == nil {
		t.Error("an unknown place is accepted")
	}
	for _, bad := range [][]growth.LayerFrom{{{Src: 1}, {Src: 0}}, {{Src: 0}, {Src: 0}}, {{Src: 0}},
		{{Src: 0}, {Src: 2}}} {
		if growth.CheckLayers(bad, 2, false) == nil {
			t.Errorf("%v is accepted as a growth of 2 layers", bad)
		}
	}
}

// TestChoiceSharesSumToOne: of the copies of a column each row takes exactly one, every copy gets some, and rows
// differ.
func TestChoiceSharesSumToOne(t *testing.T) {
	for _, n := range []int32{2, 3, 5} {
		taken := make([]int, n)
		same := 0
		for r := range 200 {
			row := newChoice(1, "w").row(r)
			for s := range int32(130) {
				k := row.of(s, n)
				taken[k]++
				if k == newChoice(1, "w").row(r+1).of(s, n) {
					same++
				}
			}
		}
		for k, got := range taken {
			if want := 200 * 130 / int(n); got < want*9/10 || got > want*11/10 {
				t.Errorf("copy %d of %d is taken %d times, want about %d", k, n, got, want)
			}
		}
		if want := 200 * 130 / int(n); same > want*11/10 {
			t.Errorf("%d copies: neighbouring rows agree %d times, want about %d", n, same, want)
		}
	}
	if newChoice(1, "a").row(0) == newChoice(2, "a").row(0) || newChoice(1, "a").row(0) == newChoice(1, "b").row(0) {
		t.Error("the choice does not depend on seed and tensor")
	}
}

// TestRowsAgainstOracle: every tensor of a growth of all axes equals its definition, read whole and in random pieces.
func TestRowsAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for name := range archtest.Configs {
		for _, d := range []tensor.DType{tensor.BF16, tensor.F32, tensor.F64} {
			for _, r := range []Request{
				{Depth: change(t, "+3"), Hidden: change(t, "3x"), FFN: change(t, "x1.4"), KV: change(t, "2x"), Seed: 5},
				{Hidden: change(t, "+12"), FFN: change(t, "2x"), Heads: change(t, "2x"), Seed: 5},
			} {
				ck := random(t, name, d)
				p, err := Compile(ck, r)
				if err != nil {
					r.Hidden, r.KV, r.Heads = change(t, "2x"), change(t, "2x"), Change{}
					p = compile(t, ck, r)
				}
				checkExprs(t, rng, p, ck)
			}
		}
	}
}

func checkExprs(t *testing.T, rng *rand.Rand, p *Growth, ck *arch.Checkpoint) {
	t.Helper()
	src := p.Apply()
	exprs := p.Exprs()
	for i := range exprs {
		parent := parentOf(t, ck, exprs[i].From)
		want := oracle(t, &exprs[i], parent, p.Seed)
		got, err := src.Tensor(exprs[i].Info.Name)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := format.ReadAll(got)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(whole, want) {
			t.Fatalf("%s: differs from its definition", exprs[i].String())
		}
		for range 5 {
			off := rng.IntN(len(want))
			piece := make([]byte, rng.IntN(len(want)-off)+1)
			if _, err := got.ReadAt(piece, int64(off)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(piece, want[off:off+len(piece)]) {
				t.Fatalf("%s: bytes %d+%d differ from the whole", exprs[i].String(), off, len(piece))
			}
		}
		if n, err := got.ReadAt(make([]byte, 10), int64(len(want))-4); n != 4 || err != io.EOF {
			t.Fatalf("reading past the end: %d, %v; want 4, EOF", n, err)
		}
	}
}

// TestRefusals: what would not keep the function is refused with a reason and a hint.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		model string
		r     Request
		want  string
		hint  string
	}{
		{"llama", Request{Hidden: change(t, "+1")}, "hidden size 13 is not a multiple of 6 heads", "hidden 18"},
		{"llama", Request{Heads: change(t, "+1")}, "7 query heads do not form whole groups over 2 kv heads",
			"heads 6 or heads 8"},
		{"llama", Request{KV: change(t, "3"), Heads: change(t, "6")}, "are groups of 2; the parent's are 3",
			"heads 9 keeps the groups"},
		{"llama", Request{Depth: change(t, "1")}, "a growth cannot shrink it to 1", ""},
		{"qwen2", Request{Depth: change(t, "2")}, "nothing to grow", "famkit help axes"},
	} {
		_, err := Compile(random(t, c.model, tensor.F32), c.r)
		if err == nil || !strings.Contains(err.Error(), c.want) || fault.HintOf(err) != c.hint {
			t.Errorf("%s %+v: %v (hint %q), want %q (hint %q)", c.model, c.r, err, fault.HintOf(err), c.want, c.hint)
		}
	}
}

// TestNaNIsCounted: what is no number in the parent is counted in the child, whether it is copied or computed.
func TestNaNIsCounted(t *testing.T) {
	src, err := archtest.Random(1, archtest.Configs["llama"], tensor.BF16)
	if err != nil {
		t.Fatal(err)
	}
	bad := format.FromTensors(nil, nil, map[string][]byte{ConfigFile: []byte(archtest.Configs["llama"])})
	for _, name := range src.Names() {
		old, err := src.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := format.ReadAll(old)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "1.mlp.up_proj.weight") {
			raw[6], raw[7] = 0xc0, 0x7f
		}
		bad.AddBytes(old.Info(), raw)
	}
	ck, err := arch.Bind(bad)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Request{{Depth: change(t, "2x")}, {Hidden: change(t, "x1.5")}} {
		out := compile(t, ck, r).Apply()
		if n := out.NonFinite(); len(n) != 0 {
			t.Errorf("before anything is read: %v", n)
		}
		if _, err := format.Digest(out); err != nil {
			t.Fatal(err)
		}
		n := out.NonFinite()
		if len(n) == 0 || len(n) > 2 {
			t.Errorf("%+v: counted in %v, want the tensor and perhaps its copy", r, n)
		}
		for name := range n {
			if !strings.HasSuffix(name, "mlp.up_proj.weight") {
				t.Errorf("%+v: counted in %s", r, name)
			}
		}
	}
}

// TestMeansAreRounded: padding with the mean of the stream rounds, even where the scale is a power of two.
func TestMeansAreRounded(t *testing.T) {
	p := compile(t, random(t, "gpt2", tensor.F32), Request{Hidden: change(t, "4x"), Methods: []string{"pad"}})
	if p.Exact() {
		t.Error("the plan says that nothing is rounded")
	}
}

// TestProofStaysBehind: a proof speaks of the parent, and does not travel to the child; other files do.
func TestProofStaysBehind(t *testing.T) {
	ck := random(t, "llama", tensor.F32)
	src := format.WithFiles(ck.Source, map[string][]byte{"proof.json": []byte("{}"), "tokenizer.json": []byte("{}")})
	ck, err := arch.Bind(src)
	if err != nil {
		t.Fatal(err)
	}
	out := compile(t, ck, Request{Depth: change(t, "2x")}).Apply()
	if _, ok := format.ReadFile(out, "proof.json"); ok {
		t.Error("the child carries its parent's proof")
	}
	if _, ok := format.ReadFile(out, "tokenizer.json"); !ok {
		t.Error("the tokenizer is left behind")
	}
}
