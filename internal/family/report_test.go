package family

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReport: what is reported is what the logs and the ledger say; the three forms say the same; the page needs
// nothing else and obeys nothing that a recipe holds.
func TestReport(t *testing.T) {
	text := strings.Replace(tiny, `name = "tiny"`, "# <script>alert(1)</script>\nname = \"tiny\"\narms = "+
		"[\"progressive\", \"independent\"]", 1)
	recipe := folder(t, text)
	out := filepath.Join(filepath.Dir(recipe), "tiny")
	// Half made, it is reported so far.
	ran(t, RunOptions{Recipe: recipe, Until: "member-a"})
	r, err := MakeReport(t.Context(), ReportOptions{Recipe: recipe, By: "test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Complete || len(r.Members) != 1 || len(r.Neighbours) != 0 || !strings.Contains(r.Markdown(), "not complete") {
		t.Errorf("half made: %+v", r)
	}
	ran(t, RunOptions{Recipe: recipe})
	if r, err = MakeReport(t.Context(), ReportOptions{Recipe: recipe, By: "test"}, nil); err != nil {
		t.Fatal(err)
	}
	checkReport(t, r, out)

	b, err := os.ReadFile(filepath.Join(out, "report", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil || len(back.Members) != 3 ||
		back.Members[2].Score.Loss != r.Members[2].Score.Loss {
		t.Errorf("report.json: %v", err)
	}
	page, err := os.ReadFile(filepath.Join(out, "report", "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	html := string(page)
	for _, bad := range []string{"<script>alert", "NaN", "Inf", "ZgotmplZ"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
	if refs := regexp.MustCompile(`(src|href)=|url\(|@import|https?://`).FindAllString(strings.ReplaceAll(html,
		"http://www.w3.org/2000/svg", ""), -1); len(refs) > 0 {
		t.Errorf("the page refers to %v", refs)
	}
	if n := strings.Count(html, "<svg "); n != 2 {
		t.Errorf("%d pictures", n)
	}
	for _, m := range r.Members {
		want := loss(m.Score.Loss)
		if !strings.Contains(html, ">"+want+"<") || !strings.Contains(r.Markdown(), "| "+want+" |") {
			t.Errorf("page and text lack the loss %s of %s", want, m.Name)
		}
	}
}

func checkReport(t *testing.T, r *Report, out string) {
	t.Helper()
	if !r.Complete || len(r.Members) != 3 || len(r.Growths) != 2 || len(r.Neighbours) != 4 {
		t.Fatalf("%d members, %d growths, %d neighbours", len(r.Members), len(r.Growths), len(r.Neighbours))
	}
	l, err := ReadLedger(out)
	if err != nil {
		t.Fatal(err)
	}
	spent := 0.0
	for _, row := range l.Rows {
		if row.Type == rowDone && !strings.HasPrefix(row.Stage, "alone") {
			spent += row.Result.FLOPs
		}
	}
	near(t, "operations", r.Progressive, spent, 1e-12)
	near(t, "saved", r.Saved, 1-r.Progressive/r.Alone, 1e-12)
	if r.Saved < 0.05 || r.Saved > 0.3 {
		t.Errorf("saved %g", r.Saved)
	}
	for i, m := range r.Members {
		if i > 0 {
			near(t, "gain of "+m.Name, *m.Gain, m.AloneScore.Loss-m.Score.Loss, 1e-12)
		}
		near(t, "perplexity of "+m.Name, m.Score.Perplexity, math.Exp(m.Score.Loss), 1e-12)
	}
	for _, g := range r.Growths {
		if g.Before == nil || g.After == nil || math.Abs(*g.Before-*g.After) > 1e-3**g.Before || g.Verdict != "exact" {
			t.Errorf("%+v", g)
		}
		if ok, err := there(filepath.Join(out, g.Proof)); err != nil || !ok {
			t.Errorf("%s: no proof %v", g.Proof, err)
		}
	}
	last := 0.0
	for _, c := range r.Curves {
		if len(c.Held) < 2 || len(c.Batch) == 0 {
			t.Fatalf("%s: %d evaluations, %d means", c.Stage, len(c.Held), len(c.Batch))
		}
		if c.Arm == Progressive {
			near(t, c.Stage+" begins", c.Held[0].X, last, 1e-9)
			last = c.Held[len(c.Held)-1].X
		} else if c.Held[0].X != 0 {
			t.Errorf("%s begins at %g", c.Stage, c.Held[0].X)
		}
	}
	near(t, "the last curve's end", last, r.Progressive, 1e-9)
	for _, p := range r.Neighbours {
		if !(p.KLAB > 0) || !(p.KLBA > 0) || !(p.Acceptance > 0 && p.Acceptance < 1) {
			t.Errorf("%+v", p)
		}
	}
}
