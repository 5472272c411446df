package report

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func chart() *Chart {
	return &Chart{Title: "a < b", XLabel: "step", YLabel: "loss", Series: []Series{
		{Name: "grown & trained", Points: []Point{{0, 3}, {1, 2.5}, {2, 2.25}}},
		{Name: "parent", Points: []Point{{0, 3}, {2, 3}}, Dashed: true, Dots: true},
	}}
}

// TestSVGIsWellFormed reads the picture back as XML and counts what it draws.
func TestSVGIsWellFormed(t *testing.T) {
	var b strings.Builder
	if err := chart().SVG(&b); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if e, ok := tok.(xml.StartElement); ok {
			count[e.Name.Local]++
		}
	}
	if count["path"] != 5 || count["circle"] != 2 {
		t.Errorf("%d paths and %d circles, want 5 (axes, two lines, two of the key) and 2", count["path"], count["circle"])
	}
	// A lower loss is drawn lower: the first point of the falling line above its last.
	f := chart().frame()
	if f.py(3) >= f.py(2.25) || f.px(0) >= f.px(2) {
		t.Errorf("axes point the wrong way: y %v %v, x %v %v", f.py(3), f.py(2.25), f.px(0), f.px(2))
	}
}

func TestEmptyChart(t *testing.T) {
	if err := (&Chart{Series: []Series{{Name: "nothing"}}}).SVG(io.Discard); err != nil {
		t.Fatal(err)
	}
}

// TestFaintLiesBehind: noise is drawn first, so that it hides nothing.
func TestFaintLiesBehind(t *testing.T) {
	c := &Chart{Series: []Series{{Name: "a"}, {Name: "noise", Faint: true}, {Name: "b"}}}
	if got, want := c.order(), []int{1, 0, 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestHTMLHasTheTable(t *testing.T) {
	var b strings.Builder
	if err := chart().HTML(&b, [][]string{{"step", "loss"}, {"0", "<3>"}}, "what next?"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<th>step</th>", "<td>&lt;3&gt;</td>", "<svg ", "<p>what next?</p>"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("page lacks %q", want)
		}
	}
}

func TestTicks(t *testing.T) {
	if got, want := ticks(0, 10), []float64{0, 2, 4, 6, 8, 10}; !reflect.DeepEqual(got, want) {
		t.Errorf("ticks of 0 to 10: %v, want %v", got, want)
	}
	for _, r := range [][2]float64{{0, 1}, {2.31, 2.34}, {0, 12345}, {1e-6, 3e-6}} {
		if n := len(ticks(r[0], r[1])); n < 2 || n > 8 {
			t.Errorf("%v: %d ticks", r, n)
		}
	}
}

func TestReadLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	text := `{"type":"start","seed":1}
{"type":"eval","step":0,"loss":3.5}
{"type":"step","step":1,"loss":3.25,"lr":0.1,"tokens":10,"seconds":0.5}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, err := ReadLog(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := Losses(rows, "step"); !reflect.DeepEqual(got, []Point{{0, 3.25}}) {
		t.Errorf("steps: %v", got)
	}
	if got := Losses(rows, "eval"); !reflect.DeepEqual(got, []Point{{0, 3.5}}) {
		t.Errorf("evaluations: %v", got)
	}
	if err := os.WriteFile(path, []byte("{\"type\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLog(path); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a cut line: %v", err)
	}
}
