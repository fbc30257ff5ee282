package conformance

import (
	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// page is the page size of every host of these tests unless it says otherwise.
const page = mach.DefaultPageSize

// at is the offset of page n of a memory object.
func at(n int) mach.Offset { return mach.Offset(n) * mach.Offset(page) }

// contents is the contents that managers supply for the page at off: one byte that tells the page, all over.
func contents(off mach.Offset) []byte {
	p := make([]byte, page)
	for i := range p {
		p[i] = byte(1 + off/mach.Offset(page))
	}
	return p
}

// words are the words of an attribute flavor.
func words(w ...int32) []int32 { return w }

// calls is what a thread of a test can do: the traps and, in few words, the calls that managers and
// clients make. Everything goes through package user. Calls that a test expects to succeed only return
// what they give; the others return the code.
type calls struct {
	user.Thread
	e *emm
}

func (x *calls) ok(code mach.Return) {
	x.e.t.Helper()
	require.Equal(x.e.t, mach.KernSuccess, code)
}

func (x *calls) self() mach.Name { return user.Self(x) }

// Ports.

func (x *calls) allocatePort() mach.Name {
	name, code := user.MachPortAllocate(x, x.self(), mach.RightReceive)
	x.ok(code)
	return name
}

// allocateObject makes a port with no-senders detection, whatever the personality says of plain ones.
func (x *calls) allocateObject() (name mach.Name) {
	if x.Form().Set != mig.OSF {
		return x.allocatePort()
	}
	x.ok(user.MachPortAllocateFull(x, x.self(), mach.RightReceive, mach.NameNull, user.Qos{}, &name))
	return name
}

func (x *calls) destroyPort(name mach.Name) mach.Return {
	return user.MachPortDestroy(x, x.self(), name)
}

func (x *calls) deallocatePort(name mach.Name) mach.Return {
	return user.MachPortDeallocate(x, x.self(), name)
}

func (x *calls) modRefs(name mach.Name, right mach.RightCode, delta int32) mach.Return {
	return user.MachPortModRefs(x, x.self(), name, right, delta)
}

func (x *calls) refs(name mach.Name, right mach.RightCode) uint32 {
	n, code := user.MachPortGetRefs(x, x.self(), name, right)
	x.ok(code)
	return n
}

// portType is what name denotes, TypeNone for nothing.
func (x *calls) portType(name mach.Name) mach.TypeBits {
	t, code := user.MachPortType(x, x.self(), name)
	if code == mach.KernInvalidName {
		return mach.TypeNone
	}
	x.ok(code)
	return t
}

func (x *calls) setQlimit(name mach.Name, n uint32) mach.Return {
	return user.MachPortSetQlimit(x, x.self(), name, n)
}

// makeSend gives the task a send right for a port that it receives from.
func (x *calls) makeSend(name mach.Name) mach.Name {
	x.ok(user.MachPortInsertRight(x, x.self(), name, name, mach.MakeSend))
	return name
}

// askNoSenders has a no-senders notification for name sent to notify.
func (x *calls) askNoSenders(name, notify mach.Name) mach.Return {
	_, code := user.MachPortRequestNotification(x, x.self(), name, mach.NotifyNoSenders, 0, notify, mach.MakeSendOnce)
	return code
}

func (x *calls) askDeadName(name, notify mach.Name) mach.Return {
	_, code := user.MachPortRequestNotification(x, x.self(), name, mach.NotifyDeadName, 0, notify, mach.MakeSendOnce)
	return code
}

// receiveStatus is the part of the receive status that the tests look at.
type receiveStatus struct {
	seqno, messages, qlimit int
	hasSenders              bool
}

func (x *calls) status(name mach.Name) receiveStatus {
	s, code := user.MachPortGetReceiveStatus(x, x.self(), name)
	x.ok(code)
	return receiveStatus{int(s.Seqno), int(s.Msgcount), int(s.Qlimit), s.Srights}
}

// Messages.

// note sends a message without contents through a send right; it waits for room no longer than timeout.
func (x *calls) note(name mach.Name, id mach.MsgID, timeout mach.Timeout) mach.Return {
	m := &mach.UserMessage{ID: id, Remote: name, RemoteDisp: mach.CopySend}
	code := user.Msg(x, m, mach.SendMsg|mach.SendTimeout, 0, mach.NameNull, timeout, mach.NameNull)
	if code == mach.SendTimedOut {
		user.DestroyUnsent(x, m)
	}
	return code
}

// noteWaiting is note without a bound on the wait.
func (x *calls) noteWaiting(name mach.Name, id mach.MsgID) mach.Return {
	return x.sendMessage(&mach.UserMessage{ID: id, Remote: name, RemoteDisp: mach.CopySend})
}

// noteMade is note through a right made from a receive right.
func (x *calls) noteMade(name mach.Name, id mach.MsgID) mach.Return {
	return x.sendMessage(&mach.UserMessage{ID: id, Remote: name, RemoteDisp: mach.MakeSend})
}

// noteOnce is note through a send-once right.
func (x *calls) noteOnce(name mach.Name, id mach.MsgID) mach.Return {
	return x.sendMessage(&mach.UserMessage{ID: id, Remote: name, RemoteDisp: mach.MoveSendOnce})
}

// sendMemory sends a copy of memory to a port that the task receives from.
func (x *calls) sendMemory(name mach.Name, id mach.MsgID, r mach.Region) mach.Return {
	return x.sendMessage(&mach.UserMessage{ID: id, Remote: name, RemoteDisp: mach.MakeSend, Complex: true,
		Descs: []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescMemory, Copy: mach.CopyVirtual, Memory: r}}})
}

