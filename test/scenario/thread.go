package scenario

import (
	"fmt"
	"regexp"
	"strings"

	"go.starlark.net/starlark"

	"machvm/ipc/defs"
	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// thread is one thread of a task whose program is a function of the script. The function gets the thread
// as its first argument; Mach's calls are its methods.
type thread struct {
	handle
	p      *play
	task   *task
	name   string // task/function: unique in a scenario
	at     string // where it was declared
	fn     starlark.Callable
	args   starlark.Tuple
	body   func(userThread) // a program in Go, in place of fn
	daemon bool

	k     *kernel.Thread // nil before it starts
	u     userThread
	star  *starlark.Thread
	done  bool
	since uint64 // the last wait that refresh has seen

	replyPort mach.Name

	parked bool // inside at, while nobody else can run
}

const localThread = "thread"

// threadOf is the thread that runs the Starlark thread, nil at the top level.
func threadOf(th *starlark.Thread) *thread {
	t, _ := th.Local(localThread).(*thread)
	return t
}

func (t *task) newThread(name, at string, fn starlark.Callable, args starlark.Tuple) (*thread, error) {
	x := &thread{p: t.p, task: t, name: t.k.Name() + "/" + name, at: at, fn: fn, args: args}
	for n := 2; t.p.threadNamed(x.name) != nil; n++ {
		x.name = fmt.Sprintf("%s/%s%d", t.k.Name(), name, n)
	}
	t.p.threads = append(t.p.threads, x)
	return x, nil
}

func (p *play) threadNamed(name string) *thread {
	for _, t := range p.threads {
		if t.name == name {
			return t
		}
	}
	return nil
}

// spawn starts the thread.
func (t *thread) spawn() {
	t.star = t.p.starlarkThread(t.name)
	t.star.SetLocal(localThread, t)
	t.k = t.task.k.Spawn(strings.TrimPrefix(t.name, t.task.k.Name()+"/"), t.main)
	if t.k == nil { // the task is ending
		t.done = true
		return
	}
	t.p.ours[t.k.ID()] = true
	t.k.SetDaemon(t.daemon)
}

// main is the thread's program.
func (t *thread) main(u userThread) {
	defer func() { t.done = true }()
	t.u = u
	if t.body != nil {
		t.body(u)
		return
	}
	_, err := starlark.Call(t.star, t.fn, append(starlark.Tuple{t}, t.args...), nil)
	if err != nil {
		t.p.fail(t.p.failureOf(err))
	}
}

// counted are the parts of a report that count steps.
var counted = regexp.MustCompile(`^thread \d+ "[^"]*" waits for |, requested in step \d+|, since step \d+$`)

// waitsFor is what the thread waits for and who holds it, as a deadlock report says it; None if it does not wait.
func (t *thread) waitsFor() starlark.Value {
	if t.k == nil {
		return starlark.None
	}
	w, waiting := t.k.Sched().Waiting()
	if !waiting {
		return starlark.None
	}
	return starlark.String(counted.ReplaceAllString(sched.BlockedThread{Thread: t.k.Sched(), Wait: w}.String(), ""))
}

// refresh gives the thread a new allowance of steps if it has waited since the last time.
func (t *thread) refresh() {
	if since := t.k.Sched().BlockedSince(); since != t.since {
		t.since = since
		t.star.SetMaxExecutionSteps(t.star.ExecutionSteps() + t.p.limit)
	}
}

func (*thread) Type() string     { return "thread" }
func (t *thread) String() string { return t.name }

// Attr is one of Mach's calls, a method of the scenario, or name, task, done.
func (t *thread) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(t.name), nil
	case "task":
		return t.task, nil
	case "done":
		return starlark.Bool(t.done), nil
	case "waits_for":
		return t.waitsFor(), nil
	}
	if v := t.method(name); v != nil {
		return v, nil
	}
	for _, row := range defs.Registry(t.task.host.k.Form().Set).Rows() {
		if row.Name == name {
			return starlark.NewBuiltin(name, t.own(func(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
				return t.call(row, args, kwargs)
			})), nil
		}
	}
	return nil, nil
}

// method is a method of threads that is no message.
func (t *thread) method(name string) starlark.Value {
	f := threadMethods[name]
	if f == nil {
		return nil
	}
	return starlark.NewBuiltin(name, t.own(func(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return f(t, th, args, kwargs)
	}))
}

// own wraps a call that only the thread itself can make.
func (t *thread) own(f builtin) func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return func(th *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if threadOf(th) != t {
			return nil, fmt.Errorf("%s: only thread %s itself can make this call, inside its function", b.Name(), t.name)
		}
		v, err := f(th, args, kwargs)
		t.refresh()
		return v, err
	}
}

// AttrNames lists the calls and the other methods.
func (t *thread) AttrNames() []string {
	names := []string{"name", "task", "done", "waits_for"}
	for _, row := range defs.Registry(t.task.host.k.Form().Set).Rows() {
		names = append(names, row.Name)
	}
	return threadMethods.names(names...)
}

// where is the place in the script at which the thread is, and what stands there.
func (t *thread) where() string {
	if t.star == nil {
		return ""
	}
	if f := t.star.CallStack(); len(f) > 0 {
		for i := range f {
			if pos := f.At(i).Pos; pos.Line > 0 && pos.Filename() != "<builtin>" {
				return position(pos) + ": " + t.p.script.statement(int(pos.Line))
			}
		}
	}
	return ""
}
