package generate

import (
	"math"
	"slices"
	"sort"

	"famkit/internal/draw"
	"famkit/internal/fault"
)

// Sampling says how the next token is chosen, in the terms of transformers.
type Sampling struct {
	// Greedy takes the most likely token; nothing is drawn.
	Greedy bool `json:"greedy"`
	// Temperature divides the logits, above 0.
	Temperature float64 `json:"temperature"`
	// TopK keeps the k most likely tokens, and those as likely as the last of them; 0 keeps all.
	TopK int `json:"top_k"`
	// TopP keeps the most likely tokens whose probabilities add up to it, in (0, 1].
	TopP float64 `json:"top_p"`
	// RepetitionPenalty makes tokens less likely that were there before: their logits are divided by it where they are
	// above 0 and multiplied where below (Keskar et al. 2019). 1: none.
	RepetitionPenalty float64 `json:"repetition_penalty"`
	Seed              uint64  `json:"seed"`
}

// Check refuses settings that cannot be (kind Usage).
func (s *Sampling) Check() error {
	for _, c := range []struct {
		ok           bool
		name, wanted string
		found        any
	}{
		{s.Greedy || s.Temperature > 0 && !math.IsInf(s.Temperature, 0), "temperature", "a number above 0", s.Temperature},
		{s.TopK >= 0, "top-k", "0 or more tokens", s.TopK},
		{s.Greedy || s.TopP > 0 && s.TopP <= 1, "top-p", "a probability above 0, at most 1", s.TopP},
		{s.RepetitionPenalty > 0 && !math.IsInf(s.RepetitionPenalty, 0), "repetition-penalty", "a number above 0",
			s.RepetitionPenalty},
	} {
		if !c.ok {
			return fault.Usagef("%v: wanted %s, found %v", fault.Arg(c.name), c.wanted, c.found)
		}
	}
	return nil
}

// next chooses the token number n of a continuation; z are the logits, which are overwritten. What is drawn is a
// function of (seed, n).
func (s *Sampling) next(z []float64, before []int32, n int) int32 {
	s.penalise(z, before)
	if s.Greedy {
		return largest(z)
	}
	p := s.probabilities(z)
	u := float64(draw.Mix(draw.Mix(s.Seed)^uint64(n))>>11) / (1 << 53)
	last := int32(0)
	for i, v := range p {
		if v == 0 {
			continue
		}
		if last = int32(i); u < v {
			return last
		}
		u -= v
	}
	return last // rounding: the probabilities added up to a little less than 1
}

func (s *Sampling) penalise(z []float64, before []int32) {
	if s.RepetitionPenalty == 1 {
		return
	}
	done := map[int32]bool{}
	for _, id := range before {
		if done[id] {
			continue
		}
		done[id] = true
		if z[id] < 0 {
			z[id] *= s.RepetitionPenalty
		} else {
			z[id] /= s.RepetitionPenalty
		}
	}
}

// largest is the first of the largest.
func largest(z []float64) int32 {
	best := 0
	for i, v := range z {
		if v > z[best] {
			best = i
		}
	}
	return int32(best)
}

// probabilities turns logits into the probabilities to draw from, in the order of transformers' generate:
// temperature, top-k, top-p.
func (s *Sampling) probabilities(z []float64) []float64 {
	for i := range z {
		z[i] /= s.Temperature
	}
	if s.TopK > 0 && s.TopK < len(z) {
		sorted := slices.Clone(z)
		slices.Sort(sorted)
		least := sorted[len(z)-s.TopK]
		for i, v := range z {
			if v < least {
				z[i] = math.Inf(-1)
			}
		}
	}
	if s.TopP < 1 {
		s.nucleus(z)
	}
	return softmax(z)
}

// nucleus leaves out the least likely tokens whose probabilities together are at most 1 - TopP, never the most likely
// one.
func (s *Sampling) nucleus(z []float64) {
	p := softmax(slices.Clone(z))
	order := make([]int, len(z))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return z[order[i]] < z[order[j]] })
	sum := 0.0
	for _, i := range order[:len(order)-1] {
		if sum += p[i]; sum > 1-s.TopP {
			return
		}
		z[i] = math.Inf(-1)
	}
}

// softmax overwrites logits with probabilities.
func softmax(z []float64) []float64 {
	top, sum := slices.Max(z), 0.0
	for i, v := range z {
		z[i] = math.Exp(v - top)
		sum += z[i]
	}
	for i := range z {
		z[i] /= sum
	}
	return z
}
