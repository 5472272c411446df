package regex

// question is a split within a lookaround or an atomic group whose end is looked for.
type question struct {
	split  *instr
	pos    int
	second bool // the first way failed
}

// inside matches what begins at instruction pc, a lookaround's or an atomic group's inside, at position pos. It gives
// where the first match in the order of the alternatives ends, -1 where there is none.
//
// The end of a match is remembered for every split on the way to it, and the failure of every split that failed, so
// that the same inside costs nothing a second time. No way leads from a split back to it at the same position.
func (m *search) inside(pc int32, pos int) (end int, err error) {
	bottom := len(m.asks)
	defer func() { m.asks = m.asks[:bottom] }()
	for {
		i := &m.re.code[pc]
		if m.left--; m.left < 0 {
			return 0, ErrSteps
		}
		var ok bool
		switch i.op {
		case opMatch:
			return pos, m.answer(bottom, pos)
		case opSplit:
			a, err := m.ends.at(i.index, pos)
			switch {
			case err != nil:
				return 0, err
			case *a >= known:
				return int(*a - known), m.answer(bottom, int(*a-known))
			case *a == unknown && len(m.asks) >= maxOpen:
				return 0, ErrMemory
			case *a == unknown:
				m.asks = append(m.asks, question{i, pos, false})
			}
			pc, ok = i.out, *a == unknown
		default:
			if pc, pos, ok, err = m.step(i, pos); err != nil {
				return 0, err
			}
		}
		if ok {
			continue
		}
		if pc, pos, err = m.other(bottom); err != nil || pc < 0 {
			return -1, err
		}
	}
}

// answer remembers an end for all questions down to the one at bottom.
func (m *search) answer(bottom, end int) error {
	for _, q := range m.asks[bottom:] {
		a, err := m.ends.at(q.split.index, q.pos)
		if err != nil {
			return err
		}
		*a = int32(end) + known
	}
	return nil
}

// other goes back to the last question that has another way; pc is -1 where there is none.
func (m *search) other(bottom int) (pc int32, pos int, err error) {
	for n := len(m.asks); n > bottom; n-- {
		q := &m.asks[n-1]
		if !q.second {
			q.second = true
			return q.split.other, q.pos, nil
		}
		a, err := m.ends.at(q.split.index, q.pos)
		if err != nil {
			return -1, 0, err
		}
		*a = failed
		m.asks = m.asks[:n-1]
	}
	return -1, 0, nil
}
