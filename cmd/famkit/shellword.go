package main

import (
	"strconv"
	"strings"
)

// shellWord is s as one word of a shell's command line. What a terminal would not print is escaped as Go has it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' ||
			strings.ContainsRune("/._-+:@%,=", r))
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsGraphic(r) }) {
		return strconv.Quote(s)
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
