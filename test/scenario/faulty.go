package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/pagers"
)

// newFaulty is faulty(pager, late=, silent=, wrong_data=, wrong_offset=, wrong_control=, wrong_error=, duplicated=, reordered=,
// dying=, choose=[...], budget=1): what the pager says to kernels goes wrong from now on.
func (p *play) newFaulty(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("faulty: got %d arguments, want a pager and faults by name", len(args))
	}
	pg, ok := args[0].(*pager)
	if !ok {
		return nil, fmt.Errorf("faulty: got %s, want a pager", args[0].Type())
	}
	if pg.file == nil && pg.memory == nil && pg.paging == nil && pg.netmem == nil && pg.coherent == nil {
		return nil, fmt.Errorf("faulty: %s is written in Starlark: its functions can go wrong by themselves", pg)
	}
	plan := pagers.Plan{Budget: 1}
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		var err error
		switch kind, known := pagers.FaultNamed(name); {
		case known:
			plan.Faults, err = addFaults(plan.Faults, kind, kv[1])
		case name == "budget":
			err = starlark.AsInt(kv[1], &plan.Budget)
		case name == "choose":
			plan.Choices, err = faultChoices(kv[1])
		default:
			err = fmt.Errorf("there is no such fault")
		}
		if err != nil {
			return nil, fmt.Errorf("faulty: %s: %w", name, err)
		}
	}
	pg.server.Inject(plan)
	return pg, nil
}

// faultChoices is a list of faults to choose from: names of kinds, or pairs of a name and when.
func faultChoices(v starlark.Value) (list []pagers.Fault, err error) {
	values, ok := v.(starlark.Iterable)
	if !ok {
		return nil, fmt.Errorf("got %s, want a list", v.Type())
	}
	for v := range starlark.Elements(values) {
		var when starlark.Value = starlark.True
		if pair, ok := v.(starlark.Tuple); ok && len(pair) == 2 {
			v, when = pair[0], pair[1]
		}
		name, _ := starlark.AsString(v)
		kind, known := pagers.FaultNamed(name)
		if !known {
			return nil, fmt.Errorf("there is no fault %s", v)
		}
		if list, err = addFaults(list, kind, when); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// addFaults adds the faults of a kind that a value describes: True for every call, a number for that one (from 1 on),
// the name of a call, a dictionary, or a list of these.
func addFaults(list []pagers.Fault, kind pagers.FaultKind, v starlark.Value) ([]pagers.Fault, error) {
	f := pagers.Fault{Kind: kind}
	switch v := v.(type) {
	case starlark.Bool:
		if !v {
			return list, nil
		}
	case starlark.Int:
		n, ok := v.Int64()
		if !ok || n < 1 {
			return nil, fmt.Errorf("got %s, want the number of a call, from 1 on", v)
		}
		f.Skip, f.Times = int(n)-1, 1
	case starlark.String:
		f.On = string(v)
	case *starlark.List:
		for e := range v.Elements() {
			var err error
			if list, err = addFaults(list, kind, e); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *starlark.Dict:
		var err error
		if f, err = faultOf(kind, v); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("got %s, want True, a number, the name of a call or a dictionary", v.Type())
	}
	return append(list, f), nil
}

// faultOf is a fault as a dictionary: on, skip, times, delay, error.
func faultOf(kind pagers.FaultKind, d *starlark.Dict) (pagers.Fault, error) {
	f := pagers.Fault{Kind: kind}
	for key, v := range d.Entries() {
		name, _ := starlark.AsString(key)
		var err error
		switch name {
		case "on":
			var ok bool
			if f.On, ok = starlark.AsString(v); !ok {
				err = fmt.Errorf("got %s, want the name of a call", v.Type())
			}
		case "skip":
			err = starlark.AsInt(v, &f.Skip)
		case "times":
			err = starlark.AsInt(v, &f.Times)
		case "delay":
			var ms int
			err = starlark.AsInt(v, &ms)
			f.Delay = mach.Timeout(ms)
		case "error":
			c, ok := v.(code)
			if f.Error = c.Return; !ok {
				err = fmt.Errorf("got %s, want a return code", v.Type())
			}
		default:
			err = fmt.Errorf("there is no such word; on, skip, times, delay and error are")
		}
		if err != nil {
			return f, fmt.Errorf("%s: %w", key, err)
		}
	}
	return f, nil
}

// injected is pager.injected(): what has gone wrong so far.
func (pg *pager) injected(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("injected", args, kwargs); err != nil {
		return nil, err
	}
	var list []starlark.Value
	for _, s := range pg.server.Injected() {
		list = append(list, starlark.String(s))
	}
	return starlark.NewList(list), nil
}
