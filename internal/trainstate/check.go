package trainstate

import (
	"fmt"
	"math"
	"slices"

	"famkit/internal/fault"
)

// The largest values that settings take. They are far beyond any machine, and small enough that the products of sizes
// stay exact and that nothing takes memory in proportion to a mistyped number.
const (
	maxThreads = 4096
	maxSize    = 1 << 30
	maxPass    = 1 << 30 // tokens of a micro-batch
	maxTokens  = 1 << 60 // of a whole training
)

// Check refuses settings that cannot be, or that contradict each other (kind Usage). The sizes of the data are not
// known yet, so a warm-up is not compared with the number of steps; Schedule.Check does that.
func (s *Settings) Check() error {
	for _, c := range []struct {
		ok     bool
		name   string
		wanted string
		found  any
	}{
		{s.Steps >= 0, "steps", "0 or more", s.Steps},
		{s.Batch >= 1 && s.Batch <= maxSize, "batch", "1 or more rows", s.Batch},
		{s.Seq >= 1 && s.Seq <= maxSize, "seq", "1 or more tokens", s.Seq},
		{s.Accum >= 1 && s.Accum <= maxSize, "accum", "1 or more micro-batches", s.Accum},
		{s.WeightDecay >= 0 && finite(s.WeightDecay), "weight-decay", "0 or more", s.WeightDecay},
		{s.Beta1 >= 0 && s.Beta1 < 1, "beta1", "at least 0 and below 1", s.Beta1},
		{s.Beta2 >= 0 && s.Beta2 < 1, "beta2", "at least 0 and below 1", s.Beta2},
		{s.Eps > 0 && finite(s.Eps), "eps", "a number above 0", s.Eps},
		{s.Clip >= 0 && finite(s.Clip), "clip", "0 or more", s.Clip},
		{s.HandOver >= 0 && s.HandOver <= 1, "hand-over", "a part of the steps, from 0 to 1", s.HandOver},
		{s.EvalEvery >= 0, "eval-every", "0 or more steps", s.EvalEvery},
		{s.Keep >= 0, "keep", "0 or more checkpoints", s.Keep},
		{s.KeepEvery >= 0, "keep-every", "0 or more steps", s.KeepEvery},
		{s.SaveEvery >= 0, "save-every", "0 or more steps", s.SaveEvery},
		{s.EvalFraction >= 0 && s.EvalFraction < 1, "eval-fraction", "at least 0 and below 1", s.EvalFraction},
		{slices.Contains([]string{"", "uint16", "uint32"}, s.TokenDType), "token-dtype", "uint16 or uint32",
			quoted(s.TokenDType)},
		{slices.Contains([]string{"", "f32", "bf16", "f64"}, s.Precision), "precision", "f32, bf16 or f64",
			quoted(s.Precision)},
		{slices.Contains([]string{"", OnlyNew}, s.TrainOnly), "train-only", OnlyNew, quoted(s.TrainOnly)},
		{s.Threads >= 0 && s.Threads <= maxThreads, "threads", fmt.Sprintf("0 to %d", maxThreads), s.Threads},
	} {
		if !c.ok {
			return fault.Usagef("%v: wanted %s, found %v", fault.Arg(c.name), c.wanted, c.found)
		}
	}
	if tokens := float64(s.Steps) * float64(s.Batch) * float64(s.Seq) * float64(s.Accum); tokens > maxTokens {
		return fault.Usagef("%v, %v, %v and %v: %.3g tokens in all, wanted at most %.3g", fault.Arg("steps"),
			fault.Arg("batch"),
			fault.Arg("seq"), fault.Arg("accum"), tokens, float64(maxTokens))
	}
	if rows := int64(s.Batch) * int64(s.Seq); rows > maxPass {
		return fault.Usagef("%v and %v: %d tokens in a micro-batch, wanted at most %d", fault.Arg("batch"), fault.Arg("seq"),
			rows, int64(maxPass))
	}
	if s.EvalFraction > 0 && s.Eval != "" {
		return fault.Usagef("%v and %v contradict each other", fault.Arg("eval"), fault.Arg("eval-fraction"))
	}
	if s.HandOver > 0 && s.TrainOnly != "" {
		return fault.Hint(fault.Usagef("%v moves weights of blocks that %v leaves alone", fault.Arg("hand-over", s.HandOver),
			fault.Arg("train-only", s.TrainOnly)), "%v leaves the hand-over out", fault.Arg("hand-over", 0))
	}
	if err := s.checkEvalSets(); err != nil {
		return err
	}
	early := s.Rate()
	early.Warmup = 0
	return early.Check()
}

// checkEvalSets refuses two sets of one name, which no log could tell apart.
func (s *Settings) checkEvalSets() error {
	seen := map[string]string{}
	for _, set := range s.EvalSets() {
		if other, again := seen[set.Name]; again {
			return fault.Hint(fault.Usagef("%v: %s and %s are both called %q", fault.Arg("eval"), other, set.Path, set.Name),
				"%v names a set", fault.Arg("eval", "NAME=PATH"))
		}
		seen[set.Name] = set.Path
	}
	return nil
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
