//go:build linux && cgo

package cuda

import (
	"fmt"
	"strings"

	"famkit/internal/engine"
	"famkit/internal/fault"
)

// look says which libraries and which device were found. It takes nothing of the device.
func look() []engine.Finding {
	s := thisMachine()
	d, err := openDevice(s, 0)
	if d == nil { // what was tried stands in the error
		return []engine.Finding{{What: "CUDA", Refused: fault.Text(err, fault.Setting.String)}}
	}
	defer d.free()
	list := []engine.Finding{
		{What: "driver", Found: fmt.Sprintf("%s, for CUDA %s", d.driver.Path, dotted(d.version))},
		{What: "cuBLAS", Found: d.blas.Path},
		{What: fmt.Sprintf("device %d", d.number), Found: fmt.Sprintf("%s, compute capability %d.%d, %d bytes of memory",
			d.name, d.capability/10,
			d.capability%10, d.memory)},
		{What: "kernels", Found: "PTX for compute capability 8.0, compiled for the device by the driver"},
	}
	for _, t := range d.passed {
		if strings.Contains(t.Path, "/") { // the loader's not knowing a bare name is no news
			list = append(list, engine.Finding{What: "passed over", Found: t.Path, Refused: t.Why})
		}
	}
	return list
}
