package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

var (
	machPortNames        = NewRoutine[defs.MachPortNames[mach.Name], defs.MachPortNamesReply[mach.Region]](defs.MachPortNamesRow)
	machPortType         = NewRoutine[defs.MachPortType[mach.Name], defs.MachPortTypeReply](defs.MachPortTypeRow)
	machPortRename       = NewRoutine[defs.MachPortRename[mach.Name], mig.Void](defs.MachPortRenameRow)
	machPortAllocateName = NewRoutine[defs.MachPortAllocateName[mach.Name], mig.Void](defs.MachPortAllocateNameRow)
	machPortAllocate     = NewRoutine[defs.MachPortAllocate[mach.Name], defs.MachPortNameReply](defs.MachPortAllocateRow)
	machPortAllocateSub  = NewRoutine[defs.MachPortAllocateSubsystem[mach.Name], defs.MachPortNameReply](defs.MachPortAllocateSubsystemRow)
	machPortAllocateQos  = NewRoutine[defs.MachPortAllocateQos[mach.Name], defs.MachPortNameReply](defs.MachPortAllocateQosRow)
	machPortAllocateFull = NewRoutine[defs.MachPortAllocateFull[mach.Name], defs.MachPortNameReply](defs.MachPortAllocateFullRow)
	machPortDestroy      = NewRoutine[defs.MachPortDestroy[mach.Name], mig.Void](defs.MachPortDestroyRow)
	machPortDeallocate   = NewRoutine[defs.MachPortDeallocate[mach.Name], mig.Void](defs.MachPortDeallocateRow)
	machPortGetRefs      = NewRoutine[defs.MachPortGetRefs[mach.Name], defs.MachPortGetRefsReply](defs.MachPortGetRefsRow)
	machPortModRefs      = NewRoutine[defs.MachPortModRefs[mach.Name], mig.Void](defs.MachPortModRefsRow)
	machPortNotification = NewRoutine[defs.MachPortRequestNotification[mach.Name], defs.MachPortRequestNotificationReply[mach.Name]](defs.MachPortRequestNotificationRow)
	machPortInsertRight  = NewRoutine[defs.MachPortInsertRight[mach.Name], mig.Void](defs.MachPortInsertRightRow)
	machPortExtractRight = NewRoutine[defs.MachPortExtractRight[mach.Name], defs.MachPortExtractRightReply[mach.Name]](defs.MachPortExtractRightRow)
)

// MachPortNames lists the names of a task, and what each denotes.
func MachPortNames(t Thread, task mach.Name) ([]mach.Name, []mach.TypeBits, mach.Return) {
	rep, r := Call(t, machPortNames, &defs.MachPortNames[mach.Name]{Task: task})
	if r != mach.KernSuccess {
		return nil, nil, r
	}
	names, r := takeNames(t, rep.Names)
	words, r2 := takeNames(t, rep.Types)
	if r == mach.KernSuccess {
		r = r2
	}
	types := make([]mach.TypeBits, len(words))
	for i, w := range words {
		types[i] = mach.TypeBits(w)
	}
	return names, types, r
}

// MachPortType says what a name denotes.
func MachPortType(t Thread, task, name mach.Name) (mach.TypeBits, mach.Return) {
	rep, r := Call(t, machPortType, &defs.MachPortType[mach.Name]{Task: task, Name: name})
	return rep.Type, r
}

// MachPortRename gives a right another name.
func MachPortRename(t Thread, task, oldName, newName mach.Name) mach.Return {
	return do(t, machPortRename, &defs.MachPortRename[mach.Name]{Task: task, OldName: oldName, NewName: newName})
}

// MachPortAllocateName makes a port, a port set or a dead name under a name of the caller's choice.
func MachPortAllocateName(t Thread, task mach.Name, right mach.RightCode, name mach.Name) mach.Return {
	return do(t, machPortAllocateName, &defs.MachPortAllocateName[mach.Name]{Task: task, Right: right, Name: name})
}

// MachPortAllocate makes a port, a port set or a dead name.
func MachPortAllocate(t Thread, task mach.Name, right mach.RightCode) (mach.Name, mach.Return) {
	rep, r := Call(t, machPortAllocate, &defs.MachPortAllocate[mach.Name]{Task: task, Right: right})
	return rep.Name, r
}

