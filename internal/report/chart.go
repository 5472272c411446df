// Package report draws training logs: an SVG chart that needs nothing to be shown, and the HTML page around it.
package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// Point is one value of a series.
type Point struct{ X, Y float64 }

// Series is a named line. A dashed one is a level to compare with.
type Series struct {
	Name   string
	Points []Point
	Dashed bool
	Dots   bool // mark each point, with its value to hover over: for series of few values
	Faint  bool // thin, pale and behind the others: for series of many noisy values
}

// Chart is a line chart.
type Chart struct {
	Title, XLabel, YLabel string
	Series                []Series
}

// The picture is small with large letters, so that it can be read where a phone shows it at three quarters of its size.
// Below the axes each series has a line of the key.
const (
	width, plot       = 480, 330
	left, right       = 52, 14
	top, below        = 64, 46
	letters, titles   = 14, 17
	keyLine, keyIndex = 22, 8
)

// Colours that people with colour-blindness can tell apart (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// height is that of the picture with its key.
func (c *Chart) height() int { return plot + keyIndex + keyLine*len(c.Series) }

// SVG writes the chart as a picture that stands by itself. Its colours are CSS variables with defaults, so that a
// page may set others.
func (c *Chart) SVG(w io.Writer) error {
	f := c.frame()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="%d" `+
		`fill="var(--ink, #222)" role="img" aria-label="%s">`+"\n", width, c.height(), letters, html.EscapeString(c.Title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="var(--paper, #fff)"/>`+"\n", width, c.height())
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="%d">%s</text>`+"\n", keyIndex, titles, html.EscapeString(c.Title))
	fmt.Fprintf(&b, `<text x="%d" y="48" opacity="0.75">%s</text>`+"\n", keyIndex, html.EscapeString(c.YLabel))
	f.axes(&b, c)
	fmt.Fprintf(&b, `<clipPath id="plot"><rect x="%d" y="%d" width="%d" height="%d"/></clipPath>`+"\n",
		left, top, width-left-right, plot-top-below)
	for _, i := range c.order() {
		f.line(&b, c.Series[i], colours[i%len(colours)])
	}
	for i, s := range c.Series {
		key(&b, s, colours[i%len(colours)], plot+keyIndex+keyLine*i)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// order is that of drawing: what is faint lies behind.
func (c *Chart) order() []int {
	list := make([]int, len(c.Series))
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int {
		switch fa, fb := c.Series[a].Faint, c.Series[b].Faint; {
		case fa && !fb:
			return -1
		case fb && !fa:
			return 1
		}
		return 0
	})
	return list
}

// frame maps values to the picture.
type frame struct{ x0, x1, y0, y1 float64 }

// frame is where the lines are that are not faint: noise that reaches beyond is cut off.
func (c *Chart) frame() frame {
	f := frame{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	onlyFaint := !slices.ContainsFunc(c.Series, func(s Series) bool { return !s.Faint && len(s.Points) > 0 })
	for _, s := range c.Series {
		if s.Faint && !onlyFaint {
			continue
		}
		for _, p := range s.Points {
			f.x0, f.x1 = math.Min(f.x0, p.X), math.Max(f.x1, p.X)
			f.y0, f.y1 = math.Min(f.y0, p.Y), math.Max(f.y1, p.Y)
		}
	}
	if f.x0 > f.x1 {
		f = frame{0, 1, 0, 1}
	}
	if f.x0 == f.x1 {
		f.x1 = f.x0 + 1
	}
	pad := (f.y1 - f.y0) * 0.15
	if pad == 0 {
		pad = 0.5
	}
	f.y0, f.y1 = f.y0-pad, f.y1+pad
	return f
}

func (f frame) px(x float64) float64 { return left + (x-f.x0)/(f.x1-f.x0)*(width-left-right) }
func (f frame) py(y float64) float64 {
	return plot - below - (y-f.y0)/(f.y1-f.y0)*(plot-top-below)
}

func (f frame) axes(b *strings.Builder, c *Chart) {
	for _, y := range ticks(f.y0, f.y1) {
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="currentColor" stroke-opacity="0.15"/>`+
			`<text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left, width-right, f.py(y), f.py(y), left-6, f.py(y)+5, y)
	}
	for _, x := range ticks(f.x0, f.x1) {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", f.px(x), plot-below+18, x)
	}
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="currentColor"/>`+"\n", left, top, plot-below, width-right)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" opacity="0.75">%s</text>`+"\n", (left+width-right)/2,
		plot-below+36,
		html.EscapeString(c.XLabel))
}

func (f frame) line(b *strings.Builder, s Series, colour string) {
	var d, dots strings.Builder
	for i, p := range s.Points {
		op := "L"
		if i == 0 {
			op = "M"
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", op, f.px(p.X), f.py(p.Y))
		if s.Dots {
			fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"><title>%s: %g, %.4f</title></circle>`+"\n",
				f.px(p.X), f.py(p.Y), colour, html.EscapeString(s.Name), p.X, p.Y)
		}
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" clip-path="url(#plot)" %s/>`+"\n", d.String(), colour, s.stroke())
	b.WriteString(dots.String())
}

func (s Series) stroke() string {
	switch {
	case s.Faint:
		return `stroke-width="1" stroke-opacity="0.3"`
	case s.Dashed:
		return `stroke-width="2" stroke-dasharray="6 4"`
	}
	return `stroke-width="2"`
}

func key(b *strings.Builder, s Series, colour string, y int) {
	fmt.Fprintf(b, `<path d="M%d %dh22" stroke="%s" %s/><text x="%d" y="%d">%s</text>`+"\n",
		keyIndex, y+8, colour, s.stroke(), keyIndex+30, y+13, html.EscapeString(s.Name))
}

// ticks are round values inside [lo, hi], about six.
func ticks(lo, hi float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/5)))
	for _, k := range []float64{1, 2, 5, 10} {
		if (hi-lo)/(step*k) <= 7 {
			step *= k
			break
		}
	}
	var out []float64
	for i := math.Ceil(lo / step); i*step <= hi; i++ {
		out = append(out, math.Round(i*step*1e9)/1e9)
	}
	return out
}
