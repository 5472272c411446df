package main

import (
	"bytes"
	"strings"
	"testing"

	"famkit/internal/trainstate"
	"famkit/train"
)

// viewed sends events to a view without a terminal that is always due, and gives what it says.
func viewed(events ...train.Event) string {
	var b bytes.Buffer
	v := newTrainView(newUI(&b, &b))
	for _, e := range events {
		v.next = v.next.AddDate(-1, 0, 0)
		v.event(e)
	}
	return b.String()
}

func start(step, steps, evalEvery int, seconds float64) train.Event {
	s := trainstate.Settings{Steps: steps, EvalEvery: evalEvery, Precision: "f32"}
	return train.Event{Start: &train.StartRow{Step: step, Settings: s, StepTokens: 100, FLOPs: 1e9,
		Tokens:  int64(step) * 100,
		Seconds: seconds, EvalRows: int64(evalEvery)}}
}

func step(n int, seconds float64) train.Event {
	return train.Event{Step: &train.StepRow{Step: n, Tokens: int64(n) * 100, Seconds: seconds}}
}

// TestRateIsThatOfTheRun: the hours of earlier runs are not in the rate of a resumed one.
func TestRateIsThatOfTheRun(t *testing.T) {
	said := viewed(start(90, 100, 0, 36000), step(91, 36002))
	if !strings.Contains(said, "50 tokens/s") || !strings.Contains(said, "18s left") {
		t.Errorf("it said %q, want 50 tokens/s and 18s left", said)
	}
}

// TestEvaluationsAreNotInTheRate: nor are saves; and the time of evaluations to come is in the time left.
func TestEvaluationsAreNotInTheRate(t *testing.T) {
	said := viewed(start(0, 10, 5, 0), step(1, 2), train.Event{Eval: &train.EvalRow{Step: 1, Seconds: 102}},
		train.Event{Save: &train.SaveRow{Step: 1, Seconds: 302}}, step(2, 304))
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := lines[len(lines)-1]
	// 8 steps of 2 s, and evaluations of 100 s after steps 5 and 10.
	if !strings.Contains(last, "50 tokens/s") || !strings.Contains(last, "3m36s left") {
		t.Errorf("it said %q, want 50 tokens/s and 3m36s left", last)
	}
}

func TestSeamsThatDifferAreWarnedOf(t *testing.T) {
	before := 4.5
	eval := func(loss float64) string {
		return viewed(start(0, 10, 5, 0), train.Event{Eval: &train.EvalRow{Loss: loss, Before: &before}})
	}
	if said := eval(4.5001); !strings.Contains(said, "4.5000 before") || strings.Contains(said, "warning") {
		t.Errorf("equal but for rounding: %q", said)
	}
	if said := eval(4.9); !strings.Contains(said, "warning: the evaluation was 4.5000") {
		t.Errorf("another function: %q", said)
	}
}
