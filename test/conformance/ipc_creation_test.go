package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// TestIPC012_NewReceiveRightState: a new receive right has mscount 0, seqno 0, qlimit 5, no messages, no
// set, no requests and no send or send-once rights.
func TestIPC012_NewReceiveRightState(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		fresh := portStatus{Qlimit: mach.QlimitDefault}
		p := a.port()
		require.Equal(t, mach.TypeReceive, a.typeOf(p))
		require.Equal(t, fresh, a.status(p))
		require.Equal(t, fresh, a.status(a.fullPort()))
		require.Equal(t, fresh, a.status(a.ReplyPort()))
		a.ok(a.allocateName(mach.RightReceive, 0x4401))
		require.Equal(t, fresh, a.status(0x4401))
	})
}

// TestIPC013_AllocateOnlyWhatCanBeNew: mach_port_allocate with SEND or SEND_ONCE answers KERN_INVALID_VALUE.
func TestIPC013_AllocateOnlyWhatCanBeNew(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		before := a.table()
		for _, code := range []mach.RightCode{mach.RightSend, mach.RightSendOnce, 5, 7, 0xffffffff} {
			_, ret := a.allocate(code)
			a.is(mach.KernInvalidValue, ret)
			a.is(mach.KernInvalidValue, a.allocateName(code, 0x4401))
		}
		require.Equal(t, before, a.table())
	})
}

// TestIPC014_NewDeadName: a new dead name has one reference.
func TestIPC014_NewDeadName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		name, ret := a.allocate(mach.RightDeadName)
		a.ok(ret)
		require.Equal(t, mach.TypeDeadName, a.typeOf(name))
		require.EqualValues(t, 1, a.refs(name, mach.RightDeadName))
		a.ok(a.deallocate(name))
		a.unknown(name)
	})
}

// TestIPC015_AllocateNameInUse: mach_port_allocate_name with a name in use answers KERN_NAME_EXISTS and
// changes nothing.
func TestIPC015_AllocateNameInUse(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		receive, both := a.port(), a.withSend(a.port())
		used := []mach.Name{receive, both, a.sendOnce(both), a.set(), a.deadName(3)}
		a.ok(a.allocateName(mach.RightReceive, 0xfeed0001))
		used = append(used, 0xfeed0001)
		before := a.table()
		for _, name := range used {
			for _, code := range []mach.RightCode{mach.RightReceive, mach.RightPortSet, mach.RightDeadName} {
				a.is(mach.KernNameExists, a.allocateName(code, name))
				a.is(mach.KernNameExists, user.MachPortAllocateFull(a, a.target(), code, mach.NameNull, user.Qos{Name: true}, &name))
			}
		}
		require.Equal(t, before, a.table())
		require.EqualValues(t, 3, a.refs(used[4], mach.RightDeadName))
		require.EqualValues(t, 1, a.refs(both, mach.RightSend))
	})
}

// TestIPC016_AllocateReservedName: mach_port_allocate_name with NULL or DEAD answers KERN_INVALID_VALUE.
func TestIPC016_AllocateReservedName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		before := a.table()
		for _, name := range []mach.Name{mach.NameNull, mach.NameDead} {
			for _, code := range []mach.RightCode{mach.RightReceive, mach.RightPortSet, mach.RightDeadName, mach.RightSend} {
				a.is(mach.KernInvalidValue, a.allocateName(code, name))
				a.is(mach.KernInvalidValue, user.MachPortAllocateFull(a, a.target(), code, mach.NameNull, user.Qos{Name: true}, &name))
			}
		}
		require.Equal(t, before, a.table())
	})
}

