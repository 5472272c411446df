package regex

// manyFold are the characters that are several others when case is folded, such as U+00DF and "ss": those of status F
// in Unicode's CaseFolding.txt. Oniguruma takes the one for the others; here a pattern where that could matter is
// refused.
var manyFold = newSet([]span{
	{0xdf, 0xdf}, {0x130, 0x130}, {0x149, 0x149}, {0x1f0, 0x1f0}, {0x390, 0x390}, {0x3b0, 0x3b0}, {0x587, 0x587},
	{0x1e96, 0x1e9a}, {0x1e9e, 0x1e9e}, {0x1f50, 0x1f50}, {0x1f52, 0x1f52}, {0x1f54, 0x1f54}, {0x1f56, 0x1f56},
	{0x1f80, 0x1faf}, {0x1fb2, 0x1fb4}, {0x1fb6, 0x1fb7}, {0x1fbc, 0x1fbc}, {0x1fc2, 0x1fc4}, {0x1fc6, 0x1fc7},
	{0x1fcc, 0x1fcc}, {0x1fd2, 0x1fd3}, {0x1fd6, 0x1fd7}, {0x1fe2, 0x1fe4}, {0x1fe6, 0x1fe7}, {0x1ff2, 0x1ff4},
	{0x1ff6, 0x1ff7}, {0x1ffc, 0x1ffc}, {0xfb00, 0xfb06}, {0xfb13, 0xfb17},
})

// manyFolded are the first two characters of what each of them becomes.
var manyFolded = map[string]bool{
	"ss": true, "i\u0307": true, "\u02bcn": true, "j\u030c": true, "\u03b9\u0308": true, "\u03c5\u0308": true,
	"\u0565\u0582": true, "h\u0331": true, "t\u0308": true, "w\u030a": true, "y\u030a": true, "a\u02be": true,
	"\u03c5\u0313": true, "\u1f00\u03b9": true, "\u1f01\u03b9": true, "\u1f02\u03b9": true, "\u1f03\u03b9": true,
	"\u1f04\u03b9": true, "\u1f05\u03b9": true, "\u1f06\u03b9": true, "\u1f07\u03b9": true, "\u1f20\u03b9": true,
	"\u1f21\u03b9": true, "\u1f22\u03b9": true, "\u1f23\u03b9": true, "\u1f24\u03b9": true, "\u1f25\u03b9": true,
	"\u1f26\u03b9": true, "\u1f27\u03b9": true, "\u1f60\u03b9": true, "\u1f61\u03b9": true, "\u1f62\u03b9": true,
	"\u1f63\u03b9": true, "\u1f64\u03b9": true, "\u1f65\u03b9": true, "\u1f66\u03b9": true, "\u1f67\u03b9": true,
	"\u1f70\u03b9": true, "\u03b1\u03b9": true, "\u03ac\u03b9": true, "\u03b1\u0342": true, "\u1f74\u03b9": true,
	"\u03b7\u03b9": true, "\u03ae\u03b9": true, "\u03b7\u0342": true, "\u03b9\u0342": true, "\u03c1\u0313": true,
	"\u03c5\u0342": true, "\u1f7c\u03b9": true, "\u03c9\u03b9": true, "\u03ce\u03b9": true, "\u03c9\u0342": true,
	"ff": true, "fi": true, "fl": true, "st": true, "\u0574\u0576": true, "\u0574\u0565": true,
	"\u0574\u056b": true, "\u057e\u0576": true, "\u0574\u056d": true,
}
