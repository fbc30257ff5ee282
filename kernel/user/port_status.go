package user

import (
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

var (
	machPortSetQlimit     = NewRoutine[defs.MachPortSetQlimit[mach.Name], mig.Void](defs.MachPortSetQlimitRow)
	machPortSetMscount    = NewRoutine[defs.MachPortSetMscount[mach.Name], mig.Void](defs.MachPortSetMscountRow)
	machPortSetSeqno      = NewRoutine[defs.MachPortSetSeqno[mach.Name], mig.Void](defs.MachPortSetSeqnoRow)
	machPortGetStatus     = NewRoutine[defs.MachPortGetReceiveStatus[mach.Name], defs.MachPortGetReceiveStatusReply](defs.MachPortGetReceiveStatusRow)
	machPortGetAttributes = NewRoutine[defs.MachPortGetAttributes[mach.Name], defs.MachPortGetAttributesReply](defs.MachPortGetAttributesRow)
	machPortSetAttributes = NewRoutine[defs.MachPortSetAttributes[mach.Name], mig.Void](defs.MachPortSetAttributesRow)
	machPortGetSetStatus  = NewRoutine[defs.MachPortGetSetStatus[mach.Name], defs.MachPortGetSetStatusReply[mach.Region]](defs.MachPortGetSetStatusRow)
	machPortMoveMember    = NewRoutine[defs.MachPortMoveMember[mach.Name], mig.Void](defs.MachPortMoveMemberRow)
	machPortInsertMember  = NewRoutine[defs.MachPortInsertMember[mach.Name], mig.Void](defs.MachPortInsertMemberRow)
	machPortExtractMember = NewRoutine[defs.MachPortExtractMember[mach.Name], mig.Void](defs.MachPortExtractMemberRow)
)

// MachPortSetQlimit sets the queue limit of a port; in the OSF message set by mach_port_set_attributes.
func MachPortSetQlimit(t Thread, task, name mach.Name, limit uint32) mach.Return {
	if t.Form().Set == mig.OSF {
		return MachPortSetAttributes(t, task, name, mach.PortLimitsInfo, []int32{int32(limit)})
	}
	return do(t, machPortSetQlimit, &defs.MachPortSetQlimit[mach.Name]{Task: task, Name: name, Qlimit: limit})
}

// MachPortSetMscount sets the make-send count of a port.
func MachPortSetMscount(t Thread, task, name mach.Name, mscount uint32) mach.Return {
	return do(t, machPortSetMscount, &defs.MachPortSetMscount[mach.Name]{Task: task, Name: name, Mscount: mscount})
}

// MachPortSetSeqno sets the number of the next message received from a port.
func MachPortSetSeqno(t Thread, task, name mach.Name, seqno uint32) mach.Return {
	return do(t, machPortSetSeqno, &defs.MachPortSetSeqno[mach.Name]{Task: task, Name: name, Value: seqno})
}

// ReceiveStatus is the state of the port of a receive right.
type ReceiveStatus struct {
	defs.MachPortGetReceiveStatusReply
	Flags uint32 // 0 outside the OSF message set
}

// MachPortGetReceiveStatus describes the port of a receive right; in the OSF message set by
// mach_port_get_attributes.
func MachPortGetReceiveStatus(t Thread, task, name mach.Name) (ReceiveStatus, mach.Return) {
	if t.Form().Set != mig.OSF {
		rep, r := Call(t, machPortGetStatus, &defs.MachPortGetReceiveStatus[mach.Name]{Task: task, Name: name})
		return ReceiveStatus{rep, 0}, r
	}
	w, r := MachPortGetAttributes(t, task, name, mach.PortReceiveStatus, mach.ReceiveStatusWords)
	if r != mach.KernSuccess {
		return ReceiveStatus{}, r
	}
	if len(w) < mach.ReceiveStatusWords {
		return ReceiveStatus{}, mach.MigBadArguments
	}
	return ReceiveStatus{defs.MachPortGetReceiveStatusReply{Pset: mach.Name(w[0]), Seqno: uint32(w[1]), Mscount: uint32(w[2]),
		Qlimit: uint32(w[3]), Msgcount: uint32(w[4]), Sorights: uint32(w[5]), Srights: w[6] != 0,
		PDRequest: w[7] != 0, NSRequest: w[8] != 0}, uint32(w[9])}, mach.KernSuccess
}

// MachPortGetAttributes gives one flavor of what is known about a port, in at most count words (OSF).
func MachPortGetAttributes(t Thread, task, name mach.Name, flavor int32, count uint32) ([]int32, mach.Return) {
	rep, r := Call(t, machPortGetAttributes, &defs.MachPortGetAttributes[mach.Name]{Task: task, Name: name, Flavor: flavor, Count: count})
	return rep.Info, r
}

// MachPortSetAttributes sets the queue limit or sizes the request table of a port (OSF).
func MachPortSetAttributes(t Thread, task, name mach.Name, flavor int32, info []int32) mach.Return {
	return do(t, machPortSetAttributes, &defs.MachPortSetAttributes[mach.Name]{Task: task, Name: name, Flavor: flavor, Info: info})
}

// MachPortGetSetStatus lists the members of a port set.
func MachPortGetSetStatus(t Thread, task, name mach.Name) ([]mach.Name, mach.Return) {
	rep, r := Call(t, machPortGetSetStatus, &defs.MachPortGetSetStatus[mach.Name]{Task: task, Name: name})
	if r != mach.KernSuccess {
		return nil, r
	}
	return takeNames(t, rep.Members)
}

// MachPortMoveMember takes a port out of its sets and puts it into set, or into none if that is null.
func MachPortMoveMember(t Thread, task, member, set mach.Name) mach.Return {
	return do(t, machPortMoveMember, &defs.MachPortMoveMember[mach.Name]{Task: task, Member: member, After: set})
}

// MachPortInsertMember puts a port into one more set.
func MachPortInsertMember(t Thread, task, name, set mach.Name) mach.Return {
	return do(t, machPortInsertMember, &defs.MachPortInsertMember[mach.Name]{Task: task, Name: name, Pset: set})
}

// MachPortExtractMember takes a port out of one set.
func MachPortExtractMember(t Thread, task, name, set mach.Name) mach.Return {
	return do(t, machPortExtractMember, &defs.MachPortExtractMember[mach.Name]{Task: task, Name: name, Pset: set})
}
