package monitor

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// msgKind is what a message is, whatever its number in a message set.
type msgKind uint8

const (
	_ msgKind = iota // any other

	// From a kernel to a manager.

	msgInit
	msgTerminate
	msgCopy
	msgDataRequest
	msgDataUnlock
	msgDataReturn
	msgDataWrite
	msgDataInitialize
	msgSynchronize
	msgDiscardRequest
	msgCreate
	msgLockCompleted
	msgSupplyCompleted
	msgChangeCompleted

	// From a manager to a kernel, by the control port.

	msgDataSupply
	msgDataProvided
	msgDataUnavailable
	msgDataError
	msgLockRequest
	msgLockRequestOld
	msgChangeAttributes
	msgChangeAttributesCMU
	msgReady
	msgSetAttributes
	msgGetAttributes
	msgGetAttributesCMU
	msgDestroy
	msgSynchronizeCompleted
	msgDiscardReply

	// From programs to their kernel.

	msgMap
	msgMsync
	msgPortDeallocate
	msgPortDestroy
	msgSetSeqno
	msgSetDefaultManager

	// Notifications.

	msgNoSenders
	msgSendOnce
)

var kindNames = map[string]msgKind{
	"memory_object_init": msgInit, "memory_object_terminate": msgTerminate, "memory_object_copy": msgCopy,
	"memory_object_data_request": msgDataRequest, "memory_object_data_unlock": msgDataUnlock,
	"memory_object_data_return": msgDataReturn, "memory_object_data_write": msgDataWrite,
	"memory_object_data_initialize": msgDataInitialize, "memory_object_synchronize": msgSynchronize,
	"memory_object_discard_request": msgDiscardRequest, "memory_object_create": msgCreate,
	"memory_object_lock_completed": msgLockCompleted, "memory_object_supply_completed": msgSupplyCompleted,
	"memory_object_change_completed": msgChangeCompleted, "memory_object_data_supply": msgDataSupply,
	"memory_object_data_provided": msgDataProvided, "memory_object_data_unavailable": msgDataUnavailable,
	"memory_object_data_error": msgDataError, "memory_object_lock_request": msgLockRequest,
	"xxx_memory_object_lock_request": msgLockRequestOld, "memory_object_change_attributes": msgChangeAttributes,
	"memory_object_ready": msgReady, "memory_object_set_attributes": msgSetAttributes,
	"memory_object_get_attributes": msgGetAttributes, "memory_object_destroy": msgDestroy,
	"memory_object_synchronize_completed": msgSynchronizeCompleted, "memory_object_discard_reply": msgDiscardReply,
	"vm_map": msgMap, "vm_msync": msgMsync, "mach_port_deallocate": msgPortDeallocate, "mach_port_destroy": msgPortDestroy,
	"mach_port_set_seqno": msgSetSeqno, "host_default_memory_manager": msgSetDefaultManager,
	"vm_set_default_memory_manager": msgSetDefaultManager, "mach_notify_no_senders": msgNoSenders,
	"mach_notify_send_once": msgSendOnce,
}

// toManager reports whether a kernel sends k to a manager.
func (k msgKind) toManager() bool { return k >= msgInit && k <= msgChangeCompleted }

// control reports whether k is a call of a manager by the control port.
func (k msgKind) control() bool { return k >= msgDataSupply && k <= msgDiscardReply }

// gets reports whether k is the one control call that has an answer.
func (k msgKind) gets() bool { return k == msgGetAttributes || k == msgGetAttributesCMU }

// field is an inline argument that a check looks at.
type field uint8

const (
	fieldOffset field = iota
	fieldSize
	fieldAccess
	fieldLock
	fieldReturn
	fieldFlush
	fieldPrecious
	fieldDirty
	fieldKernelCopy
	fieldResult
	fieldErrorOffset
	fieldFlavor
	fieldWords // offset of the count of an inline array of words
	fieldReason
	fieldSync
	fieldPageSize
	fieldMayCache
	fieldStrategy
	fieldReady
	fieldName
	fieldSeqno
	fieldCopy
	fields
)

var fieldNames = map[string]field{
	"offset": fieldOffset, "length": fieldSize, "size": fieldSize, "desired_access": fieldAccess, "lock_value": fieldLock,
	"should_return": fieldReturn, "should_clean": fieldReturn, "should_flush": fieldFlush, "precious": fieldPrecious,
	"dirty": fieldDirty, "kernel_copy": fieldKernelCopy, "result": fieldResult, "error_offset": fieldErrorOffset,
	"flavor": fieldFlavor, "attributes": fieldWords, "attributes_count": fieldWords, "error_value": fieldReason,
	"sync_flags": fieldSync, "memory_object_page_size": fieldPageSize, "new_page_size": fieldPageSize,
	"may_cache": fieldMayCache, "copy_strategy": fieldStrategy, "object_ready": fieldReady, "name": fieldName,
	"discard_offset": fieldOffset, "discard_size": fieldSize, "copy": fieldCopy,
}

const none = 0xff

