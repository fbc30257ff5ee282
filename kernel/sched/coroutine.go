package sched

import (
	"fmt"
	"iter"
	"runtime/debug"

	"machvm/kernel/trace"
)

// coroutine is a stack that carries one thread at a time.
type coroutine struct {
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	thread *Thread // nil while idle in a pool
	reuse  bool
}

// Pool keeps the coroutines of ended threads for new ones, since making one costs six allocations. The
// zero value is empty. Schedulers may share one by turns, never at the same time.
type Pool struct {
	idle    []*coroutine
	threads Arena[Thread]
}

// Reclaim takes back the structures of the threads of a scheduler that is shut down. Nobody may look at them any more.
func (p *Pool) Reclaim() { p.threads.Reclaim() }

// Close ends the idle coroutines. The pool is empty then and may be used again.
func (p *Pool) Close() {
	for _, c := range p.idle {
		c.stop()
	}
	p.idle = nil
}

// PanicError is a panic caught on its way out of a thread, a timer function or an audit.
type PanicError struct {
	Thread  *Thread // who panicked, or, with Between, who ran the last step; nil if nobody has yet
	Between bool    // the panic came between steps, from a timer function or an audit
	Value   any
	Stack   []byte // Go's stack; addresses in it differ from run to run
}

func (e *PanicError) Error() string {
	switch {
	case !e.Between:
		return fmt.Sprintf("%v panicked: %v", e.Thread, e.Value)
	case e.Thread == nil:
		return fmt.Sprintf("panic before the first step: %v", e.Value)
	}
	return fmt.Sprintf("panic after a step of %v: %v", e.Thread, e.Value)
}

// Unwrap is the panic's value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// unwinding is the private panic that ends a thread.
type unwinding struct{}

// forced is how a coroutine that had to be ended by runtime.Goexit tells Shutdown so.
type forced struct{}

// resume lets t run until it pauses or ends.
func (s *Scheduler) resume(t *Thread) {
	c := t.co
	if c == nil {
		c = s.takeCoroutine()
		c.thread, t.co = t, c
		t.emit(trace.ThreadSpawn)
	}
	c.next()
	if c.thread == nil && c.reuse {
		s.pool.idle = append(s.pool.idle, c)
	}
}

func (s *Scheduler) takeCoroutine() *coroutine {
	if s.pool != nil {
		if n := len(s.pool.idle); n > 0 {
			c := s.pool.idle[n-1]
			s.pool.idle[n-1] = nil
			s.pool.idle = s.pool.idle[:n-1]
			return c
		}
	}
	c := &coroutine{reuse: s.pool != nil}
	c.next, c.stop = iter.Pull(c.run)
	return c
}

// run is the coroutine's own loop: one turn for each thread it carries.
func (c *coroutine) run(yield func(struct{}) bool) {
	c.yield = yield
	for {
		c.thread.main()
		if !c.reuse || !yield(struct{}{}) {
			return
		}
	}
}

// pause gives control back to the scheduler until t is picked again.
func (t *Thread) pause() {
	t.co.yield(struct{}{})
	if t.flags&doomed != 0 {
		t.unwind()
	}
}

// main is the base frame of a thread: the body, the destruction it still owes, and its end.
func (t *Thread) main() {
	// runtime.Goexit runs deferred functions only, so the end must be one.
	defer t.end()
	sound := t.protect(t.body)
	for sound && t.Reap.Len() > 0 && t.flags&doomed == 0 {
		sound = t.protect((*Thread).Drain)
	}
	if sound && t.flags&doomed == 0 {
		t.makeGone(Dead)
		t.protect((*Thread).notifyExit)
	}
}

// end parts the thread from its coroutine.
func (t *Thread) end() {
	if !t.state.gone() {
		t.makeGone(Dead)
	}
	t.co.thread, t.co = nil, nil
}

// protect calls f and catches what comes out of it. It reports whether the thread's world is sound: f
// returned, or unwound by Exit. A panic is recorded, and ends Run.
func (t *Thread) protect(f func(*Thread)) (sound bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		switch p := recover(); p.(type) {
		case nil:
			// runtime.Goexit: it travels on to the caller of Run. In Shutdown nobody waits for it.
			if t.flags&doomed != 0 {
				panic(forced{})
			}
		case unwinding:
			sound = true
		default:
			t.sched.fail(&PanicError{Thread: t, Value: p, Stack: debug.Stack()})
		}
	}()
	f(t)
	returned = true
	return true
}
