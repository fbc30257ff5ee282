package vm

import (
	"fmt"

	"machvm/kernel/sched"
)

// A Phase is where a VM object stands in its life. For an object with a memory object port it is also
// where the association with the manager stands.
type Phase uint8

const (
	// PhaseAnonymous is an internal object that never had a manager: what is not resident here or
	// below reads as zeros.
	PhaseAnonymous Phase = iota
	// PhaseIniting is an object whose ports exist while the message that announces them is not queued.
	PhaseIniting
	// PhaseUnready is an object whose manager knows it and has not yet declared attributes.
	PhaseUnready
	// PhaseActive is an object in use with a manager that answers.
	PhaseActive
	// PhaseCached is an active object without references, kept with its pages for the next mapper.
	PhaseCached
	// PhaseDestroying is an object whose manager has destroyed it, until terminate is queued.
	PhaseDestroying
	// PhaseOrphan is an object that lost its manager: resident pages stay, everything else fails.
	PhaseOrphan
	// PhaseTerminating is an object without references that gives back its pages and ports.
	PhaseTerminating
	// PhaseGone is an object that is no more.
	PhaseGone

	phases = iota
)

var phaseNames = [phases]string{
	"ANONYMOUS", "INITING", "UNREADY", "ACTIVE", "CACHED", "DESTROYING", "ORPHAN", "TERMINATING", "GONE",
}

func (p Phase) String() string { return phaseNames[p] }

// phaseNext is the transition table. Each line says what may follow and what brings it about.
var phaseNext = [phases][phases]bool{
	PhaseAnonymous: {
		PhaseIniting:     true, // first pageout: a pager is made
		PhaseUnready:     true, // collapse: the pager of the object below moves up
		PhaseActive:      true, // the same
		PhaseOrphan:      true, // the same, from an object below that lost its manager
		PhaseTerminating: true, // last reference
		PhaseGone:        true, // collapsed into the object above
	},
	PhaseIniting: {
		PhaseUnready: true, // init is queued
		PhaseActive:  true, // create is queued: an internal object is ready at once
		PhaseOrphan:  true, // the object port died
	},
	PhaseUnready: {
		PhaseActive:      true, // the first attributes that name a copy strategy
		PhaseTerminating: true, // last reference
		PhaseDestroying:  true, // memory_object_destroy
		PhaseOrphan:      true, // the object port died
	},
	PhaseActive: {
		PhaseCached:      true, // last reference, and the manager allows caching
		PhaseTerminating: true, // last reference
		PhaseDestroying:  true, // memory_object_destroy
		PhaseOrphan:      true, // the object port died
		PhaseGone:        true, // collapsed into the object above, which took the pager
	},
	PhaseCached: {
		PhaseActive: true, // mapped again, named by a control call, trimmed, or its port died
	},
	PhaseDestroying: {
		PhaseOrphan: true, // terminate is queued
	},
	PhaseOrphan: {
		PhaseTerminating: true, // last reference
		PhaseGone:        true, // collapsed into the object above
	},
	PhaseTerminating: {
		PhaseGone: true, // terminate is queued, if there was a manager
	},
}

// created reports whether ports were assigned at some time, so that absent data may exist elsewhere.
// Losing the manager does not undo it: what is not resident then fails and is never zero filled.
func (p Phase) created() bool { return p != PhaseAnonymous }

// initialized reports whether the manager has been told of the object.
func (p Phase) initialized() bool { return p != PhaseAnonymous && p != PhaseIniting }

// ready reports that nobody needs to wait for attributes: they are known, or will never come.
func (p Phase) ready() bool { return p.initialized() && p != PhaseUnready }

// alive reports whether the object can still be used.
func (p Phase) alive() bool { return p < PhaseTerminating }

// setPhase moves o to phase p and wakes those who waited for it. An illegal transition is a broken
// invariant of the kernel.
func (o *Object) setPhase(p Phase) {
	was := o.phase
	if !phaseNext[was][p] {
		panic(fmt.Sprintf("vm: %s may not go from %s to %s", o, was, p))
	}
	if p >= PhaseCached || was >= PhaseCached {
		o.host.touchEverything()
	}
	o.phase = p
	o.host.tracePhase(o, was)
	if !was.initialized() && p.initialized() {
		o.initWait.WakeAll(sched.Awakened)
	}
	if !was.ready() && p.ready() {
		o.readyWait.WakeAll(sched.Awakened)
	}
}
