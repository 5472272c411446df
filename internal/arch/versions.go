package arch

import (
	"fmt"
	"reflect"
	"strings"
)

// asFour is the model that transformers 4 makes of a config, which lacks words that came with transformers 5.
func (s *Spec) asFour(c *Config) (*Model, error) {
	old := c.Clone()
	for _, key := range []string{ropeParams, s.newer} {
		if key != "" {
			old.Delete(key)
		}
	}
	m, err := s.Parse(old)
	if err != nil {
		return nil, err
	}
	m.Spec = s
	if s.four != nil {
		err = s.four(old, m)
	}
	return m, err
}

// otherVersion says in what transformers 4 reads the checkpoint otherwise than transformers 5 and famkit do, "" where in
// nothing.
func (ck *Checkpoint) otherVersion() string {
	var says []string
	m, err := ck.Model.Spec.asFour(ck.Config)
	if err != nil {
		says = append(says, fmt.Sprintf("it does not read config.json (%v)", err))
	} else {
		a, b := reflect.ValueOf(*ck.Model), reflect.ValueOf(*m)
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() && !sameValue(a.Field(i).Interface(), b.Field(i).Interface()) {
				says = append(says, fmt.Sprintf("%s is %s, not %s", f.Name, shown(b.Field(i)), shown(a.Field(i))))
			}
		}
	}
	if ck.five != "" {
		says = append(says, ck.five)
	}
	return strings.Join(says, "; ")
}
