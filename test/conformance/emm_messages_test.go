package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
)

// TestEMM015_KernelMessagesIgnoreTheQueueLimit: Kernel messages to the object port are queued even if
// its queue limit is reached.
func TestEMM015_KernelMessagesIgnoreTheQueueLimit(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(8)
	e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.setQlimit(e.m.port, 2)) })
	e.m.hold()
	var loads []*job
	for p := range 8 {
		loads = append(loads, r.startLoad(p))
	}
	s := e.m.status(e.m.port)
	require.Equal(t, 2, s.qlimit)
	require.Equal(t, 8, s.messages)
	// An ordinary sender does not get in: the limit is in force.
	require.Equal(t, mach.SendTimedOut, e.c.note(e.m.port, 77, 1))

	e.m.resume()
	for p, j := range loads {
		j.requireValue(contents(at(p))[0])
	}
}

// TestEMM016_KernelSendsDoNotBlock: A kernel message to an object port never blocks the kernel thread
// that sends it.
func TestEMM016_KernelSendsDoNotBlock(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(8)
	for p := range 8 {
		r.store(p, 'x')
	}
	e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.setQlimit(e.m.port, 1)) })
	e.m.hold()
	r.unmap() // returns, although nobody receives its nine messages
	require.Equal(t, 9, e.m.status(e.m.port).messages)
	e.c.startMap(e.m.port, 1).requireBlocked() // for readiness, with init queued
	require.Equal(t, 10, e.m.status(e.m.port).messages)
	e.m.resume()
	require.Equal(t, "init(b)", e.m.trace()[len(e.m.trace())-1])
}

// TestEMM017_RejectedCallDestroysReplyRight: A reply right passed in a control call that is rejected
// without a completion is destroyed, so a send-once reply right produces a send-once notification.
func TestEMM017_RejectedCallDestroysReplyRight(t *testing.T) {
	e := newEMM(t)
	e.m.silent("data_request")
	r := e.c.mapPages(1)
	r.startLoad(0).requireBlocked()
	a := e.m.control(0)
	for i, call := range []func(x *calls, reply mach.Name) mach.Return{
		func(x *calls, reply mach.Name) mach.Return {
			return x.supply(a, 0, contents(0), supplied{lock: mach.ProtNoChange, reply: reply})
		},
		func(x *calls, reply mach.Name) mach.Return {
			return x.supply(a, 8, contents(0), supplied{reply: reply})
		},
		func(x *calls, reply mach.Name) mach.Return {
			return x.lock(a, locking{size: page, value: mach.ProtNoChange | mach.ProtWrite, reply: reply})
		},
		func(x *calls, reply mach.Name) mach.Return { return x.change(a, 99, words(0), reply) },
		func(x *calls, reply mach.Name) mach.Return {
			return x.change(a, mach.FlavorPerformance, words(0, 0, 0), reply)
		},
	} {
		e.m.do(func(x *calls) {
			reply := x.allocatePort()
			require.Equal(t, mach.KernSuccess, call(x, reply), "call %d", i) // nobody tells the sender
			got, code := x.receive(reply)
			require.Equal(t, mach.KernSuccess, code, "call %d", i)
			require.Equal(t, mach.NotifySendOnce, got.ID, "call %d", i)
			_, code = x.receive(reply)
			require.Equal(t, mach.RcvTimedOut, code, "call %d", i)
		})
	}
}

// TestEMM018_NoNoSendersWhileAssociated: No no-senders notification for the object port is generated
// while an association of it exists.
func TestEMM018_NoNoSendersWhileAssociated(t *testing.T) {
	e := newEMM(t)
	e.m.readiness = defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, MayCache: true}
	r := e.c.mapPages(1)
	notify := e.m.requestNoSenders(e.m.port)
	e.c.dropPort(e.m.port)
	r.see(0)
	e.m.seeOn(notify) // mapped: only the kernel's own right is left
	r.unmap()
	e.m.seeOn(notify) // cached

	var before []string
	w := e.at("before-terminate", e.m.task, func(*calls) { before = e.m.traceOn(notify) })
	e.m.do(func(x *calls) { x.change(e.m.control(0), mach.FlavorPerformance, words(0, 0), mach.NameNull) })
	w.requireDone()
	require.Empty(t, before)
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)")
	e.m.seeOn(notify, "no_senders(1)")
}

