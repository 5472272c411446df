package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Figure is a chart for a page: it takes the page's colours, light or dark, is as wide as its place, and shows values
// where the pointer rests.
type Figure struct {
	Title, XLabel, YLabel string
	LogX                  bool
	Lines                 []Line
	Marks                 []Mark
}

// Line is a named series.
type Line struct {
	Name   string
	Points []Point
	Colour int   // lines of one colour belong together
	Style  Style // how it is drawn
	Hidden bool  // from the key
}

// Style of a line.
type Style string

// The styles.
const (
	Solid  Style = "solid"
	Dashed Style = "dashed"
	Dotted Style = "dotted"
	Faint  Style = "faint" // thin and pale, without dots: noise
)

// Mark is a vertical line with a label.
type Mark struct {
	X     float64
	Label string
}

// FigureStyle is the CSS that figures need, once in a page.
const FigureStyle = `svg.figure{width:100%;max-width:46em;height:auto;font-family:sans-serif;color:inherit}
svg.figure text{fill:currentColor}svg.figure .grid{stroke:currentColor;stroke-opacity:.15}
svg.figure .axis{stroke:currentColor;fill:none}svg.figure .mark{stroke:currentColor;stroke-opacity:.5;stroke-dasharray:2 3}
svg.figure .c0{--c:#0072b2}svg.figure .c1{--c:#d55e00}svg.figure .c2{--c:#009e73}svg.figure .c3{--c:#cc79a7}
svg.figure .c4{--c:#b8860b}svg.figure .c5{--c:#56b4e9}
svg.figure path.line{fill:none;stroke:var(--c);stroke-width:2}svg.figure path.dashed{stroke-dasharray:7 4}
svg.figure path.dotted{stroke-dasharray:2 3}svg.figure path.faint{stroke-width:1;stroke-opacity:.3}
svg.figure circle{fill:var(--c)}svg.figure circle:hover{stroke:currentColor;stroke-width:2}
@media (prefers-color-scheme:dark){svg.figure .c0{--c:#4da6e0}svg.figure .c1{--c:#ff8c42}svg.figure .c2{--c:#33cc99}
svg.figure .c3{--c:#e6a0c4}svg.figure .c4{--c:#e0b040}svg.figure .c5{--c:#8fd0ff}}
`

// colourCount is the number of colours in FigureStyle.
const colourCount = 6

