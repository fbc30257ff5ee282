package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/ipc"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// task is one task, as k.task(...) or t.task_create() makes it.
type task struct {
	handle
	p    *play
	host *host
	k    *kernel.Task
}

func (h *host) newTask(name string) (*task, error) {
	for _, other := range h.p.hosts {
		for _, t := range other.k.Tasks() {
			if t.Name() == name {
				return nil, fmt.Errorf("a task is named %s already", name)
			}
		}
	}
	return &task{p: h.p, host: h, k: h.k.NewTask(name)}, nil
}

func (*task) Type() string     { return "task" }
func (t *task) String() string { return t.k.Name() }

var taskMethods = methods[*task]{
	// thread(fn, *args, name=, daemon=) declares a thread; it starts with the next run(), or at once
	// inside one.
	"thread": func(t *task, th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var name string
		var daemon bool
		if err := starlark.UnpackArgs("thread", nil, kwargs, "name?", &name, "daemon?", &daemon); err != nil {
			return nil, err
		}
		if len(args) == 0 {
			return nil, fmt.Errorf("thread: missing the function to run")
		}
		fn, ok := args[0].(starlark.Callable)
		if !ok {
			return nil, fmt.Errorf("thread: got %s, want a function", args[0].Type())
		}
		if name == "" {
			name = fn.Name()
		}
		at, _ := here(th)
		x, err := t.newThread(name, at, fn, args[1:])
		if err != nil {
			return nil, err
		}
		x.daemon = daemon
		if t.p.running {
			x.spawn()
		}
		return x, nil
	},
	// give(port, right=SEND) makes or copies a right of the port and puts it into the task; the transcript
	// shows that the harness did it. The result is the name.
	"give": func(t *task, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var what starlark.Value
		if err := starlark.UnpackArgs("give", args, kwargs, "port", &what); err != nil {
			return nil, err
		}
		name, err := t.give(what)
		if err != nil {
			return nil, fmt.Errorf("give: %w", err)
		}
		t.p.note(trace.NoteInfo, fmt.Sprintf("the harness gives %s a send right for %s, under the name %v", t, what, name))
		return nameValue(name), nil
	},
	"give_host_priv": func(t *task, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs("give_host_priv", args, kwargs); err != nil {
			return nil, err
		}
		name, err := t.k.GiveHostPriv()
		return nameValue(name), err
	},
	"describe": func(t *task, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs("describe", args, kwargs); err != nil {
			return nil, err
		}
		return starlark.String(t.k.Map().Describe() + t.k.Space().Describe()), nil
	},
	"port": func(t *task, th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var name starlark.Int
		var label string
		if err := starlark.UnpackArgs("port", args, kwargs, "name", &name, "label?", &label); err != nil {
			return nil, err
		}
		n, _ := name.Uint64()
		info, ok := t.k.Space().Lookup(mach.Name(n))
		if !ok || info.Port == nil {
			return nil, fmt.Errorf("port: %s has no port under the name %s", t, name)
		}
		if label != "" {
			t.p.names.Replace(trace.ClassPort, info.Port.ID(), label)
		}
		return &port{p: t.p, id: info.Port.ID(), owner: t}, nil
	},
}

// Attr is a method, or name, alive, host, threads.
func (t *task) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(t.k.Name()), nil
	case "alive":
		return starlark.Bool(t.k.Alive()), nil
	case "host":
		return t.host, nil
	case "threads":
		var list []starlark.Value
		for _, x := range t.p.threads {
			if x.task.k == t.k {
				list = append(list, x)
			}
		}
		return starlark.NewList(list), nil
	}
	return taskMethods.attr(t, name), nil
}

// AttrNames lists the attributes.
func (t *task) AttrNames() []string { return taskMethods.names("name", "alive", "host", "threads") }

// give puts a right of what into t: a send right of a port, or of a task's control port.
func (t *task) give(what starlark.Value) (mach.Name, error) {
	switch what := what.(type) {
	case *port:
		from, name, ok := what.holder()
		if !ok {
			return 0, fmt.Errorf("no task has a right of %s", what)
		}
		return t.k.GiveSend(from.k, name)
	case *task:
		return t.k.GiveTaskPort(what.k)
	case *pager:
		return t.k.GiveTaskPort(what.k)
	}
	return 0, fmt.Errorf("got %s, want a port or a task", what.Type())
}

// nameOf is the task's name for what a script calls a port: a name, a port, a task, or None for null.
func (t *task) nameOf(v starlark.Value) (mach.Name, error) {
	switch v := v.(type) {
	case starlark.NoneType:
		return mach.NameNull, nil
	case starlark.Int:
		n, ok := v.Uint64()
		if !ok || n > uint64(mach.NameDead) {
			return 0, fmt.Errorf("%s is no port name", v)
		}
		return mach.Name(n), nil
	case porter:
		p := t.p.portOf(v.portID())
		if p == nil {
			return 0, fmt.Errorf("%s is dead", v.(starlark.Value))
		}
		if name, ok := t.k.Space().NameOf(p); ok {
			return name, nil
		}
		return 0, fmt.Errorf("task %s has no right of %s; %s.give(...) puts one there", t, v.(starlark.Value), t)
	case rightArg:
		return t.nameOf(v.port)
	}
	return 0, fmt.Errorf("got %s, want a port", v.Type())
}

// port is a port that the script knows: a memory object, or one that t.port(name) looked up.
type port struct {
	handle
	p     *play
	id    uint64
	owner *task // who had the receive right, or told the script of it
}

func (*port) Type() string      { return "port" }
func (p *port) portID() uint64  { return p.id }
func (p *port) String() string  { return p.p.names.Name(trace.ClassPort, p.id) }
func (p *port) port() *ipc.Port { return p.p.portOf(p.id) }

// Attr tells what the port is like now.
func (p *port) Attr(name string) (starlark.Value, error) {
	live := p.port()
	if name == "alive" {
		return starlark.Bool(live != nil && live.Alive()), nil
	}
	if name == "label" {
		return starlark.String(p.String()), nil
	}
	if live == nil {
		return starlark.MakeInt(0), nil
	}
	switch name {
	case "msgcount":
		return starlark.MakeInt(live.Msgcount()), nil
	case "qlimit":
		return starlark.MakeInt(live.Qlimit()), nil
	case "seqno":
		return starlark.MakeUint64(uint64(live.Seqno())), nil
	case "mscount":
		return starlark.MakeUint64(uint64(live.Mscount())), nil
	case "srights":
		return starlark.MakeInt(live.Srights()), nil
	case "sorights":
		return starlark.MakeInt(live.Sorights()), nil
	}
	return nil, nil
}

// AttrNames lists the attributes.
func (*port) AttrNames() []string {
	return []string{"alive", "label", "msgcount", "mscount", "qlimit", "seqno", "sorights", "srights"}
}

// holder is a task with a right of the port from which a send right can be made or copied.
func (p *port) holder() (*task, mach.Name, bool) {
	live := p.port()
	if live == nil {
		return nil, 0, false
	}
	if at, ok := live.Receiver().(ipc.InSpace); ok {
		for _, h := range p.p.hosts {
			for _, k := range h.k.Tasks() {
				if k.Space() == at.Space() {
					return &task{p: p.p, host: h, k: k}, at.Name(), true
				}
			}
		}
	}
	if name, ok := p.owner.k.Space().NameOf(live); ok {
		return p.owner, name, true
	}
	return nil, 0, false
}

// portID is the task's control port, so that a task can stand where a port is wanted.
func (t *task) portID() uint64 {
	if p := t.k.Port(); p != nil {
		return p.ID()
	}
	return trace.PortDead
}