// TestEMM019_NoSendersFollowsTerminate: If the kernel's send right was the last one, the no-senders
// notification arrives after terminate.
func TestEMM019_NoSendersFollowsTerminate(t *testing.T) {
	for _, plainLack := range []bool{true, false} {
		e := newEMM(t, withField("PlainPortsNoNMS", fmt.Sprint(plainLack)))
		object := e.m.port // of mach_port_allocate_full, which always has no-senders detection
		if !plainLack {
			object = e.m.newPlainObject()
		}
		r := e.c.mapRange(object, 0, 1)
		e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.askNoSenders(object, object)) })
		e.c.dropPort(object)
		e.m.hold()
		r.unmap()
		require.Equal(t, 1, e.m.status(object).messages) // terminate: its right is the last
		e.m.resume()
		e.m.seeOn(object, "init(a)", "terminate(a)", "no_senders(1)")

		plain := e.m.newPlainObject()
		e.m.do(func(x *calls) {
			want := mach.KernSuccess
			if plainLack {
				want = mach.KernInvalidRight
			}
			require.Equal(t, want, x.askNoSenders(plain, plain))
		})
	}
}

// TestEMM020_AssociationFollowsTheObjectPort: Moving the receive right of the object port to another
// task keeps the association, and kernel messages then reach the new holder.
func TestEMM020_AssociationFollowsTheObjectPort(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.see(0)
	heir := e.newManager("heir")
	e.m.moveObject(heir)
	r.see(1)
	r.store(0, 'x')
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,r--)")
	heir.see("data_request(a,1,r--)", "data_return(a,0,dirty)", "terminate(a)")
	require.NotZero(t, heir.portType(heir.last("terminate").control)&mach.TypeReceive)
}

// TestEMM021_LateControlCallsHaveNoEffect: A control call sent after its association was broken has no
// effect on any object.
func TestEMM021_LateControlCallsHaveNoEffect(t *testing.T) {
	for _, window := range []personality.TermWindow{personality.TermQueue, personality.TermReject} {
		e := newEMM(t, withField("TermWindow", fmt.Sprint(window)))
		e.m.silent("data_request")
		r := e.c.mapPages(2)
		a := e.m.control(0)
		late := func(x *calls) {
			require.Equal(t, mach.KernSuccess, x.supply(a, at(1), contents(at(1)), supplied{}))
			require.Equal(t, mach.KernSuccess, x.change(a, mach.FlavorPerformance, words(0, 1), mach.NameNull))
			require.Equal(t, mach.KernSuccess, x.destroy(a, 0))
		}
		wait := r.startLoad(1)
		w := e.at("association-broken", e.m.task, late)
		e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroy(a, 0)) })
		w.requireDone()
		wait.requireFails(mach.KernMemoryFailure)
		r.fails(1, mach.KernMemoryFailure) // the supply came too late for the old object

		// Nor do calls by the old control port touch the association that follows.
		q := e.c.mapPages(2)
		wait = q.startLoad(1)
		e.m.do(func(x *calls) {
			x.drain(a)
			late(x)
		})
		wait.requireBlocked()
		e.m.do(func(x *calls) { x.supply(e.m.control(1), at(1), contents(at(1)), supplied{}) })
		wait.requireValue(contents(at(1))[0])
		q.unmap() // still not cachable
		e.m.see("init(a)", "data_request(a,1,r--)", "terminate(a)", "init(b)", "data_request(b,1,r--)", "terminate(b)")
	}
}

