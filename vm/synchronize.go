package vm

import (
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// A syncRequest is an outstanding memory_object_synchronize.
type syncRequest struct {
	object    *Object
	offset    mach.Offset // in the memory object
	length    mach.Size
	completed bool        // answered
	failed    bool        // the association ended first
	waiters   sched.Queue // the caller of vm_msync, and those whose ranges overlap
	next      *syncRequest
}

// WaitName describes the wait of vm_msync.
func (s *syncRequest) WaitName() string {
	return fmt.Sprintf("the synchronize of %d bytes at %s of %s", s.length, s.offset, s.object)
}

// HeldBy names the manager that owes the answer.
func (s *syncRequest) HeldBy() string { return s.object.manager() }

func (s *syncRequest) wait(th *sched.Thread) sched.Result {
	return th.Block(&s.waiters, sched.Wait{Kind: sched.WaitObject, What: s, Interruptible: true})
}

// overlapping is an outstanding request that overlaps the range, nil if none does.
func (o *Object) overlapping(off mach.Offset, length mach.Size) *syncRequest {
	for s := o.msyncs; s != nil; s = s.next {
		if off < s.offset+mach.Offset(s.length) && s.offset < off+mach.Offset(length) {
			return s
		}
	}
	return nil
}

// synchronize does the first half of vm_msync for one range of o: pages are returned or discarded as flags
// say, and the manager is asked to confirm. It waits for requests that overlap, and not for the answer: that is
// finish. The caller holds a reference until then. An object without a manager of its own has nothing to do,
// and no request.
//
//	KERN_MEMORY_ERROR  the object was destroyed or its manager died meanwhile (E-07)
//	KERN_ABORTED       the thread was aborted
func (o *Object) synchronize(th *sched.Thread, off mach.Offset, length mach.Size, flags mach.SyncFlags) (*syncRequest, mach.Return) {
	if o.internal || o.assoc == nil {
		return nil, mach.KernSuccess
	}
	if o.awaitReady(th, true) == sched.Interrupted {
		return nil, mach.KernAborted
	}
	a := o.assoc
	if a == nil {
		return nil, mach.KernMemoryError
	}
	l := lockArgs{
		assoc: a, offset: off, size: length, lock: mach.ProtNoChange,
		flush: flags&mach.SyncInvalidate != 0, pick: mach.ReturnNone,
	}
	switch {
	case flags&(mach.SyncSynchronous|mach.SyncAsynchronous) != 0:
		l.pick = mach.ReturnAll
	case l.flush:
		l.pick = returnPrecious
	}
	o.beginPaging()
	interrupted := o.lockRequest(th, l)
	o.endPaging()
	if interrupted {
		return nil, mach.KernAborted
	}
	at := off + o.pagingOffset
	for s := o.overlapping(at, length); s != nil; s = o.overlapping(at, length) {
		if s.wait(th) == sched.Interrupted {
			return nil, mach.KernAborted
		}
	}
	if o.assoc != a {
		return nil, mach.KernMemoryError
	}
	s := &syncRequest{object: o, offset: at, length: length}
	for last := &o.msyncs; ; last = &(*last).next {
		if *last == nil {
			*last = s
			break
		}
	}
	o.host.sendSynchronize(th, a, at, length, flags)
	return s, mach.KernSuccess
}

// finish does the other half of vm_msync: it waits until the manager has confirmed, whatever the flags. The codes
// are those of synchronize.
func (s *syncRequest) finish(th *sched.Thread) mach.Return {
	for !s.completed && !s.failed {
		if s.wait(th) == sched.Interrupted {
			// It stays outstanding until the manager answers, so that no other overlaps it (EMM-209).
			return mach.KernAborted
		}
	}
	if s.failed {
		return mach.KernMemoryError
	}
	return mach.KernSuccess
}

// synchronizeCompleted releases the request with exactly this range.
//
// KERN_INVALID_ARGUMENT: there is none (EMM-208).
func (o *Object) synchronizeCompleted(off mach.Offset, length mach.Size) mach.Return {
	for at := &o.msyncs; *at != nil; at = &(*at).next {
		if s := *at; s.offset == off && s.length == length {
			*at = s.next
			s.completed = true
			s.waiters.WakeAll(sched.Awakened)
			return mach.KernSuccess
		}
	}
	return mach.KernInvalidArgument
}

// failSyncs ends every outstanding request: nobody will answer.
func (o *Object) failSyncs() {
	for s := o.msyncs; s != nil; s = s.next {
		s.failed = true
		s.waiters.WakeAll(sched.Awakened)
	}
	o.msyncs = nil
}
