package tokenizer

import (
	"strings"
)

// byteRunes is the byte-level alphabet of GPT-2: each byte's printable stand-in. Printable bytes of Latin-1
// stand for themselves, the others follow from U+0100 on.
var byteRunes = func() (t [256]rune) {
	next := rune(256)
	for b := range t {
		r := rune(b)
		if r >= '!' && r <= '~' || r >= '¡' && r <= '¬' || r >= '®' && r <= 'ÿ' {
			t[b] = r
		} else {
			t[b] = next
			next++
		}
	}
	return t
}()

// runeBytes is the way back: code point -> byte, or -1.
var runeBytes = func() (t [324]int16) {
	for i := range t {
		t[i] = -1
	}
	for b, r := range byteRunes {
		t[r] = int16(b)
	}
	return t
}()

// toByteAlphabet spells the bytes of s in the byte-level alphabet.
func toByteAlphabet(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/4)
	for i := range len(s) {
		b.WriteRune(byteRunes[s[i]])
	}
	return b.String()
}

// fromByteAlphabet appends the bytes that token stands for; false where a code point is none of the alphabet.
func fromByteAlphabet(dst []byte, token string) ([]byte, bool) {
	n := len(dst)
	for _, r := range token {
		if r >= rune(len(runeBytes)) || runeBytes[r] < 0 {
			return dst[:n], false
		}
		dst = append(dst, byte(runeBytes[r]))
	}
	return dst, true
}
