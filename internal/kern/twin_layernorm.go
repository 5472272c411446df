package kern

import "math"

func (twins) LayerNorm(rows, groups, dim int, x []float32, sx int, y []float32, sy int, gain, bias, stat,
	mean []float32, eps, plusOne float32) {
	for r := range rows {
		for g := range groups {
			xs, ys := x[r*sx+g*dim:][:dim], y[r*sy+g*dim:][:dim]
			var mu, sq float64
			for _, v := range xs {
				mu += float64(v)
			}
			mu /= float64(dim)
			for _, v := range xs {
				sq += (float64(v) - mu) * (float64(v) - mu)
			}
			s := 1 / math.Sqrt(sq/float64(dim)+float64(eps))
			if stat != nil {
				stat[r*groups+g], mean[r*groups+g] = float32(s), float32(mu)
			}
			for i, v := range xs {
				ys[i] = float32((float64(v)-mu)*s*(float64(gain[i])+float64(plusOne)) + float64(bias[i]))
			}
		}
	}
}

func (twins) LayerNormGrad(rows, groups, dim int, x []float32, sx int, dy []float32, sy int, gain, stat, mean []float32,
	plusOne float32, dx, dgain, dbias []float32, accumulate bool) {
	for r := range rows {
		for g := range groups {
			xs, ds := x[r*sx+g*dim:][:dim], dy[r*sy+g*dim:][:dim]
			s, mu := float64(stat[r*groups+g]), float64(mean[r*groups+g])
			var sum, c float64
			for i, v := range xs {
				h, w := (float64(v)-mu)*s, float64(ds[i])*(float64(gain[i])+float64(plusOne))
				sum += w
				c += w * h
				if dgain != nil {
					dgain[i] += float32(float64(ds[i]) * h)
					dbias[i] += ds[i]
				}
			}
			if dx == nil {
				continue
			}
			sum, c = sum/float64(dim), c/float64(dim)
			out := dx[r*sx+g*dim:][:dim]
			for i, v := range xs {
				d := (float64(ds[i])*(float64(gain[i])+float64(plusOne)) - sum - (float64(v)-mu)*s*c) * s
				if accumulate {
					d += float64(out[i])
				}
				out[i] = float32(d)
			}
		}
	}
}
