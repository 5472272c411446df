package verify

import (
	"os"
	"path/filepath"
	"strings"

	"famkit/format"
	"famkit/internal/arch"
	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/growth"
	"famkit/internal/infile"
)

// Lineage is what lies beside a child: the plan of the growth that made it.
type Lineage struct {
	Plan *growth.Plan // nil: there is none
	File string       // where it lies
	Path string       // the child's
	// Unread says why there may be a plan that was not read: the child's own tensors are not understood.
	Unread error
	// limit are the child's sizes, above which no plan that led to it speaks.
	limit growth.Sizes
}

// FindPlan reads the plan of the child at path: inside its directory or beside its lone file.
func FindPlan(path string, child format.Source) (*Lineage, error) {
	l := &Lineage{Path: path, File: growth.PlanPath(path)}
	data, inside := format.ReadFile(child, growth.PlanFile)
	switch {
	case inside:
		dir := path
		info, err := disk.StatOf(path)
		if err != nil {
			return l, fault.OS(err)
		}
		if !info.IsDir() {
			dir = filepath.Dir(path)
		}
		l.File = filepath.Join(dir, growth.PlanFile)
	case !strings.HasSuffix(path, ".safetensors"):
		return l, nil
	default:
		var err error
		if data, err = infile.Read(l.File); disk.Absent(err) {
			return l, nil
		} else if err != nil {
			return l, err
		}
	}
	bind := arch.Bind
	if _, ok := format.ReadFile(child, configFile); !ok {
		bind = arch.BindLone
	}
	ck, err := bind(child)
	if err != nil {
		l.Unread = err
		return l, nil
	}
	l.limit = growth.SizesOf(ck.Model)
	l.Plan, err = growth.ParsePlan(l.File, data, l.limit)
	return l, err
}

// Parent is the path of the parent that the plan names, which is relative to the plan.
func (l *Lineage) Parent() (string, error) {
	if l.Unread != nil {
		return "", l.Unread
	}
	if l.Plan == nil {
		return "", fault.Hint(fault.Inputf("%s: has no %s that would name its parent", l.Path, growth.PlanFile),
			"famkit verify PARENT %s", l.Path)
	}
	path := parentOf(l.File, l.Plan)
	there, err := disk.Exists(path)
	if err != nil {
		return "", fault.OS(err)
	}
	if !there {
		return "", fault.Hint(fault.Inputf("%s: names the parent %s, which is not there", l.File, path),
			"famkit verify PARENT %s", l.Path)
	}
	return path, nil
}

func parentOf(file string, p *growth.Plan) string {
	if filepath.IsAbs(p.Parent.Path) {
		return p.Parent.Path
	}
	return filepath.Join(filepath.Dir(file), p.Parent.Path)
}

// From collects the plans that lead from the checkpoint at ancestor down to the child, the first growth first. Where
// they do not lead there it is the child's own plan, which must then fit the ancestor.
func (l *Lineage) From(ancestor string, ck *arch.Checkpoint) ([]*growth.Plan, error) {
	if l.Plan == nil {
		return nil, nil
	}
	plans, file := []*growth.Plan{l.Plan}, l.File
	for range LongestChain {
		path := parentOf(file, plans[0])
		if samePath(path, ancestor) {
			return plans, nil
		}
		file = growth.PlanPath(path)
		b, err := infile.Read(file)
		if disk.Absent(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		p, err := growth.ParsePlan(file, b, l.limit)
		if err != nil {
			return nil, err
		}
		plans = append([]*growth.Plan{p}, plans...)
	}
	if ck != nil {
		if err := l.Plan.StartsFrom(ck.Model); err != nil {
			return nil, fault.Hint(fault.Inputf("%s and %s: %w; the plans that would lead there, from %s on, are not all here",
				l.File, ancestor, err, l.Plan.Parent.Path), "verify each growth by itself, or %v", fault.Arg("infer"))
		}
	}
	return []*growth.Plan{l.Plan}, nil
}

func samePath(a, b string) bool {
	x, err := disk.StatOf(a)
	if err != nil {
		return false
	}
	y, err := disk.StatOf(b)
	return err == nil && os.SameFile(x, y)
}

// Claim settles what the proof starts from: the child's own plan, which is given back where the child is directly
// made by it, or the plans from a parent of its parent down, which become a claim.
func (l *Lineage) Claim(parentPath string, parent format.Source, o *Options) (*growth.Plan, error) {
	ck, err := arch.Bind(parent)
	if err != nil {
		ck = nil // who compares says what is wrong with it
	}
	plans, err := l.From(parentPath, ck)
	if err != nil || len(plans) == 0 {
		return nil, err
	}
	if len(plans) == 1 {
		return plans[0], nil
	}
	o.note("%d growths lie between %s and the child: their plans are followed one after the other", len(plans), parentPath)
	o.Claim, err = Chain(plans)
	return nil, err
}
