package conformance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel/mach"
)

// TestEMM001_KernelHoldsSendRightForObject: The kernel holds a send right for the object port from
// init until terminate is queued.
func TestEMM001_KernelHoldsSendRightForObject(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	e.c.dropPort(e.m.port) // from here on nobody but the kernel can hold one
	require.True(t, e.m.status(e.m.port).hasSenders)
	require.Equal(t, []ipc.RightKind{ipc.SendRight}, e.kernelRights(e.m, e.m.port))

	e.m.hold()
	var before []ipc.RightKind
	w := e.at("before-terminate", e.m.task, func(*calls) { before = e.kernelRights(e.m, e.m.port) })
	r.unmap()
	w.requireDone()
	require.Contains(t, before, ipc.SendRight)
	// terminate is queued: the right is the message's now.
	require.Empty(t, e.kernelRights(e.m, e.m.port))
	require.True(t, e.m.status(e.m.port).hasSenders)

	e.m.resume()
	e.m.see("init(a)", "terminate(a)")
	require.False(t, e.m.status(e.m.port).hasSenders)
}

// TestEMM002_InitGivesSendRightForControl: The manager obtains a send right for the control port by
// receiving init.
func TestEMM002_InitGivesSendRightForControl(t *testing.T) {
	e := newEMM(t)
	var typ mach.TypeBits
	var refs uint32
	e.m.on("init", func(x *turn) {
		typ, refs = x.portType(x.control), x.refs(x.control, mach.RightSend)
		x.ready(x.control, e.m.readiness)
	})
	e.c.mapPages(1) // succeeds only if the right reaches the kernel
	require.Equal(t, mach.TypeSend, typ)
	require.EqualValues(t, 1, refs)
}

// TestEMM003_KernelHoldsControlReceiveRight: The kernel holds the receive right of the control port
// until it is moved in terminate.
func TestEMM003_KernelHoldsControlReceiveRight(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	a := e.m.control(0)
	require.Equal(t, []ipc.RightKind{ipc.ReceiveRight}, e.kernelRights(e.m, a))
	require.Equal(t, mach.TypeSend, e.m.portType(a))

	e.m.hold()
	var kernel []ipc.RightKind
	w := e.at("before-terminate", e.m.task, func(*calls) { kernel = e.kernelRights(e.m, a) })
	r.unmap()
	w.requireDone()
	require.Contains(t, kernel, ipc.ReceiveRight)
	require.Empty(t, e.kernelRights(e.m, a))
	require.Equal(t, mach.TypeSend, e.m.portType(a)) // in transit

	e.m.resume()
	require.Equal(t, mach.TypeSend|mach.TypeReceive, e.m.portType(a))
}

// TestEMM004_TerminateMovesControlReceiveRight: terminate moves the receive right of the control port
// to the manager.
func TestEMM004_TerminateMovesControlReceiveRight(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1).unmap()
	last := e.m.last("terminate")
	require.Equal(t, mach.PortReceive, last.message.Descs[0].Disp)
	// The manager can do what only a receiver can: receive, and give the port up.
	e.m.do(func(x *calls) {
		require.Equal(t, mach.KernSuccess, x.note(last.control, 77, 0))
		got, code := x.receive(last.control)
		require.Equal(t, mach.KernSuccess, code)
		require.EqualValues(t, 77, got.ID)
		require.Equal(t, mach.KernSuccess, x.destroyPort(last.control))
	})
}

// TestEMM005_TerminateConsumesKernelSendRight: terminate consumes the kernel's own send right for the
// object port.
func TestEMM005_TerminateConsumesKernelSendRight(t *testing.T) {
	e := newEMM(t)
	object := e.portNamed(e.m, e.m.port)
	r := e.c.mapPages(1)
	require.Equal(t, 2, object.Srights()) // the client's and the kernel's
	e.m.hold()
	r.unmap()
	require.Equal(t, 2, object.Srights()) // the kernel's is on its way: a copy would be a third
	e.m.resume()
	e.m.see("init(a)", "terminate(a)")
	require.Equal(t, 1, object.Srights())
	e.c.dropPort(e.m.port)
	require.Equal(t, 0, object.Srights())
}

