package verify

import (
	"fmt"
	"reflect"

	"famkit/internal/arch"
)

// modelDifferences lists the fields in which two resolved models differ, with both values, structures field by field.
func modelDifferences(want, got *arch.Model) []string {
	out := fieldDifferences("", reflect.ValueOf(*want), reflect.ValueOf(*got))
	if want.Spec.Name != got.Spec.Name {
		out = append(out, fmt.Sprintf("model_type: planned %s, found %s", want.Spec.Name, got.Spec.Name))
	}
	return out
}

func fieldDifferences(within string, w, g reflect.Value) []string {
	var out []string
	for i := range w.NumField() {
		f := w.Type().Field(i)
		if f.Name == "Spec" || !f.IsExported() {
			continue
		}
		a, b := w.Field(i), g.Field(i)
		if reflect.DeepEqual(a.Interface(), b.Interface()) {
			continue
		}
		if a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil() {
			a, b = a.Elem(), b.Elem()
		}
		if a.Kind() == reflect.Struct {
			out = append(out, fieldDifferences(within+f.Name+".", a, b)...)
			continue
		}
		out = append(out, fmt.Sprintf("%s%s: planned %s, found %s", within, f.Name, plainly(a), plainly(b)))
	}
	return out
}

// longestList is how much of a list is shown.
const longestList = 12

// plainly is a value for a message: no structure of the program, and no endless list.
func plainly(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil(), v.Kind() == reflect.Slice && v.Len() == 0:
		return "none"
	case v.Kind() == reflect.Pointer:
		return "some"
	case v.Kind() == reflect.Slice && v.Len() > longestList:
		return fmt.Sprintf("%v and %d more", v.Slice(0, longestList), v.Len()-longestList)
	case v.Kind() == reflect.String && v.Len() == 0:
		return "none"
	}
	return fmt.Sprint(v)
}
