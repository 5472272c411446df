package growth

import (
	"encoding/json"
	"testing"

	"famkit/internal/fault"
)

// FuzzParsePlan: no text of a plan makes it panic or take much memory, what it refuses is the input's fault, and what
// it accepts is accepted again as it is stored.
func FuzzParsePlan(f *testing.F) {
	limit := Sizes{Layers: 4, Hidden: 16, FFN: 24, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 32, Positions: 64}
	sizes := `{"layers":2,"hidden":8,"ffn":12,"heads":2,"kv_heads":1,"head_dim":4,"vocab":32,"positions":64}`
	for _, maps := range []string{`{}`, `{"hidden":{"src":"0-7"}}`, `{"hidden":{"src":"0*8388607","write":[[1,8388607]]}}`,
		`{"x":{"src":"*9"}}`} {
		f.Add(`{"schema":2,"arch":"llama","parent":{"path":"../p"},"from":` + sizes + `,"to":` + sizes +
			`,"split":"choice","seed":0,"layers":[{"src":0},{"src":1}],"maps":` + maps + `}`)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePlan("plan.json", []byte(text), limit)
		if err != nil {
			if fault.KindOf(err) != fault.Input {
				t.Fatalf("kind %d: %v", fault.KindOf(err), err)
			}
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePlan("plan.json", again, limit); err != nil {
			t.Fatalf("%s became %s: %v", text, again, err)
		}
	})
}
