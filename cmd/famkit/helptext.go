package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// helpWidth is how wide the text of help is at most; it is the same on every terminal, so that pages can be compared.
const helpWidth = 96

// flagGroup is the flags of a command under one heading.
type flagGroup struct {
	heading string
	flags   []cli.Flag
}

// groups puts flags under their headings, in the order in which the headings first appear; those of all commands
// come last.
func groups(flags []cli.Flag) []flagGroup {
	var list []flagGroup
	at := map[string]int{}
	for _, f := range flags {
		heading := "Flags"
		if c, ok := f.(cli.CategorizableFlag); ok && c.GetCategory() != "" {
			heading = c.GetCategory()
		}
		i, known := at[heading]
		if !known {
			i = len(list)
			at[heading] = i
			list = append(list, flagGroup{heading: heading})
		}
		list[i].flags = append(list[i].flags, f)
	}
	if i, ok := at[commonCategory]; ok && i != len(list)-1 {
		common := list[i]
		list = append(append(list[:i:i], list[i+1:]...), common)
	}
	return list
}

// flagLine is one flag in words: how it is written, and what it means.
func flagLine(f cli.Flag) (spelling, meaning string) {
	var names []string
	for _, n := range f.Names() {
		names = append(names, dashes(n))
	}
	word, usage := usageOf(f)
	spelling = strings.Join(names, ", ")
	if word != "" {
		spelling += " " + word
	}
	if c, ok := f.(choiceFlag); ok {
		usage += ": " + either(c.values)
	}
	if v := defaultOf(f); v != "" {
		usage += " (default: " + v + ")"
	}
	return spelling, usage
}

// defaultOf is what a flag that takes a value is when it is not given, in words.
func defaultOf(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok || !d.TakesValue() {
		return ""
	}
	v := d.GetDefaultText()
	if v == `""` {
		return ""
	}
	return strings.Trim(v, `"`)
}

// commandHelp is the page of one command. words are the command's, after famkit.
func commandHelp(cmd *cli.Command, words []string) string {
	var b strings.Builder
	name := "famkit " + strings.Join(words, " ")
	fmt.Fprintf(&b, "%s: %s\n\nUsage\n", name, cmd.Usage)
	if len(cmd.Subcommands) > 0 {
		fmt.Fprintf(&b, "   %s COMMAND ...\n", name)
	} else {
		fmt.Fprintf(&b, "   %s\n", strings.Join(strings.Fields(name+" "+cmd.ArgsUsage+" [flags]"), " "))
	}
	about, status := splitStatus(cmd.Description)
	if about != "" {
		fmt.Fprintf(&b, "\n%s\n", about)
	}
	writeCommands(&b, cmd.Subcommands)
	for _, g := range groups(cmd.Flags) {
		fmt.Fprintf(&b, "\n%s\n", g.heading)
		for _, f := range g.flags {
			spelling, meaning := flagLine(f)
			b.WriteString(entry(spelling, meaning, 28))
		}
	}
	if status != "" {
		fmt.Fprintf(&b, "\n%s\n", status)
	}
	return b.String()
}

// splitStatus takes the line about exit codes off a description.
func splitStatus(description string) (about, status string) {
	if i := strings.LastIndex(description, "Exit status:"); i >= 0 {
		return flow(description[:i]), wrap(strings.TrimSpace(description[i:]), helpWidth, "")
	}
	return flow(description), ""
}

// flow fills the lines of paragraphs; lines that are indented, such as examples, stay as they are.
func flow(text string) string {
	var lines, paragraph []string
	end := func() {
		if len(paragraph) > 0 {
			lines = append(lines, wrap(strings.Join(paragraph, " "), helpWidth, ""))
		}
		paragraph = nil
	}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" || line[0] == ' ' {
			end()
			lines = append(lines, line)
			continue
		}
		paragraph = append(paragraph, line)
	}
	end()
	return strings.Join(lines, "\n")
}

// appHelp is the page of the program.
func appHelp(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "famkit: %s\n\nUsage\n   %s\n\n%s\n", app.Usage, app.UsageText, strings.TrimSpace(app.Description))
	writeCommands(&b, app.Commands)
	fmt.Fprintf(&b, "\n%s\n", commonCategory)
	for _, f := range app.Flags {
		spelling, meaning := flagLine(f)
		b.WriteString(entry(spelling, meaning, 28))
	}
	b.WriteString("\nTopics\n")
	for _, t := range topics {
		b.WriteString(entry("famkit help "+t.name, t.about, 28))
	}
	return b.String()
}

func writeCommands(b *strings.Builder, list []*cli.Command) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\nCommands\n")
	for _, c := range list {
		if !c.Hidden {
			b.WriteString(entry(c.Name, c.Usage, 14))
		}
	}
}

// entry is a term and what it means, in two columns; a term that is too wide has a line of its own.
func entry(term, meaning string, column int) string {
	const indent = "   "
	pad := strings.Repeat(" ", column)
	text := wrap(meaning, helpWidth-len(indent)-column, indent+pad)
	if len(term) >= column-1 {
		return indent + term + "\n" + indent + pad + text + "\n"
	}
	return indent + term + pad[len(term):] + text + "\n"
}

// wrap breaks text at spaces so that its lines have at most width columns; later lines begin with indent.
func wrap(text string, width int, indent string) string {
	var lines []string
	line := ""
	for _, w := range strings.Fields(text) {
		if line != "" && len(line)+1+len(w) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	return strings.Join(append(lines, line), "\n"+indent)
}
