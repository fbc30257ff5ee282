package scenario

import (
	"fmt"
	"math"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"machvm/kernel/mach"
)

// code is a return code. It prints the historic spelling and compares by value.
type code struct{ mach.Return }

func (c code) String() string        { return c.Return.String() }
func (code) Type() string            { return "kern_return_t" }
func (code) Freeze()                 {}
func (c code) Truth() starlark.Bool  { return c.Return != mach.KernSuccess }
func (c code) Hash() (uint32, error) { return uint32(c.Return), nil }

// CompareSameType allows == and != only: codes have no order.
func (c code) CompareSameType(op syntax.Token, y starlark.Value, _ int) (bool, error) {
	same := c == y.(code)
	switch op {
	case syntax.EQL:
		return same, nil
	case syntax.NEQ:
		return !same, nil
	}
	return false, fmt.Errorf("return codes have no order")
}

// anything is the value ANY: as an expected code or in a pattern it matches everything.
type anything struct{}

func (anything) String() string        { return "ANY" }
func (anything) Type() string          { return "any" }
func (anything) Freeze()               {}
func (anything) Truth() starlark.Bool  { return true }
func (anything) Hash() (uint32, error) { return 0, nil }

// numbers are the constants that are plain numbers, with Mach's spelling.
var numbers = map[string]int64{
	"VM_PROT_NONE": int64(mach.ProtNone), "VM_PROT_READ": int64(mach.ProtRead), "VM_PROT_WRITE": int64(mach.ProtWrite),
	"VM_PROT_EXECUTE": int64(mach.ProtExecute), "VM_PROT_DEFAULT": int64(mach.ProtDefault), "VM_PROT_ALL": int64(mach.ProtAll),
	"VM_PROT_NO_CHANGE": int64(mach.ProtNoChange), "VM_PROT_WANTS_COPY": int64(mach.ProtWantsCopy),

	"VM_INHERIT_SHARE": int64(mach.InheritShare), "VM_INHERIT_COPY": int64(mach.InheritCopy), "VM_INHERIT_NONE": int64(mach.InheritNone),

	"VM_BEHAVIOR_DEFAULT": int64(mach.BehaviorDefault), "VM_BEHAVIOR_RANDOM": int64(mach.BehaviorRandom),
	"VM_BEHAVIOR_SEQUENTIAL": int64(mach.BehaviorSequential), "VM_BEHAVIOR_RSEQNTL": int64(mach.BehaviorReverseSequential),

	"VM_SYNC_ASYNCHRONOUS": int64(mach.SyncAsynchronous), "VM_SYNC_SYNCHRONOUS": int64(mach.SyncSynchronous),
	"VM_SYNC_INVALIDATE": int64(mach.SyncInvalidate),

	"VM_REGION_BASIC_INFO": 10,

	"MEMORY_OBJECT_COPY_NONE": int64(mach.CopyNone), "MEMORY_OBJECT_COPY_CALL": int64(mach.CopyCall),
	"MEMORY_OBJECT_COPY_DELAY": int64(mach.CopyDelay), "MEMORY_OBJECT_COPY_TEMPORARY": int64(mach.CopyTemporary),
	"MEMORY_OBJECT_COPY_SYMMETRIC": int64(mach.CopySymmetric), "MEMORY_OBJECT_COPY_INVALID": int64(mach.CopyInvalid),

	"MEMORY_OBJECT_RETURN_NONE": int64(mach.ReturnNone), "MEMORY_OBJECT_RETURN_DIRTY": int64(mach.ReturnDirty),
	"MEMORY_OBJECT_RETURN_ALL": int64(mach.ReturnAll), "MEMORY_OBJECT_RETURN_ANYTHING": int64(mach.ReturnAnything),

	"OLD_MEMORY_OBJECT_BEHAVIOR_INFO": int64(mach.FlavorOldBehavior), "MEMORY_OBJECT_PERFORMANCE_INFO": int64(mach.FlavorPerformance),
	"OLD_MEMORY_OBJECT_ATTRIBUTE_INFO": int64(mach.FlavorOldAttribute), "MEMORY_OBJECT_ATTRIBUTE_INFO": int64(mach.FlavorAttribute),
	"MEMORY_OBJECT_BEHAVIOR_INFO": int64(mach.FlavorBehavior),

	"MACH_PORT_NULL": int64(mach.NameNull), "MACH_PORT_DEAD": int64(mach.NameDead),

	"MACH_PORT_RIGHT_SEND": int64(mach.RightSend), "SEND": int64(mach.RightSend),
	"MACH_PORT_RIGHT_RECEIVE": int64(mach.RightReceive), "RECEIVE": int64(mach.RightReceive),
	"MACH_PORT_RIGHT_SEND_ONCE": int64(mach.RightSendOnce), "SEND_ONCE": int64(mach.RightSendOnce),
	"MACH_PORT_RIGHT_PORT_SET": int64(mach.RightPortSet), "PORT_SET": int64(mach.RightPortSet),
	"MACH_PORT_RIGHT_DEAD_NAME": int64(mach.RightDeadName), "DEAD_NAME": int64(mach.RightDeadName),

	"MACH_PORT_TYPE_SEND": int64(mach.TypeSend), "MACH_PORT_TYPE_RECEIVE": int64(mach.TypeReceive),
	"MACH_PORT_TYPE_SEND_ONCE": int64(mach.TypeSendOnce), "MACH_PORT_TYPE_PORT_SET": int64(mach.TypePortSet),
	"MACH_PORT_TYPE_DEAD_NAME": int64(mach.TypeDeadName), "MACH_PORT_TYPE_DNREQUEST": int64(mach.TypeDNRequest),

	"MACH_MSG_TYPE_MOVE_RECEIVE": int64(mach.MoveReceive), "MOVE_RECEIVE": int64(mach.MoveReceive),
	"MACH_MSG_TYPE_MOVE_SEND": int64(mach.MoveSend), "MOVE_SEND": int64(mach.MoveSend),
	"MACH_MSG_TYPE_MOVE_SEND_ONCE": int64(mach.MoveSendOnce), "MOVE_SEND_ONCE": int64(mach.MoveSendOnce),
	"MACH_MSG_TYPE_COPY_SEND": int64(mach.CopySend), "COPY_SEND": int64(mach.CopySend),
	"MACH_MSG_TYPE_MAKE_SEND": int64(mach.MakeSend), "MAKE_SEND": int64(mach.MakeSend),
	"MACH_MSG_TYPE_MAKE_SEND_ONCE": int64(mach.MakeSendOnce), "MAKE_SEND_ONCE": int64(mach.MakeSendOnce),

	"MACH_PORT_LIMITS_INFO": int64(mach.PortLimitsInfo), "MACH_PORT_RECEIVE_STATUS": int64(mach.PortReceiveStatus),
	"MACH_PORT_DNREQUESTS_SIZE": int64(mach.PortDNRequestsSize),

	"MACH_NOTIFY_PORT_DELETED": int64(mach.NotifyPortDeleted), "MACH_NOTIFY_MSG_ACCEPTED": int64(mach.NotifyMsgAccepted),
	"MACH_NOTIFY_PORT_DESTROYED": int64(mach.NotifyPortDestroyed), "MACH_NOTIFY_NO_SENDERS": int64(mach.NotifyNoSenders),
	"MACH_NOTIFY_SEND_ONCE": int64(mach.NotifySendOnce), "MACH_NOTIFY_DEAD_NAME": int64(mach.NotifyDeadName),
}

