package expand

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/growth"
	"famkit/internal/tensor"
)

// ConfigFile is the name of a model's configuration.
const ConfigFile = "config.json"

// proofFile is a proof that travels with a checkpoint.
const proofFile = "proof.json"

// child is the grown checkpoint as a view of its parent: no tensor is computed before it is read.
type child struct {
	names   []string
	tensors map[string]*grown
	source  func(bound string) string // the name of a bound tensor in the parent's source
	meta    map[string]string
	files   map[string][]byte
}

// Grown is the child as Apply gives it: a Source that also tells what it met while it was read.
type Grown interface {
	format.Source
	// NonFinite gives, by name, how many NaNs and infinities the tensors read so far held. A range that was read
	// twice counts twice.
	NonFinite() map[string]int64
	// From names the tensors of the parent's source that a tensor is made from. same: its bytes are those of the only one
	// as they stand.
	From(name string) (from []string, same bool)
}

// Apply gives the grown checkpoint. Its config.json says the new sizes, its plan.json carries the plan; every other
// file is the parent's, byte for byte.
func (g *Growth) Apply() Grown {
	ck := g.parent
	c := &child{tensors: map[string]*grown{}, source: sourceName(ck), meta: maps.Clone(ck.Source.Meta()),
		files: map[string][]byte{}}
	parents := map[string]tensor.Tensor{}
	for _, b := range ck.Tensors {
		parents[b.Info().Name] = b.Tensor
	}
	tables := &roundTables{}
	for i := range g.exprs {
		e := &g.exprs[i].Expr
		c.names = append(c.names, e.Info.Name)
		t := newGrown(e, parents)
		t.tables = tables
		c.tensors[e.Info.Name] = t
	}
	for name, data := range ck.Source.Files() {
		if name != proofFile { // it speaks of the parent
			c.files[name] = data
		}
	}
	if g.config != nil {
		c.files[ConfigFile] = g.config.Bytes()
	}
	c.files[growth.PlanFile] = g.Plan.JSON()
	return c
}

// Names lists the child's tensors in the order of its architecture.
func (c *child) Names() []string { return c.names }

// Tensor gives a lazy tensor of the child.
func (c *child) Tensor(name string) (tensor.Tensor, error) {
	t, ok := c.tensors[name]
	if !ok {
		return nil, fmt.Errorf("no tensor %q", name)
	}
	return t, nil
}

// Meta is the parent's header metadata.
func (c *child) Meta() map[string]string { return c.meta }

// Files are the side files.
func (c *child) Files() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, name := range slices.Sorted(maps.Keys(c.files)) {
			if !yield(name, c.files[name]) {
				return
			}
		}
	}
}

// NonFinite reports what is not a number in the tensors read so far.
func (c *child) NonFinite() map[string]int64 {
	out := map[string]int64{}
	for name, t := range c.tensors {
		if n := t.nonFinite.Load(); n > 0 {
			out[name] = n
		}
	}
	return out
}

// From says what a tensor is made from.
func (c *child) From(name string) (from []string, same bool) {
	t, ok := c.tensors[name]
	if !ok || t.e.reads() == nil {
		return nil, false
	}
	for _, bound := range t.e.reads() {
		from = append(from, c.source(bound))
	}
	return from, t.e.plainCopy()
}

// sourceName gives the name in ck's source of what a bound tensor lies in.
func sourceName(ck *arch.Checkpoint) func(string) string {
	stored := map[string]string{}
	for _, b := range ck.Tensors {
		stored[b.Info().Name] = arch.StoredAs(b.Tensor)
	}
	return func(bound string) string { return stored[bound] }
}
