package main

import (
	"fmt"
	"io"
	"strings"

	"famkit/expand"
)

const growthTopic = `Growth

For every input the grown model's logits equal its parent's: over the reals where the plan says
exact, and up to the rounding of the stored numbers that the plan names otherwise. Methods that are
inexact on purpose say so.

Two equal copies of a neuron would get equal gradients and stay equal for ever. So the weights that
read copies are shared among them unevenly (--split). By choice, the default, each row reads one
copy of each column, drawn by --seed: nothing is rounded, and no two copies get the same gradient.

Which growth should I take?
   twice the parameters, no opinion     --params 2x
   as another model                     --like other/config.json
   the cheapest, any architecture       --depth 2x
   the strongest in small experiments   --width 2x, before the learning rate decays
   many sizes from one                  --depth and --width by turns, so that both grow alike
   more capacity at equal cost a token  --experts 8 --top-k 2
   room for new words                   --vocab-multiple 64
docs/which-growth.md says why.

Methods (--method)
Without --method: identity for layers, upcycle for the experts of a dense model, lemon for a hidden
size that LayerNorm cannot take as copies, else the first that names the axis.

`

// growthPage prints the methods and the table that the compiler gives.
func growthPage(u *ui) error {
	table, err := expand.NewTable()
	if err != nil {
		return err
	}
	type method struct {
		Name  string `json:"name"`
		About string `json:"about"`
	}
	var methods []method
	for _, m := range expand.Methods() {
		methods = append(methods, method{m.Name(), m.About()})
	}
	return u.answer(struct {
		Schema  int           `json:"schema"`
		Methods []method      `json:"methods"`
		Table   *expand.Table `json:"table"`
	}{1, methods, table}, func(w io.Writer) {
		var b strings.Builder
		b.WriteString(growthTopic)
		for _, m := range methods {
			b.WriteString(entry(m.Name, m.About, 14))
		}
		b.WriteString("\nWhich growth of which model\n")
		fmt.Fprint(&b, "(exact: no stored number is rounded; rounded: some are rounded once; none: no such axis)\n\n")
		b.WriteString(table.Text())
		_, _ = io.WriteString(w, b.String())
	})
}
