package family

import (
	"context"
	"fmt"
	"time"

	"famkit/internal/fault"
	"famkit/internal/trainstate"
	"famkit/train"
)

// Spend is a budget in one of three units; 0 is not given.
type Spend struct {
	FLOPs    float64
	GPUHours float64 // of one GPU
	Days     float64 // of Count GPUs, or of this machine where GPU is ""
	GPU      string
	Count    int
	MFU      float64
}

// probe is the model on which this machine is measured where no recipe names one: about 30M parameters.
var probe = Shape{Hidden: 512, Layers: 6, Heads: 8, KVHeads: 2, HeadDim: 64, FFN: 1536, Vocab: 16384, Tied: true}

// Operations turns the budget into operations, and says from what.
func (s Spend) Operations(ctx context.Context, about time.Duration) (flops float64, from string, err error) {
	given := 0
	for _, v := range []float64{s.FLOPs, s.GPUHours, s.Days} {
		if v < 0 {
			return 0, "", fault.Usagef("a budget is above 0, found %v", v)
		}
		if v > 0 {
			given++
		}
	}
	switch {
	case given != 1:
		return 0, "", fault.Usagef("wanted one of %v, %v and %v, above 0", fault.Arg("flops"), fault.Arg("gpu-hours"),
			fault.Arg("days"))
	case s.FLOPs > 0:
		return s.FLOPs, fmt.Sprintf("%.3g operations", s.FLOPs), nil
	case s.GPUHours > 0 && s.GPU == "":
		return 0, "", fault.Usagef("%v needs %v", fault.Arg("gpu-hours"), fault.Arg("gpu", "KIND"))
	case s.GPU != "":
		speed, err := GPUs(s.GPU, s.MFU, s.Count)
		if err != nil {
			return 0, "", err
		}
		if s.GPUHours > 0 {
			return speed.Peak * speed.MFU * s.GPUHours * 3600, fmt.Sprintf("%g hours of one %s at %g of its peak", s.GPUHours,
				speed.GPU, s.MFU), nil
		}
		return speed.of(0) * s.Days * 24 * 3600, fmt.Sprintf("%g days of %s at %g of their peak", s.Days, speed.Where, s.MFU),
			nil
	}
	sample, err := measureProbe(ctx, about)
	if err != nil {
		return 0, "", err
	}
	return sample.FLOPs * s.Days * 24 * 3600, fmt.Sprintf("%g days of this machine, measured at %.3g operations a second",
		s.Days, sample.FLOPs), nil
}

func measureProbe(ctx context.Context, about time.Duration) (*train.Sample, error) {
	config, err := (&Recipe{}).filledConfig(probe.config(256))
	if err != nil {
		return nil, err
	}
	ck, err := hollow(config.Bytes(), (&Recipe{}).dtype())
	if err != nil {
		return nil, err
	}
	return train.Measure(ctx, ck.Model, trainstate.Defaults(), about)
}
