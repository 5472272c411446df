package family

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"

	"famkit/internal/report"
	"famkit/internal/units"
)

func jsonText(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return append(b, '\n'), err
}

// grid is a table of the report: the first row is its heading.
type grid struct {
	Title string
	Note  string
	Rows  [][]string
}

// grids are the tables of the report.
func (r *Report) grids() []grid {
	return []grid{r.memberGrid(), r.neighbourGrid(), r.growthGrid()}
}

func (r *Report) memberGrid() grid {
	rows := [][]string{{"member", "parameters", "tokens seen", "6 N D of the family so far", "held-out loss", "perplexity",
		"bits per byte",
		"loss alone", "gain"}}
	for _, m := range r.Members {
		row := []string{m.Name, units.Count(m.Params), units.Count(m.Seen), fmt.Sprintf("%.3g", m.FLOPs), loss(m.Score.Loss),
			some("%.4g", m.Score.Perplexity),
			some("%.4f", m.Score.Bits), "", ""}
		if m.AloneScore != nil {
			row[7], row[8] = loss(m.AloneScore.Loss), fmt.Sprintf("%+.4f", *m.Gain)
		}
		rows = append(rows, row)
	}
	return grid{"Members", "Losses are nats a token on what was held out. Alone: the same size from random weights, " +
		"for the same 6 N D; " +
		"a gain above 0 says that the grown member is better. One run each: orders of the data alone move a small model's " +
		"loss by about 0.03.", rows}
}

func (r *Report) neighbourGrid() grid {
	rows := [][]string{{"neighbours A, B", "arm", "KL(A, B)", "KL(B, A)", "same most likely token", "accepted drafts",
		"tokens a call"}}
	for _, p := range r.Neighbours {
		rows = append(rows, []string{p.A + ", " + p.B, p.Arm, fmt.Sprintf("%.4f", p.KLAB), fmt.Sprintf("%.4f", p.KLBA),
			fmt.Sprintf("%.1f %%", 100*p.Top1),
			fmt.Sprintf("%.1f %%", 100*p.Acceptance), fmt.Sprintf("%.2f", p.PerCall)})
	}
	return grid{"Neighbours", "What two members next to each other say of the next token: KL divergence in nats, both " +
		"directions; how often a token " +
		"that A drafts is accepted by B in speculative decoding, sum(min(p, q)), and the tokens that a call of B then " +
		"gives with drafts of 4.", rows}
}

func (r *Report) growthGrid() grid {
	rows := [][]string{{"growth", "verdict", "loss before", "loss after", "proof"}}
	for _, g := range r.Growths {
		row := []string{g.Stage, g.Verdict, "", "", g.Proof}
		if g.Before != nil {
			row[2] = loss(*g.Before)
		}
		if g.After != nil {
			row[3] = loss(*g.After)
		}
		rows = append(rows, row)
	}
	return grid{"Growths", "Each grown model was proved to compute what its parent does before it was trained on; " +
		"famkit verify --proof FILE proves it again.", rows}
}

func loss(v float64) string { return some("%.4f", v) }

// some shows a number that is known.
func some(form string, v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(form, v)
}

// summary says in a few sentences what came out.
func (r *Report) summary() []string {
	list := []string{fmt.Sprintf("Growing took %.3g operations (6 N D) for %s; trained alone for their budgets the "+
		"same would take %.3g: %.1f %% are saved.",
		r.Progressive, units.Plural(len(r.Members), "member"), r.Alone, 100*r.Saved)}
	compared, better := 0, 0
	for _, m := range r.Members {
		if m.Gain != nil {
			compared++
			if *m.Gain > 0 {
				better++
			}
		}
	}
	if compared > 0 {
		list = append(list, fmt.Sprintf("Of %s that were also trained alone, the grown one has the lower held-out loss in "+
			"%d.",
			units.Plural(compared, "member"), better))
	}
	if !r.Complete {
		list = append(list, "The family is not complete: this is what is finished.")
	}
	return list
}

// figures are the charts of the report.
func (r *Report) figures() []report.Figure {
	loss := report.Figure{Title: "Held-out loss against the family's compute", XLabel: "operations, 6 N D",
		YLabel: "loss, nats a token"}
	for _, c := range r.Curves {
		style, name := report.Solid, c.Stage
		switch {
		case c.Arm == Independent:
			style, name = report.Dotted, c.Stage+", from random weights"
		case c.Final && r.Schedule == Trunk:
			style = report.Dashed
		}
		if c.Arm == Progressive {
			loss.Lines = append(loss.Lines, report.Line{Name: c.Stage + ", batches", Points: c.Batch, Colour: c.Member,
				Style: report.Faint, Hidden: true})
		}
		loss.Lines = append(loss.Lines, report.Line{Name: name, Points: c.Held, Colour: c.Member, Style: style})
		if c.Arm == Progressive && c.From > 0 && (!c.Final || r.Schedule != Trunk) {
			loss.Marks = append(loss.Marks, report.Mark{X: c.From, Label: "grown"})
		}
	}
	size := report.Figure{Title: "Loss against size", XLabel: "parameters", YLabel: "loss, nats a token", LogX: true}
	grown, alone := report.Line{Name: "grown", Style: report.Solid}, report.Line{Name: "trained alone for the same 6 N D",
		Style: report.Dotted, Colour: 1}
	for _, m := range r.Members {
		if m.Score.Loss > 0 {
			grown.Points = append(grown.Points, report.Point{X: float64(m.Params), Y: m.Score.Loss})
		}
		if m.AloneScore != nil && m.AloneScore.Loss > 0 {
			alone.Points = append(alone.Points, report.Point{X: float64(m.Params), Y: m.AloneScore.Loss})
		}
	}
	size.Lines = append(size.Lines, grown)
	if len(alone.Points) > 0 {
		size.Lines = append(size.Lines, alone)
	}
	return []report.Figure{loss, size}
}