// MachPortAllocateSubsystem makes a port bound to an RPC subsystem (OSF).
func MachPortAllocateSubsystem(t Thread, task, subsystem mach.Name) (mach.Name, mach.Return) {
	rep, r := Call(t, machPortAllocateSub, &defs.MachPortAllocateSubsystem[mach.Name]{Task: task, Subsystem: subsystem})
	return rep.Name, r
}

// Qos is what mach_port_allocate_qos can be asked for.
type Qos struct {
	Name     bool // use the name that is given
	RealTime bool
}

// MachPortAllocateQos is MachPortAllocate with a quality of service; *name is the name to use, if qos says
// so, and becomes the name of the port (OSF).
func MachPortAllocateQos(t Thread, task mach.Name, right mach.RightCode, qos Qos, name *mach.Name) mach.Return {
	rep, r := Call(t, machPortAllocateQos, &defs.MachPortAllocateQos[mach.Name]{Task: task, Right: right,
		QosName: qos.Name, QosRealTime: qos.RealTime, Name: *name})
	return setName(name, rep.Name, r)
}

// MachPortAllocateFull is all allocation calls in one (OSF).
func MachPortAllocateFull(t Thread, task mach.Name, right mach.RightCode, subsystem mach.Name, qos Qos, name *mach.Name) mach.Return {
	rep, r := Call(t, machPortAllocateFull, &defs.MachPortAllocateFull[mach.Name]{Task: task, Right: right, Subsystem: subsystem,
		QosName: qos.Name, QosRealTime: qos.RealTime, Name: *name})
	return setName(name, rep.Name, r)
}

func setName(name *mach.Name, got mach.Name, r mach.Return) mach.Return {
	if r == mach.KernSuccess {
		*name = got
	}
	return r
}

// MachPortDestroy gives up everything that a name denotes.
func MachPortDestroy(t Thread, task, name mach.Name) mach.Return {
	return do(t, machPortDestroy, &defs.MachPortDestroy[mach.Name]{Task: task, Name: name})
}

// MachPortDeallocate gives up one reference to a send right, a send-once right or a dead name.
func MachPortDeallocate(t Thread, task, name mach.Name) mach.Return {
	return do(t, machPortDeallocate, &defs.MachPortDeallocate[mach.Name]{Task: task, Name: name})
}

// MachPortGetRefs counts the references to one right under a name.
func MachPortGetRefs(t Thread, task, name mach.Name, right mach.RightCode) (uint32, mach.Return) {
	rep, r := Call(t, machPortGetRefs, &defs.MachPortGetRefs[mach.Name]{Task: task, Name: name, Right: right})
	return rep.Refs, r
}

// MachPortModRefs changes the number of references to one right under a name.
func MachPortModRefs(t Thread, task, name mach.Name, right mach.RightCode, delta int32) mach.Return {
	return do(t, machPortModRefs, &defs.MachPortModRefs[mach.Name]{Task: task, Name: name, Right: right, Delta: delta})
}

// MachPortRequestNotification asks for a notification about a name: notify is sent with the disposition,
// which must make it a send-once right, and 0 makes one from a receive right. A null notify takes the
// request back. The result is the send-once right that was registered before.
func MachPortRequestNotification(t Thread, task, name mach.Name, id mach.MsgID, sync uint32, notify mach.Name, disp mach.Disposition) (mach.Name, mach.Return) {
	rep, r := Call(t, machPortNotification, &defs.MachPortRequestNotification[mach.Name]{Task: task, Name: name, ID: id, Sync: sync,
		Notify: notify, NotifyType: disp})
	return rep.Previous, r
}

// MachPortInsertRight gives a task a right, sent with the disposition, under a name.
func MachPortInsertRight(t Thread, task, name, right mach.Name, disp mach.Disposition) mach.Return {
	return do(t, machPortInsertRight, &defs.MachPortInsertRight[mach.Name]{Task: task, Name: name, Poly: right, PolyType: disp})
}

// MachPortExtractRight takes a right from a task as if the task had sent it with the disposition, and says
// of which kind it is.
func MachPortExtractRight(t Thread, task, name mach.Name, desired mach.Disposition) (mach.Name, mach.Disposition, mach.Return) {
	rep, r := Call(t, machPortExtractRight, &defs.MachPortExtractRight[mach.Name]{Task: task, Name: name, DesiredType: desired})
	return rep.Poly, rep.PolyType, r
}
