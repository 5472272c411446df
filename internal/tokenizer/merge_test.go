package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// plainMerge is the definition: the pair of lowest rank, of those the leftmost, until none is left.
func plainMerge(m *bpe, ids []int32) []int32 {
	ids = slices.Clone(ids)
	for {
		best, at := pairRank{rank: noRank}, -1
		for i := 0; i+1 < len(ids); i++ {
			if p := m.pair(ids[i], ids[i+1]); p.rank < best.rank {
				best, at = p, i
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.id)
	}
}

// abModel merges over two letters, so that candidates overlap and expire all the time.
func abModel() *bpe {
	m := &bpe{vocab: map[string]int32{"a": 0, "b": 1}, merges: map[uint64]pairRank{}, unk: -1}
	for rank, p := range strings.Fields("a+b b+a ab+ab a+a aa+b ba+ba b+b ab+a bb+ab abab+a aa+aa") {
		left, right, _ := strings.Cut(p, "+")
		if _, ok := m.vocab[left+right]; !ok {
			m.vocab[left+right] = int32(len(m.vocab))
		}
		if err := m.addMerge(int32(rank), left, right); err != nil {
			panic(err)
		}
	}
	return m
}

func TestMergeOrders(t *testing.T) {
	m, w, rng := abModel(), newWorker(), rand.New(rand.NewPCG(3, 4))
	for n := range 400 {
		ids := make([]int32, n%97+1)
		for i := range ids {
			ids[i] = int32(rng.IntN(2))
		}
		want := plainMerge(m, ids)
		if got := m.mergeQueue(slices.Clone(ids), w); !slices.Equal(got, want) {
			t.Fatalf("queue: %v gives %v, wanted %v", ids, got, want)
		}
		if len(ids) <= maxScanned {
			if got := m.mergeScan(slices.Clone(ids)); !slices.Equal(got, want) {
				t.Fatalf("scan: %v gives %v, wanted %v", ids, got, want)
			}
		}
	}
}

// TestCacheForgets fills the cache beyond its bound: the ids stay right and the memory bounded.
func TestCacheForgets(t *testing.T) {
	tok := loadFixture(t, "gpt2.json")
	w := newWorker()
	first, err := tok.encodeText(nil, "the growth", w, newWork(10))
	if err != nil {
		t.Fatal(err)
	}
	word := []byte("aaaaaa")
	for range maxCachedWords + 10 {
		for i := 0; ; i++ {
			if word[i]++; word[i] <= 'z' {
				break
			}
			word[i] = 'a'
		}
		tok.model.encode(nil, string(word), w)
		if len(w.cache) > maxCachedWords || len(w.arena) > maxCachedIDs+maxCachedWord {
			t.Fatalf("the cache holds %d words and %d ids", len(w.cache), len(w.arena))
		}
	}
	again, err := tok.encodeText(nil, "the growth", w, newWork(10))
	if err != nil || !slices.Equal(first, again) {
		t.Errorf("ids %v, wanted %v (%v)", again, first, err)
	}
}

// TestConcurrent runs one tokenizer from many goroutines (for the race detector).
func TestConcurrent(t *testing.T) {
	var g golden
	readJSON(t, "llama3.golden", &g)
	tok := loadFixture(t, "llama3.json")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, text := range g.Texts {
				if ids, err := tok.Encode(text, true); err != nil || !slices.Equal(ids, g.Cases[i].Special) {
					t.Errorf("%q: %v (%v)", text, ids, err)
				}
			}
		})
	}
	wg.Wait()
}
