package draw

import "testing"

// TestMix compares with the outputs of splitmix64.c by Sebastiano Vigna for the seed 1234567.
func TestMix(t *testing.T) {
	want := []uint64{
		6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
	}
	state := uint64(1234567)
	for i, w := range want {
		if got := Mix(state); got != w {
			t.Errorf("output %d: %d, want %d", i, got, w)
		}
		state += 0x9e3779b97f4a7c15
	}
	if Finish(0) != 0 {
		t.Error("the finaliser moves 0")
	}
}

func TestSigned(t *testing.T) {
	var sum float64
	for i := range uint64(1 << 16) {
		x := Signed(i)
		if x < -1 || x >= 1 {
			t.Fatal(x)
		}
		sum += x
	}
	if sum < -500 || sum > 500 { // its deviation is 148
		t.Errorf("the mean is %v", sum/(1<<16))
	}
}
