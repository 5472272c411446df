package expand

import (
	"math"
	"sync"

	"famkit/internal/tensor"
)

// lazyMean is the mean of a tensor's rows, read when it is first needed.
type lazyMean struct {
	once sync.Once
	row  []float64
	err  error
}

func (l *lazyMean) read(t tensor.Tensor, rows, cols int) error {
	l.once.Do(func() {
		l.row = make([]float64, cols)
		i := 0
		l.err = eachValue(t, func(v []float64) {
			for _, x := range v {
				l.row[i%cols] += x
				i++
			}
		})
		for c := range l.row {
			l.row[c] /= float64(rows)
		}
	})
	return l.err
}

// lazyStats are the mean and the standard deviation of a tensor's elements.
type lazyStats struct {
	once            sync.Once
	mean, deviation float64
	err             error
}

func (l *lazyStats) read(t tensor.Tensor) error {
	l.once.Do(func() {
		n, sum, squares := 0.0, 0.0, 0.0
		l.err = eachValue(t, func(v []float64) {
			for _, x := range v {
				n, sum, squares = n+1, sum+x, squares+x*x
			}
		})
		if n > 0 {
			l.mean = sum / n
			l.deviation = math.Sqrt(math.Max(0, squares/n-l.mean*l.mean))
		}
	})
	return l.err
}

// eachValue reads a tensor piece by piece.
func eachValue(t tensor.Tensor, use func([]float64)) error {
	info := t.Info()
	width := int64(info.DType.Bits() / 8)
	raw := make([]byte, min(readBytes, info.Size()))
	vals := make([]float64, int64(len(raw))/width)
	for off := int64(0); off < info.Size(); {
		b := raw[:min(int64(len(raw)), info.Size()-off)]
		if err := tensor.ReadFull(t, b, off); err != nil {
			return err
		}
		v := vals[:int64(len(b))/width]
		tensor.Decode(v, b, info.DType)
		use(v)
		off += int64(len(b))
	}
	return nil
}
