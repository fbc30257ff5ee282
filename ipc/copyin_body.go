package ipc

import (
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// Limits of out-of-line memory in one message, in bytes.
const (
	smallCopy   mach.Size = 2049    // physical copies below it are kept in a kernel buffer
	copyMapSize mach.Size = 7 << 20 // sum of the larger physical copies that stay with the sender
)

// copyinBody takes the rights and the memory of a message's descriptors, front to back; each takes effect
// at once. On an error the header rights and what the earlier descriptors gave are destroyed, and the
// failing one contributes nothing (IPC-088, IPC-089). It may block on faults. Historic ipc_kmsg_copyin_body.
//
// Errors: MACH_SEND_MSG_TOO_SMALL, no descriptors; MACH_SEND_INVALID_TYPE, MACH_SEND_INVALID_RIGHT,
// MACH_SEND_INVALID_MEMORY; MACH_MSG_VM_KERNEL, too much to copy physically.
func (s *Space) copyinBody(th *sched.Thread, as AddressSpace, k *Kmsg, m *mach.UserMessage) mach.Return {
	ret := checkDescs(m.Descs)
	if ret == mach.KernSuccess {
		k.Message.Complex = true
		for i := range m.Descs {
			if ret = s.copyinDesc(th, as, k, &m.Descs[i]); ret != mach.KernSuccess {
				break
			}
		}
	}
	return ret
}

// checkDescs looks at the out-of-line descriptors before anything is taken.
func checkDescs(descs []UserDesc) mach.Return {
	if len(descs) == 0 {
		return mach.SendMsgTooSmall
	}
	var physical mach.Size
	for i := range descs {
		d := &descs[i]
		switch d.Kind {
		case mach.DescMemory, mach.DescVolatileMem, mach.DescPorts:
			if d.Copy != mach.CopyPhysical && d.Copy != mach.CopyVirtual {
				return mach.SendInvalidType
			}
			if d.Kind == mach.DescPorts || d.Copy != mach.CopyPhysical || d.Deallocate || d.Memory.Size < smallCopy {
				continue
			}
			if physical += d.Memory.Size; physical > copyMapSize || physical < d.Memory.Size {
				return mach.MsgVMKernel
			}
		}
	}
	return mach.KernSuccess
}

func (s *Space) copyinDesc(th *sched.Thread, as AddressSpace, k *Kmsg, u *UserDesc) mach.Return {
	switch u.Kind {
	case mach.DescPort:
		if !u.Disp.Valid() {
			return mach.SendInvalidType
		}
		r, ret := s.copyinBodyRight(&th.Reap, k, u.Port, u.Disp)
		if ret != mach.KernSuccess {
			return ret
		}
		k.Message.Descs = append(k.Message.Descs, Desc{Kind: mach.DescPort, Disp: u.Disp.Arrives(), Port: r})
	case mach.DescMemory, mach.DescVolatileMem:
		d := Desc{Kind: u.Kind, Copy: u.Copy, Deallocate: u.Deallocate}
		if u.Memory.Size != 0 {
			if as == nil {
				return mach.SendInvalidMemory
			}
			s.node.world.touchKernel()
			mem, copied, ret := as.CopyinMemory(th, u.Memory.Address, u.Memory.Size, u.Copy, u.Deallocate)
			if ret != mach.KernSuccess {
				return sendMemoryCode(ret)
			}
			d.Memory, d.Copy = mem, copied
		}
		k.Message.Descs = append(k.Message.Descs, d)
	case mach.DescPorts:
		return s.copyinPorts(th, as, k, u)
	default:
		return mach.SendInvalidType
	}
	return mach.KernSuccess
}

// sendMemoryCode is what a sender sees of an address space's code.
func sendMemoryCode(ret mach.Return) mach.Return {
	if ret == mach.MsgVMKernel || ret == mach.SendNoBuffer {
		return ret
	}
	return mach.SendInvalidMemory
}

// copyinBodyRight takes one right of a body. A receive right is bound for the message's destination.
func (s *Space) copyinBodyRight(reap *sched.Reap, k *Kmsg, name mach.Name, d mach.Disposition) (Right, mach.Return) {
	switch name {
	case mach.NameNull:
		return Right{}, mach.KernSuccess
	case mach.NameDead:
		return DeadValue(), mach.KernSuccess
	}
	e := s.find(name)
	if e == nil || s.dead || !e.suits(d, true) {
		return Right{}, mach.SendInvalidRight
	}
	r, gone := s.take(reap, e, d)
	if r.kind == ReceiveRight {
		s.node.world.touchKernel() // who is in transit to whom is everybody's matter
		k.carry(r.port)
	}
	s.node.world.notifyDeleted(reap, gone)
	return r, mach.KernSuccess
}

// copyinPorts takes an out-of-line array of rights: the names are read now, the array is then unmapped if it is to
// be, and the rights are taken in ascending order (IPC-209).
func (s *Space) copyinPorts(th *sched.Thread, as AddressSpace, k *Kmsg, u *UserDesc) mach.Return {
	if !u.Disp.Valid() {
		return mach.SendInvalidType
	}
	d := Desc{Kind: mach.DescPorts, Disp: u.Disp.Arrives(), Deallocate: u.Deallocate}
	n := int(u.Memory.Size / 4)
	if n == 0 {
		k.Message.Descs = append(k.Message.Descs, d)
		return mach.KernSuccess
	}
	if as == nil || u.Memory.Size > copyMapSize {
		return mach.SendInvalidMemory
	}
	s.node.world.touchKernel()
	names := make([]byte, 4*n)
	if as.ReadBytes(th, u.Memory.Address, names) != mach.KernSuccess {
		return mach.SendInvalidMemory
	}
	if u.Deallocate {
		if ret := as.DeallocateRange(th, u.Memory.Address, u.Memory.Size); ret != mach.KernSuccess {
			return mach.SendInvalidMemory
		}
	}
	d.Ports = make([]Right, 0, n)
	for i := range n {
		r, ret := s.copyinBodyRight(&th.Reap, k, mach.Name(mach.Words.Uint32(names[4*i:])), u.Disp)
		if ret != mach.KernSuccess {
			for j := range d.Ports {
				releaseCell(&th.Reap, &d.Ports[j])
			}
			return ret
		}
		d.Ports = append(d.Ports, r)
	}
	k.Message.Descs = append(k.Message.Descs, d)
	return mach.KernSuccess
}
