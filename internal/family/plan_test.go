package family

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"famkit/internal/fault"
	"famkit/train"
)

func near(t *testing.T, what string, got, want, rel float64) {
	t.Helper()
	if !(math.Abs(got-want) <= rel*math.Abs(want)) {
		t.Errorf("%s: %g, want %g", what, got, want)
	}
}

func paper(t *testing.T, change ...string) *Recipe {
	t.Helper()
	b, err := os.ReadFile("testdata/paper.toml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(change...).Replace(string(b))
	r, err := Parse("paper.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestPaper: the paper's family costs what the paper says (its table of compute, reproduced from C = 6 N D): 7.68e21
// operations when it grows, 1.02e22 when each member is trained alone, 24.7 % less; twice that at 40 tokens for each
// parameter. Stages get 20, 30, 60 and 120 billion tokens. The schedule does not change it.
func TestPaper(t *testing.T) {
	for _, schedule := range []string{Trunk, Decayed} {
		for _, perParam := range []float64{20, 40} {
			r := paper(t)
			r.Budget.TokensPerParameter, r.Schedule.Kind = perParam, schedule
			p, err := MakePlan(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			twice := perParam / 20
			near(t, "progressive", p.Progressive.FLOPs, 7.68e21*twice, 1e-3)
			near(t, "independent", p.Independent.FLOPs, 1.02e22*twice, 1e-3)
			near(t, "saving", p.Saving, 0.247, 1e-3)
			for i, want := range []float64{20e9, 30e9, 60e9, 120e9} {
				near(t, "tokens of stage "+p.Members[i].Name, p.Members[i].Stage, want*twice, 1e-9)
				near(t, "parameters of "+p.Members[i].Name, float64(p.Members[i].Params), math.Pow(2, float64(i))*1e9, 0.08)
			}
			near(t, "tokens of the family", float64(p.Progressive.Tokens), 230e9*twice, 1e-3)
		}
	}
}

// TestOperations: the count of matrix products differs from 6 N D by attention, and by the embedding that only looks
// up.
func TestOperations(t *testing.T) {
	p, err := MakePlan(paper(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range p.Stages {
		if s.Kind != Train {
			continue
		}
		m := p.models[s.member]
		weights := float64(m.Params()) - float64(m.Vocab*m.Hidden) - float64((2*m.Layers+1)*m.Hidden)
		attention := 6 * float64(m.Layers*m.Heads*m.HeadDim) * 4096
		near(t, s.Name, s.Operations, (6*weights+attention)*float64(s.Tokens), 1e-12)
	}
}

// TestTimeOnGPUs: operations over peak, utilisation and number.
func TestTimeOnGPUs(t *testing.T) {
	speed, err := GPUs("H100", 0.4, 64)
	if err != nil {
		t.Fatal(err)
	}
	p, err := MakePlan(paper(t), speed)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "seconds", p.Progressive.Seconds, p.Progressive.Operations/(989e12*0.4*64), 1e-9)
	if m := p.stage("trunk-8B").Memory; m != 16*p.Members[3].Params {
		t.Errorf("memory %d of %d parameters", m, p.Members[3].Params)
	}
	for _, bad := range []struct {
		kind string
		mfu  float64
		n    int
	}{{"c64", 0.4, 1}, {"h100", 0, 1}, {"h100", 1.5, 1}, {"h100", 0.4, 0}} {
		if _, err := GPUs(bad.kind, bad.mfu, bad.n); fault.KindOf(err) != fault.Usage {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestHonestAboutThisMachine: at a hundred thousand million operations a second 20 billion tokens of a billion
// parameters take decades; the plan says so, and what would do.
func TestHonestAboutThisMachine(t *testing.T) {
	r := paper(t)
	r.Members = r.Members[:1]
	p, err := MakePlan(r, &Speed{Where: "this machine", Samples: []*train.Sample{{FLOPs: 1e11}}})
	if err != nil {
		t.Fatal(err)
	}
	if years := p.Run.Seconds / 365.25 / 24 / 3600; years < 38 || years > 50 {
		t.Errorf("%g years", years)
	}
	if all := strings.Join(p.Warnings, "\n"); !strings.Contains(all, "years") || !strings.Contains(all, "h100") {
		t.Errorf("warnings: %s", all)
	}
}

// TestMeasure: the speed of this machine is measured with the members themselves, and with the nearest smaller one
// where a member is too large.
func TestMeasure(t *testing.T) {
	r, err := Parse("r.toml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Measure(t.Context(), r, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range s.Samples {
		if !(x.FLOPs > 1e6 && x.FLOPs < 1e16) || x.Steps < 2 || s.of(i) != x.FLOPs {
			t.Errorf("%+v", x)
		}
	}
	two := &Speed{Samples: []*train.Sample{{FLOPs: 5}, nil}}
	if two.of(1) != 5 {
		t.Error("the smaller member's speed does not stand in")
	}
}

// TestStages: what runs, in order, and what each begins with.
func TestStages(t *testing.T) {
	names := func(r *Recipe) (list []string) {
		p, err := MakePlan(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Stages {
			if s.Wanted {
				list = append(list, s.Name+"<"+s.From)
			}
		}
		return list
	}
	r, err := Parse("r.toml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"tokenizer<", "trunk-1x<", "member-1x<trunk-1x", "grow-2x<trunk-1x", "trunk-2x<grow-2x",
		"member-2x<trunk-2x"}
	if got := names(r); !slices.Equal(got, want) {
		t.Errorf("trunk: %v", got)
	}
	r.Arms = []string{Progressive, Independent}
	if got := names(r); !slices.Equal(got, append(want, "alone-2x<")) {
		t.Errorf("both: %v", got)
	}
	r.Arms, r.Schedule.Kind = []string{Independent}, Decayed
	if got := names(r); !slices.Equal(got, []string{"tokenizer<", "alone-1x<", "alone-2x<"}) {
		t.Errorf("independent: %v", got)
	}
	r.Arms = []string{Progressive}
	if got := names(r); !slices.Equal(got, []string{"tokenizer<", "member-1x<", "grow-2x<member-1x",
		"member-2x<grow-2x"}) {
		t.Errorf("decayed: %v", got)
	}
}

// TestBudgets: operations as a budget buy the whole family; a member's own tokens count.
func TestBudgets(t *testing.T) {
	r, err := Parse("r.toml", []byte(strings.Replace(small, "tokens-per-parameter = 1", "flops = 3e12", 1)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := MakePlan(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "progressive", p.Progressive.FLOPs, 3e12, 1e-3)
	r, err = Parse("r.toml", []byte(strings.Replace(small, `params = "2x"`, "params = \"2x\"\ntokens = \"100K\"", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if p, err = MakePlan(r, nil); err != nil {
		t.Fatal(err)
	}
	if p.Members[1].Alone != 1e5 {
		t.Errorf("%+v", p.Members[1])
	}
}

// TestDataTooShort: more tokens than bytes are refused before anything is trained.
func TestDataTooShort(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/text", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/text/a.txt", []byte(strings.Repeat("word ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Parse(dir+"/r.toml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = MakePlan(r, nil); fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(),
		"line 3: data.train") {
		t.Errorf("%v", err)
	}
	r.Data.MaxEpochs = 100
	if p, err := MakePlan(r, nil); err != nil || p.Data.Bytes != 5000 {
		t.Errorf("%v", err)
	}
}

// TestAfford: the largest member costs all of it.
func TestAfford(t *testing.T) {
	a, err := Afford(7.68e21, 4, 2, 20, "given")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1e9, 2e9, 4e9, 8e9} {
		near(t, "parameters", a.Params[i], want, 1e-9)
		near(t, "tokens", a.Tokens[i], 20*want, 1e-9)
	}
	for _, bad := range []func() (*Affordable, error){
		func() (*Affordable, error) { return Afford(0, 4, 2, 20, "") },
		func() (*Affordable, error) { return Afford(1e20, 0, 2, 20, "") },
		func() (*Affordable, error) { return Afford(1e20, 4, 1, 20, "") },
		func() (*Affordable, error) { return Afford(1e20, 4, 2, -1, "") },
		func() (*Affordable, error) { return Afford(10, 4, 2, 20, "") },
	} {
		if _, err := bad(); err == nil {
			t.Error("accepted")
		}
	}
}

// TestHandOverBelongsToGrowths: only what is trained right after a growth hands over.
func TestHandOverBelongsToGrowths(t *testing.T) {
	r, err := Parse("r.toml", []byte(strings.Replace(small, "[training]", "[growth]\nhand-over = 0.03\n[training]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := MakePlan(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Stages {
		want := 0.0
		if p.Stages[i].Name == "trunk-2x" {
			want = 0.03
		}
		if s := &p.Stages[i]; s.Kind == Train && p.stageSettings(s).HandOver != want {
			t.Errorf("%s hands over %g", s.Name, p.stageSettings(s).HandOver)
		}
	}
	bad := strings.Replace(small, "[training]", "[growth]\nhand-over = 1.5\n[training]", 1)
	if _, err := Parse("r.toml", []byte(bad)); fault.KindOf(err) != fault.Input ||
		!strings.Contains(err.Error(), "line 26: growth.hand-over") {
		t.Errorf("%v", err)
	}
}
