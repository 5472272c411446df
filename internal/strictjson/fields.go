package strictjson

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
)

var (
	decodesItself = reflect.TypeFor[json.Unmarshaler]()
	decodesText   = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// target is the type that takes a value's members: pointers are followed, and nil stands for a type that decodes
// itself or takes anything.
func target(t reflect.Type) reflect.Type {
	for t != nil {
		if t.Implements(decodesItself) || t.Implements(decodesText) {
			return nil
		}
		if p := reflect.PointerTo(t); p.Implements(decodesItself) || p.Implements(decodesText) {
			return nil
		}
		switch t.Kind() {
		case reflect.Pointer:
			t = t.Elem()
		case reflect.Interface:
			return nil
		default:
			return t
		}
	}
	return nil
}

var fieldCache sync.Map // of reflect.Type to map[string]reflect.Type

// fieldsOf gives the JSON names of a struct's fields, those of embedded structs among them, with their types.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if names, ok := fieldCache.Load(t); ok {
		return names.(map[string]reflect.Type)
	}
	names := map[string]reflect.Type{}
	addFields(names, t)
	fieldCache.Store(t, names)
	return names
}

func addFields(names map[string]reflect.Type, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case tag == "-":
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			addFields(names, inner)
		case !f.IsExported():
		case name != "":
			names[name] = f.Type
		default:
			names[f.Name] = f.Type
		}
	}
}