// SVG writes the figure. It is small with large letters, as a Chart is.
func (c *Figure) SVG(w io.Writer) error {
	f := c.frame()
	var b strings.Builder
	high := plot + keyIndex + keyLine*c.keys()
	fmt.Fprintf(&b, `<svg class="figure" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-size="%d" role="img" aria-label="%s">`+"\n",
		width, high, letters, html.EscapeString(c.Title))
	fmt.Fprintf(&b, `<text x="%d" y="24" font-size="%d">%s</text>`+"\n", keyIndex, titles, html.EscapeString(c.Title))
	fmt.Fprintf(&b, `<text x="%d" y="48" opacity="0.75">%s</text>`+"\n", keyIndex, html.EscapeString(c.YLabel))
	f.axes(&b, c)
	for _, m := range c.Marks {
		fmt.Fprintf(&b, `<line class="mark" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" font-size="11">%s</text>`+"\n", f.px(m.X), f.px(m.X),
			top, plot-below, f.px(m.X)+3, top+10, html.EscapeString(m.Label))
	}
	for _, l := range c.Lines {
		f.draw(&b, c, l)
	}
	y := plot + keyIndex
	for _, l := range c.Lines {
		if l.Hidden {
			continue
		}
		fmt.Fprintf(&b, `<g class="c%d"><path class="line %s" d="M%d %dh28"/></g><text x="%d" y="%d">%s</text>`+"\n",
			l.Colour%colourCount, l.Style, keyIndex, y,
			keyIndex+36, y+5, html.EscapeString(l.Name))
		y += keyLine
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Figure) keys() (n int) {
	for _, l := range c.Lines {
		if !l.Hidden {
			n++
		}
	}
	return n
}

// plane maps values to the picture.
type plane struct {
	frame
	log bool
}

// frame takes in all points but noise, which may leave the picture at the top.
func (c *Figure) frame() plane {
	all := &Chart{}
	for _, l := range c.Lines {
		s := Series{}
		for _, p := range l.Points {
			if x := c.x(p.X); l.Style != Faint && !math.IsNaN(x) && !math.IsInf(x, 0) {
				s.Points = append(s.Points, Point{x, p.Y})
			}
		}
		all.Series = append(all.Series, s)
	}
	f := plane{all.frame(), c.LogX}
	if c.LogX && f.x1 == f.x0+1 && len(c.Lines) == 0 {
		f.x0 = 0
	}
	return f
}

func (c *Figure) x(v float64) float64 {
	if c.LogX {
		return math.Log10(v)
	}
	return v
}

func (f plane) px(x float64) float64 {
	if f.log {
		x = math.Log10(x)
	}
	return f.frame.px(x)
}

func (f plane) axes(b *strings.Builder, c *Figure) {
	for _, y := range ticks(f.y0, f.y1) {
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n",
			left, width-right, f.py(y), f.py(y), left-6, f.py(y)+5, y)
	}
	for _, x := range f.xTicks() {
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", f.px(x), f.px(x),
			top, plot-below, f.px(x), plot-below+17, short(x))
	}
	fmt.Fprintf(b, `<path class="axis" d="M%d %dV%dH%d"/>`+"\n", left, top, plot-below, width-right)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" opacity="0.75">%s</text>`+"\n", (left+width-right)/2,
		plot-below+37, html.EscapeString(c.XLabel))
}

// xTicks are round values; on a logarithmic axis 1, 2 and 5 times powers of ten, or the powers alone.
func (f plane) xTicks() (list []float64) {
	if !f.log {
		all := ticks(f.x0, f.x1)
		for len(all) > 5 {
			all = everySecond(all)
		}
		return all
	}
	steps := []float64{1, 2, 5}
	if f.x1-f.x0 > 2 {
		steps = []float64{1}
	}
	for e := math.Floor(f.x0); e <= f.x1; e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); math.Log10(v) >= f.x0 && math.Log10(v) <= f.x1 {
				list = append(list, v)
			}
		}
	}
	return list
}

func everySecond(all []float64) (list []float64) {
	for i := 0; i < len(all); i += 2 {
		list = append(list, all[i])
	}
	return list
}

// short spells a value of an axis.
func short(v float64) string {
	if v != 0 && (math.Abs(v) >= 1e5 || math.Abs(v) < 1e-3) {
		return strings.NewReplacer("e+0", "e", "e+", "e", "e-0", "e-").Replace(fmt.Sprintf("%.3g", v))
	}
	return fmt.Sprintf("%g", v)
}

// dotsUpTo is the number of points up to which each gets a dot.
const dotsUpTo = 400

func (f plane) draw(b *strings.Builder, c *Figure, l Line) {
	var d, dots strings.Builder
	n := 0
	for _, p := range l.Points {
		if x := c.x(p.X); math.IsNaN(x) || math.IsInf(x, 0) {
			continue // 0 has no place on a logarithmic axis
		}
		op := "L"
		if n == 0 {
			op = "M"
		}
		n++
		y := math.Max(f.py(p.Y), top)
		fmt.Fprintf(&d, "%s%.1f %.1f", op, f.px(p.X), y)
		if l.Style != Faint && len(l.Points) <= dotsUpTo {
			fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="3"><title>%s: %s, %.4f</title></circle>`, f.px(p.X), y,
				html.EscapeString(l.Name), short(p.X), p.Y)
		}
	}
	fmt.Fprintf(b, `<g class="c%d"><path class="line %s" d="%s"/>%s</g>`+"\n", l.Colour%colourCount, l.Style, d.String(),
		dots.String())
}
