package kernel

import (
	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// The calls of mach_port.defs. Each is the operation of the same name on the task's space.

var portRoutines = []routine{
	onSpace(defs.MachPortNamesRow, machPortNames),
	onSpace(defs.MachPortTypeRow, machPortType),
	onSpace(defs.MachPortRenameRow, machPortRename),
	onSpace(defs.MachPortAllocateNameRow, machPortAllocateName),
	onSpace(defs.MachPortAllocateRow, machPortAllocate),
	onSpace(defs.MachPortDestroyRow, machPortDestroy),
	onSpace(defs.MachPortDeallocateRow, machPortDeallocate),
	onSpace(defs.MachPortGetRefsRow, machPortGetRefs),
	onSpace(defs.MachPortModRefsRow, machPortModRefs),
	onSpace(defs.MachPortAllocateSubsystemRow, machPortAllocateSubsystem),
	onSpace(defs.MachPortSetQlimitRow, machPortSetQlimit),
	onSpace(defs.MachPortSetMscountRow, machPortSetMscount),
	onSpace(defs.MachPortGetSetStatusRow, machPortGetSetStatus),
	onSpace(defs.MachPortMoveMemberRow, machPortMoveMember),
	onSpace(defs.MachPortRequestNotificationRow, machPortRequestNotification),
	onSpace(defs.MachPortInsertRightRow, machPortInsertRight),
	onSpace(defs.MachPortExtractRightRow, machPortExtractRight),
	onSpace(defs.MachPortGetReceiveStatusRow, machPortGetReceiveStatus),
	onSpace(defs.MachPortSetSeqnoRow, machPortSetSeqno),
	onSpace(defs.MachPortGetAttributesRow, machPortGetAttributes),
	onSpace(defs.MachPortSetAttributesRow, machPortSetAttributes),
	onSpace(defs.MachPortAllocateQosRow, machPortAllocateQos),
	onSpace(defs.MachPortAllocateFullRow, machPortAllocateFull),
	onSpace(defs.MachPortInsertMemberRow, machPortInsertMember),
	onSpace(defs.MachPortExtractMemberRow, machPortExtractMember),
}

// onSpace makes the entry of a routine on the names of a task; without a task the answer is
// KERN_INVALID_TASK.
func onSpace[T, R any](row *mig.Row, f func(s *ipc.Space, c call, req *T, rep *R) mach.Return) routine {
	return on(row, func(c call, req *T, rep *R) mach.Return {
		t := c.task()
		if t == nil {
			return mach.KernInvalidTask
		}
		return f(t.space, c, req, rep)
	})
}

func machPortNames(s *ipc.Space, c call, req *defs.MachPortNames[ipc.Right], rep *defs.MachPortNamesReply[ipc.Memory]) mach.Return {
	names, types, ret := s.Names()
	if ret == mach.KernSuccess {
		rep.Names, rep.Types = words(c, names), words(c, types)
	}
	return ret
}

// words is an array as the out-of-line memory of a reply; nil if it is empty.
func words[W ~uint32](c call, ws []W) ipc.Memory {
	if len(ws) == 0 {
		return nil
	}
	b := make([]byte, 0, 4*len(ws))
	for _, w := range ws {
		b = mach.Words.AppendUint32(b, uint32(w))
	}
	return c.host.vm.NewBytes(b)
}

func machPortType(s *ipc.Space, c call, req *defs.MachPortType[ipc.Right], rep *defs.MachPortTypeReply) (ret mach.Return) {
	rep.Type, ret = s.Type(req.Name)
	return ret
}

func machPortRename(s *ipc.Space, c call, req *defs.MachPortRename[ipc.Right], _ *void) mach.Return {
	return s.Rename(req.OldName, req.NewName)
}

func machPortAllocateName(s *ipc.Space, c call, req *defs.MachPortAllocateName[ipc.Right], _ *void) mach.Return {
	return s.AllocateName(req.Right, req.Name)
}

func machPortAllocate(s *ipc.Space, c call, req *defs.MachPortAllocate[ipc.Right], rep *defs.MachPortNameReply) (ret mach.Return) {
	rep.Name, ret = s.Allocate(req.Right)
	return ret
}

func machPortDestroy(s *ipc.Space, c call, req *defs.MachPortDestroy[ipc.Right], _ *void) mach.Return {
	return s.Destroy(&c.th.Reap, req.Name)
}

func machPortDeallocate(s *ipc.Space, c call, req *defs.MachPortDeallocate[ipc.Right], _ *void) mach.Return {
	return s.Deallocate(&c.th.Reap, req.Name)
}

func machPortGetRefs(s *ipc.Space, c call, req *defs.MachPortGetRefs[ipc.Right], rep *defs.MachPortGetRefsReply) (ret mach.Return) {
	rep.Refs, ret = s.GetRefs(req.Name, req.Right)
	return ret
}

func machPortModRefs(s *ipc.Space, c call, req *defs.MachPortModRefs[ipc.Right], _ *void) mach.Return {
	return s.ModRefs(&c.th.Reap, req.Name, req.Right, req.Delta)
}

// machPortAllocateSubsystem takes any live port for a subsystem: none does anything.
func machPortAllocateSubsystem(s *ipc.Space, c call, req *defs.MachPortAllocateSubsystem[ipc.Right], rep *defs.MachPortNameReply) (ret mach.Return) {
	if !req.Subsystem.Live() {
		return mach.KernInvalidArgument
	}
	rep.Name, ret = s.AllocateFull(mach.RightReceive, true, ipc.QoS{}, mach.NameNull)
	return ret
}

func machPortSetQlimit(s *ipc.Space, c call, req *defs.MachPortSetQlimit[ipc.Right], _ *void) mach.Return {
	return s.SetQlimit(req.Name, req.Qlimit)
}

func machPortSetMscount(s *ipc.Space, c call, req *defs.MachPortSetMscount[ipc.Right], _ *void) mach.Return {
	return s.SetMscount(req.Name, req.Mscount)
}

func machPortGetSetStatus(s *ipc.Space, c call, req *defs.MachPortGetSetStatus[ipc.Right], rep *defs.MachPortGetSetStatusReply[ipc.Memory]) mach.Return {
	members, ret := s.GetSetStatus(req.Name)
	if ret == mach.KernSuccess {
		rep.Members = words(c, members)
	}
	return ret
}

func machPortMoveMember(s *ipc.Space, c call, req *defs.MachPortMoveMember[ipc.Right], _ *void) mach.Return {
	return s.MoveMember(req.Member, req.After)
}

func machPortInsertMember(s *ipc.Space, c call, req *defs.MachPortInsertMember[ipc.Right], _ *void) mach.Return {
	return s.InsertMember(req.Name, req.Pset)
}

func machPortExtractMember(s *ipc.Space, c call, req *defs.MachPortExtractMember[ipc.Right], _ *void) mach.Return {
	return s.ExtractMember(req.Name, req.Pset)
}

func machPortRequestNotification(s *ipc.Space, c call, req *defs.MachPortRequestNotification[ipc.Right], rep *defs.MachPortRequestNotificationReply[ipc.Right]) (ret mach.Return) {
	rep.Previous, ret = s.RequestNotification(&c.th.Reap, req.Name, req.ID, req.Sync, &req.Notify)
	return ret
}

func machPortInsertRight(s *ipc.Space, c call, req *defs.MachPortInsertRight[ipc.Right], _ *void) mach.Return {
	return s.InsertRight(&c.th.Reap, req.Name, &req.Poly)
}

// machPortExtractRight answers with the kind of right that was asked for even if the port has died.
func machPortExtractRight(s *ipc.Space, c call, req *defs.MachPortExtractRight[ipc.Right], rep *defs.MachPortExtractRightReply[ipc.Right]) (ret mach.Return) {
	rep.Poly, ret = s.ExtractRight(&c.th.Reap, req.Name, req.DesiredType)
	rep.PolyType = req.DesiredType.Arrives()
	return ret
}

func machPortGetReceiveStatus(s *ipc.Space, c call, req *defs.MachPortGetReceiveStatus[ipc.Right], rep *defs.MachPortGetReceiveStatusReply) mach.Return {
	r, ret := s.GetReceiveStatus(req.Name)
	*rep = defs.MachPortGetReceiveStatusReply{
		Pset: r.Set, Seqno: r.Seqno, Mscount: r.Mscount, Qlimit: uint32(r.Qlimit), Msgcount: uint32(r.Msgcount),
		Sorights: uint32(r.Sorights), Srights: r.Srights, PDRequest: r.PortDestroyed, NSRequest: r.NoSenders,
	}
	return ret
}

func machPortSetSeqno(s *ipc.Space, c call, req *defs.MachPortSetSeqno[ipc.Right], _ *void) mach.Return {
	return s.SetSeqno(req.Name, req.Value)
}

func machPortGetAttributes(s *ipc.Space, c call, req *defs.MachPortGetAttributes[ipc.Right], rep *defs.MachPortGetAttributesReply) mach.Return {
	info, ret := s.GetAttributes(req.Name, req.Flavor, int(req.Count))
	for _, w := range info {
		rep.Info = append(rep.Info, int32(w))
	}
	return ret
}

func machPortSetAttributes(s *ipc.Space, c call, req *defs.MachPortSetAttributes[ipc.Right], _ *void) mach.Return {
	info := make([]uint32, len(req.Info))
	for i, w := range req.Info {
		info[i] = uint32(w)
	}
	return s.SetAttributes(req.Name, req.Flavor, info)
}

func machPortAllocateQos(s *ipc.Space, c call, req *defs.MachPortAllocateQos[ipc.Right], rep *defs.MachPortNameReply) (ret mach.Return) {
	rep.Name, ret = s.AllocateQoS(req.Right, ipc.QoS{Name: req.QosName, RT: req.QosRealTime}, req.Name)
	return ret
}

func machPortAllocateFull(s *ipc.Space, c call, req *defs.MachPortAllocateFull[ipc.Right], rep *defs.MachPortNameReply) (ret mach.Return) {
	qos := ipc.QoS{Name: req.QosName, RT: req.QosRealTime}
	rep.Name, ret = s.AllocateFull(req.Right, !req.Subsystem.IsNull(), qos, req.Name)
	return ret
}
