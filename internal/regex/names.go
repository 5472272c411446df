package regex

import (
	"strings"
	"sync"
	"unicode"
)

// caseOrbits lists the characters that have others which differ from them in case only.
var caseOrbits = sync.OnceValue(func() []rune {
	var out []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.SimpleFold(r) != r {
			out = append(out, r)
		}
		if r == 0x1ffff { // no case above
			break
		}
	}
	return out
})

// The classes that have letters of their own.
var (
	digits = of(unicode.Nd)
	spaces = of(unicode.White_Space)
	hexes  = chars("0123456789abcdefABCDEF")
	// classWords are the letters of \w within a class: letters, marks, decimal and letter numbers, connectors, letters in
	// circles and squares. Outside of a class Oniguruma takes six numbers of Latin-1 for words as well.
	classWords = tidy(append(of(unicode.L, unicode.M, unicode.Nd, unicode.Nl, unicode.Pc),
		span{'Ⓐ', 'ⓩ'}, span{'🄰', '🅉'}, span{'🅐', '🅩'}, span{'🅰', '🆉'}))
	words   = tidy(append(chars("²³¹¼½¾"), classWords...))
	noLine  = negate(chars("\n"))
	anyChar = negate(nil)
	wordSet = newSet(words)
)

// derived are the properties that package unicode has in parts.
var derived = map[string]func() []span{
	"any":        func() []span { return anyChar },
	"ascii":      func() []span { return []span{{0, 0x7f}} },
	"alphabetic": func() []span { return of(unicode.L, unicode.Nl, unicode.Other_Alphabetic) },
	"alpha":      func() []span { return of(unicode.L, unicode.Nl, unicode.Other_Alphabetic) },
	"lowercase":  func() []span { return of(unicode.Ll, unicode.Other_Lowercase) },
	"lower":      func() []span { return of(unicode.Ll, unicode.Other_Lowercase) },
	"uppercase":  func() []span { return of(unicode.Lu, unicode.Other_Uppercase) },
	"upper":      func() []span { return of(unicode.Lu, unicode.Other_Uppercase) },
	"space":      func() []span { return spaces },
	"digit":      func() []span { return digits },
	"word":       func() []span { return words },
	"xdigit":     func() []span { return hexes },
	"blank":      func() []span { return append(of(unicode.Zs), span{'\t', '\t'}) },
	"cntrl":      func() []span { return of(unicode.Cc) },
	"alnum":      func() []span { return of(unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.Nd) },
	"lc":         func() []span { return of(unicode.Lu, unicode.Ll, unicode.Lt) },
}

// byName finds tables of package unicode by the names that Oniguruma knows: without regard to case, and to spaces, _
// and - within.
var byName = sync.OnceValue(func() map[string]*unicode.RangeTable {
	out := map[string]*unicode.RangeTable{}
	for name, t := range unicode.Properties {
		out[plainName(name)] = t
	}
	for name, t := range unicode.Scripts {
		out[plainName(name)] = t
	}
	for name, t := range unicode.Categories {
		out[plainName(name)] = t
	}
	for name, of := range unicode.CategoryAliases {
		if t := unicode.Categories[of]; t != nil {
			out[plainName(name)] = t
		}
	}
	return out
})

func plainName(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name))
}

// property gives the characters of \p{name}.
func property(name string) ([]span, bool) {
	name = plainName(name)
	if make := derived[name]; make != nil {
		return make(), true
	}
	if t := byName()[name]; t != nil {
		return of(t), true
	}
	return nil, false
}

// bracket gives the characters of [:name:].
func bracket(name string) ([]span, bool) {
	switch name {
	case "word":
		return classWords, true
	case "alpha", "lower", "upper", "space", "digit", "xdigit", "blank", "cntrl", "alnum", "ascii":
		return property(name)
	}
	return nil, false
}
