package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// actor is a thread with the calls of a test as methods. Port calls act on the thread's own task, or on the
// task that on names. Those named after a routine return its code; the others fail the test.
type actor struct {
	user.Thread
	t    *testing.T
	task mach.Name // port of the task that port calls are for
}

// actor makes an actor of a thread.
func (s *stage) actor(th user.Thread) *actor {
	return &actor{Thread: th, t: s.t}
}

// on is the same thread with calls for another task, by its control port.
func (a *actor) on(task mach.Name) *actor {
	return &actor{Thread: a.Thread, t: a.t, task: task}
}

// target is the task that port calls are for.
func (a *actor) target() mach.Name {
	if a.task == mach.NameNull {
		a.task = user.Self(a.Thread)
	}
	return a.task
}

// ok, is and isNot judge a code.
func (a *actor) ok(ret mach.Return) {
	a.t.Helper()
	require.Equal(a.t, mach.KernSuccess, ret)
}

func (a *actor) is(want, ret mach.Return) {
	a.t.Helper()
	require.Equal(a.t, want, ret)
}

func (a *actor) isNot(unwanted, ret mach.Return) {
	a.t.Helper()
	require.NotEqual(a.t, unwanted, ret)
}

func (a *actor) allocate(right mach.RightCode) (mach.Name, mach.Return) {
	return user.MachPortAllocate(a, a.target(), right)
}

func (a *actor) allocateName(right mach.RightCode, name mach.Name) mach.Return {
	return user.MachPortAllocateName(a, a.target(), right, name)
}

func (a *actor) destroy(name mach.Name) mach.Return {
	return user.MachPortDestroy(a, a.target(), name)
}

func (a *actor) deallocate(name mach.Name) mach.Return {
	return user.MachPortDeallocate(a, a.target(), name)
}

func (a *actor) modRefs(name mach.Name, right mach.RightCode, delta int32) mach.Return {
	return user.MachPortModRefs(a, a.target(), name, right, delta)
}

func (a *actor) getRefs(name mach.Name, right mach.RightCode) (uint32, mach.Return) {
	return user.MachPortGetRefs(a, a.target(), name, right)
}

func (a *actor) portNames() ([]mach.Name, []mach.TypeBits, mach.Return) {
	return user.MachPortNames(a, a.target())
}

func (a *actor) portType(name mach.Name) (mach.TypeBits, mach.Return) {
	return user.MachPortType(a, a.target(), name)
}

func (a *actor) rename(from, to mach.Name) mach.Return {
	return user.MachPortRename(a, a.target(), from, to)
}

// insertRight sends what this thread's task names right, with disposition d, to be known as name.
func (a *actor) insertRight(name, right mach.Name, d mach.Disposition) mach.Return {
	return user.MachPortInsertRight(a, a.target(), name, right, d)
}

func (a *actor) extractRight(name mach.Name, d mach.Disposition) (mach.Name, mach.Disposition, mach.Return) {
	return user.MachPortExtractRight(a, a.target(), name, d)
}

func (a *actor) getAttributes(name mach.Name, flavor int32, count uint32) ([]int32, mach.Return) {
	return user.MachPortGetAttributes(a, a.target(), name, flavor, count)
}

func (a *actor) setAttributes(name mach.Name, flavor int32, info ...int32) mach.Return {
	return user.MachPortSetAttributes(a, a.target(), name, flavor, info)
}

func (a *actor) setLimit(name mach.Name, limit int32) mach.Return {
	return a.setAttributes(name, mach.PortLimitsInfo, limit)
}

func (a *actor) setMscount(name mach.Name, v uint32) mach.Return {
	return user.MachPortSetMscount(a, a.target(), name, v)
}

func (a *actor) setSeqno(name mach.Name, v uint32) mach.Return {
	return user.MachPortSetSeqno(a, a.target(), name, v)
}

func (a *actor) moveMember(name, set mach.Name) mach.Return {
	return user.MachPortMoveMember(a, a.target(), name, set)
}

func (a *actor) insertMember(name, set mach.Name) mach.Return {
	return user.MachPortInsertMember(a, a.target(), name, set)
}

func (a *actor) extractMember(name, set mach.Name) mach.Return {
	return user.MachPortExtractMember(a, a.target(), name, set)
}

func (a *actor) getSetStatus(set mach.Name) ([]mach.Name, mach.Return) {
	return user.MachPortGetSetStatus(a, a.target(), set)
}

// requestNotification asks for a notification to the receive right notify, or with NULL takes the request back.
func (a *actor) requestNotification(name mach.Name, id mach.MsgID, sync uint32, notify mach.Name) (mach.Name, mach.Return) {
	return user.MachPortRequestNotification(a, a.target(), name, id, sync, notify, mach.MakeSendOnce)
}

// request is requestNotification for a request that is legal; it returns the right registered before.
func (a *actor) request(name mach.Name, id mach.MsgID, sync uint32, notify mach.Name) mach.Name {
	a.t.Helper()
	previous, ret := a.requestNotification(name, id, sync, notify)
	a.ok(ret)
	return previous
}

// port makes a port as mach_port_allocate does.
func (a *actor) port() mach.Name { a.t.Helper(); return a.made(mach.RightReceive) }

