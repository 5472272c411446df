// Package report draws training logs: an SVG chart that needs nothing to be shown, and the HTML page around it.
package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Point is one value of a series.
type Point struct{ X, Y float64 }

// Series is a named line. A dashed one is a level to compare with.
type Series struct {
	Name   string
	Points []Point
	Dashed bool
	Dots   bool // mark each point: for series of few values
	Faint  bool // thin and pale: for series of many noisy values
}

// Chart is a line chart.
type Chart struct {
	Title, XLabel, YLabel string
	Series                []Series
}

const (
	width, height            = 760, 420
	left, right, top, bottom = 70, 20, 40, 90
)

// Colours that people with colour-blindness can tell apart (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// SVG writes the chart as a picture that stands by itself.
func (c *Chart) SVG(w io.Writer) error {
	f := c.frame()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/><text x="%d" y="22" font-size="15">%s</text>`+"\n", width, height, left, html.EscapeString(c.Title))
	f.axes(&b, c)
	for i, s := range c.Series {
		f.line(&b, s, colours[i%len(colours)])
		f.key(&b, s, colours[i%len(colours)], i)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// HTML writes a page with a table and the chart.
func (c *Chart) HTML(w io.Writer, table [][]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<meta charset=\"utf-8\"><title>%s</title>\n<style>body{font-family:sans-serif;margin:2em}td,th{padding:.2em 1em;text-align:right}th:first-child,td:first-child{text-align:left}</style>\n<h1>%s</h1>\n<table>\n",
		html.EscapeString(c.Title), html.EscapeString(c.Title))
	for i, row := range table {
		cell := "td"
		if i == 0 {
			cell = "th"
		}
		b.WriteString("<tr>")
		for _, v := range row {
			fmt.Fprintf(&b, "<%s>%s</%s>", cell, html.EscapeString(v), cell)
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return c.SVG(w)
}

// frame maps values to the picture.
type frame struct{ x0, x1, y0, y1 float64 }

func (c *Chart) frame() frame {
	f := frame{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, s := range c.Series {
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
	pad := (f.y1 - f.y0) * 0.05
	if pad == 0 {
		pad = 0.5
	}
	f.y0, f.y1 = f.y0-pad, f.y1+pad
	return f
}

func (f frame) px(x float64) float64 { return left + (x-f.x0)/(f.x1-f.x0)*(width-left-right) }
func (f frame) py(y float64) float64 {
	return height - bottom - (y-f.y0)/(f.y1-f.y0)*(height-top-bottom)
}

func (f frame) axes(b *strings.Builder, c *Chart) {
	for _, y := range ticks(f.y0, f.y1) {
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n",
			left, width-right, f.py(y), f.py(y), left-6, f.py(y)+4, y)
	}
	for _, x := range ticks(f.x0, f.x1) {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", f.px(x), height-bottom+16, x)
	}
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="black"/>`+"\n", left, top, height-bottom, width-right)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+width-right)/2, height-bottom+34, html.EscapeString(c.XLabel))
	fmt.Fprintf(b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (top+height-bottom)/2, html.EscapeString(c.YLabel))
}

func (f frame) line(b *strings.Builder, s Series, colour string) {
	var d strings.Builder
	for i, p := range s.Points {
		op := "L"
		if i == 0 {
			op = "M"
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", op, f.px(p.X), f.py(p.Y))
		if s.Dots {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", f.px(p.X), f.py(p.Y), colour)
		}
	}
	dash := ""
	if s.Dashed {
		dash = ` stroke-dasharray="6 4"`
	}
	stroke := `stroke-width="1.8"`
	if s.Faint {
		stroke = `stroke-width="1" stroke-opacity="0.35"`
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" %s%s/>`+"\n", d.String(), colour, stroke, dash)
}

func (f frame) key(b *strings.Builder, s Series, colour string, i int) {
	x, y := left+(i%2)*340, height-bottom+54+18*(i/2)
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="14" height="4" fill="%s"/><text x="%d" y="%d">%s</text>`+"\n",
		x, y-6, colour, x+20, y, html.EscapeString(s.Name))
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
