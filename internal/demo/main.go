// Command demo prints what a demonstration's training logs show, as a table, and draws them. It exits 1 when the
// grown model does not start at its parent's loss or does not fall below it, so that the demonstration cannot quietly
// go wrong.
package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"text/tabwriter"

	"famkit/internal/output"
	"famkit/internal/report"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: demo PARENT.jsonl GROWN.jsonl OUT_DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// start is how far the first losses may lie apart, relative: both are means over the same tokens in float32.
const start = 1e-5

func run(parentLog, grownLog, dir string, out io.Writer) error {
	parent, err := report.ReadLog(parentLog)
	if err != nil {
		return err
	}
	grown, err := report.ReadLog(grownLog)
	if err != nil {
		return err
	}
	pe, ge := report.Losses(parent, "eval"), report.Losses(grown, "eval")
	if len(pe) < 2 || len(ge) != len(pe) {
		return fmt.Errorf("%d evaluations of the parent and %d of the grown model, want the same number and at least 2",
			len(pe), len(ge))
	}
	table := lossTable(pe, ge)
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	for _, row := range table {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", row[0], row[1], row[2])
	}
	_, _ = fmt.Fprintln(out)
	if err := w.Flush(); err != nil {
		return err
	}
	c := &report.Chart{Title: "A grown model and its parent, trained on", XLabel: "training step",
		YLabel: "loss on held-out rows, nats per token",
		Series: []report.Series{
			{Name: "grown (6.5 times the parameters)", Points: ge, Dots: true},
			{Name: "parent, the same batches", Points: pe, Dots: true},
			{Name: "parent as it was", Points: []report.Point{{X: 0, Y: pe[0].Y}, {X: pe[len(pe)-1].X, Y: pe[0].Y}},
				Dashed: true},
			{Name: "grown, each batch of training", Points: report.Losses(grown, "step"), Faint: true},
		}}
	if err := draw(c, table, dir); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\nchart: %s and %s\n", filepath.Join(dir, "loss.svg"), filepath.Join(dir, "loss.html"))
	if err := judge(pe, ge, out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\nnext: %s\n", next)
	return err
}

// next says what to do after the demonstration.
const next = "docs/tutorial.md does the same by hand in fifteen minutes, docs/which-growth.md says what to grow and " +
	"when, and " +
	"famkit expand YOUR_MODEL --params 2x -n shows the plan for a model of yours."

func lossTable(parent, grown []report.Point) [][]string {
	table := [][]string{{"step", "parent", "grown"}}
	for i, p := range parent {
		table = append(table, []string{fmt.Sprint(p.X), fmt.Sprintf("%.6f", p.Y), fmt.Sprintf("%.6f", grown[i].Y)})
	}
	return table
}

func judge(parent, grown []report.Point, out io.Writer) error {
	first, last := grown[0].Y, grown[len(grown)-1].Y
	if d := math.Abs(first-parent[0].Y) / parent[0].Y; d > start {
		return fmt.Errorf("the grown model starts at a loss of %.6f, its parent at %.6f", first, parent[0].Y)
	}
	if last >= first {
		return fmt.Errorf("the grown model's loss did not fall: %.6f, then %.6f", first, last)
	}
	_, _ = fmt.Fprintf(out, "the grown model starts at its parent's loss (%.6f) and ends %.4f below it; the parent, "+
		"trained as long, ends %.4f below\n",
		first, first-last, first-parent[len(parent)-1].Y)
	return nil
}

func draw(c *report.Chart, table [][]string, dir string) error {
	var svg, page bytes.Buffer
	if err := c.SVG(&svg); err != nil {
		return err
	}
	if err := c.HTML(&page, table, next); err != nil {
		return err
	}
	return output.WriteAll(dir, map[string][]byte{"loss.svg": svg.Bytes(), "loss.html": page.Bytes()}, true)
}
