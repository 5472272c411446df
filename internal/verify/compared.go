package verify

import (
	"fmt"
	"slices"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/units"
)

// comparedCheck says what was compared beside the tensors, and what differs where it may. found are what stands
// against the checkpoints being equal as loaded; a proof has judged them by itself.
func comparedCheck(facts []arch.Fact, found []arch.Finding) Check {
	c := Check{Name: comparedName, Passed: true, Summary: strings.Join([]string{
		inWords(arch.ConfigFile, keysOf(facts, arch.ConfigFile)), inWords("tokenizer", tokenizerOf(facts)),
		inWords(arch.GenerationFile, keysOf(facts, arch.GenerationFile))}, "; ")}
	for _, f := range found {
		if f.Fatal {
			c.Findings = append(c.Findings, faultf("", "%s", f.Text))
		} else {
			c.Findings = append(c.Findings, notef("", "%s", f.Text))
		}
	}
	for _, f := range facts {
		// part of the models, which are compared themselves
		if !f.Differs() || f.Effect == arch.Read && f.File == arch.ConfigFile {
			continue
		}
		name := f.File
		if f.Key != "" {
			name += ": " + f.Key
		}
		c.Findings = append(c.Findings, notef(name, "%s in the parent, %s in the child: %s", shown(f.Parent), shown(f.Child),
			f.Why))
	}
	return c
}

// agreement counts what two checkpoints say alike and otherwise of one thing.
type agreement struct {
	same   int
	differ []string
}

func keysOf(facts []arch.Fact, file string) agreement {
	var a agreement
	for _, f := range facts {
		if f.File == file && f.Key != "" {
			a.add(f, f.Key)
		}
	}
	return a
}

// tokenizerOf compares the files that say what texts become.
func tokenizerOf(facts []arch.Fact) agreement {
	var a agreement
	for _, f := range facts {
		if f.Key == "" && arch.OfTokenizer(f.File) {
			a.add(f, f.File)
		}
	}
	return a
}

func (a *agreement) add(f arch.Fact, name string) {
	if f.Differs() {
		a.differ = append(a.differ, name)
	} else {
		a.same++
	}
}

// inWords says how two checkpoints agree on a thing.
func inWords(what string, a agreement) string {
	slices.Sort(a.differ)
	switch n := len(a.differ); {
	case n == 0 && a.same == 0:
		return "no " + what
	case n == 0:
		return "same " + what
	case what == "tokenizer":
		return fmt.Sprintf("not the same tokenizer (%s)", strings.Join(a.differ, ", "))
	default:
		return fmt.Sprintf("%s: %s alike, %s not (%s)", what, units.Plural(a.same, "key"), fmt.Sprint(n),
			strings.Join(a.differ, ", "))
	}
}

func shown(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