// layout says where the arguments of a message are: the offset of an inline one in the body, the number of a
// descriptor. Historic mig_layout; worked out from the rows once.
type layout struct {
	kind    msgKind
	set     mig.Set
	offset  [fields]uint8 // none: the message has no such argument
	wide    [fields]bool
	control uint8 // descriptor of the control port
	reply   uint8 // of the reply right
	data    uint8 // of out-of-line memory
	object  uint8 // of a memory object in the body
}

var layouts = layOut()

func layOut() (all [mig.Sets]map[mach.MsgID]*layout) {
	for set := range mig.Set(mig.Sets) {
		all[set] = map[mach.MsgID]*layout{}
		for _, row := range defs.Registry(set).Rows() {
			if kind, ok := kindNames[row.Name]; ok {
				all[set][row.ID(set)] = newLayout(kind, set, row)
			}
		}
	}
	return all
}

func newLayout(kind msgKind, set mig.Set, row *mig.Row) *layout {
	l := &layout{kind: kind, set: set, control: none, reply: none, data: none, object: none}
	if set != mig.OSF {
		switch kind {
		case msgChangeAttributes:
			l.kind = msgChangeAttributesCMU
		case msgGetAttributes:
			l.kind = msgGetAttributesCMU
		}
	}
	for f := range l.offset {
		l.offset[f] = none
	}
	desc, at := uint8(0), 0
	for _, a := range row.Args(mig.Request) {
		switch a.Kind {
		case mig.ArgDest, mig.ArgSeqno:
		case mig.ArgPort, mig.ArgMemory, mig.ArgPorts:
			switch {
			case a.Name == "memory_control" || a.Name == "new_control_port" || a.Name == "memory_control_port" ||
				a.Name == "old_memory_control":
				l.control = desc
			case a.Name == "reply_to":
				l.reply = desc
			case a.Kind == mig.ArgMemory:
				l.data = desc
			case a.Name == "new_memory_object" || a.Name == "memory_object" || a.Name == "default_manager":
				l.object = desc
			}
			if a.Option == "" {
				desc++
			}
		default:
			f, known := fieldNames[a.Name]
			if a.Name == "seqno" {
				f, known = fieldSeqno, true
			}
			if known && at < none {
				l.offset[f], l.wide[f] = uint8(at), a.Kind == mig.ArgWide
			}
			switch a.Kind {
			case mig.ArgWord:
				at += 4
			case mig.ArgWide:
				at += 8
			default:
				at = none // what stands behind an array has no fixed place
			}
		}
	}
	return l
}

// message is a message event with its layout.
type message struct {
	trace.Message
	*layout
}

// other is the layout of messages that no check decodes.
var other = &layout{control: none, reply: none, data: none, object: none}

func (h *host) message(e trace.Message) message {
	if l := layouts[h.set][e.ID]; l != nil {
		return message{e, l}
	}
	return message{e, other}
}

// get is an inline argument, 0 if it is missing.
func (m *message) get(f field) uint64 {
	at, b := int(m.offset[f]), m.Body[:min(int(m.BodyLen), len(m.Body))]
	switch {
	case m.layout == other || at == none:
		return 0
	case m.wide[f]:
		if at+8 <= len(b) {
			return mach.Words.Uint64(b[at:])
		}
	case at+4 <= len(b):
		return uint64(mach.Words.Uint32(b[at:]))
	}
	return 0
}

func (m *message) start() mach.Offset { return mach.Offset(m.get(fieldOffset)) }
func (m *message) size() mach.Size    { return mach.Size(m.get(fieldSize)) }
func (m *message) is(f field) bool    { return m.get(f) != 0 }

// words are the values of an inline array of words.
func (m *message) words() []int32 {
	at, b := int(m.offset[fieldWords]), m.Body[:min(int(m.BodyLen), len(m.Body))]
	return wordsAt(b, at)
}

func wordsAt(b []byte, at int) []int32 {
	if at == none || at+4 > len(b) {
		return nil
	}
	n := int(mach.Words.Uint32(b[at:]))
	var w []int32
	for i := at + 4; n > 0 && i+4 <= len(b); i, n = i+4, n-1 {
		w = append(w, int32(mach.Words.Uint32(b[i:])))
	}
	return w
}

// desc is a descriptor, the zero one if it is missing.
func (m *message) desc(i uint8) trace.MessageDesc {
	if i == none || int(i) >= min(int(m.NDesc), len(m.Desc)) {
		return trace.MessageDesc{}
	}
	return m.Desc[i]
}

// controlPort is the control port that the message carries, 0 if none.
func (m *message) controlPort() uint64 { return live(m.desc(m.control).Value) }

func live(id uint64) uint64 {
	if id == trace.PortDead {
		return trace.PortNull
	}
	return id
}

// arrivesAs reports whether a right that the message carries is of the given kind.
func arrivesAs(d trace.MessageDesc, right mach.Disposition) bool {
	return d.Disp.Arrives() == right
}

// code is the return code in a reply, and whether there is one.
func code(e *trace.Message) (mach.Return, bool) {
	if e.BodyLen < 4 {
		return 0, false
	}
	return mach.Return(int32(mach.Words.Uint32(e.Body[:]))), true
}
