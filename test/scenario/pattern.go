package scenario

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// pattern is what a script expects of a message: its name, and any of its arguments. It is also what a
// script hands to mach_msg_send, where the arguments are values to send.
type pattern struct {
	handle
	name   string
	names  []string
	fields starlark.StringDict
}

// newPattern is message(name, argument = value, ...).
func newPattern(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackPositionalArgs("message", args, nil, 1, &name); err != nil {
		return nil, err
	}
	p := &pattern{name: name, fields: starlark.StringDict{}}
	for _, kv := range kwargs {
		key := string(kv[0].(starlark.String))
		p.names = append(p.names, key)
		p.fields[key] = kv[1]
	}
	return p, nil
}

func (*pattern) Type() string { return "message" }

func (p *pattern) String() string {
	var parts []string
	for _, n := range p.names {
		parts = append(parts, n+" = "+p.fields[n].String())
	}
	if len(parts) == 0 {
		return p.name
	}
	return p.name + "(" + strings.Join(parts, ", ") + ")"
}

// patternOf accepts a message by its name alone.
func patternOf(v starlark.Value) (*pattern, error) {
	switch v := v.(type) {
	case *pattern:
		return v, nil
	case starlark.String:
		return &pattern{name: string(v)}, nil
	}
	return nil, fmt.Errorf("got %s, want the name of a message or message(...)", v.Type())
}

// mismatch says why s is not what p wants; "" if it is.
func (p *pattern) mismatch(th *starlark.Thread, s *sentMessage) (string, error) {
	if p.name != s.name {
		return "is not " + p.String(), nil
	}
	for _, name := range p.names {
		have, ok := s.fields[name]
		if !ok {
			return "", fmt.Errorf("%s has no argument %s; it has %s", s.name, name, strings.Join(s.names, ", "))
		}
		same, err := matches(th, p.fields[name], have)
		if err != nil {
			return "", err
		}
		if !same {
			return fmt.Sprintf("has %s = %s, not %s", name, have, wanted(p.fields[name], have)), nil
		}
	}
	return "", nil
}

// wanted is what a script wants of an argument, for people: a kind of right has its name.
func wanted(want, have starlark.Value) string {
	if _, isPort := have.(portRef); !isPort {
		return want.String()
	}
	parts, many := elements(want)
	if !many {
		parts = []starlark.Value{want}
	}
	var text []string
	for _, v := range parts {
		if n, ok := number(v); ok {
			text = append(text, mach.RightCode(n).String())
		} else {
			text = append(text, v.String())
		}
	}
	return strings.Join(text, " of ")
}

// matches compares one argument with what a script wants of it. A port may be given as the kind of right
// that travels (SEND, RECEIVE, SEND_ONCE), as the port itself, as both in a tuple, or as None for null;
// memory is given by its size; a function is asked.
func matches(th *starlark.Thread, want, have starlark.Value) (bool, error) {
	if _, any := want.(anything); any {
		return true, nil
	}
	if f, ok := want.(starlark.Callable); ok {
		v, err := starlark.Call(th, f, starlark.Tuple{have}, nil)
		return err == nil && bool(v.Truth()), err
	}
	ref, isPort := have.(portRef)
	if !isPort {
		return starlark.Equal(want, have)
	}
	if want == starlark.None {
		return ref.id == trace.PortNull, nil
	}
	if ref.id == trace.PortNull {
		return false, nil
	}
	parts := []starlark.Value{want}
	if list, ok := elements(want); ok {
		parts = list
	}
	for _, part := range parts {
		switch part := part.(type) {
		case starlark.Int:
			if same, err := starlark.Equal(part, rightKind(ref.disp)); err != nil || !same {
				return false, err
			}
		case porter:
			if part.portID() != ref.id {
				return false, nil
			}
		default:
			return false, fmt.Errorf("got %s, want a kind of right or a port", part.Type())
		}
	}
	return true, nil
}

// porter is a value of a script that stands for one port.
type porter interface{ portID() uint64 }

func (r portRef) portID() uint64 { return r.id }

// compare holds the messages of a port against what a script expects and tells the first difference.
func compare(th *starlark.Thread, want []*pattern, have []*sentMessage) (string, error) {
	for i := range max(len(want), len(have)) {
		why := ""
		switch {
		case i >= len(have):
			why = fmt.Sprintf("message %d is missing: %s", i+1, want[i])
		case i >= len(want):
			why = fmt.Sprintf("message %d was not expected: %s", i+1, have[i])
		default:
			bad, err := want[i].mismatch(th, have[i])
			if err != nil {
				return "", err
			}
			if bad == "" {
				continue
			}
			why = fmt.Sprintf("message %d, %s, %s", i+1, have[i].name, bad)
		}
		var b strings.Builder
		b.WriteString(why + "\nthe messages were:")
		for k, m := range have {
			fmt.Fprintf(&b, "\n  %d %s", k+1, m)
		}
		if len(have) == 0 {
			b.WriteString(" none")
		}
		return b.String(), nil
	}
	return "", nil
}

// patterns reads a list of expected messages.
func patterns(v starlark.Value) ([]*pattern, error) {
	list, ok := elements(v)
	if !ok {
		return nil, fmt.Errorf("got %s, want a list of messages", v.Type())
	}
	var all []*pattern
	for _, e := range list {
		p, err := patternOf(e)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return slices.Clip(all), nil
}
