package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestFigure reads the picture back as XML: a path for each line, a dot with its value for each point that is no noise,
// a mark; and a lower loss is drawn lower, on both kinds of axis.
func TestFigure(t *testing.T) {
	for _, log := range []bool{false, true} {
		c := &Figure{Title: "a < b", LogX: log, Marks: []Mark{{50, "grown & proved"}}, Lines: []Line{
			{Name: "one", Points: []Point{{10, 3}, {100, 2.5}, {1000, 2.25}}, Style: Solid},
			{Name: "noise", Points: []Point{{10, 9}, {1000, 2}}, Style: Faint, Hidden: true},
		}}
		var b strings.Builder
		if err := c.SVG(&b); err != nil {
			t.Fatal(err)
		}
		count, titles := map[string]int{}, 0
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
				if e.Name.Local == "title" {
					titles++
				}
			}
		}
		if count["path"] != 4 || count["circle"] != 3 || titles != 3 { // axes, two lines, one key
			t.Errorf("%d paths, %d circles, %d values", count["path"], count["circle"], titles)
		}
		f := c.frame()
		if f.py(3) >= f.py(2.25) || f.px(10) >= f.px(100) || f.y1 > 4 {
			t.Errorf("axes: %+v", f)
		}
		if mid := (f.px(10) + f.px(1000)) / 2; log && (f.px(100) < mid-1 || f.px(100) > mid+1) {
			t.Error("the axis is not logarithmic")
		}
		if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
			t.Error("the picture has places that are no numbers")
		}
	}
	// 0 has no place on a logarithmic axis, and nothing at all is a picture too.
	for _, c := range []*Figure{{LogX: true, Lines: []Line{{Points: []Point{{0, 1}, {5, 2}}}}}, {}, {LogX: true}} {
		var b strings.Builder
		if err := c.SVG(&b); err != nil || strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
			t.Errorf("%v: %s", err, b.String())
		}
	}
}
