package format

// Admit refuses what Write would refuse before it writes anything: an existing destination, one inside an input, a
// header beyond the cap, a disk that is too full. It writes nothing.
func Admit(dst string, src Source, o WriteOptions) error {
	w, err := newWriter(dst, src, o)
	if err != nil {
		return err
	}
	return w.admit()
}
