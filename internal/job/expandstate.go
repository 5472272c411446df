package job

import (
	"path/filepath"

	"famkit/expand"
	"famkit/format"
	"famkit/internal/disk"
	"famkit/internal/fault"
	"famkit/internal/trainstate"
)

// training is the state of a training that lies in a parent's directory; nil where there is none or it is left behind.
type training struct {
	moments format.Handle
	state   *trainstate.State // nil: moments without a training
	how     expand.OptimizerState
}

// openTraining opens the state that a parent has, unless it is to be dropped. how is "" where nothing was asked for.
func openTraining(parent string, how expand.OptimizerState) (*training, error) {
	asked := how != "" && how != expand.DropState
	if how == "" {
		how = expand.KeepState
	}
	path := filepath.Join(parent, trainstate.OptimizerFile)
	switch there, err := disk.Exists(path); {
	case err != nil:
		return nil, fault.OS(err)
	case !there && asked:
		return nil, fault.Inputf("%v: %s: not found", fault.Arg("optimizer", how), path)
	case !there || how == expand.DropState:
		return nil, nil
	}
	t := &training{how: how}
	var err error
	if trainstate.Is(parent) {
		if t.state, err = trainstate.Read(parent); err != nil {
			return nil, err
		}
		if s := t.state; s.HandOver.Left(s.Step) > 0 {
			return nil, fault.Hint(fault.Inputf("%s: its training is handing blocks over to their copies, which ends at step "+
				"%d; it is at %d",
				parent, s.HandOver.To, s.Step), "%v leaves the training behind", fault.Arg("optimizer", "drop"))
		}
	}
	if t.moments, err = format.Open(path); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *training) close() {
	if t != nil {
		_ = t.moments.Close()
	}
}

// grow adds the grown state to what is written beside the weights.
func (t *training) grow(p *expand.Growth, out format.Source, o *format.WriteOptions) (format.Source, error) {
	if t == nil {
		return out, nil
	}
	moments, err := p.Optimizer(t.moments, t.how)
	if err != nil {
		return nil, err
	}
	o.Extra = map[string]format.Source{trainstate.OptimizerFile: moments}
	if t.state == nil {
		return out, nil
	}
	config, _ := format.ReadFile(out, configFile)
	b, err := trainstate.Grow(t.state, config, string(t.how)).Bytes()
	if err != nil {
		return nil, err
	}
	return format.WithFiles(out, map[string][]byte{trainstate.StateFile: b}), nil
}
