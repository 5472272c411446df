package decoder

// SetChunk has the head take n rows at a time.
func (d *Decoder) SetChunk(n int) { d.chunk = n }