// sendReceiver moves a receive right to the receiver of the port that name denotes.
func (x *calls) sendReceiver(name mach.Name, id mach.MsgID, right mach.Name) mach.Return {
	return x.sendMessage(&mach.UserMessage{ID: id, Remote: name, RemoteDisp: mach.CopySend, Complex: true,
		Descs: []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescPort, Disp: mach.MoveReceive, Port: right}}})
}

func (x *calls) sendMessage(m *mach.UserMessage) mach.Return {
	return user.Msg(x, m, mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
}

// receive takes a message that is there: MACH_RCV_TIMED_OUT if none is.
func (x *calls) receive(name mach.Name) (*mach.UserMessage, mach.Return) {
	m := new(mach.UserMessage)
	code := user.TryReceive(x, m, name, 0)
	return m, code
}

// drain receives and destroys everything in the queue of a control port and says what it was.
func (x *calls) drain(name mach.Name) []string {
	found := []string{}
	for {
		m, code := x.receive(name)
		if code == mach.RcvTimedOut {
			return found
		}
		x.ok(code)
		found = append(found, callName(x.Form().Set, m.ID))
		user.Destroy(x, m)
	}
}

// callName is the name of the control call with a number.
func callName(set mig.Set, id mach.MsgID) string {
	for _, row := range defs.Mach.Rows() {
		if id != 0 && row.ID(set) == id {
			return row.Name
		}
	}
	return "?"
}

// Memory.

// mapping says what to map: size bytes of object from offset on, readable and writable.
type mapping struct {
	object  mach.Name
	offset  mach.Offset
	size    mach.Size
	copy    bool
	fixed   bool // at address, and nowhere else
	address mach.Addr
}

func (x *calls) vmMap(m mapping) (mach.Addr, mach.Return) {
	addr := m.address
	code := user.VMMap(x, x.self(), &addr, m.size, 0, !m.fixed, m.object, m.offset, m.copy,
		mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
	return addr, code
}

func (x *calls) deallocate(addr mach.Addr, size mach.Size) mach.Return {
	return user.VMDeallocate(x, x.self(), addr, size)
}

func (x *calls) protect(addr mach.Addr, size mach.Size, p mach.Prot) mach.Return {
	return user.VMProtect(x, x.self(), addr, size, false, p)
}

func (x *calls) msync(addr mach.Addr, size mach.Size, flags mach.SyncFlags) mach.Return {
	return user.VMMsync(x, x.self(), addr, size, flags)
}

// load reads one byte, as the processor would.
func (x *calls) load(addr mach.Addr) (byte, mach.Return) {
	var p [1]byte
	err := x.Load(addr, p[:])
	return p[0], mach.Code(err)
}

// store writes one byte.
func (x *calls) store(addr mach.Addr, b byte) mach.Return {
	return mach.Code(x.Store(addr, []byte{b}))
}

// bytes is what a region holds.
func (x *calls) bytes(r mach.Region) []byte {
	p, err := user.LoadBytes(x, r)
	x.ok(mach.Code(err))
	return p
}

// Control calls. A reply port of null asks for no completion; otherwise a send-once right is made from it
// unless disp says otherwise.

// supplied is how pages are supplied.
type supplied struct {
	lock     mach.Prot
	precious bool
	reply    mach.Name
}

func (x *calls) supply(control mach.Name, off mach.Offset, data []byte, s supplied) mach.Return {
	r, code := user.StoreNew(x, data)
	x.ok(code)
	return user.MemoryObjectDataSupply(x, control, off, r, true, s.lock, s.precious, replyOnce(s.reply))
}

// supplyRegion supplies memory that the manager goes on using.
func (x *calls) supplyRegion(control mach.Name, off mach.Offset, r mach.Region, s supplied) mach.Return {
	return user.MemoryObjectDataSupply(x, control, off, r, false, s.lock, s.precious, replyOnce(s.reply))
}

func replyOnce(name mach.Name) user.ReplyPort {
	if name == mach.NameNull {
		return user.ReplyPort{}
	}
	return user.ReplyPort{Name: name, Disp: mach.MakeSendOnce}
}

func (x *calls) unavailable(control mach.Name, off mach.Offset, size mach.Size) mach.Return {
	return user.MemoryObjectDataUnavailable(x, control, off, size)
}

func (x *calls) dataError(control mach.Name, off mach.Offset, size mach.Size, reason mach.Return) mach.Return {
	return user.MemoryObjectDataError(x, control, off, size, reason)
}

// locking is the arguments of lock_request. The zero value lifts all locks of no page.
type locking struct {
	offset mach.Offset
	size   mach.Size
	ret    mach.ShouldReturn
	flush  bool
	value  mach.Prot
	reply  mach.Name
	disp   mach.Disposition // of reply; 0: MakeSendOnce
}

func (x *calls) lock(control mach.Name, l locking) mach.Return {
	reply := replyOnce(l.reply)
	if l.disp != 0 {
		reply.Disp = l.disp
	}
	return user.MemoryObjectLockRequest(x, control, l.offset, l.size, l.ret, l.flush, l.value, reply)
}

func (x *calls) change(control mach.Name, flavor mach.Flavor, w []int32, reply mach.Name) mach.Return {
	return user.MemoryObjectChangeAttributes(x, control, flavor, w, replyOnce(reply))
}

// changeCMU is change in the form of CMU and GNU.
func (x *calls) changeCMU(control mach.Name, cache bool, strategy mach.CopyStrategy, reply mach.Name) mach.Return {
	return user.MemoryObjectChangeAttributesCMU(x, control, cache, strategy, replyOnce(reply))
}

func (x *calls) attributes(control mach.Name, flavor mach.Flavor) ([]int32, mach.Return) {
	return user.MemoryObjectGetAttributes(x, control, flavor, 6)
}

// ready answers init with the attributes a.
func (x *calls) ready(control mach.Name, a defs.ObjectAttributes) mach.Return {
	return user.MakeReady(x, control, a)
}

func (x *calls) destroy(control mach.Name, reason mach.Return) mach.Return {
	return user.MemoryObjectDestroy(x, control, reason)
}

func (x *calls) synchronizeCompleted(control mach.Name, off mach.Offset, size mach.Size) mach.Return {
	return user.MemoryObjectSynchronizeCompleted(x, control, off, size)
}
