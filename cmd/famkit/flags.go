package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"famkit/internal/fault"
)

// choiceFlag is a flag that takes one of a few words.
type choiceFlag struct {
	*cli.StringFlag
	values []string // as help lists them
	also   []string // other spellings that are understood
}

// choice makes a flag that takes one of values. about ends with what they are for; help adds them.
func choice(name, value, about string, values ...string) choiceFlag {
	return choiceFlag{StringFlag: &cli.StringFlag{Name: name, Value: value, Usage: about}, values: values}
}

// in puts the flag under a heading of the help.
func (f choiceFlag) in(category string) choiceFlag {
	f.Category = category
	return f
}

// otherwise says what happens where the flag is not given and has no default word.
func (f choiceFlag) otherwise(text string) choiceFlag {
	f.DefaultText = text
	return f
}

// alias takes other spellings of the values.
func (f choiceFlag) alias(also ...string) choiceFlag {
	f.also = also
	return f
}

// commonFlags are what every command takes, and what may stand before a command.
func commonFlags(u *ui) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Category: commonCategory, Usage: "print the answer as JSON, errors too",
			Destination: &u.json},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: commonCategory,
			Usage: "say nothing on standard error but errors", Destination: &u.quiet},
		choice("color", colorAuto, "colour the answer and the messages", colorAuto, colorAlways, colorNever).
			to(&u.color).in(commonCategory),
		&cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Category: commonCategory, Usage: "show this help"},
	}
}

// commonCategory is the last heading of the flags.
const commonCategory = "Everywhere"

func (f choiceFlag) to(v *string) choiceFlag {
	f.Destination = v
	return f
}

// under puts a flag under a heading of the help.
func under(heading string, f cli.Flag) cli.Flag {
	switch f := f.(type) {
	case choiceFlag:
		return f.in(heading)
	case *cli.StringFlag:
		f.Category = heading
	case *cli.StringSliceFlag:
		f.Category = heading
	case *cli.BoolFlag:
		f.Category = heading
	case *cli.IntFlag:
		f.Category = heading
	case *cli.Uint64Flag:
		f.Category = heading
	case *cli.Float64Flag:
		f.Category = heading
	}
	return f
}

// checkValue refuses a value that flag f cannot have.
func checkValue(f cli.Flag, name, value string) error {
	if value == "" {
		return fault.Hint(fault.Usagef("--%s has an empty value, %s", name, placeholder(f)),
			"leave --%s out for its default", name)
	}
	wanted := ""
	switch f := f.(type) {
	case choiceFlag:
		return f.check(name, value)
	case *cli.IntFlag, *cli.Int64Flag:
		if _, err := strconv.ParseInt(value, 0, 64); err != nil {
			wanted = "a whole number"
		}
	case *cli.Uint64Flag:
		if _, err := strconv.ParseUint(value, 0, 64); err != nil {
			wanted = "a whole number of at least 0"
		}
	case *cli.Float64Flag:
		if v, err := strconv.ParseFloat(value, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			wanted = "a number"
		}
	}
	if wanted != "" {
		return fault.Usagef("--%s: wanted %s, found %q", name, wanted, value)
	}
	return nil
}

func (f choiceFlag) check(name, value string) error {
	if slices.Contains(f.values, value) || slices.Contains(f.also, value) {
		return nil
	}
	err := fault.Usagef("--%s: wanted %s, found %q", name, either(f.values), value)
	if near := nearest(value, f.values, nil); near != "" {
		return fault.Hint(err, "did you mean --%s %s?", name, near)
	}
	return err
}

// either lists words: a, b or c.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// placeholder says what a flag's value is: one of its words, or the word that help uses.
func placeholder(f cli.Flag) string {
	if c, ok := f.(choiceFlag); ok {
		return either(c.values)
	}
	word, usage := usageOf(f)
	return fmt.Sprintf("%s (%s)", word, usage)
}

// usageOf splits a flag's usage as the flag package does: the word in backquotes names the value.
func usageOf(f cli.Flag) (word, usage string) {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return "", ""
	}
	usage = d.GetUsage()
	before, rest, ok := strings.Cut(usage, "`")
	if inner, after, closed := strings.Cut(rest, "`"); ok && closed {
		if plain, colon := strings.CutSuffix(before, ": "); colon {
			return inner, plain + after // "layers: `SIZE`, such as 2x" needs no SIZE beside the flag's
		}
		return inner, before + inner + after
	}
	if !d.TakesValue() {
		return "", usage
	}
	switch f.(type) {
	case *cli.StringFlag, *cli.StringSliceFlag:
		return "TEXT", usage
	case choiceFlag:
		return "WORD", usage
	}
	return "N", usage
}