// TestIPC017_ChosenDeadName: mach_port_allocate_name creates a dead name under exactly the given name.
func TestIPC017_ChosenDeadName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		before := len(a.table())
		neighbour := a.port()
		// A small index, a huge one, index 0, and the index of a name in use with another generation.
		for _, name := range []mach.Name{0x00ff0001, 0xfffffffe, 0x42, neighbour + 4} {
			a.unknown(name)
			a.ok(a.allocateName(mach.RightDeadName, name))
			require.Equal(t, mach.TypeDeadName, a.typeOf(name))
			require.EqualValues(t, 1, a.refs(name, mach.RightDeadName))
		}
		require.Len(t, a.table(), before+5)
		require.Equal(t, mach.TypeReceive, a.typeOf(neighbour))
	})

	// Chosen names and those of the kernel's choice keep out of each other's way.
	s.Do(s.Task("crowded"), func(a *actor) {
		first := a.port()
		ahead := []mach.Name{first + 0x805, first + 0x509, first + 0x809, first + 0x50d}
		for i, name := range ahead {
			a.ok(a.allocateName(mach.RightDeadName, name))
			a.ok(a.modRefs(name, mach.RightDeadName, int32(i)))
		}
		all := map[mach.Name]bool{}
		for range 24 {
			name := a.port()
			require.False(t, all[name])
			for _, chosen := range ahead {
				require.NotEqual(t, chosen>>8, name>>8, "a chosen name takes its index")
			}
			all[name] = true
		}
		for i, name := range ahead {
			require.EqualValues(t, i+1, a.refs(name, mach.RightDeadName))
		}
		table := a.table()
		for index := range mach.Name(64) {
			for _, gen := range []mach.Name{0, 3, 5, 7, 9, 0x0d, 0xff} {
				if name := index<<8 | gen; table[name] == 0 {
					a.unknown(name)
				}
			}
		}
		// A name that is given back is free, and the next ones are unused.
		a.ok(a.destroy(ahead[1]))
		a.ok(a.destroy(ahead[0]))
		a.unknown(ahead[0])
		a.unknown(ahead[1])
		require.EqualValues(t, 3, a.refs(ahead[2], mach.RightDeadName))
		for range 4 {
			name := a.deadName(7)
			require.False(t, all[name])
			require.NotContains(t, ahead[2:], name)
			all[name] = true
		}
		// So it does among free indices, whose last freed is the next to be used.
		var freed []mach.Name
		for range 5 {
			freed = append(freed, a.port())
		}
		for _, name := range freed {
			a.ok(a.destroy(name))
		}
		for _, i := range []int{2, 0, 4} {
			a.ok(a.allocateName(mach.RightDeadName, freed[i]+8))
		}
		require.Equal(t, freed[3]>>8, a.port()>>8)
		require.Equal(t, freed[1]>>8, a.port()>>8)
		// A free index is taken out of the kernel's hands; one that is used is shared.
		a.ok(a.destroy(first))
		a.ok(a.allocateName(mach.RightDeadName, first|0xfc))
		other := a.port()
		require.NotEqual(t, first>>8, other>>8)
		a.ok(a.allocateName(mach.RightDeadName, other+4))
		a.ok(a.destroy(other))
		for range 3 {
			name := a.port()
			require.NotEqual(t, other+4, name)
			a.ok(a.destroy(name))
		}
		require.EqualValues(t, 1, a.refs(other+4, mach.RightDeadName))
		a.ok(a.destroy(other + 4))
		a.unknown(other + 4)
	})
}

