package regex

// first says with which bytes a match that goes on at an instruction may begin.
type first struct {
	bytes [4]uint64
	void  bool // it may match nothing
	done  bool
}

// allows reports whether a match may begin with byte b.
func (f *first) allows(b byte) bool { return f.void || f.bytes[b>>6]>>(b&63)&1 != 0 }

func (f *first) add(g *first) {
	for i := range f.bytes {
		f.bytes[i] |= g.bytes[i]
	}
	f.void = f.void || g.void
}

// findFirsts fills re.firsts. Conditions count as met.
func (re *Regexp) findFirsts() {
	re.firsts = make([]first, len(re.code))
	for at := range re.code {
		re.findFirst(int32(at))
	}
}

// findFirst gives the bytes of one instruction. No way leads back to it without a character.
func (re *Regexp) findFirst(at int32) *first {
	f := &re.firsts[at]
	if f.done {
		return f
	}
	f.done = true
	switch i := &re.code[at]; i.op {
	case opMatch:
		f.void = true
	case opRune:
		f.addSet(i.set)
	case opSplit:
		f.add(re.findFirst(i.out))
		f.add(re.findFirst(i.other))
	case opAtomic: // what it matches, or what follows where that is nothing
		inside := *re.findFirst(i.other)
		if inside.void {
			inside.void = false
			f.add(re.findFirst(i.out))
		}
		f.add(&inside)
	default:
		f.add(re.findFirst(i.out))
	}
	return f
}

// addSet adds the first bytes of a set's characters; all that are not ASCII count where there is one of them.
func (f *first) addSet(s *set) {
	f.bytes[0] |= s.ascii[0]
	f.bytes[1] |= s.ascii[1]
	if n := len(s.ranges); n > 0 && s.ranges[n-1].hi >= 0x80 {
		for b := 0xc2; b < 0xf5; b++ {
			f.bytes[b>>6] |= 1 << (b & 63)
		}
	}
}
