package strictjson

// Without is the text of an object without one of its keys; all else keeps its bytes. It checks as Check does.
func Without(text []byte, key string) ([]byte, error) {
	if err := Check(text); err != nil {
		return nil, err
	}
	w := NewWalker(text)
	end := -1 // where the member before ends
	from, to := -1, -1
	err := w.Object("value", func(k []byte) error {
		found := string(k) == key
		if found {
			from = end
		}
		if err := w.Skip(0); err != nil {
			return err
		}
		if end = w.pos; found {
			to = end
		}
		return nil
	})
	if err != nil || to < 0 {
		return text, err
	}
	if from < 0 { // the first: what goes is all from the bracket to the next member, its comma too
		w = NewWalker(text)
		w.Next()
		from = w.pos + 1
		w.pos = to
		if w.Next() == ',' {
			w.pos++
			to = w.pos
		}
	}
	return append(append(make([]byte, 0, len(text)), text[:from]...), text[to:]...), nil
}