// set makes a port set.
func (a *actor) set() mach.Name { a.t.Helper(); return a.made(mach.RightPortSet) }

// deadName makes a dead name with so many references.
func (a *actor) deadName(refs int32) mach.Name {
	a.t.Helper()
	name := a.made(mach.RightDeadName)
	a.ok(a.modRefs(name, mach.RightDeadName, refs-1))
	return name
}

func (a *actor) made(right mach.RightCode) mach.Name {
	a.t.Helper()
	name, ret := a.allocate(right)
	a.ok(ret)
	return name
}

// fullPort makes a port as mach_port_allocate_full does: with no-senders detection under every personality.
func (a *actor) fullPort() (name mach.Name) {
	a.t.Helper()
	a.ok(user.MachPortAllocateFull(a, a.target(), mach.RightReceive, mach.NameNull, user.Qos{}, &name))
	return name
}

// makeSend adds a send right to a receive right.
func (a *actor) makeSend(p mach.Name) {
	a.t.Helper()
	a.ok(a.insertRight(p, p, mach.MakeSend))
}

// withSend is makeSend for use in an expression.
func (a *actor) withSend(p mach.Name) mach.Name {
	a.t.Helper()
	a.makeSend(p)
	return p
}

// sendOnce makes a send-once right from a receive right, and returns its name.
func (a *actor) sendOnce(p mach.Name) mach.Name {
	a.t.Helper()
	name, _, ret := a.extractRight(p, mach.MakeSendOnce)
	a.ok(ret)
	return name
}

// typeOf is what a name denotes.
func (a *actor) typeOf(name mach.Name) mach.TypeBits {
	a.t.Helper()
	bits, ret := a.portType(name)
	a.ok(ret)
	return bits
}

// unknown says that a name denotes nothing.
func (a *actor) unknown(name mach.Name) {
	a.t.Helper()
	_, ret := a.portType(name)
	a.is(mach.KernInvalidName, ret)
}

// refs is the number of references a name has for a right.
func (a *actor) refs(name mach.Name, right mach.RightCode) uint32 {
	a.t.Helper()
	n, ret := a.getRefs(name, right)
	a.ok(ret)
	return n
}

// table is all names and what they denote.
func (a *actor) table() map[mach.Name]mach.TypeBits {
	a.t.Helper()
	names, types, ret := a.portNames()
	a.ok(ret)
	table := map[mach.Name]mach.TypeBits{}
	for i, name := range names {
		table[name] = types[i]
	}
	return table
}

// portStatus is the state of a port: what mach_port_get_attributes tells of it.
type portStatus = defs.MachPortGetReceiveStatusReply

func (a *actor) status(p mach.Name) portStatus {
	a.t.Helper()
	status, ret := user.MachPortGetReceiveStatus(a, a.target(), p)
	a.ok(ret)
	return status.MachPortGetReceiveStatusReply
}

// setOf is the first port set that holds a port, NULL if none does.
func (a *actor) setOf(p mach.Name) mach.Name {
	a.t.Helper()
	names, types, ret := a.portNames()
	a.ok(ret)
	for i, set := range names {
		if types[i] != mach.TypePortSet {
			continue
		}
		members, ret := a.getSetStatus(set)
		a.ok(ret)
		for _, m := range members {
			if m == p {
				return set
			}
		}
	}
	return mach.NameNull
}

// everyCallOn makes every port call that is about a name, and returns the codes. other is a receive right of
// this thread's task.
func (a *actor) everyCallOn(name, other mach.Name) map[string]mach.Return {
	codes := map[string]mach.Return{
		"mach_port_destroy":           a.destroy(name),
		"mach_port_deallocate":        a.deallocate(name),
		"mach_port_mod_refs":          a.modRefs(name, mach.RightReceive, -1),
		"mach_port_rename":            a.rename(name, 0x7ff1),
		"mach_port_set_attributes":    a.setLimit(name, 3),
		"mach_port_set_mscount":       a.setMscount(name, 3),
		"mach_port_set_seqno":         a.setSeqno(name, 3),
		"mach_port_move_member":       a.moveMember(name, mach.NameNull),
		"mach_port_insert_member":     a.insertMember(name, name),
		"mach_port_extract_member":    a.extractMember(name, name),
		"mach_port_move_member after": a.moveMember(other, name),
	}
	_, codes["mach_port_get_refs"] = a.getRefs(name, mach.RightReceive)
	_, codes["mach_port_type"] = a.portType(name)
	_, _, codes["mach_port_extract_right"] = a.extractRight(name, mach.MakeSend)
	_, codes["mach_port_get_attributes"] = a.getAttributes(name, mach.PortLimitsInfo, 1)
	_, codes["mach_port_get_set_status"] = a.getSetStatus(name)
	for _, id := range []mach.MsgID{mach.NotifyPortDestroyed, mach.NotifyNoSenders, mach.NotifyDeadName} {
		_, ret := a.requestNotification(name, id, 0, other)
		codes["mach_port_request_notification "+id2name[id]] = ret
	}
	return codes
}

var id2name = map[mach.MsgID]string{mach.NotifyPortDestroyed: "port-destroyed", mach.NotifyNoSenders: "no-senders", mach.NotifyDeadName: "dead-name"}
