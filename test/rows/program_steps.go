package rows

import (
	"errors"
	"fmt"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// begin begins a step on the kernel: the outcome is there when the machine has run. The error is one of the machine,
// not of the call.
func (m *machine) begin(s Step) (*outcome, error) {
	out := &outcome{}
	if s.Op >= OpClean {
		return out, m.outside(s)
	}
	q := m.tasks[s.Task]
	if s.Op == OpTerminate {
		q.task.Terminate()
		for i := range m.entries {
			if m.entries[i].task == q.task {
				m.entries[i] = handle{}
			}
		}
		return out, nil
	}
	other := mach.NameNull
	switch s.Op {
	case OpRead, OpReadOverwrite, OpWrite, OpRemap:
		other = taskPort(q.task, m.tasks[s.Other].task)
	case OpSend:
		other = give(q.task, m.tasks[s.Other].task, m.tasks[s.Other].mailbox)
	case OpMapEntry:
		e := m.entries[s.Object]
		other = give(q.task, e.task, e.name)
	}
	q.start(func(t user.Thread) { out.code = m.trap(t, q, other, s, out) })
	return out, nil
}

// end looks at a step when the machine has run.
func (m *machine) end(s Step, out *outcome) error {
	switch {
	case s.Op == OpTerminate, s.Op == OpEvict, s.Op == OpPress, s.Op == OpGone:
		return nil
	case s.Op == OpStored:
		out.data = make([]byte, objectSize*PageSize)
		copy(out.data, m.managerOf(s.Object).pager.Contents(m.objects[s.Object]))
	}
	if s.Op >= OpClean && !m.managerOf(s.Object).done || s.Op < OpClean && !m.tasks[s.Task].done {
		return errStuck
	}
	if s.Op == OpFork {
		return m.adopt(s.Other, m.child())
	}
	return nil
}

// trap is a step that a thread of a task does; other is its name for what else the step is about.
func (m *machine) trap(t user.Thread, q *player, other mach.Name, s Step, out *outcome) mach.Return {
	self, addr, size := user.Self(t), mach.Addr(s.Addr), mach.Size(s.Size)
	switch s.Op {
	case OpFork:
		_, code := user.TaskCreate(t, self, true)
		return code
	case OpAllocate:
		code := user.VMAllocate(t, self, &addr, size, !s.Wanted)
		return out.placed(addr, code)
	case OpMap:
		code := user.VMMap(t, self, &addr, size, 0, !s.Wanted, mach.NameNull, 0, false, s.Prot, s.Max, s.Inherit)
		return out.placed(addr, code)
	case OpMapObject:
		code := user.VMMap(t, self, &addr, size, 0, !s.Wanted, q.objects[s.Object], mach.Offset(s.To), s.Copy, s.Prot, s.Max, s.Inherit)
		return out.placed(addr, code)
	case OpMapEntry:
		code := user.VMMap(t, self, &addr, size, 0, !s.Wanted, other, mach.Offset(s.To), s.Copy, s.Prot, s.Max, s.Inherit)
		return out.placed(addr, code)
	case OpDeallocate:
		return user.VMDeallocate(t, self, addr, size)
	case OpStore:
		data := make([]byte, s.Size)
		for i := range data {
			data[i] = byte(s.Value)
		}
		return out.codeOf(t.Store(addr, data))
	case OpLoad:
		data := make([]byte, s.Size)
		code := out.codeOf(t.Load(addr, data))
		if code == mach.KernSuccess {
			out.data = data
		}
		return code
	case OpProtect, OpProtectMax:
		return user.VMProtect(t, self, addr, size, s.Op == OpProtectMax, s.Prot)
	case OpInherit:
		return user.VMInherit(t, self, addr, size, s.Inherit)
	case OpBehavior:
		return user.VMBehaviorSet(t, self, addr, size, mach.Behavior(s.Value))
	case OpCopy:
		return user.VMCopy(t, self, addr, size, mach.Addr(s.To))
	case OpRead:
		r, code := user.VMRead(t, other, addr, size)
		return out.arrived(t, r, code)
	case OpReadOverwrite:
		_, code := user.VMReadOverwrite(t, other, addr, size, mach.Addr(s.To))
		return code
	case OpWrite:
		return user.VMWrite(t, other, mach.Addr(s.To), mach.Region{Address: addr, Size: size})
	case OpRemap:
		to := mach.Addr(s.To)
		cur, most, code := user.VMRemap(t, self, &to, size, 0, !s.Wanted, other, addr, s.Copy, s.Inherit)
		if code == mach.KernSuccess {
			out.cur, out.max = cur, most
		}
		return out.placed(to, code)
	case OpWire:
		return user.VMWire(t, q.priv, self, addr, size, s.Prot)
	case OpUnwire:
		return user.VMWire(t, q.priv, self, addr, size, mach.ProtNone)
	case OpSync:
		flags := mach.SyncAsynchronous
		if s.Wanted {
			flags = mach.SyncSynchronous
		}
		if s.Flush {
			flags |= mach.SyncInvalidate
		}
		return user.VMMsync(t, self, addr, size, flags)
	case OpSend:
		return user.Msg(t, memoryMessage(s, other), mach.SendMsg, 0, mach.NameNull, 0, mach.NameNull)
	case OpReceive:
		var msg mach.UserMessage
		if code := user.Receive(t, &msg, q.mailbox); code != mach.KernSuccess {
			return code
		}
		return out.arrived(t, msg.Descs[0].Memory, mach.KernSuccess)
	case OpMakeEntry:
		name, code := user.MachMakeMemoryEntry(t, self, &size, mach.Offset(addr), entryKind(s), mach.NameNull)
		if code == mach.KernSuccess {
			m.entries[s.Object] = handle{q.task, name}
		}
		return code
	case OpLook:
		var code mach.Return
		out.runs, code = regions(t)
		return code
	}
	panic(fmt.Sprintf("rows: no thread does operation %d", s.Op))
}

// placed notes where memory is now.
func (out *outcome) placed(addr mach.Addr, code mach.Return) mach.Return {
	if code == mach.KernSuccess {
		out.addr = int(addr)
	}
	return code
}

// arrived notes where memory is now that came with a message, and what it holds.
func (out *outcome) arrived(t user.Thread, r mach.Region, code mach.Return) mach.Return {
	if code == mach.KernSuccess && r.Size > 0 {
		out.addr, out.data = int(r.Address), make([]byte, r.Size)
		return mach.Code(t.Load(r.Address, out.data))
	}
	return code
}

// outside begins a step of managers or of the machine.
func (m *machine) outside(s Step) error {
	switch s.Op {
	case OpEvict:
		m.host.Evict(s.Value)
		return nil
	case OpPress:
		return m.press()
	case OpGone:
		if n := len(m.managerOf(s.Object).pager.Controls(m.objects[s.Object])); n > 0 {
			return errors.New("nobody has the memory object mapped and there was no terminate")
		}
		return nil
	case OpStored:
		s = Step{Object: s.Object, Size: objectSize * PageSize, Return: true, Prot: mach.ProtNoChange}
	}
	m.managerOf(s.Object).start(func(t user.Thread) { m.lockRequest(t, s) })
	return nil
}

// lockRequest has the manager return pages of an object, if a kernel has some.
func (m *machine) lockRequest(t user.Thread, s Step) {
	which := mach.ReturnDirty
	if s.Return {
		which = mach.ReturnAll
	}
	for _, control := range m.managerOf(s.Object).pager.Controls(m.objects[s.Object]) {
		// The association may end meanwhile.
		user.MemoryObjectLockRequest(t, control, mach.Offset(s.Addr), mach.Size(s.Size), which, s.Flush, s.Prot, user.ReplyPort{})
	}
}

// press makes memory short: a task reads twice as many pages as there are frames, and ends.
func (m *machine) press() error {
	task := m.host.NewTask("")
	pages := 2 * pressedFrames
	err := m.in(newPlayer(task), func(t user.Thread) mach.Return {
		var addr mach.Addr
		if code := user.VMAllocate(t, user.Self(t), &addr, mach.Size(pages)*PageSize, true); code != mach.KernSuccess {
			return code
		}
		var b [1]byte
		for i := range pages {
			if err := t.Load(addr+mach.Addr(i*PageSize), b[:]); err != nil {
				return mach.Code(err)
			}
		}
		return mach.KernSuccess
	})
	if err == nil {
		task.Terminate()
		err = m.run()
	}
	return err
}