// codeRanges are where return codes lie.
var codeRanges = [][2]mach.Return{
	{0, 64}, {mach.KernReturnMax, mach.KernReturnMax}, {0x10000000, 0x10000020}, {0x10004000, 0x10004020}, {-320, -299},
}

// constants are all predeclared values that are no functions.
var constants = func() starlark.StringDict {
	all := starlark.StringDict{"PAGE": starlark.MakeUint64(uint64(mach.DefaultPageSize)), "ANY": anything{}}
	for name, n := range numbers { // unordered: into a map
		all[name] = starlark.MakeInt64(n)
	}
	for _, r := range codeRanges {
		for c := r[0]; c <= r[1]; c++ {
			if parsed, ok := mach.ParseReturn(c.String()); ok && parsed == c {
				all[c.String()] = code{c}
			}
		}
	}
	return all
}()

// number is a script's integer as a non-negative number.
func number(v starlark.Value) (uint64, bool) {
	i, ok := v.(starlark.Int)
	if !ok {
		return 0, false
	}
	return i.Uint64()
}

// size unpacks a script's integer that counts bytes or names an address.
type size uint64

// Unpack is for starlark.UnpackArgs.
func (s *size) Unpack(v starlark.Value) error {
	n, ok := number(v)
	if !ok || n > math.MaxInt64 {
		return fmt.Errorf("got %s, want a number of bytes", v)
	}
	*s = size(n)
	return nil
}
