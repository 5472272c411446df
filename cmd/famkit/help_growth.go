package main

import (
	"fmt"
	"io"
	"strings"

	"famkit/expand"
)

const growthTopic = `Growth

For every input the grown model's logits equal its parent's: over the reals where the plan says exact, up to the rounding
of the stored numbers that the plan names otherwise. Methods that are inexact on purpose say so.

Symmetry is broken in the shares of what copies read (--split): by choice, of the copies of a column each row takes exactly
one, drawn by --seed, so that nothing is rounded and no two copies get the same gradient. docs/growth.md has the algebra.

Methods (--method; without it: identity for layers, upcycle for experts of a dense model, lemon for a hidden size that LayerNorm
cannot take as copies, else the first that names the axis)

`

// printGrowth prints the topic with the methods and the table that the compiler gives.
func printGrowth(w io.Writer) error {
	var b strings.Builder
	b.WriteString(growthTopic)
	for _, m := range expand.Methods() {
		fmt.Fprintf(&b, "   %-13s %s\n", m.Name(), m.About())
	}
	table, err := expand.Table()
	if err != nil {
		return err
	}
	b.WriteString("\nWhich growth of which model (rounded: stored numbers are rounded once)\n\n" + table)
	_, err = io.WriteString(w, b.String())
	return err
}
