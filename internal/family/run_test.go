package family

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"famkit/internal/fault"
	"famkit/internal/job"
	"famkit/train"
)

// TestMain lets the test binary be a run of a family that can be killed.
func TestMain(m *testing.M) {
	if recipe := os.Getenv("FAMKIT_TEST_RUN"); recipe != "" {
		if _, err := Run(context.Background(), RunOptions{Recipe: recipe, By: "test"}, nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tiny is a family of three members that is made in about a second.
const tiny = `name = "tiny"
[data]
train = ["text"]
eval-fraction = 0.05
max-epochs = 40
[tokenizer]
vocab = 280
[model]
model_type = "llama"
hidden_size = 32
num_hidden_layers = 1
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 16
intermediate_size = 48
max_position_embeddings = 32
rms_norm_eps = 1e-5
tie_word_embeddings = true
[[member]]
name = "a"
[[member]]
name = "b"
depth = 2
[[member]]
name = "c"
depth = 2
width = "2x"
[budget]
tokens-per-parameter = 0.15
[growth]
optimizer = "keep"
[training]
batch = 4
seq = 16
lr = 3e-3
eval-every = 8
save-every = 5
threads = 1
`

// folder makes a folder with data and a recipe, and gives the recipe's path.
func folder(t *testing.T, recipe string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "text"), 0o755); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("a family of small models grows step by step and each member computes what its parent did " +
		"before it is trained on")
	var b strings.Builder
	for range 600 {
		for range 8 {
			b.WriteString(words[rng.IntN(len(words))] + " ")
		}
		b.WriteString("\n")
	}
	write(t, filepath.Join(dir, "text", "a.txt"), b.String())
	path := filepath.Join(dir, "recipe.toml")
	write(t, path, recipe)
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ran runs a family and gives the names of the stages that ran.
func ran(t *testing.T, o RunOptions) (*Status, []string) {
	t.Helper()
	s, names, err := tried(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return s, names
}

func tried(t *testing.T, o RunOptions) (s *Status, names []string, err error) {
	t.Helper()
	s, err = Run(t.Context(), o, func(e Event) {
		if e.Stage != nil && e.Stage.Goes == "done" {
			names = append(names, e.Stage.Name)
		}
	})
	return s, names, err
}

func madeFor(t *testing.T, out string) bool {
	t.Helper()
	here, err := there(out)
	if err != nil {
		t.Fatal(err)
	}
	return here
}

var tinyStages = []string{"tokenizer", "trunk-a", "member-a", "grow-b", "trunk-b", "member-b", "grow-c", "trunk-c",
	"member-c"}

// results are the files of all stages that a family's result is made of, by name: weights, moments, configs,
// tokenizers, plans. Times are left out.
func results(t *testing.T, out string) map[string]string {
	t.Helper()
	found := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(out, "stages", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		switch filepath.Base(p) {
		case "trainer_state.json", "lineage.json", "proof.json", "plan.json": // wall times, and paths as they were given
			continue
		}
		rel, err := filepath.Rel(out, p)
		if err != nil {
			t.Fatal(err)
		}
		found[rel] = string(b)
	}
	logs, err := filepath.Glob(filepath.Join(out, "logs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range logs {
		found[filepath.Base(p)] = losses(t, p)
	}
	return found
}

// losses are the steps and evaluations of a log, without their times.
func losses(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range bytes.Lines(b) {
		var row struct {
			Type string
			Step int
			Loss float64
			LR   float64
		}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if row.Type == "step" || row.Type == "eval" {
			fmt.Fprintf(&out, "%s %d %v %v\n", row.Type, row.Step, row.Loss, row.LR)
		}
	}
	return out.String()
}

func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, b := range want {
		if got[name] != b {
			t.Errorf("%s: %s differs (%d bytes, want %d)", what, name, len(got[name]), len(b))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d files, want %d", what, len(got), len(want))
	}
}

// TestRun: every stage runs once, in order; growths are proved; members are named; a second run has nothing to do.
func TestRun(t *testing.T) {
	recipe := folder(t, tiny)
	out := filepath.Join(filepath.Dir(recipe), "tiny")
	s, names := ran(t, RunOptions{Recipe: recipe, DryRun: true})
	if len(names) != 0 || s.Left != len(tinyStages) || madeFor(t, out) {
		t.Fatalf("a dry run: %v, %d left", names, s.Left)
	}
	s, names = ran(t, RunOptions{Recipe: recipe, By: "test"})
	if !slices.Equal(names, tinyStages) || s.Left != 0 {
		t.Fatalf("ran %v, %d left", names, s.Left)
	}
	for _, st := range s.Stages {
		if st.Kind == Grow && st.Result.Verdict != "exact" {
			t.Errorf("%s: %+v", st.Name, st.Result)
		}
		if st.Kind == Train && st.State == Done && (st.Result.Eval == nil || st.Result.Steps != st.Steps) {
			t.Errorf("%s: %+v", st.Name, st.Result)
		}
	}
	// The seam: a branch and a grown trunk begin with the evaluation that the trunk before ended with.
	l, err := ReadLedger(out)
	if err != nil {
		t.Fatal(err)
	}
	if l.Rows[0].Type != rowFamily || l.Rows[1].Type != rowRecipe {
		t.Errorf("the ledger begins with %+v", l.Rows[:2])
	}
	for _, name := range []string{"a", "b", "c"} {
		m, err := job.Inspect(t.Context(), job.InspectOptions{Path: filepath.Join(out, "members", name), Strict: true}, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "c" {
			checkLineage(t, m.Lineage)
		}
		checkCard(t, filepath.Join(out, "members", name, CardFile), name)
		if m.Model.EOS == nil {
			t.Errorf("%s: no special ids: %+v", name, m.Model)
		}
	}
	before := results(t, out)
	s, names = ran(t, RunOptions{Recipe: recipe, By: "test"})
	if len(names) != 0 || s.Left != 0 {
		t.Errorf("the second run ran %v", names)
	}
	same(t, "second run", results(t, out), before)
	// The folder can move.
	moved := filepath.Join(filepath.Dir(recipe), "moved")
	if err := os.Rename(out, moved); err != nil {
		t.Fatal(err)
	}
	if s, names = ran(t, RunOptions{Recipe: recipe, Out: moved}); len(names) != 0 || s.Left != 0 {
		t.Errorf("after a move: %v", names)
	}
}

// checkLineage wants the way of member c: a trunk, two growths that are proved, a training after each, a branch.
func checkLineage(t *testing.T, list []job.Origin) {
	t.Helper()
	var did []string
	for _, o := range list {
		did = append(did, o.Did)
		if o.Did == "grown" && (o.Proof == "" || o.Plan == "" || !o.Exact || !strings.Contains(o.Sizes, "layers 1 -> 2") &&
			!strings.Contains(o.Sizes, "hidden 32 -> 64")) || o.Did == "trained" && (o.Steps < 1 || o.Tokens < 1 ||
			o.Data == "") {
			t.Errorf("%+v", o)
		}
	}
	if want := []string{"trained", "grown", "trained", "grown", "trained", "trained"}; !slices.Equal(did, want) {
		t.Errorf("lineage %v, want %v", did, want)
	}
}

// checkCard wants front matter that the hub reads, the member's name and its way.
func checkCard(t *testing.T, path, name string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := strings.Cut(strings.TrimPrefix(string(b), "---\n"), "\n---\n")
	if !ok || !strings.Contains(head, "library_name: transformers") || !strings.Contains(body, "# tiny: member "+name) {
		t.Errorf("%s: %s", path, b)
	}
	if name == "c" && (strings.Count(body, "\n1. `") != 6 || !strings.Contains(body, "Grown from member b")) {
		t.Errorf("%s: its way is not told: %s", path, body)
	}
}

// TestPieces: a family made stage by stage, and one that is stopped between steps, is the family that is made at once.
func TestPieces(t *testing.T) {
	recipe := folder(t, tiny)
	dir := filepath.Dir(recipe)
	whole, parts := filepath.Join(dir, "whole"), filepath.Join(dir, "parts")
	ran(t, RunOptions{Recipe: recipe, Out: whole})
	if _, names := ran(t, RunOptions{Recipe: recipe, Out: parts, Until: "trunk-a"}); !slices.Equal(names, tinyStages[:2]) {
		t.Errorf("until trunk-a: %v", names)
	}
	if _, _, err := tried(t, RunOptions{Recipe: recipe, Out: parts, Only: "member-b"}); fault.KindOf(err) != fault.Input ||
		!strings.Contains(err.Error(), "begins with the output of trunk-b") {
		t.Errorf("a stage without its beginning: %v", err)
	}
	if _, names := ran(t, RunOptions{Recipe: recipe, Out: parts, Only: "grow-b"}); !slices.Equal(names,
		[]string{"grow-b"}) {
		t.Errorf("grow-b alone: %v", names)
	}
	// Stopped in the middle of trunk-b.
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, RunOptions{Recipe: recipe, Out: parts}, func(e Event) {
		if e.Train != nil && e.Train.Step != nil && e.Train.Start == nil && e.Train.Step.Step == 7 {
			cancel()
		}
	})
	var stop *train.Interrupted
	if !errors.As(err, &stop) || !strings.Contains(fault.HintOf(err), "family run") {
		t.Fatalf("stopped: %v", err)
	}
	ran(t, RunOptions{Recipe: recipe, Out: parts})
	same(t, "in pieces", results(t, parts), results(t, whole))
	// One stage again gives the same, and leaves the others.
	if _, names := ran(t, RunOptions{Recipe: recipe, Out: parts, Only: "trunk-b", Again: true}); !slices.Equal(names,
		[]string{"trunk-b"}) {
		t.Errorf("again: %v", names)
	}
	same(t, "again", results(t, parts), results(t, whole))
	for _, o := range []RunOptions{{Until: "nothing"}, {Only: "alone-b"}, {Again: true},
		{Until: "trunk-a", Only: "trunk-a"}} {
		o.Recipe, o.Out = recipe, parts
		if _, _, err := tried(t, o); fault.KindOf(err) != fault.Usage {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestChangedRecipe: what a change makes anew is said, with what changed; the rest stays, and nothing is removed.
func TestChangedRecipe(t *testing.T) {
	recipe := folder(t, tiny)
	out := filepath.Join(filepath.Dir(recipe), "tiny")
	ran(t, RunOptions{Recipe: recipe})
	before := results(t, out)
	// How often is saved changes no result.
	write(t, recipe, strings.Replace(tiny, "save-every = 5", "save-every = 50", 1))
	if s, names := ran(t, RunOptions{Recipe: recipe}); len(names) > 0 || len(s.Changed) > 0 {
		t.Errorf("save-every: %v, %+v", names, s.Changed)
	}
	write(t, recipe, strings.Replace(tiny, "depth = 2\nwidth = \"2x\"", "depth = 3\nwidth = \"2x\"\nlr = 1e-3", 1))
	var warned []string
	s, err := Run(t.Context(), RunOptions{Recipe: recipe, DryRun: true}, func(e Event) { warned = append(warned, e.Warn) })
	if err != nil {
		t.Fatal(err)
	}
	var changed []string
	for _, c := range s.Changed {
		changed = append(changed, c.Stage)
	}
	if want := []string{"grow-c", "trunk-c", "member-c"}; !slices.Equal(changed, want) {
		t.Errorf("changed: %v", changed)
	}
	if all := strings.Join(warned, "\n"); !strings.Contains(all, "lr was 0.003, now 0.001") ||
		!strings.Contains(all, "sizes was") {
		t.Errorf("said:\n%s", all)
	}
	s, names := ran(t, RunOptions{Recipe: recipe})
	if !slices.Equal(names, []string{"grow-c", "trunk-c", "member-c"}) || len(s.Unused) != 3 {
		t.Errorf("ran %v, unused %+v", names, s.Unused)
	}
	after := results(t, out)
	for name, b := range before {
		if after[name] != b {
			t.Errorf("%s was touched", name)
		}
	}
	// Other data invalidate everything, the old recipe finds its outputs again.
	write(t, recipe, tiny)
	if s, names := ran(t, RunOptions{Recipe: recipe}); len(names) > 0 || s.Left != 0 {
		t.Errorf("back to the first recipe: %v", names)
	}
	write(t, filepath.Join(filepath.Dir(recipe), "text", "b.txt"), "more text that was not there before\n")
	if s, _ := ran(t, RunOptions{Recipe: recipe, DryRun: true}); s.Left != len(tinyStages) ||
		len(s.Changed) != len(tinyStages) {
		t.Errorf("other data: %d left, %d changed", s.Left, len(s.Changed))
	}
}

// flip damages the last byte of a checkpoint's weights.
func flip(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "model.safetensors")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-2] ^= 0x40
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUnprovedGrowthIsNotTrained: a grown model that does not compute what its parent does stops the family, with the
// answer no, before it is trained.
func TestUnprovedGrowthIsNotTrained(t *testing.T) {
	recipe := folder(t, tiny)
	out := filepath.Join(filepath.Dir(recipe), "tiny")
	ran(t, RunOptions{Recipe: recipe, Until: "member-a"})
	f, err := open(t.Context(), RunOptions{Recipe: recipe}, nil)
	if err != nil {
		t.Fatal(err)
	}
	grow := f.find("grow-b")
	// A child of the right name that a killed run could have left, damaged.
	if _, err := job.Expand(t.Context(), job.ExpandOptions{Source: f.output(f.find("trunk-a")),
		Destination: f.output(grow),
		Request:     f.p.models[1].request}, nil); err != nil {
		t.Fatal(err)
	}
	flip(t, f.output(grow))
	_, names, err := tried(t, RunOptions{Recipe: recipe})
	if fault.KindOf(err) != fault.No || len(names) != 0 || !strings.Contains(err.Error(), "not proved") {
		t.Errorf("ran %v: %v", names, err)
	}
	if found, _ := filepath.Glob(filepath.Join(out, "stages", "trunk-b-*")); len(found) > 0 {
		t.Errorf("trained: %v", found)
	}
	l, err := ReadLedger(out)
	if err != nil || l.Rows[len(l.Rows)-1].Type != rowStop {
		t.Errorf("%v: the ledger ends with %+v", err, l.Rows[len(l.Rows)-1])
	}
	// Made again, it is proved.
	if _, names := ran(t, RunOptions{Recipe: recipe, Only: "grow-b", Again: true}); !slices.Equal(names,
		[]string{"grow-b"}) {
		t.Errorf("again: %v", names)
	}
}

// TestTouchedOutput: weights that are not those that a stage left are not grown or trained on.
func TestTouchedOutput(t *testing.T) {
	recipe := folder(t, tiny)
	out := filepath.Join(filepath.Dir(recipe), "tiny")
	ran(t, RunOptions{Recipe: recipe, Until: "trunk-a"})
	found, err := filepath.Glob(filepath.Join(out, "stages", "trunk-a-*"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	flip(t, found[0])
	if _, _, err := tried(t, RunOptions{Recipe: recipe}); fault.KindOf(err) != fault.Input ||
		!strings.Contains(err.Error(), "its weights are not those") {
		t.Errorf("%v", err)
	}
	// An output that is gone is made again where something begins with it.
	if err := os.RemoveAll(found[0]); err != nil {
		t.Fatal(err)
	}
	if _, names := ran(t, RunOptions{Recipe: recipe, Until: "member-a"}); !slices.Equal(names,
		[]string{"trunk-a", "member-a"}) {
		t.Errorf("ran %v", names)
	}
	// Once nothing needs it, it may go.
	if err := os.RemoveAll(found[0]); err != nil {
		t.Fatal(err)
	}
	if s, names := ran(t, RunOptions{Recipe: recipe, Until: "member-a"}); len(names) != 0 || s.Stages[1].State != Gone {
		t.Errorf("ran %v: %+v", names, s.Stages[1])
	}
}

// TestTooShortAtRun: the tokens of the data are counted before anything is trained.
func TestTooShortAtRun(t *testing.T) {
	recipe := folder(t, strings.Replace(tiny, "max-epochs = 40", "max-epochs = 0.2", 1))
	_, names, err := tried(t, RunOptions{Recipe: recipe})
	if fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(), "line 3: data.train: wanted data for") {
		t.Errorf("ran %v: %v", names, err)
	}
	if slices.Contains(names, "trunk-a") {
		t.Error("trained")
	}
}

// TestDecayedAndAlone: the paper's own schedule, and the arm to compare with.
func TestDecayedAndAlone(t *testing.T) {
	text := strings.Replace(tiny, "[budget]", "[schedule]\nkind = \"decayed\"\n[budget]", 1)
	text = strings.Replace(text, `name = "tiny"`, "name = \"tiny\"\narms = [\"progressive\", \"independent\"]", 1)
	recipe := folder(t, text)
	_, names := ran(t, RunOptions{Recipe: recipe})
	if want := []string{"tokenizer", "member-a", "grow-b", "member-b", "grow-c", "member-c", "alone-b",
		"alone-c"}; !slices.Equal(names, want) {
		t.Errorf("ran %v", names)
	}
	out := filepath.Join(filepath.Dir(recipe), "tiny")
	if cards, err := filepath.Glob(filepath.Join(out, "stages", "grow-*", CardFile)); err != nil || len(cards) > 0 {
		t.Errorf("grown models have their parents' cards: %v, %v", cards, err)
	}
	for _, name := range []string{"a", "b", "c", "alone-b", "alone-c"} {
		if _, err := job.Inspect(t.Context(), job.InspectOptions{Path: filepath.Join(out, "members", name)},
			nil); err != nil {
			t.Error(err)
		}
	}
}

// TestKilled: a family that is killed at random moments, as often as FAMKIT_KILLS says, is bit for bit the one that was
// not. After each kill the next run goes on by itself.
func TestKilled(t *testing.T) {
	kills := 5
	if n, err := strconv.Atoi(os.Getenv("FAMKIT_KILLS")); err == nil {
		kills = n
	}
	whole := folder(t, tiny)
	began := time.Now()
	if out, err := child(whole).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(began)
	want := results(t, filepath.Join(filepath.Dir(whole), "tiny"))
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("FAMKIT_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("a whole run takes %v; seed %d", took, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for done := 0; done < kills; {
		recipe := folder(t, tiny)
		here := 0
		for {
			c := child(recipe)
			var said bytes.Buffer
			c.Stderr = &said
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			kill := done < kills
			if kill {
				time.Sleep(time.Duration(rng.Float64() * float64(took) / 2))
				_ = c.Process.Kill()
			}
			err := c.Wait()
			if err == nil {
				break // it was faster
			}
			if c.ProcessState.ExitCode() > 0 {
				t.Fatalf("after %d kills: %s", here, said.String())
			}
			done, here = done+1, here+1
			last := "before the ledger"
			if l, err := ReadLedger(filepath.Join(filepath.Dir(recipe), "tiny")); err != nil {
				t.Fatal(err)
			} else if n := len(l.Rows); n > 0 {
				last = l.Rows[n-1].Type + " " + l.Rows[n-1].Stage
			}
			t.Logf("kill %d after: %s", done, last)
		}
		if here > 0 {
			same(t, fmt.Sprintf("killed %d times", here), results(t, filepath.Join(filepath.Dir(recipe), "tiny")), want)
		}
	}
}

func child(recipe string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "FAMKIT_TEST_RUN="+recipe)
	return c
}

// TestRoom: too little disk for all that is left is refused before anything is made.
func TestRoom(t *testing.T) {
	f := &family{dir: "d"}
	if err := f.room(&Status{Disk: 10, Free: 10}); err != nil {
		t.Error(err)
	}
	if err := f.room(&Status{Disk: 11, Free: 10}); fault.KindOf(err) != fault.Failed ||
		!strings.Contains(err.Error(), "11 bytes of disk, 10 bytes are free") {
		t.Errorf("%v", err)
	}
}

// TestLedger: half a line that a killed run leaves is cut, what is no ledger is refused, two runs at a time are.
func TestLedger(t *testing.T) {
	dir := t.TempDir()
	l, err := OpenLedger(dir, "one")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.append(Row{Type: rowDone, Stage: "s", Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLedger(dir, "one"); fault.KindOf(err) != fault.Failed || !strings.Contains(err.Error(),
		"another run") {
		t.Errorf("opened twice: %v", err)
	}
	_ = l.Close()
	if _, err := OpenLedger(dir, "two"); fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(),
		`family "one", wanted "two"`) {
		t.Errorf("another family: %v", err)
	}
	path := filepath.Join(dir, LedgerFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(b)+`{"format":1,"ti`)
	if l, err = ReadLedger(dir); err != nil || len(l.Rows) != 2 {
		t.Fatalf("half a line: %v", err)
	}
	if l, err = OpenLedger(dir, "one"); err != nil {
		t.Fatal(err)
	}
	if err := l.append(Row{Type: rowStart, Stage: "s"}); err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if l, err = ReadLedger(dir); err != nil || len(l.Rows) != 3 || l.done("k") == nil || l.done("j") != nil {
		t.Errorf("after half a line: %+v, %v", l, err)
	}
	for name, text := range map[string]string{"another format": `{"format":2,"type":"family"}`,
		"no ledger":   `{"format":1,"type":"done"}`,
		"unknown key": `{"format":1,"type":"family","famly":"x"}`, "no JSON": "x"} {
		write(t, path, text+"\n")
		if _, err := ReadLedger(dir); fault.KindOf(err) != fault.Input || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMuchEvaluation: evaluations that take much of the time are spoken of, once, before training.
func TestMuchEvaluation(t *testing.T) {
	for text, want := range map[string]int{
		tiny: 0,
		strings.NewReplacer("eval-fraction = 0.05", "eval-fraction = 0.5", "eval-every = 8",
			"eval-every = 1").Replace(tiny): 1,
	} {
		recipe, said := folder(t, strings.Replace(text, "eval-every = 8", "eval-every = 800", 1)), 0
		if _, err := Run(t.Context(), RunOptions{Recipe: recipe, Until: "member-a"}, func(e Event) {
			if strings.HasPrefix(e.Warn, "evaluations take about") {
				said++
			}
		}); err != nil {
			t.Fatal(err)
		}
		if said != want {
			t.Errorf("said %d times, want %d", said, want)
		}
	}
}

// TestFolderInItsData: what a family writes must never become what it is trained on.
func TestFolderInItsData(t *testing.T) {
	recipe := folder(t, tiny)
	dir := filepath.Dir(recipe)
	for _, out := range []string{filepath.Join(dir, "text"), filepath.Join(dir, "text", "x", "y")} {
		if _, _, err := tried(t, RunOptions{Recipe: recipe, Out: out}); fault.KindOf(err) != fault.Input ||
			!strings.Contains(err.Error(), "lies in its data") {
			t.Errorf("%s: %v", out, err)
		}
	}
	write(t, recipe, strings.Replace(tiny, `train = ["text"]`, `train = ["."]`, 1))
	if _, _, err := tried(t, RunOptions{Recipe: recipe}); fault.KindOf(err) != fault.Input {
		t.Errorf("a family beside its recipe, in the data: %v", err)
	}
}
