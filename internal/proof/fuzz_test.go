package proof

import (
	"testing"

	"famkit/internal/arch"
	"famkit/internal/fault"
)

// FuzzParse: no text of a proof makes it panic or claim more indices than its models have.
func FuzzParse(f *testing.F) {
	for _, claim := range []string{`{"layers":[0,1]}`,
		`{"layers":[0],"maps":{"hidden":{"src":"0-7 0*8","scale":[[0.5,16]]}}}`,
		`{"layers":[-9],"inside":{"7":{"ffn":{"src":"*99999999999"}}},"shards":-1}`} {
		f.Add(`{"schema":2,"parent":{"path":"a"},"child":{"path":"b"},"claim":` + claim + `}`)
	}
	parent := &arch.Model{Layers: 2, Hidden: 8, FFN: 12, Heads: 2, KVHeads: 1, HeadDim: 4, Vocab: 32}
	child := &arch.Model{Layers: 4, Hidden: 16, FFN: 24, Heads: 4, KVHeads: 2, HeadDim: 4, Vocab: 32}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("proof.json", []byte(text))
		if err == nil {
			var c *Claim
			if c, err = s.Claimed(parent, child); err == nil {
				for a, m := range c.Maps {
					if len(m.Src) != child.Size(a) {
						t.Fatalf("%s: %d indices along %s", text, len(m.Src), a)
					}
				}
				return
			}
		}
		if fault.KindOf(err) != fault.Input {
			t.Fatalf("kind %d: %v", fault.KindOf(err), err)
		}
	})
}
