package verify

import (
	"famkit/expand"
	"famkit/format"
	"famkit/internal/arch"
)

// wellFormed recognises a checkpoint against its config, or a lone file by its tensors' names. The checkpoint is nil
// when it cannot be understood.
func wellFormed(src format.Source) (*arch.Checkpoint, []Finding) {
	if _, ok := format.ReadFile(src, expand.ConfigFile); !ok {
		ck, err := arch.BindLone(src)
		if err != nil {
			return nil, []Finding{faultf("", "%v", err)}
		}
		return ck, []Finding{notef("", "no %s: only what the tensors' names and shapes tell was checked", expand.ConfigFile)}
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
