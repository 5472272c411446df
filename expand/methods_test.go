package expand_test

import (
	"testing"

	"famkit/expand"
	"famkit/expand/expandtest"
	"famkit/internal/arch"
	"famkit/internal/arch/archtest"
	"famkit/internal/tensor"
)

// TestEveryMethodOnEveryAxis: a method that is declared exact never makes a growth that says that it is not, and one
// that is not declared so sometimes does. That exact growths keep the function is shown by TestEveryMethodIsProved.
func TestEveryMethodOnEveryAxis(t *testing.T) {
	grown, inexact := map[string]int{}, map[string]int{}
	for name, config := range archtest.Configs {
		src, err := archtest.Random(1, config, tensor.F32)
		if err != nil {
			t.Fatal(err)
		}
		ck, err := arch.Bind(src)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range expandtest.Methods(ck.Model) {
			c.AllowInexact = true
			g, err := expand.Compile(ck, c.Request)
			if err != nil {
				continue
			}
			by := c.Request.Methods[0]
			grown[by]++
			if len(g.Inexact) > 0 {
				inexact[by]++
			}
			if expandtest.Exact(g.Plan) && len(g.Inexact) > 0 {
				t.Errorf("%s, %s: %v", name, c.Name, g.Inexact)
			}
		}
	}
	for _, m := range expand.Methods() {
		if grown[m.Name()] == 0 {
			t.Errorf("%s grows nothing: the test shows too little", m.Name())
		}
		if !m.Exact() && inexact[m.Name()] == 0 {
			t.Errorf("%s is not declared exact, and never says why", m.Name())
		}
	}
	t.Log(grown)
}