// TestEMM006_KernelHoldsNothingAfterTerminate: After terminate has been received the kernel holds no
// right for any port of that association.
func TestEMM006_KernelHoldsNothingAfterTerminate(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.store(0, 'x')
	r.see(1)
	a := e.m.control(0)
	require.NotEmpty(t, e.kernelRights(e.m, e.m.port))
	require.NotEmpty(t, e.kernelRights(e.m, a))
	e.c.dropPort(e.m.port)
	r.unmap()
	e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,r--)", "data_return(a,0,dirty)", "terminate(a)")
	require.Empty(t, e.kernelRights(e.m, e.m.port))
	require.Empty(t, e.kernelRights(e.m, a))
	// Nobody is left who could send to the object port, and only the manager can send to the control port.
	require.False(t, e.m.status(e.m.port).hasSenders)
	require.Equal(t, 1, e.portNamed(e.m, a).Srights())
}

// TestEMM007_EveryAssociationHasItsOwnControlPort: Every association uses a control port that no
// earlier association used.
func TestEMM007_EveryAssociationHasItsOwnControlPort(t *testing.T) {
	e := newEMM(t)
	seen := map[*ipc.Port]bool{}
	for i := range 4 {
		e.c.mapPages(1).unmap() // the manager keeps the old ports, so no name and no port can be used again
		port := e.portNamed(e.m, e.m.control(i))
		require.False(t, seen[port], "association %d uses the control port of an earlier one", i)
		seen[port] = true
	}
	e.m.see("init(a)", "terminate(a)", "init(b)", "terminate(b)", "init(c)", "terminate(c)", "init(d)", "terminate(d)")
}

// TestEMM008_EachMessageAddsOneControlReference: Each received kernel message that carries the control
// port as a send right raises the manager's user reference count for its name by one, up to 65534.
func TestEMM008_EachMessageAddsOneControlReference(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(6)
	a := e.m.control(0)
	for p := range 3 {
		require.EqualValues(t, 1+p, e.m.refs(a, mach.RightSend))
		r.see(p)
	}
	e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.modRefs(a, mach.RightSend, 65533-4)) })
	for p, refs := range []uint32{65534, 65534, 65534} { // pegged; the messages arrive nevertheless
		r.see(3 + p)
		require.Equal(t, refs, e.m.refs(a, mach.RightSend))
	}
	r.unmap()
	require.EqualValues(t, 65534, e.m.refs(a, mach.RightSend)) // terminate carries no send right
}

// TestEMM009_TerminateUsesTheKnownName: The control port received in terminate has the same name as
// the manager's existing send right for it, if it still has one.
func TestEMM009_TerminateUsesTheKnownName(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	r.see(0)
	a := e.m.control(0)
	r.unmap()
	require.Equal(t, a, e.m.last("terminate").control)
	require.Equal(t, mach.TypeSend|mach.TypeReceive, e.m.portType(a))
	require.EqualValues(t, 2, e.m.refs(a, mach.RightSend))

	// Without a send right there is no name to keep: the right arrives, under whatever name.
	e = newEMM(t)
	r = e.c.mapPages(1)
	e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.destroyPort(e.m.control(0))) })
	r.unmap()
	require.Equal(t, mach.TypeReceive, e.m.portType(e.m.last("terminate").control))
}

// TestEMM010_DestroyedControlPortLeavesDeadNames: Destroying the received control right turns every
// send right for it that is left, in whatever space, into a dead name.
func TestEMM010_DestroyedControlPortLeavesDeadNames(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(2)
	r.see(0)
	a := e.m.control(0)
	other := e.newTask("other")
	theirs := e.GiveSend(e.m.task, a, other)
	r.unmap()

	e.m.do(func(x *calls) { require.Equal(t, mach.KernSuccess, x.modRefs(a, mach.RightReceive, -1)) })
	require.Equal(t, mach.TypeDeadName, e.m.portType(a))
	require.EqualValues(t, 2, e.m.refs(a, mach.RightDeadName))
	e.in(other, func(x *calls) {
		require.Equal(t, mach.TypeDeadName, x.portType(theirs))
		require.Equal(t, mach.SendInvalidDest, x.note(theirs, 77, 0))
	})
}