// TestEMM022_ControlCallIsExecutedDuringTheSend: A control call sent while its association is in force
// is executed during the send and never stays in a queue.
func TestEMM022_ControlCallIsExecutedDuringTheSend(t *testing.T) {
	e := newEMM(t)
	e.m.silent("data_request")
	r := e.c.mapPages(1)
	a := e.m.control(0)
	wait := r.startLoad(0)
	wait.requireBlocked()
	e.m.do(func(x *calls) {
		require.Equal(t, 0, e.resident(e.m.port))
		x.supply(a, 0, contents(0), supplied{})
		require.Equal(t, 1, e.resident(e.m.port)) // no other thread has run since
		x.change(a, mach.FlavorPerformance, words(int32(4*page), 0), mach.NameNull)
		got, code := x.attributes(a, mach.FlavorPerformance)
		require.Equal(t, mach.KernSuccess, code)
		require.Equal(t, words(int32(4*page), 0), got)
		require.Equal(t, 0, e.portNamed(e.m, a).Msgcount())
	})
	wait.requireValue(contents(0)[0])
	r.unmap()
	require.Equal(t, 0, e.m.status(a).messages)
}

// TestEMM023_ControlPortArrivesUnused: The control port has sequence number 0 and message count 0 when
// it leaves the kernel with no unconsumed message.
func TestEMM023_ControlPortArrivesUnused(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(3)
	for p := range 3 {
		r.see(p)
	}
	a := e.m.control(0)
	e.m.do(func(x *calls) {
		x.change(a, mach.FlavorPerformance, words(0, 0), e.m.port)
		_, code := x.attributes(a, mach.FlavorPerformance)
		require.Equal(t, mach.KernSuccess, code)
	})
	r.unmap()
	s := e.m.status(a)
	require.Equal(t, 0, s.seqno)
	require.Equal(t, 0, s.messages)
}

// TestEMM024_NullPortMapsZeroFilledMemory: vm_map with a null port gives zero-filled memory and sends
// no message.
func TestEMM024_NullPortMapsZeroFilledMemory(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapRange(mach.NameNull, 0, 2)
	r.reads(0, 0)
	r.store(1, 'x')
	r.reads(1, 'x')
	r.unmap()
	e.m.see()
}

// TestEMM025_OtherKernelObjectsCannotBeMapped: vm_map with a port that represents another kernel
// object fails with KERN_INVALID_OBJECT and sends no message.
func TestEMM025_OtherKernelObjectsCannotBeMapped(t *testing.T) {
	for _, code := range []mach.Return{mach.KernInvalidObject, mach.KernInvalidArgument} {
		e := newEMM(t, withField("ForeignPortCode", fmt.Sprint(code)))
		e.c.mapPages(1)
		control := e.GiveSend(e.m.task, e.m.control(0), e.c.task)
		e.c.do(func(x *calls) {
			for _, port := range []mach.Name{x.TaskSelf(), x.ThreadSelf(), x.HostSelf(), control} {
				_, got := x.vmMap(mapping{object: port, size: page})
				require.Equal(t, code, got)
			}
		})
		e.m.see("init(a)")
		require.Equal(t, mach.TypeSend, e.m.portType(e.m.control(0))) // the control port is as it was
	}
}

// TestEMM026_DeadNameCannotBeMapped: vm_map with a dead name fails with KERN_INVALID_OBJECT.
func TestEMM026_DeadNameCannotBeMapped(t *testing.T) {
	for _, zeros := range []bool{false, true} {
		e := newEMM(t, withField("DeadObjectMapsZero", fmt.Sprint(zeros)))
		port := e.c.port(e.m.port)
		e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroyPort(e.m.port)) })
		if zeros {
			r := e.c.mapName(port, 0, 1)
			r.reads(0, 0)
			continue
		}
		require.Equal(t, mach.KernInvalidObject, e.c.tryMap(port))
	}
}
