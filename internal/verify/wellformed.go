package verify

import (
	"fmt"

	"famkit/format"
	"famkit/internal/arch"
)

// wellFormed adds the checks of form. ok is false where one of the checkpoints cannot be understood.
func (r *Report) wellFormed(parent, child format.Source) (pck, cck *arch.Checkpoint, ok bool) {
	ok = true
	for _, side := range []struct {
		name string
		src  format.Source
		ck   **arch.Checkpoint
	}{{"parent", parent, &pck}, {"child", child, &cck}} {
		ck, found := recognised(side.src)
		c := Check{Name: side.name + " well-formed", Passed: ck != nil, Findings: found}
		if ck != nil {
			c.Summary = fmt.Sprintf("%s, %d tensors, %d layers, hidden %d", ck.Model.Spec.Name, len(ck.Tensors), ck.Model.Layers,
				ck.Model.Hidden)
		}
		r.add(c)
		ok = ok && ck != nil && faults(found) == 0
		*side.ck = ck
	}
	return pck, cck, ok
}

// incomparable adds what makes the models incomparable, and reports whether there is anything.
func (r *Report) incomparable(parent, child *arch.Checkpoint, grown bool) bool {
	found := comparable(parent, child, grown)
	if len(found) > 0 {
		r.add(Check{Name: "comparable", Passed: false, Findings: found, Summary: "the models cannot compute the same"})
	}
	return len(found) > 0
}

// recognised reads a checkpoint against its config, or a lone file by its tensors' names. The checkpoint is nil when it
// cannot be understood.
func recognised(src format.Source) (*arch.Checkpoint, []Finding) {
	if _, ok := format.ReadFile(src, configFile); !ok {
		ck, err := arch.BindLone(src)
		if err != nil {
			return nil, []Finding{faultf("", "%v", err)}
		}
		return ck, []Finding{notef("", "no %s: only what the tensors' names and shapes tell was checked", configFile)}
	}
	ck, found, err := arch.Check(src)
	var out []Finding
	for _, f := range found {
		level := Note
		if f.Fatal {
			level = Fault
		}
		out = append(out, Finding{level, "", f.Text})
	}
	if err != nil {
		if faults(out) == 0 {
			out = append(out, faultf("", "%v", err))
		}
		return nil, out
	}
	return ck, out
}
