package corpus

import "testing"

func TestPermutationIsABijection(t *testing.T) {
	for _, n := range []uint64{1, 2, 3, 5, 16, 17, 1000, 4097} {
		p := newPermutation(n, 7, 3)
		seen := make([]bool, n)
		for i := range n {
			j := p.at(i)
			if j >= n || seen[j] {
				t.Fatalf("n %d: %d goes to %d, outside or taken", n, i, j)
			}
			seen[j] = true
		}
	}
}

func TestPermutationDependsOnSeedAndEpoch(t *testing.T) {
	const n = 1000
	same := func(a, b permutation) (k int) {
		for i := range uint64(n) {
			if a.at(i) == b.at(i) {
				k++
			}
		}
		return k
	}
	a := newPermutation(n, 1, 0)
	for name, b := range map[string]permutation{"seed": newPermutation(n, 2, 0), "epoch": newPermutation(n, 1, 1)} {
		if k := same(a, b); k > 20 {
			t.Errorf("another %s: %d of %d stay in place", name, k, n)
		}
	}
	if k := same(a, newPermutation(n, 1, 0)); k != n {
		t.Errorf("the same key gives another order: %d of %d agree", k, n)
	}
}
