package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// pairRank is what merging two tokens gives: the rank of the merge (lower goes first) and the new token.
type pairRank struct{ rank, id int32 }

// bpe is byte pair encoding over a fixed list of merges.
type bpe struct {
	vocab        map[string]int32
	merges       map[uint64]pairRank // key: pairKey(left, right)
	unk          int32               // -1: none
	missingUnk   string              // the unk_token where the vocabulary lacks it
	fuseUnk      bool
	byteFallback [256]int32 // <0xNN>; valid where hasFallback
	hasFallback  [256]bool
	ignoreMerges bool
	prefix       string // continuing_subword_prefix
	suffix       string // end_of_word_suffix

	// Words come as raw bytes, and the model maps them to the byte-level alphabet itself.
	rawBytes bool
	byteID   [256]int32       // id of each byte's token, or -1
	rawVocab map[string]int32 // with ignoreMerges: tokens by the bytes that they stand for
}

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

func (m *bpe) tokenID(token string) (int32, bool) {
	id, ok := m.vocab[token]
	return id, ok
}

// takeRawBytes makes the model read raw words in the place of words in the byte-level alphabet.
func (m *bpe) takeRawBytes() {
	m.rawBytes = true
	for b, r := range byteRunes {
		m.byteID[b] = -1
		if id, ok := m.vocab[string(r)]; ok {
			m.byteID[b] = id
		}
	}
	if m.ignoreMerges {
		m.rawVocab = make(map[string]int32, len(m.vocab))
		for token, id := range m.vocab {
			if raw, ok := fromByteAlphabet(nil, token); ok {
				m.rawVocab[string(raw)] = id
			}
		}
	}
}

// neverUnknown says that every word can be spelled, so that no unknown token is needed.
func (m *bpe) neverUnknown() bool {
	if !m.rawBytes || m.prefix != "" || m.suffix != "" {
		return false
	}
	for _, id := range m.byteID {
		if id < 0 {
			return false
		}
	}
	return true
}

func (m *bpe) encode(dst []int32, word string, w *worker) []int32 {
	if word == "" {
		return dst
	}
	if m.ignoreMerges {
		whole := m.vocab
		if m.rawBytes {
			whole = m.rawVocab
		}
		if id, ok := whole[word]; ok {
			return append(dst, id)
		}
	}
	if ids, ok := w.cached(word); ok {
		return append(dst, ids...)
	}
	n := len(dst)
	dst = append(dst, m.mergeAll(m.symbols(word, w), w)...)
	w.remember(word, dst[n:])
	return dst
}

// symbols gives the ids from which the merges start; they lie in w.
func (m *bpe) symbols(word string, w *worker) []int32 {
	w.ids = w.ids[:0]
	if m.rawBytes {
		if m.prefix == "" && m.suffix == "" {
			for i := range len(word) {
				id := m.byteID[word[i]]
				if id < 0 {
					w.ids = w.ids[:0]
					break
				}
				w.ids = append(w.ids, id)
			}
			if len(w.ids) > 0 {
				return w.ids
			}
		}
		word = toByteAlphabet(word)
	}
	w.ids = m.characters(w.ids, word)
	return w.ids
}

// characters appends one id for each code point of word; what is not in the vocabulary becomes byte tokens,
// unknown tokens, or nothing. As in the library, byte tokens go before an unknown token that is still pending.
func (m *bpe) characters(dst []int32, word string) []int32 {
	pending := false
	for i := 0; i < len(word); {
		_, n := utf8.DecodeRuneInString(word[i:])
		s := word[i : i+n]
		if i > 0 && m.prefix != "" {
			s = m.prefix + s
		}
		if i+n == len(word) && m.suffix != "" {
			s += m.suffix
		}
		i += n
		if id, ok := m.vocab[s]; ok {
			if pending {
				dst = append(dst, m.unk)
				pending = false
			}
			dst = append(dst, id)
			continue
		}
		if m.hasBytes(s) {
			for k := range len(s) {
				dst = append(dst, m.byteFallback[s[k]])
			}
			continue
		}
		if m.unk >= 0 {
			if pending && !m.fuseUnk {
				dst = append(dst, m.unk)
			}
			pending = true
		}
	}
	if pending {
		dst = append(dst, m.unk)
	}
	return dst
}

func (m *bpe) hasBytes(s string) bool {
	for k := range len(s) {
		if !m.hasFallback[s[k]] {
			return false
		}
	}
	return true
}

// findFallback notes the tokens <0x00> to <0xFF>.
func (m *bpe) findFallback() {
	for b := range 256 {
		m.byteFallback[b], m.hasFallback[b] = m.vocab[fmt.Sprintf("<0x%02X>", b)], false
		if _, ok := m.vocab[fmt.Sprintf("<0x%02X>", b)]; ok {
			m.hasFallback[b] = true
		}
	}
}

// The cache of one worker: words up to maxCachedWord bytes, forgotten all at once when there are too many.
const (
	maxCachedWord  = 64
	maxCachedWords = 1 << 16
	maxCachedIDs   = 1 << 19
)

// worker is the scratch memory of one goroutine at a time.
type worker struct {
	cache map[string]idRange
	arena []int32 // ids of the cached words
	ids   []int32
	nodes []node
	queue []candidate
}

type idRange struct{ start, end int32 }

func newWorker() *worker { return &worker{cache: map[string]idRange{}} }

func (w *worker) cached(word string) ([]int32, bool) {
	r, ok := w.cache[word]
	return w.arena[r.start:r.end], ok
}

func (w *worker) remember(word string, ids []int32) {
	if len(word) > maxCachedWord {
		return
	}
	if len(w.cache) >= maxCachedWords || len(w.arena) >= maxCachedIDs {
		clear(w.cache)
		w.arena = w.arena[:0]
	}
	start := int32(len(w.arena))
	w.arena = append(w.arena, ids...)
	w.cache[strings.Clone(word)] = idRange{start, int32(len(w.arena))}
}
