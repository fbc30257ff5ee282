package ipc

import (
	"iter"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Config is what a world is made of.
type Config struct {
	Sched     *sched.Scheduler
	Tracer    *trace.Tracer  // nil: no events
	Chooser   choice.Chooser // nil: always the first option
	LinkDelay mach.Time      // time a message spends between two kernels
	Spares    *Spares        // what an earlier world has left; nil: nothing
}

// World is the ports and messages of one simulation, shared by all its kernels.
type World struct {
	sched   *sched.Scheduler
	tracer  *trace.Tracer
	chooser choice.Chooser
	delay   mach.Time
	spares  *Spares
	nodes   []*Node

	ports    portList
	lastPort uint64

	live     kmsgList // every message that is not in the pool
	pool     *Kmsg
	lastKmsg uint64
	dying    kmsgQueue // messages found while one is being destroyed
	cleaning bool

	stamps   uint64 // order of blocking, over all queues
	waiters  *waiter
	entries  *entry
	requests *request

	holders []Holder
	frames  frameList
}

// NewWorld makes a world without kernels.
func NewWorld(c Config) *World {
	if c.Spares == nil {
		c.Spares = new(Spares)
	}
	return &World{sched: c.Sched, tracer: c.Tracer, chooser: c.Chooser, delay: c.LinkDelay, spares: c.Spares}
}

// Nodes is the kernels of the world in the order of their making.
func (w *World) Nodes() []*Node { return w.nodes }

// Ports is the live ports in id order. The caller must not make or destroy ports inside the loop.
func (w *World) Ports() iter.Seq[*Port] {
	return func(yield func(*Port) bool) {
		for p := w.ports.head; p != nil; p = p.next {
			if !yield(p) {
				return
			}
		}
	}
}

func (w *World) now() mach.Time {
	if w.sched == nil {
		return 0
	}
	return w.sched.Now()
}

// Holder is a kernel owner of naked rights, for the recount. It must not change anything.
type Holder interface {
	// VisitRights calls f once for every right the owner holds, with words that name the owner.
	VisitRights(f func(r Right, owner string))
}

// AddHolder registers an owner of naked rights for the life of the world.
func (w *World) AddHolder(h Holder) { w.holders = append(w.holders, h) }

// Frame makes the rights in the arguments of a running handler visible to the recount.
type Frame struct {
	Holder
	prev, next *Frame
}

// PushFrame registers f until PopFrame. Handlers that block overlap, so frames need not be popped in order.
func (w *World) PushFrame(f *Frame) { w.frames.push(f) }

// PopFrame takes f off again.
func (w *World) PopFrame(f *Frame) { w.frames.remove(f) }

type frameList struct{ head *Frame }

func (l *frameList) push(f *Frame) {
	f.prev, f.next = nil, l.head
	if l.head != nil {
		l.head.prev = f
	}
	l.head = f
}

func (l *frameList) remove(f *Frame) {
	if f.prev == nil {
		l.head = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next != nil {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
}

// portList is the live ports, oldest first.
type portList struct{ head, tail *Port }

func (l *portList) push(p *Port) {
	p.prev = l.tail
	if l.tail == nil {
		l.head = p
	} else {
		l.tail.next = p
	}
	l.tail = p
}

func (l *portList) remove(p *Port) {
	if p.prev == nil {
		l.head = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		l.tail = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.prev, p.next = nil, nil
}