// TestEMM011_DeallocateSparesTheControlPort: mach_port_deallocate on the received control right
// releases at most a send reference and never destroys the port.
func TestEMM011_DeallocateSparesTheControlPort(t *testing.T) {
	e := newEMM(t)
	r := e.c.mapPages(1)
	r.see(0)
	r.unmap()
	a := e.m.control(0)
	e.m.do(func(x *calls) {
		require.EqualValues(t, 2, x.refs(a, mach.RightSend))
		require.Equal(t, mach.KernSuccess, x.deallocatePort(a))
		require.EqualValues(t, 1, x.refs(a, mach.RightSend))
		require.Equal(t, mach.TypeSend|mach.TypeReceive, x.portType(a))
		require.Equal(t, mach.KernSuccess, x.deallocatePort(a))
		require.Equal(t, mach.TypeReceive, x.portType(a))
		require.Equal(t, mach.KernInvalidRight, x.deallocatePort(a))
		require.Equal(t, mach.TypeReceive, x.portType(a))
		require.Equal(t, mach.KernSuccess, x.noteMade(a, 77)) // it still takes messages
		got, code := x.receive(a)
		require.Equal(t, mach.KernSuccess, code)
		require.EqualValues(t, 77, got.ID)
	})
}

// TestEMM012_TerminateCarriesOneRight: terminate carries exactly one right in its body in the OSF
// form.
func TestEMM012_TerminateCarriesOneRight(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1).unmap()
	m := e.m.last("terminate").message
	require.True(t, m.Complex)
	require.Len(t, m.Descs, 1)
	require.Equal(t, mach.DescPort, m.Descs[0].Kind)
	require.Equal(t, mach.PortReceive, m.Descs[0].Disp)
	require.Empty(t, m.Body)
	require.Equal(t, mach.NameNull, m.Remote) // nor one in the header: it expects no reply
}

// TestEMM013_TerminateWithNamePort: In the CMU configuration terminate additionally moves the receive
// right of the name port.
func TestEMM013_TerminateWithNamePort(t *testing.T) {
	for _, with := range []bool{false, true} {
		e := newEMM(t, withField("TerminateWithName", fmt.Sprint(with)))
		r := e.c.mapPages(1)
		name := e.m.last("init").name
		if with {
			require.Equal(t, mach.TypeSend, e.m.portType(name))
		}
		r.unmap()
		last := e.m.last("terminate")
		if !with {
			require.Len(t, last.message.Descs, 1)
			continue
		}
		require.Len(t, last.message.Descs, 2)
		require.Equal(t, mach.PortReceive, last.message.Descs[1].Disp)
		require.Equal(t, name, last.name)
		require.Equal(t, mach.TypeSend|mach.TypeReceive, e.m.portType(name))
		require.NotEqual(t, e.portNamed(e.m, name), e.portNamed(e.m, last.control))
	}
}

// TestEMM014_MessagesCarryTheControlPort: data_request, data_unlock, data_return, synchronize and the
// three completion messages carry the control port as a send right, except a change_completed sent
// after the association has ended, which carries null.
func TestEMM014_MessagesCarryTheControlPort(t *testing.T) {
	e := newEMM(t)
	e.m.on("data_request", func(x *turn) {
		x.supply(x.control, x.offset, contents(x.offset), supplied{lock: mach.ProtWrite, reply: x.object})
	})
	r := e.c.mapPages(1)
	a := e.m.control(0)
	r.store(0, 'x')
	msync := e.c.start("msync", func(x *calls) mach.Return { return x.msync(r.addr, r.size(), mach.SyncSynchronous) })
	msync.requireDone()
	e.m.do(func(x *calls) {
		x.lock(a, locking{size: page, ret: mach.ReturnAll, flush: true, value: mach.ProtNoChange, reply: e.m.port})
		x.change(a, mach.FlavorPerformance, words(0, 1), e.m.port)
	})
	carriers := []string{"data_request", "supply_completed", "data_unlock", "data_return", "synchronize", "lock_completed", "change_completed"}
	for _, kind := range carriers {
		got := e.m.last(kind)
		require.Equal(t, mach.PortSend, got.message.Descs[0].Disp, kind)
		require.Equal(t, a, got.control, kind)
	}

	r.unmap() // cached
	e.m.do(func(x *calls) { x.change(a, mach.FlavorPerformance, words(0, 0), e.m.port) })
	got := e.m.last("change_completed")
	require.Equal(t, mach.NameNull, got.control)
	require.Equal(t, mach.FlavorPerformance, got.flavor)
}