// HTML is the report as one page that needs nothing else.
func (r *Report) HTML() ([]byte, error) {
	var pictures []template.HTML
	for _, f := range r.figures() {
		var b strings.Builder
		if err := f.SVG(&b); err != nil {
			return nil, err
		}
		pictures = append(pictures, template.HTML(b.String())) // made of escaped text
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, map[string]any{"R": r, "Style": template.CSS(report.FigureStyle), "Summary": r.summary(),
		"Figures": pictures,
		"Grids":   r.grids(), "Time": Duration(r.Seconds), "Data": template.JS(data)})
	return b.Bytes(), err
}

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.R.Family}}: a family of models</title>
<style>
:root{color-scheme:light dark;--back:#fff;--text:#1a1a1a;--line:#ccc;--soft:#f4f4f4}
@media (prefers-color-scheme:dark){:root{--back:#16181c;--text:#e8e8e8;--line:#444;--soft:#22252b}}
body{background:var(--back);color:var(--text);font:16px/1.45 system-ui,sans-serif;max-width:60em;margin:0 auto;padding:1em}
h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9em}
th,td{padding:.3em .7em;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{font-weight:600;white-space:normal;vertical-align:bottom}
pre{background:var(--soft);padding:1em;overflow-x:auto;font-size:.85em}.note{font-size:.9em;opacity:.8}
{{.Style}}
@media print{:root{--back:#fff;--text:#000}body{max-width:none;font-size:11pt}.wide,pre{overflow:visible}pre{white-space:pre-wrap}
th,td{white-space:normal}h2{break-after:avoid}svg.figure,table{break-inside:avoid}}
</style></head><body>
<h1>{{.R.Family}}: a family of models</h1>
{{range .Summary}}<p>{{.}}</p>
{{end}}{{range .Figures}}<figure style="margin:1em 0">{{.}}</figure>
{{end}}{{range .Grids}}{{if gt (len .Rows) 1}}<h2>{{.Title}}</h2>
<p class="note">{{.Note}}</p>
<div class="wide"><table>{{range $i, $row := .Rows}}<tr>{{range $row}}{{if $i}}<td>{{.}}</td>{{else}}<th>{{.}}</th>{{end}}{{end}}</tr>
{{end}}</table></div>
{{end}}{{end}}<h2>Provenance</h2>
<p>Made {{.R.Made.Format "2006-01-02 15:04 MST"}} by {{.R.By}}; the stages took {{.Time}}. Data {{.R.Provenance.Data}}, ledger {{.R.Provenance.Ledger}}.</p>
<div class="wide"><table><tr><th>stage</th><th>digest of what it depends on</th></tr>
{{range $name, $key := .R.Provenance.Stages}}<tr><td>{{$name}}</td><td><code>{{$key}}</code></td></tr>
{{end}}</table></div>
<h2>Recipe</h2>
<pre>{{.R.Provenance.Recipe}}</pre>
<script type="application/json" id="report">{{.Data}}</script>
</body></html>
`))

// Markdown is the report as text.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: a family of models\n\n", r.Family)
	for _, s := range r.summary() {
		fmt.Fprintf(&b, "%s\n\n", s)
	}
	for _, g := range r.grids() {
		if len(g.Rows) < 2 {
			continue
		}
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", g.Title, g.Note)
		for i, row := range g.Rows {
			fmt.Fprintf(&b, "| %s |\n", strings.ReplaceAll(strings.Join(escaped(row), " | "), "\n", " "))
			if i == 0 {
				b.WriteString("|" + strings.Repeat(" --- |", len(row)) + "\n")
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "## Provenance\n\nMade %s by %s; the stages took %s. Data %s, ledger %s.\n",
		r.Made.Format("2006-01-02 15:04 MST"), r.By,
		Duration(r.Seconds), r.Provenance.Data, r.Provenance.Ledger)
	return b.String()
}

func escaped(row []string) (list []string) {
	for _, cell := range row {
		list = append(list, strings.ReplaceAll(cell, "|", `\|`))
	}
	return list
}
