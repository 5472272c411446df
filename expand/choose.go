package expand

// choose shares the columns of one row among their copies: of the copies of a source column the drawn one takes the
// element, the others are zero. Elements are bytes here, so nothing about their type matters. out may be a row that
// has been scaled already, which is then shared in place: in is nil.
func (g *gather) choose(out, in []byte, size int, c choice) {
	for _, u := range g.runs {
		dst := out[u.to*size : (u.to+u.n)*size]
		src := dst
		if in != nil {
			src = in[u.from*size : (u.from+u.n)*size]
		}
		switch {
		case u.count == 1:
			copy(dst, src)
		case u.count == 2:
			chooseOfTwo(dst, src, size, u.from, u.nth, c)
		default:
			chooseOfMany(dst, src, size, u, c)
		}
	}
}

// chooseOfTwo draws 64 columns at once.
func chooseOfTwo(dst, src []byte, size, from int, nth int32, c choice) {
	flip := uint64(0)
	if nth == 0 {
		flip = ^uint64(0) // a bit says that the second copy takes the element
	}
	for n := len(dst) / size; n > 0; {
		skip := from & 63
		k := min(64-skip, n)
		keep(dst[:k*size], src[:k*size], size, (c.bits64(from>>6)^flip)>>skip)
		dst, src = dst[k*size:], src[k*size:]
		from, n = from+k, n-k
	}
}

func chooseOfMany(dst, src []byte, size int, u run, c choice) {
	for i := range u.n {
		to := dst[i*size : (i+1)*size]
		if c.of(int32(u.from+i), u.count) == u.nth {
			copy(to, src[i*size:])
		} else {
			clear(to)
		}
	}
}
