package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// builtin is a function of a script in Go. The thread is Starlark's: it belongs to the top level of the
// script or to one simulated thread.
type builtin func(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// methods are the methods of a kind of value, by name.
type methods[V any] map[string]func(v V, th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// attr is the method of v called name, nil if there is none.
func (m methods[V]) attr(v V, name string) starlark.Value {
	f := m[name]
	if f == nil {
		return nil
	}
	return starlark.NewBuiltin(name, func(th *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return f(v, th, args, kwargs)
	})
}

func (m methods[V]) names(more ...string) []string {
	names := slices.Clone(more)
	for name := range m { // unordered: sorted below
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// handle is what values that stand for something outside the script have in common.
type handle struct{}

func (handle) Freeze()               {}
func (handle) Truth() starlark.Bool  { return true }
func (handle) Hash() (uint32, error) { return 0, errors.New("unhashable") }

// record is a value with fields, as struct(...) would make it.
type record struct {
	handle
	kind   string
	names  []string // in the order in which they print
	fields starlark.StringDict
}

func newRecord(kind string, pairs ...any) *record {
	r := &record{kind: kind, fields: starlark.StringDict{}}
	for i := 0; i < len(pairs); i += 2 {
		r.set(pairs[i].(string), toValue(pairs[i+1]))
	}
	return r
}

func (r *record) set(name string, v starlark.Value) {
	if _, has := r.fields[name]; !has {
		r.names = append(r.names, name)
	}
	r.fields[name] = v
}

func (r *record) Type() string { return r.kind }

func (r *record) String() string {
	var b strings.Builder
	b.WriteString(r.kind + "(")
	for i, name := range r.names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s=%s", name, r.fields[name])
	}
	b.WriteString(")")
	return b.String()
}

// Attr is a field; an unknown one is nil, which Starlark turns into an error.
func (r *record) Attr(name string) (starlark.Value, error) { return r.fields[name], nil }
func (r *record) AttrNames() []string                      { return r.names }

// toValue is a Go value as a script sees it.
func toValue(x any) starlark.Value {
	switch x := x.(type) {
	case starlark.Value:
		return x
	case bool:
		return starlark.Bool(x)
	case string:
		return starlark.String(x)
	case []byte:
		return starlark.Bytes(x)
	case int:
		return starlark.MakeInt(x)
	case int64:
		return starlark.MakeInt64(x)
	case uint32:
		return starlark.MakeUint64(uint64(x))
	case uint64:
		return starlark.MakeUint64(x)
	case []string:
		list := make([]starlark.Value, len(x))
		for i, s := range x {
			list[i] = starlark.String(s)
		}
		return starlark.NewList(list)
	}
	panic(fmt.Sprintf("scenario: %T has no form in a script", x))
}

// elements is a list or tuple as a slice.
func elements(v starlark.Value) ([]starlark.Value, bool) {
	list, ok := v.(starlark.Indexable)
	if _, text := v.(starlark.String); !ok || text {
		return nil, false
	}
	all := make([]starlark.Value, list.Len())
	for i := range all {
		all[i] = list.Index(i)
	}
	return all, true
}

// take removes a keyword argument and gives its value, nil if it was not given.
func take(kwargs *[]starlark.Tuple, name string) starlark.Value {
	for i, kv := range *kwargs {
		if string(kv[0].(starlark.String)) == name {
			rest := slices.Clone(*kwargs)
			*kwargs = slices.Delete(rest, i, i+1)
			return kv[1]
		}
	}
	return nil
}

func (region) Type() string            { return "region" }
func (region) Freeze()                 {}
func (r region) Truth() starlark.Bool  { return r.Size != 0 }
func (r region) Hash() (uint32, error) { return uint32(r.Address>>4) ^ uint32(r.Size), nil }
func (r region) String() string        { return fmt.Sprintf("region(%v, %v)", r.Address, r.Size) }

// Attr gives address and size.
func (r region) Attr(name string) (starlark.Value, error) {
	switch name {
	case "address":
		return starlark.MakeUint64(uint64(r.Address)), nil
	case "size":
		return starlark.MakeUint64(uint64(r.Size)), nil
	}
	return nil, nil
}

// AttrNames lists the attributes.
func (region) AttrNames() []string { return []string{"address", "size"} }

func (rightArg) Type() string          { return "right" }
func (rightArg) Freeze()               {}
func (rightArg) Truth() starlark.Bool  { return true }
func (rightArg) Hash() (uint32, error) { return 0, errors.New("unhashable: right") }
func (r rightArg) String() string      { return fmt.Sprintf("right(%s, %s)", r.port, r.disp) }
