package verify

import (
	"fmt"
	"reflect"

	"famkit/internal/arch"
)

// modelDifferences lists the fields in which two resolved models differ, with both values.
func modelDifferences(want, got *arch.Model) []string {
	var out []string
	w, g := reflect.ValueOf(*want), reflect.ValueOf(*got)
	for i := range w.NumField() {
		f := w.Type().Field(i)
		if f.Name == "Spec" || !f.IsExported() {
			continue
		}
		a, b := w.Field(i).Interface(), g.Field(i).Interface()
		if !reflect.DeepEqual(a, b) {
			out = append(out, fmt.Sprintf("%s: planned %v, found %v", f.Name, a, b))
		}
	}
	if want.Spec.Name != got.Spec.Name {
		out = append(out, fmt.Sprintf("model_type: planned %s, found %s", want.Spec.Name, got.Spec.Name))
	}
	return out
}
