package tokenizer

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"
	"strings"
	"unicode"

	"famkit/internal/fault"
)

// TrainOptions say what TrainBPE makes.
type TrainOptions struct {
	// VocabSize is the number of tokens wanted, special ones and the 256 bytes included. Text with few
	// different pairs may give fewer.
	VocabSize int
	// Specials are the special tokens; they get the ids from 0 on.
	Specials []string
	// MinFrequency is how often a pair must occur to be merged; 0 means 2.
	MinFrequency int64
}

// trainSplit is the pre-tokenizer of what TrainBPE makes: single digits, then the words of GPT-2.
var trainSplit = sequenceSplit{
	patternSplit{runePattern(unicode.IsNumber), isolated, false},
	byteLevelSplit{useRegex: true, rawWords: true},
}

// TrainBPE trains a byte-level BPE tokenizer on texts and gives its tokenizer.json. The result is a function
// of the multiset of texts and the options alone: pairs of equal frequency are merged in the order of their
// ids, as the tokenizers library does. An error among the texts ends the training.
func TrainBPE(texts iter.Seq2[string, error], o TrainOptions) ([]byte, error) {
	if o.MinFrequency == 0 {
		o.MinFrequency = 2
	}
	tr, err := newTrainer(o)
	if err != nil {
		return nil, err
	}
	for text, err := range texts {
		if err != nil {
			return nil, err
		}
		if err := tr.feed(text); err != nil {
			return nil, err
		}
	}
	if len(tr.words) == 0 {
		return nil, fault.Inputf("no text to train a tokenizer on")
	}
	tr.countPairs()
	for len(tr.tokens) < o.VocabSize && tr.mergeNext(o.MinFrequency) {
	}
	return tr.file(o.Specials)
}

// trainWord is a word of the training text: the tokens that it is made of so far.
type trainWord struct {
	ids   []int32
	count int64
}

// trainPair is a pair in the queue with the count that it had when it was put there.
type trainPair struct {
	count int64
	a, b  int32
}

type trainer struct {
	tokens []string // in the byte-level alphabet, by id
	ids    map[string]int32
	byteID [256]int32
	merges [][2]int32

	index  map[string]int32 // raw word -> its place in words
	words  []trainWord
	counts map[uint64]int64
	places map[uint64][]int32 // words in which a pair was seen; some may have lost it since
	queue  pairQueue
}

func newTrainer(o TrainOptions) (*trainer, error) {
	tr := &trainer{ids: map[string]int32{}, index: map[string]int32{}, counts: map[uint64]int64{},
		places: map[uint64][]int32{}}
	for _, s := range o.Specials {
		if _, ok := tr.ids[s]; ok || s == "" {
			return nil, fault.Usagef("special token %q is empty or given twice", s)
		}
		tr.addToken(s)
	}
	alphabet := slices.Sorted(slices.Values(byteRunes[:]))
	for _, r := range alphabet {
		if _, ok := tr.ids[string(r)]; ok {
			return nil, fault.Usagef("special token %q is a token of one byte", string(r))
		}
		tr.byteID[runeBytes[r]] = tr.addToken(string(r))
	}
	if o.VocabSize < len(tr.tokens) || o.VocabSize > maxID {
		return nil, fault.Usagef("vocabulary of %d tokens: wanted %d (256 bytes and the special tokens) to %d", o.VocabSize,
			len(tr.tokens), maxID)
	}
	return tr, nil
}

func (tr *trainer) addToken(s string) int32 {
	id := int32(len(tr.tokens))
	tr.tokens = append(tr.tokens, s)
	tr.ids[s] = id
	return id
}

// feed counts the words of a text.
func (tr *trainer) feed(text string) error {
	if text == "" {
		return nil
	}
	return trainSplit.split(validText(text), true, newWork(len(text)), func(word string, _ bool) error {
		i, ok := tr.index[word]
		if !ok {
			i = int32(len(tr.words))
			tr.index[strings.Clone(word)] = i
			ids := make([]int32, len(word))
			for k := range len(word) {
				ids[k] = tr.byteID[word[k]]
			}
			tr.words = append(tr.words, trainWord{ids: ids})
		}
		tr.words[i].count++
		return nil
	})
}

func (tr *trainer) countPairs() {
	tr.index = nil
	for i, w := range tr.words {
		for k := 0; k+1 < len(w.ids); k++ {
			tr.change(w.ids[k], w.ids[k+1], w.count, int32(i))
		}
	}
	for key, n := range tr.counts {
		tr.queue = append(tr.queue, trainPair{n, int32(key >> 32), int32(uint32(key))})
	}
	heap.Init(&tr.queue)
}

// change adds n to the count of a pair and, where n is positive, notes the word.
func (tr *trainer) change(a, b int32, n int64, word int32) {
	key := pairKey(a, b)
	tr.counts[key] += n
	if n <= 0 {
		return
	}
	if at := tr.places[key]; len(at) == 0 || at[len(at)-1] != word {
		tr.places[key] = append(at, word)
	}
}

// mergeNext merges the most frequent pair; false when none is frequent enough.
func (tr *trainer) mergeNext(minFrequency int64) bool {
	for len(tr.queue) > 0 {
		top := heap.Pop(&tr.queue).(trainPair)
		key := pairKey(top.a, top.b)
		if now := tr.counts[key]; now != top.count {
			if now > 0 {
				top.count = now
				heap.Push(&tr.queue, top)
			}
			continue
		}
		if top.count < minFrequency {
			return false
		}
		joined := tr.tokens[top.a] + tr.tokens[top.b]
		id, ok := tr.ids[joined]
		if !ok {
			id = tr.addToken(joined)
		}
		tr.merges = append(tr.merges, [2]int32{top.a, top.b})
		tr.apply(top.a, top.b, id)
		delete(tr.counts, key)
		delete(tr.places, key)
		return true
	}
	return false
}

// apply puts the token id in the place of the pair a, b in every word and queues the pairs that appear.
func (tr *trainer) apply(a, b, id int32) {
	fresh := map[uint64]struct{}{}
	for _, i := range tr.places[pairKey(a, b)] {
		w := &tr.words[i]
		out := w.ids[:0]
		for k := 0; k < len(w.ids); k++ {
			if k+1 == len(w.ids) || w.ids[k] != a || w.ids[k+1] != b {
				out = append(out, w.ids[k])
				continue
			}
			if n := len(out); n > 0 {
				tr.change(out[n-1], a, -w.count, i)
				tr.change(out[n-1], id, w.count, i)
				fresh[pairKey(out[n-1], id)] = struct{}{}
			}
			if k+2 < len(w.ids) {
				tr.change(b, w.ids[k+2], -w.count, i)
				tr.change(id, w.ids[k+2], w.count, i)
				fresh[pairKey(id, w.ids[k+2])] = struct{}{}
			}
			out = append(out, id)
			k++
		}
		w.ids = out
	}
	for key := range fresh {
		if n := tr.counts[key]; n > 0 {
			heap.Push(&tr.queue, trainPair{n, int32(key >> 32), int32(uint32(key))})
		}
	}
}

// pairQueue puts the most frequent pair first, of equal ones that of the lowest ids.
type pairQueue []trainPair

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].count, q[i].count), cmp.Compare(q[i].a, q[j].a), cmp.Compare(q[i].b, q[j].b)) < 0
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *pairQueue) Push(x any)   { *q = append(*q, x.(trainPair)) }
func (q *pairQueue) Pop() any {
	old := *q
	top := old[len(old)-1]
	*q = old[:len(old)-1]
	return top
}
