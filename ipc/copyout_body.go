package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// copyoutBody gives the rights and memory of the descriptors to a task, front to back, and fills m.Descs. It
// goes on past failures: what cannot be given is destroyed and reads as NULL, or as address 0 and size 0.
// The result is the detail bits of all failures (IPC-138). It may block. Historic ipc_kmsg_copyout_body.
func (s *Space) copyoutBody(th *sched.Thread, as AddressSpace, k *Kmsg, m *mach.UserMessage, scatter *Scatter) (detail mach.Return) {
	m.Descs = m.Descs[:0]
	m.Complex = k.Message.Complex
	list := scatter.cursor()
	for i := range k.Message.Descs {
		d := &k.Message.Descs[i]
		u := UserDesc{Kind: d.Kind, Disp: d.Disp, Copy: d.Copy, Deallocate: d.Deallocate}
		var bits mach.Return
		switch d.Kind {
		case mach.DescPort:
			u.Port, bits = s.copyoutRight(&th.Reap, &d.Port)
		case mach.DescPorts:
			bits = s.copyoutPorts(th, as, d, &u, list.next())
		default:
			bits = s.copyoutMemory(th, as, d, &u, list.next())
		}
		detail |= bits
		m.Descs = append(m.Descs, u)
	}
	return detail
}

// copyoutRight is copyout for one right of a body.
func (s *Space) copyoutRight(reap *sched.Reap, r *Right) (mach.Name, mach.Return) {
	name, _, ok := s.copyout(reap, r)
	*r = Right{}
	if !ok {
		return mach.NameNull, mach.MsgIPCSpace
	}
	return name, mach.KernSuccess
}

// copyoutMemory places one region: where the scatter descriptor says, or anywhere.
func (s *Space) copyoutMemory(th *sched.Thread, as AddressSpace, d *Desc, u *UserDesc, over *ScatterDesc) mach.Return {
	placed := mach.CopyAllocate
	if over != nil && over.Copy == mach.CopyOverwrite {
		placed = mach.CopyOverwrite
	}
	s.reportCopy(u, placed)
	if d.Memory == nil {
		return mach.KernSuccess
	}
	s.node.world.touchKernel()
	mem := d.Memory // stays in the message while the address space may block
	u.Memory.Size = mem.Size()
	ret := mach.KernFailure
	switch {
	case as == nil:
	case placed == mach.CopyOverwrite:
		u.Memory.Address = over.Memory.Address
		ret = as.CopyoutOverwrite(th, mem, over.Memory.Address)
	default:
		u.Memory.Address, ret = as.CopyoutMemory(th, mem)
	}
	d.Memory = nil
	if ret != mach.KernSuccess {
		u.Memory = mach.Region{}
		th.Reap.Add(discard{mem})
		return memoryDetail(ret)
	}
	return mach.KernSuccess
}

// reportCopy fills the copy field of a received region: how it was copied, or how it was placed (ID-13).
func (s *Space) reportCopy(u *UserDesc, placed mach.CopyOption) {
	if s.node.pers.RcvCopyField == personality.FieldPlacement {
		u.Copy = placed
	}
}

// memoryDetail is the detail bit for an address space's code.
func memoryDetail(ret mach.Return) mach.Return {
	if ret == mach.KernResourceShortage || ret == mach.MsgVMKernel {
		return mach.MsgVMKernel
	}
	return mach.MsgVMSpace
}

// copyoutPorts gives an array of rights: the memory is placed first, and if that fails all rights are
// destroyed.
func (s *Space) copyoutPorts(th *sched.Thread, as AddressSpace, d *Desc, u *UserDesc, over *ScatterDesc) (detail mach.Return) {
	rights := d.Ports // stay in the message while the address space may block
	placed := mach.CopyAllocate
	if over != nil && over.Copy == mach.CopyOverwrite {
		placed = mach.CopyOverwrite
	}
	s.reportCopy(u, placed)
	if len(rights) == 0 {
		return mach.KernSuccess
	}
	s.node.world.touchKernel()
	names := make([]byte, 4*len(rights))
	ret := mach.KernFailure
	switch {
	case as == nil:
	case placed == mach.CopyOverwrite:
		u.Memory.Address = over.Memory.Address
		ret = as.WriteBytes(th, u.Memory.Address, names)
	default:
		u.Memory.Address, ret = as.AllocateBytes(th, names)
	}
	d.Ports = nil
	if ret != mach.KernSuccess {
		u.Memory = mach.Region{}
		for i := range rights {
			releaseCell(&th.Reap, &rights[i])
		}
		return memoryDetail(ret)
	}
	u.Memory.Size = mach.Size(len(names))
	for i := range rights {
		name, bits := s.copyoutRight(&th.Reap, &rights[i])
		detail |= bits
		mach.Words.PutUint32(names[4*i:], uint32(name))
	}
	if ret := as.WriteBytes(th, u.Memory.Address, names); ret != mach.KernSuccess {
		detail |= memoryDetail(ret)
	}
	return detail
}
