package scenario

import (
	"fmt"
	"slices"

	"go.starlark.net/starlark"

	"machvm/kernel/sched"
)

// waiter is a thread that waits until a condition of the script holds. The condition is looked at after
// every step of the machine.
type waiter struct {
	t    *thread
	cond starlark.Callable
	what string
	star *starlark.Thread // evaluates cond
}

// WaitName says what is waited for, in deadlock reports.
func (w *waiter) WaitName() string { return w.what }

// reasonName is a plain reason to wait.
type reasonName string

// WaitName is the reason.
func (r reasonName) WaitName() string { return string(r) }

// block stops the thread at the end of q until it is woken. A thread that is killed meanwhile does not
// come back.
func (t *thread) block(q *sched.Queue, what sched.Describer) {
	t.k.Sched().Block(q, sched.Wait{Kind: sched.WaitEvent, What: what, Interruptible: true})
	if t.k.Sched().Killed() {
		t.u.Yield()
	}
	t.refresh()
}

// giveWay lets other threads run first. When it returns the thread has just been picked.
func (t *thread) giveWay() {
	t.k.Sched().Yield()
	if t.k.Sched().Killed() {
		t.u.Yield()
	}
}

// waitUntil is wait_until(cond): the calling thread goes on when cond() is true.
func (p *play) waitUntil(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var cond starlark.Callable
	if err := starlark.UnpackArgs("wait_until", args, kwargs, "cond", &cond); err != nil {
		return nil, err
	}
	t := threadOf(th)
	if t == nil {
		return nil, fmt.Errorf("wait_until: only a thread can wait; the top level calls run()")
	}
	at, line := here(th)
	w := &waiter{t: t, cond: cond, what: fmt.Sprintf("%s: %s", at, p.script.statement(line)), star: p.starlarkThread("condition")}
	for {
		v, err := starlark.Call(th, cond, nil, nil)
		if err != nil {
			return nil, err
		}
		if v.Truth() {
			return starlark.None, nil
		}
		p.waiters = append(p.waiters, w)
		func() {
			defer func() { p.waiters = slices.DeleteFunc(p.waiters, func(o *waiter) bool { return o == w }) }()
			t.block(nil, w)
		}()
	}
}

// afterStep looks at the conditions that threads wait for, and puts threads that wait for a preemption
// point back into the running.
func (p *play) afterStep() {
	if p.failure != nil || p.checking {
		return
	}
	p.checking = true
	defer func() { p.checking = false }()
	for _, w := range slices.Clone(p.waiters) {
		w.star.SetMaxExecutionSteps(w.star.ExecutionSteps() + p.limit)
		v, err := starlark.Call(w.star, w.cond, nil, nil)
		if err != nil {
			p.fail(p.failureOf(err))
			return
		}
		if v.Truth() {
			w.t.k.Sched().Wake(sched.Awakened)
		}
	}
	for _, t := range p.threads {
		// A step of a thread that only looks whether its point has come changes nothing for the others.
		if t.parked && p.parkStep != p.sim.Sched().Steps() {
			t.k.Sched().Wake(sched.Awakened)
		}
	}
}

// atPoint is t.at(point): the thread goes on when another thread is at that preemption point of the kernel,
// and instead of it.
func (t *thread) atPoint(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs("at", args, kwargs, "point", &name); err != nil {
		return nil, err
	}
	if !slices.Contains(preemptionPoints, name) {
		return nil, fmt.Errorf("at: there is no preemption point %q; there are %q", name, preemptionPoints)
	}
	w := &point{name: name}
	s := t.k.Sched()
	t.p.chooser.held[s.Name()] = w
	defer delete(t.p.chooser.held, s.Name())
	t.giveWay()
	for !w.reached {
		// Nobody else can run. It waits like any other thread until somebody could.
		t.parked, t.p.parkStep = true, s.Scheduler().Steps()
		t.block(nil, reasonName("preemption point "+name))
		t.parked = false
		if !w.reached {
			t.p.parkStep = s.Scheduler().Steps()
			t.giveWay()
		}
	}
	t.refresh()
	return starlark.None, nil
}

// preemptionPoints are the places of the kernel where a schedule may switch threads.
var preemptionPoints = []string{"before-init", "association-broken", "before-data-return", "before-terminate", "placeholder-inserted", "before-verify"}

// flag is event(): something that threads wait for and another sets, once.
type flag struct {
	handle
	p    *play
	name string
	set  bool
	q    sched.Queue
}

func (*flag) Type() string           { return "event" }
func (f *flag) String() string       { return "event " + f.name }
func (f *flag) Truth() starlark.Bool { return starlark.Bool(f.set) }

var flagMethods = methods[*flag]{
	"set": func(f *flag, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs("set", args, kwargs); err != nil {
			return nil, err
		}
		f.set = true
		f.q.WakeAll(sched.Awakened)
		return starlark.None, nil
	},
	"wait": func(f *flag, th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs("wait", args, kwargs); err != nil {
			return nil, err
		}
		t := threadOf(th)
		if t == nil {
			return nil, fmt.Errorf("wait: only a thread can wait; the top level calls run()")
		}
		for !f.set {
			t.block(&f.q, reasonName(f.name))
		}
		return starlark.None, nil
	},
}

// Attr is a method.
func (f *flag) Attr(name string) (starlark.Value, error) { return flagMethods.attr(f, name), nil }

// AttrNames lists the methods.
func (f *flag) AttrNames() []string { return flagMethods.names() }

// barrier is barrier(n): n threads wait for one another.
type barrier struct {
	handle
	p    *play
	size int
	q    sched.Queue
}

func (*barrier) Type() string     { return "barrier" }
func (b *barrier) String() string { return fmt.Sprintf("barrier of %d", b.size) }

var barrierMethods = methods[*barrier]{
	"wait": func(b *barrier, th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs("wait", args, kwargs); err != nil {
			return nil, err
		}
		t := threadOf(th)
		if t == nil {
			return nil, fmt.Errorf("wait: only a thread can wait; the top level calls run()")
		}
		if b.q.Len() == b.size-1 {
			b.q.WakeAll(sched.Awakened)
			return starlark.None, nil
		}
		t.block(&b.q, reasonName(b.String()))
		return starlark.None, nil
	},
}

// Attr is a method.
func (b *barrier) Attr(name string) (starlark.Value, error) { return barrierMethods.attr(b, name), nil }

// AttrNames lists the methods.
func (b *barrier) AttrNames() []string { return barrierMethods.names() }
