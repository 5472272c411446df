package proof

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"famkit/internal/arch"
	"famkit/internal/fault"
	"famkit/internal/runs"
	"famkit/internal/strictjson"
	"famkit/internal/units"
)

// Schema is the version of a stored proof's layout.
const Schema = 2

// mapText is a map as it is stored: its lists as runs.
type mapText struct {
	Src   string       `json:"src"`
	Scale [][2]float64 `json:"scale,omitempty"`
}

// claimText is a claim as it is stored. A few characters of it can stand for millions of indices, so it is read against
// the models that it speaks of.
type claimText struct {
	Layers  []int                         `json:"layers"`
	Maps    map[arch.Axis]mapText         `json:"maps,omitempty"`
	Inside  map[int]map[arch.Axis]mapText `json:"inside,omitempty"`
	Shards  int                           `json:"shards,omitempty"`
	Rounded []Step                        `json:"rounded,omitempty"`

	Rewritten *rewritingText `json:"rewritten,omitempty"`
}

func (m Map) text() mapText { return mapText{runs.Indices(m.Src), runs.Scales(m.Scale)} }

// MarshalJSON writes the claim with its lists as runs; see package runs.
func (c *Claim) MarshalJSON() ([]byte, error) {
	t := claimText{Layers: c.Layers, Maps: map[arch.Axis]mapText{}, Inside: map[int]map[arch.Axis]mapText{},
		Shards: c.Shards, Rounded: c.Rounded, Rewritten: c.Rewritten.text()}
	for a, m := range c.Maps {
		t.Maps[a] = m.text()
	}
	for layer, own := range c.Inside {
		t.Inside[layer] = map[arch.Axis]mapText{}
		for a, m := range own {
			t.Inside[layer][a] = m.text()
		}
	}
	return json.Marshal(t)
}

// claim reads the maps. Each has as many indices as the child has along its axis.
func (t *claimText) claim(parent, child *arch.Model) (*Claim, error) {
	c := &Claim{Layers: t.Layers, Maps: map[arch.Axis]Map{}, Shards: t.Shards, Rounded: t.Rounded}
	var err error
	if c.Rewritten, err = t.Rewritten.rewriting(child); err != nil {
		return nil, err
	}
	parent, child = c.Rewritten.presented(parent), c.Rewritten.presented(child)
	read := func(a arch.Axis, m mapText) (Map, error) {
		if !slices.Contains(along, a) {
			return Map{}, fmt.Errorf("axis %q: unknown", a)
		}
		from, to := parent.Size(a), child.Size(a)
		if a == arch.FFN && parent.MoE == nil && child.MoE != nil { // a dense MLP, whole or in parts
			to = max(1, min(t.Shards, child.MoE.Experts)) * child.MoE.FFN
		}
		if a == arch.ExpertFFN && parent.MoE == nil {
			from = parent.FFN
		}
		var out Map
		var err error
		if out.Src, err = runs.ParseIndices(m.Src, to, from); err == nil {
			out.Scale, err = runs.ParseScales(m.Scale, to)
		}
		if err != nil {
			return Map{}, fmt.Errorf("axis %s: %w", a, err)
		}
		return out, nil
	}
	for _, a := range slices.Sorted(maps.Keys(t.Maps)) {
		m, err := read(a, t.Maps[a])
		if err != nil {
			return nil, err
		}
		c.Maps[a] = m
	}
	for _, layer := range slices.Sorted(maps.Keys(t.Inside)) {
		if layer < 0 || layer >= child.Layers {
			return nil, fmt.Errorf("maps are given for layer %d, the child has %d layers", layer, child.Layers)
		}
		for _, a := range slices.Sorted(maps.Keys(t.Inside[layer])) {
			m, err := read(a, t.Inside[layer][a])
			if err != nil {
				return nil, fmt.Errorf("layer %d: %w", layer, err)
			}
			c.Set(layer, a, m)
		}
	}
	return c, nil
}

// JSON is the proof as it is stored.
func (p *Proof) JSON() []byte {
	b, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		panic(err) // plain data
	}
	return append(b, '\n')
}

// Stored is a proof as it was read. Nothing of it is believed: its claim is proved again.
type Stored struct {
	Proof
	text claimText
	name string
}

// Parse reads a stored proof. name is the file, for errors.
func Parse(name string, b []byte) (*Stored, error) {
	var in struct {
		Proof
		Claim *claimText `json:"claim"`
	}
	if err := strictjson.Unmarshal(b, &in); err != nil {
		return nil, fault.Inputf("%s: not a proof: %w", name, err)
	}
	if in.Schema != Schema {
		return nil, fault.Inputf("%s: proof schema %d, want %d", name, in.Schema, Schema)
	}
	if in.Claim == nil || in.Parent.Path == "" || in.Child.Path == "" {
		return nil, fault.Inputf("%s: names no parent, no child or no maps", name)
	}
	return &Stored{in.Proof, *in.Claim, name}, nil
}

// Claimed reads what the stored proof claims of two models.
func (s *Stored) Claimed(parent, child *arch.Model) (*Claim, error) {
	c, err := s.text.claim(parent, child)
	if err != nil {
		return nil, fault.Inputf("%s: claim: %w", s.name, err)
	}
	return c, nil
}

// Summary says the verdict in a line, with the worst rounding where there is any.
func (p *Proof) Summary() string {
	n := 0
	var bad []string
	for _, c := range p.Conditions {
		n += c.Checked
		if c.Verdict == Different {
			bad = append(bad, c.Name)
		}
	}
	switch p.Verdict {
	case Exact:
		return fmt.Sprintf("exact for every input, %d conditions on %s", n, units.Bytes(p.Bytes))
	case Rounded:
		s := fmt.Sprintf("within rounding for every input, %d conditions on %s; %s", n, units.Bytes(p.Bytes), p.Bound)
		if ulp, where := p.WorstULP(); ulp > 0 {
			s += fmt.Sprintf("; the worst is off by %.2g, or %.2f ulp, in %s", p.Moved, ulp, where)
		}
		return s
	}
	return "different: " + strings.Join(bad, ", ")
}
