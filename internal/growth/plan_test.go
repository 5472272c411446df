package growth_test

import (
	"encoding/json"
	"reflect"
	"runtime"
	"testing"

	"famkit/expand"
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

func change(t testing.TB, s string) expand.Change {
	t.Helper()
	c, err := expand.ParseChange(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func compile(t testing.TB, ck *arch.Checkpoint, r expand.Request) *growth.Plan {
	t.Helper()
	g, err := expand.Compile(ck, r)
	if err != nil {
		t.Fatal(err)
	}
	return g.Plan
}

func TestPlanSurvivesJSON(t *testing.T) {
	ck := random(t, "llama", tensor.BF16)
	p := compile(t, ck, expand.Request{Depth: change(t, "2x"), Hidden: change(t, "+24"), Heads: change(t, "2x"),
		Place: expand.Top, Seed: 9})
	p.Parent = growth.Parent{Path: "../small", Digest: "ab"}
	q, err := growth.ParsePlan("plan.json", p.JSON(), p.To)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p, q) {
		t.Errorf("read back:\n%+v\nwant\n%+v", q, p)
	}
}

// TestHostilePlans: a plan may come from anywhere.
func TestHostilePlans(t *testing.T) {
	ck := random(t, "llama", tensor.F32)
	p := compile(t, ck, expand.Request{Depth: change(t, "2x"), FFN: change(t, "2x"), KV: change(t, "2x")})
	for name, spoil := range map[string]func(m map[string]any){
		"schema":          func(m map[string]any) { m["schema"] = 99 },
		"split":           func(m map[string]any) { m["split"] = "odd" },
		"lost layer":      func(m map[string]any) { m["layers"] = []any{map[string]any{"src": 0}} },
		"map missing":     func(m map[string]any) { delete(m["maps"].(map[string]any), "ffn") },
		"map too short":   func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0-19"} },
		"source too high": func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0-18 99-119"} },
		"source lost":     func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0-18 0-18 0 1"} },
		"unknown fill": func(m map[string]any) {
			m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0-19 *20", "fill": "sand"}
		},
		"fresh unfilled": func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0-19 *20"} },
		"huge repeat":    func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0*99999999999"} },
		"bad repeat":     func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "-3*4"} },
		"pairs unsaid":   func(m map[string]any) { m["layers"].([]any)[1].(map[string]any)["pairs"] = true },
		"loud pairs":     func(m map[string]any) { m["layers"].([]any)[0].(map[string]any)["pairs"] = true },
		"scaled layer":   func(m map[string]any) { m["layers"].([]any)[0].(map[string]any)["writers"] = 0.5 },
		"bad upcycle":    func(m map[string]any) { m["upcycle"] = map[string]any{"shards": 0} },
		"huge run":       func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0-99999999999"} },
		"bad run":        func(m map[string]any) { m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "5-3"} },
		"odd axis":       func(m map[string]any) { m["maps"].(map[string]any)["depth"] = map[string]any{"src": "0-30"} },
		"negative size":  func(m map[string]any) { m["to"].(map[string]any)["kv_heads"] = -1 },
		"huge size":      func(m map[string]any) { m["from"].(map[string]any)["hidden"] = 1 << 50 },
		"huge heads":     func(m map[string]any) { m["to"].(map[string]any)["heads"] = 1 << 40 },
		"more sources than indices": func(m map[string]any) {
			m["from"].(map[string]any)["hidden"], m["to"].(map[string]any)["hidden"] = 1<<24, 3
			m["maps"].(map[string]any)["hidden"] = map[string]any{"src": "0-2"}
		},
		"parts that wrap": func(m map[string]any) {
			m["upcycle"] = map[string]any{"shards": 3}
			to := m["to"].(map[string]any)
			to["experts"], to["top_k"], to["expert_ffn"] = 3, 3, json.Number("6148914691236517219")
		},
		"negative scale": func(m map[string]any) {
			m["maps"].(map[string]any)["ffn"] = map[string]any{"src": "0-19 0-19", "write": []any{[]any{-1, 40}}}
		},
	} {
		var m map[string]any
		if err := json.Unmarshal(p.JSON(), &m); err != nil {
			t.Fatal(err)
		}
		spoil(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := growth.ParsePlan("plan.json", b, p.To); err == nil || fault.KindOf(err) != fault.Input {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
	many := p.Clone()
	many.Upcycle, many.ChildArch = &growth.Upcycle{Shards: 1}, "mixtral"
	many.To.Experts, many.To.TopK, many.To.ExpertFFN = 3000000, 1, many.To.FFN
	if _, err := expand.Of(many, ck); err == nil || fault.KindOf(err) != fault.Input {
		t.Errorf("three million experts: %v, want a refusal", err)
	}
	if _, err := growth.ParsePlan("plan.json", []byte("{"), p.To); err == nil {
		t.Error("half a plan is accepted")
	}
	if _, err := expand.Of(p, random(t, "qwen3", tensor.F32)); err == nil {
		t.Error("a plan is applied to a model that it was not made for")
	}
}

func TestOutputName(t *testing.T) {
	p := &growth.Plan{From: growth.Sizes{Layers: 2, Hidden: 4, Heads: 2}, To: growth.Sizes{Layers: 4, Hidden: 8, Heads: 2}}
	for in, want := range map[string]string{"a/model.safetensors": "a/model-depth4-hidden8.safetensors",
		"a/small/": "a/small-depth4-hidden8"} {
		if got := p.OutputName(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got, want := growth.PlanPath("x/m.safetensors"), "x/m.plan.json"; got != want {
		t.Errorf("plan of a lone file: %s, want %s", got, want)
	}
}

// TestBombs: a few characters that stand for millions of indices take no memory, in whatever field they stand.
func TestBombs(t *testing.T) {
	sizes := growth.Sizes{Layers: 2, Hidden: 8, FFN: 12, Heads: 2, KVHeads: 1, HeadDim: 4, Vocab: 300, Positions: 64}
	huge := growth.Sizes{Layers: 2, Hidden: 1 << 23, FFN: 1 << 23, Heads: 1 << 23, KVHeads: 1, HeadDim: 1, Vocab: 1 << 23,
		Positions: 1 << 23}
	big := map[string]any{"src": "0*8388608", "write": []any{[]any{1.0, 1 << 23}}, "read": []any{[]any{1.0, 1 << 23}}}
	for name, of := range map[string]growth.Sizes{"sizes of the model": sizes, "sizes of the maps": huge} {
		maps := map[string]any{}
		for _, a := range growth.Axes {
			maps[string(a)] = big
		}
		b, err := json.Marshal(map[string]any{"schema": growth.PlanSchema, "arch": "llama", "from": of, "to": of,
			"split":  "choice",
			"layers": []any{map[string]any{"src": 0}, map[string]any{"src": 1}}, "maps": maps, "pairs": maps})
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := growth.ParsePlan("plan.json", b, sizes); err == nil || fault.KindOf(err) != fault.Input {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes of plan take %d bytes", name, len(b), n)
		}
	}
}
