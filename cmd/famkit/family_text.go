package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"famkit/internal/family"
	"famkit/internal/units"
)

func familyInitText(r *family.Started) func(io.Writer) {
	return func(w io.Writer) {
		say(w, "%s: a family whose smallest member has %s parameters\n", r.Path, units.Count(r.Params))
		say(w, "famkit family plan %s shows what it takes\n", shellWord(r.Path))
	}
}

// table writes rows in columns that line up, all but the first to the right.
func table(w io.Writer, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for len(widths) < len(row) {
			widths = append(widths, 0)
		}
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + pad)
			} else {
				b.WriteString("  " + pad + cell)
			}
		}
		say(w, "%s\n", strings.TrimRight(b.String(), " "))
	}
}

// familyPlanText prints the plan of a family.
func familyPlanText(p *family.Plan) func(io.Writer) {
	return func(w io.Writer) {
		say(w, "family %s: %s, schedule %s\n\n", p.Family, units.Plural(len(p.Members), "member"), p.Schedule)
		table(w, planMembers(p))
		say(w, "\n")
		table(w, planStages(p))
		say(w, "\n")
		table(w, planTotals(p))
		say(w, "\ngrowing saves %.1f %% of the operations (6 N D)\n", 100*p.Saving)
		if p.Speed != nil {
			say(w, "time: %s\n", speedText(p.Speed))
		}
		say(w, "disk: %s for what the recipe runs, and %s more while the largest is saved\n", units.Bytes(p.Run.Disk),
			units.Bytes(p.LargestOutput()))
		if p.Data != nil {
			say(w, "data: %s, %s; a token takes a byte at least, so the longest training reads it %.2g times or more\n",
				units.Plural(p.Data.Files, "file"), units.Bytes(p.Data.Bytes), p.Epochs)
		}
		say(w, "\n")
		for _, f := range p.Formulas {
			say(w, "%s\n", f)
		}
	}
}

func planMembers(p *family.Plan) [][]string {
	rows := [][]string{{"member", "parameters", "counted", "layers", "hidden", "heads", "kv", "ffn", "growth",
		"tokens alone", "tokens of stage"}}
	for i, m := range p.Members {
		growth := "from random"
		switch {
		case i > 0 && len(m.Inexact) > 0:
			growth = "inexact"
		case i > 0 && m.Exact:
			growth = "exact"
		case i > 0:
			growth = "rounded"
		}
		s := m.Sizes
		rows = append(rows, []string{m.Name, units.Count(m.Params), amount(m.Counted), fmt.Sprint(s.Layers),
			fmt.Sprint(s.Hidden),
			fmt.Sprint(s.Heads), fmt.Sprint(s.KVHeads), fmt.Sprint(max(s.FFN, s.ExpertFFN)), growth, amount(m.Alone),
			amount(m.Stage)})
	}
	return rows
}

func planStages(p *family.Plan) [][]string {
	rows := [][]string{{"stage", "begins with", "steps", "tokens", "6 N D", "operations", "time", "disk", "memory",
		"runs"}}
	for _, s := range p.Stages {
		if s.Kind == family.MakeTokenizer {
			continue
		}
		row := []string{s.Name, "random weights", "", "", "", "", "", units.Bytes(s.Disk), units.Bytes(s.Memory),
			map[bool]string{true: "yes", false: "no"}[s.Wanted]}
		if s.From != "" {
			row[1] = s.From
		}
		if s.Kind == family.Train {
			row[2], row[3], row[4], row[5] = units.Count(int64(s.Steps)), amount(float64(s.Tokens)),
				fmt.Sprintf("%.3g", s.FLOPs), fmt.Sprintf("%.3g", s.Operations)
			row[6] = timeOf(p, s.Seconds)
		}
		rows = append(rows, row)
	}
	return rows
}

func planTotals(p *family.Plan) [][]string {
	rows := [][]string{{"in all", "tokens", "6 N D", "operations", "time", "disk", "memory"}}
	for _, t := range []struct {
		name string
		family.Total
	}{{"progressive", p.Progressive}, {"independent", p.Independent}, {"this recipe", p.Run}} {
		rows = append(rows, []string{t.name, amount(float64(t.Tokens)), fmt.Sprintf("%.3g", t.FLOPs),
			fmt.Sprintf("%.3g", t.Operations),
			timeOf(p, t.Seconds), units.Bytes(t.Disk), units.Bytes(t.Memory)})
	}
	return rows
}

func timeOf(p *family.Plan, seconds float64) string {
	if p.Speed == nil {
		return "unknown"
	}
	return family.Duration(seconds)
}

func speedText(s *family.Speed) string {
	if s.GPU != "" {
		return fmt.Sprintf("%s at %g of their peak of %.4g operations a second each", s.Where, s.MFU, s.Peak)
	}
	var list []string
	for _, x := range s.Samples {
		if x == nil {
			list = append(list, "as the one before")
			continue
		}
		list = append(list, fmt.Sprintf("%.3g", x.FLOPs))
	}
	return fmt.Sprintf("%s, measured by training each member for a moment: %s operations a second", s.Where,
		strings.Join(list, ", "))
}

// amount prints a large number with the digits that matter: 1.5B, 20M, 812.
func amount(v float64) string {
	for _, u := range []struct {
		by   float64
		name string
	}{{1e12, "T"}, {1e9, "B"}, {1e6, "M"}, {1e3, "K"}} {
		if v >= u.by {
			return fmt.Sprintf("%.3g%s", v/u.by, u.name)
		}
	}
	return fmt.Sprintf("%.0f", v)
}

func affordText(a *family.Affordable) func(io.Writer) {
	return func(w io.Writer) {
		say(w, "%s: %.3g operations buy\n\n", a.From, a.FLOPs)
		rows := [][]string{{"member", "parameters", "tokens trained alone"}}
		for i := range a.Params {
			rows = append(rows, []string{fmt.Sprint(i + 1), amount(a.Params[i]), amount(a.Tokens[i])})
		}
		table(w, rows)
		say(w, "\n%s\n", a.Formula)
	}
}

// figure4 shows a loss.
func figure4(v float64) string { return fmt.Sprintf("%.4f", v) }