// TestIPC018_TerminatedTask: any port call on a terminated task answers KERN_INVALID_TASK.
func TestIPC018_TerminatedTask(t *testing.T) {
	s := newStage(t)
	victim, killer, caller := s.Task("victim"), s.Task("killer"), s.Task("caller")
	p := s.portOf(victim)
	s.Receiver(victim, p)
	toKill, port := s.GiveTaskPort(victim, killer), s.GiveTaskPort(victim, caller)

	// While the killer waits for the victim's thread to leave its receive, the task port still lives.
	s.Go(killer, "killer", func(a *actor) { a.ok(user.TaskTerminate(a, toKill)) })
	s.Go(caller, "caller", func(a *actor) {
		own := a.withSend(a.port())
		at := a.on(port)
		codes := at.everyCallOn(p, own)
		_, codes["mach_port_allocate"] = at.allocate(mach.RightReceive)
		codes["mach_port_allocate_name"] = at.allocateName(mach.RightReceive, 0x7701)
		_, _, codes["mach_port_names"] = at.portNames()
		codes["mach_port_insert_right"] = at.insertRight(0x7701, own, mach.CopySend)
		var name mach.Name
		codes["mach_port_allocate_full"] = user.MachPortAllocateFull(a, port, mach.RightReceive, mach.NameNull, user.Qos{}, &name)
		for call, ret := range codes {
			require.Equal(t, mach.KernInvalidTask, ret, call)
		}
		// Nor does an argument that is wrong by itself count before that.
		_, ret := at.allocate(mach.RightSend)
		a.is(mach.KernInvalidTask, ret)
		a.is(mach.KernInvalidTask, at.modRefs(p, 100, 0))
		a.is(mach.KernInvalidTask, at.setLimit(p, 17))
		require.Equal(t, mach.TypeSend, a.typeOf(port), "the calls were made before the port died")
	})
	s.Run()

	// Then it dies, and there is nobody to ask.
	s.Do(caller, func(a *actor) {
		require.Equal(t, mach.TypeDeadName, a.typeOf(port))
		_, ret := a.on(port).allocate(mach.RightReceive)
		a.is(mach.SendInvalidDest, ret)
		// What is no task answers the same as one that is gone.
		_, ret = a.on(a.ThreadSelf()).allocate(mach.RightReceive)
		a.is(mach.KernInvalidTask, ret)
	})
}

// TestIPC019_TaskSelfReferences: calling mach_task_self n times leaves one name with n more send references.
func TestIPC019_TaskSelfReferences(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		for _, self := range []func() mach.Name{a.TaskSelf, a.ThreadSelf, a.HostSelf} {
			name := self()
			require.Equal(t, mach.TypeSend, a.typeOf(name))
			refs, names := a.refs(name, mach.RightSend), len(a.table())
			for range 9 {
				require.Equal(t, name, self())
			}
			require.Equal(t, refs+9, a.refs(name, mach.RightSend))
			require.Len(t, a.table(), names)
		}
	})
}

// TestIPC020_NoSendersDetection: a port made by mach_port_allocate rejects a no-senders request with
// KERN_INVALID_RIGHT, one made by mach_port_allocate_full accepts it; with PlainPortsNoNMS off only a port
// made with right code 6 rejects it.
func TestIPC020_NoSendersDetection(t *testing.T) {
	for _, plainLack := range []string{"true", "false"} {
		t.Run("PlainPortsNoNMS="+plainLack, func(t *testing.T) {
			s := newStage(t, withField("PlainPortsNoNMS", plainLack))
			s.Do(s.Task("program"), func(a *actor) {
				notify := a.port()
				accepts := func(p mach.Name, want mach.Return) {
					// Nobody has made a send right, so an accepted request fires at once.
					_, ret := a.requestNotification(p, mach.NotifyNoSenders, 0, notify)
					a.is(want, ret)
					fired := []note{{mach.NotifyNoSenders, 0}}
					if want != mach.KernSuccess {
						fired = []note{{ID: mach.NotifySendOnce}}
					}
					require.Equal(t, fired, a.notes(notify))
				}
				plain := mach.KernSuccess
				if plainLack == "true" {
					plain = mach.KernInvalidRight
				}
				accepts(a.port(), plain)
				accepts(a.fullPort(), mach.KernSuccess)
				accepts(a.ReplyPort(), mach.KernSuccess)
				a.ok(a.allocateName(mach.RightReceive, 0x4401))
				accepts(0x4401, mach.KernSuccess)
				without, ret := a.allocate(mach.RightReceiveNoNMS)
				a.ok(ret)
				require.Equal(t, mach.TypeReceive, a.typeOf(without))
				accepts(without, mach.KernInvalidRight)
			})
		})
	}
}
