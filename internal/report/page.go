package report

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// pageStyle makes a page that fits a phone and a desktop, in the colours that the reader has chosen.
const pageStyle = `:root{color-scheme:light dark;--ink:#222;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#181a1b}}
body{font:16px/1.5 sans-serif;max-width:40em;margin:0 auto;padding:1em;color:var(--ink);background:var(--paper)}
svg{display:block;width:100%;height:auto}
table{border-collapse:collapse}
td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #8884}
td:first-child,th:first-child{text-align:left;padding-left:0}`

// HTML writes a page with the chart, a table and paragraphs of text below it. Nothing is loaded from elsewhere.
func (c *Chart) HTML(w io.Writer, table [][]string, below ...string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<style>%s</style>\n",
		html.EscapeString(c.Title), pageStyle)
	if err := c.SVG(&b); err != nil {
		return err
	}
	b.WriteString("<table>\n")
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
	for _, text := range below {
		fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(text))
	}
	b.WriteString("</html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
