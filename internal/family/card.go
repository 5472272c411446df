package family

import (
	"fmt"
	"path/filepath"
	"strings"

	"famkit/internal/output"
	"famkit/internal/units"
)

// CardFile is the model card of a member, as the Hugging Face hub shows it.
const CardFile = "README.md"

// card writes the model card beside a member.
func (f *family) card(w *work, res *Result) error {
	return output.Write(filepath.Join(f.output(w), CardFile), []byte(f.cardText(w, res)), output.Replace)
}

// cardText is a function of the recipe and of what was trained, without times, so that the same family has the same
// cards.
func (f *family) cardText(w *work, res *Result) string {
	var b strings.Builder
	m := f.p.models[w.member]
	say := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	say("---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- famkit\n- model-family\n- %s\n---\n",
		m.Spec.Name)
	say("# %s: member %s\n", f.r.Name, w.Member)
	switch {
	case w.Arm == Independent:
		say("Trained from random weights, to compare with the member of the same size that was grown.\n")
	case w.member == 0:
		say("The smallest member of the family, trained from random weights.\n")
	default:
		say("Grown from member %s, proved to compute the same, and trained on (arXiv 2504.00623).\n",
			f.r.Members[w.member-1].Name)
	}
	say("| | |\n| --- | --- |")
	row := func(name, format string, a ...any) { say("| %s | "+format+" |", append([]any{name}, a...)...) }
	row("architecture", "%s, %d layers, hidden %d, %d heads, %d kv heads", m.Spec.Name, m.Layers, m.Hidden, m.Heads,
		m.KVHeads)
	row("parameters", "%s", units.Count(m.Params()))
	row("tokens seen", "%s", units.Count(f.p.seen(w.Stage)))
	if res.Eval != nil {
		row("held-out loss", "%.4f nats a token", *res.Eval)
	}
	row("weights", "`%s` (digest of the tensors)", res.Digest)
	row("made of", "`%s` (digest of all it depends on)", w.key)
	if data := w.inputs["data"]; data != "" {
		row("data", "`%s` (digest of the files)", data)
	}
	say("\nIts way, first stage first:\n")
	for _, x := range f.way(w) {
		say("1. `%s`: %s", x.id, x.does())
	}
	say("\n```\nfamkit family run %s\n```", filepath.Base(f.r.path))
	return b.String()
}

// way are the stages that lead to an output, the first one first.
func (f *family) way(w *work) (list []*work) {
	for ; w != nil; w = f.find(w.From) {
		list = append([]*work{w}, list...)
	}
	return list
}

// does says what a stage does.
func (w *work) does() string {
	switch w.Kind {
	case Grow:
		return "grown to " + w.inputs["sizes"] + ", proved"
	case Train:
		return fmt.Sprintf("%s, %s at %g, %s", units.Plural(w.Steps, "step"), w.Schedule, w.Rate,
			units.Plural(int(w.Tokens), "token"))
	}
	return string(w.Kind)
}
