package trainstate

import (
	"reflect"
	"strings"
	"testing"

	"famkit/internal/fault"
)

func TestLineageIsReadBack(t *testing.T) {
	empty, err := ParseLineage("x", nil)
	if err != nil || len(empty.Stages) != 0 {
		t.Fatalf("%+v, %v", empty, err)
	}
	empty.Stages = append(empty.Stages, Stage{Model: "m", Steps: 5, Tokens: 500, Config: "c", Data: "d"},
		Stage{Model: "g", Plan: KeptPlan(2), Proof: KeptProof(2)})
	b, err := empty.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseLineage("x", b); err != nil || !reflect.DeepEqual(got, empty) ||
		got.Stages[1].Plan != "plan-2.json" {
		t.Errorf("%+v, %v; want %+v", got, err, empty)
	}
	for name, text := range map[string]string{"another format": `{"format": 2}`, "foreign": `{"nodes": []}`, "broken": "{",
		"no object":  "[]",
		"wrong type": `{"format": 1, "stages": [{"steps": "x"}]}`} {
		if _, err := ParseLineage("dir/lineage.json", []byte(text)); fault.KindOf(err) != fault.Input || err == nil ||
			!strings.HasPrefix(err.Error(), "dir/lineage.json: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
