package proof_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"famkit/expand"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/proof"
	pt "famkit/internal/proof/prooftest"
	"famkit/internal/tensor"
	"famkit/internal/verify"
)

// TestFieldsAreDocumented: a stored proof has no field that docs/proof.md does not name.
func TestFieldsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	_, files, _ := strings.Cut(string(page), "## Files")
	files, _, _ = strings.Cut(files, "\n## ")
	ck := pt.Random(t, 1, archtest.Configs["llama"], tensor.BF16)
	plan, child := pt.Grow(t, ck, expand.Request{Hidden: pt.Size(t, "3x"), Depth: pt.Size(t, "+1")})
	claim := verify.ClaimOf(plan)
	claim.Shards = 1
	claim.Rounded = []proof.Step{{Roundings: 1, From: proof.WidthsOf(ck.Model), To: proof.WidthsOf(child.Model)}}
	claim.Set(0, arch.KV, proof.Map{Src: []int32{0, 1}[:child.Model.KVHeads]})
	p := judged(t, claim, ck, child)
	p.Version, p.Parent, p.Child = "x", proof.Named{Path: "a", Digest: "b", Config: "c",
		Files: map[string]string{"tokenizer.json": "d"}}, proof.Named{}
	p.Notes = []string{"x"}
	p.Conditions[0].Counter = &proof.Counterexample{Text: "x"}
	var stored map[string]any
	if err := json.Unmarshal(p.JSON(), &stored); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(v any, where string)
	walk = func(v any, where string) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x, where)
			}
		case map[string]any:
			for k, x := range v {
				n++
				switch {
				case where == ".claim.inside" || where == ".parent.files" || where == ".claim.rounded.from" ||
					where == ".claim.rounded.to":
				case !strings.Contains(files, "`"+k+"`") && !strings.Contains(files, "`claim."+k+"`") && where != ".compared":
					t.Errorf("docs/proof.md does not name the field %s.%s", where, k)
				}
				walk(x, where+"."+k)
			}
		}
	}
	walk(stored, "")
	if n < 60 {
		t.Errorf("only %d fields", n)
	}
}
