package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// oneOfEach makes a name of every kind. The send right and the send-once right are for one port of
// another task.
func oneOfEach(s *stage) (task *task, names map[mach.TypeBits]mach.Name, kill func()) {
	server := s.Task("server")
	task = s.Task("program")
	var far mach.Name
	s.Do(server, func(a *actor) { far = a.port() })
	names = map[mach.TypeBits]mach.Name{mach.TypeSend: s.GiveSend(server, far, task), mach.TypeSendOnce: s.GiveSendOnce(server, far, task)}
	s.Do(task, func(a *actor) {
		names[mach.TypeReceive] = a.port()
		names[mach.TypeSend|mach.TypeReceive] = a.withSend(a.port())
		names[mach.TypePortSet] = a.set()
		names[mach.TypeDeadName] = a.deadName(1)
	})
	return task, names, func() { s.Do(server, func(a *actor) { a.ok(a.destroy(far)) }) }
}

// codeBits pairs right codes with type bits.
var codeBits = map[mach.RightCode]mach.TypeBits{
	mach.RightSend: mach.TypeSend, mach.RightReceive: mach.TypeReceive, mach.RightSendOnce: mach.TypeSendOnce,
	mach.RightPortSet: mach.TypePortSet, mach.RightDeadName: mach.TypeDeadName,
}

// TestIPC021_RefsOfAbsentRight: mach_port_get_refs answers 0 with success for a right the name does not
// denote.
func TestIPC021_RefsOfAbsentRight(t *testing.T) {
	s := newStage(t)
	task, names, _ := oneOfEach(s)
	s.Do(task, func(a *actor) {
		for bits, name := range names {
			for code, bit := range codeBits {
				if bits&bit == 0 {
					refs, ret := a.getRefs(name, code)
					a.ok(ret)
					require.Zero(t, refs, "%v of %v", code, bits)
				}
			}
		}
		_, ret := a.getRefs(names[mach.TypeSend], 5)
		a.is(mach.KernInvalidValue, ret)
		_, ret = a.getRefs(0x7701, mach.RightSend)
		a.is(mach.KernInvalidName, ret)
	})
}

// TestIPC022_RefsOfUncountedRights: mach_port_get_refs answers 1 for receive, port-set and send-once rights.
func TestIPC022_RefsOfUncountedRights(t *testing.T) {
	s := newStage(t)
	task, names, _ := oneOfEach(s)
	s.Do(task, func(a *actor) {
		require.EqualValues(t, 1, a.refs(names[mach.TypeReceive], mach.RightReceive))
		require.EqualValues(t, 1, a.refs(names[mach.TypePortSet], mach.RightPortSet))
		require.EqualValues(t, 1, a.refs(names[mach.TypeSendOnce], mach.RightSendOnce))
		both := names[mach.TypeSend|mach.TypeReceive]
		a.ok(a.modRefs(both, mach.RightSend, 6))
		require.EqualValues(t, 1, a.refs(both, mach.RightReceive))
		require.EqualValues(t, 7, a.refs(both, mach.RightSend))
	})
}

// TestIPC023_ModRefsUnknownRight: mach_port_mod_refs with a right code above 4 answers KERN_INVALID_VALUE
// even for an unknown name.
func TestIPC023_ModRefsUnknownRight(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.port()
		for _, code := range []mach.RightCode{5, 6, 100, 0xffffffff} {
			for _, delta := range []int32{-1, 0, 1} {
				a.is(mach.KernInvalidValue, a.modRefs(0x7701, code, delta))
				a.is(mach.KernInvalidValue, a.modRefs(p, code, delta))
			}
		}
		for code := mach.RightSend; code <= mach.RightDeadName; code++ {
			a.is(mach.KernInvalidName, a.modRefs(0x7701, code, 0))
		}
	})
}

// TestIPC024_ModRefsOfAbsentRight: mach_port_mod_refs of a right the name lacks answers KERN_INVALID_RIGHT.
func TestIPC024_ModRefsOfAbsentRight(t *testing.T) {
	s := newStage(t)
	task, names, _ := oneOfEach(s)
	s.Do(task, func(a *actor) {
		before := a.table()
		for bits, name := range names {
			for code, bit := range codeBits {
				if bits&bit != 0 {
					continue
				}
				for _, delta := range []int32{-1, 0, 1} {
					require.Equal(t, mach.KernInvalidRight, a.modRefs(name, code, delta), "%v of %v by %d", code, bits, delta)
				}
			}
		}
		require.Equal(t, before, a.table())
	})
}

// TestIPC025_NegativeCount: a delta that would make a send right's count negative answers
// KERN_INVALID_VALUE and changes nothing.
func TestIPC025_NegativeCount(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, dead := a.withSend(a.port()), a.deadName(2)
		a.ok(a.modRefs(p, mach.RightSend, 1))
		for _, delta := range []int32{-3, -100000, -0x80000000} {
			a.is(mach.KernInvalidValue, a.modRefs(p, mach.RightSend, delta))
			require.EqualValues(t, 2, a.refs(p, mach.RightSend))
			a.is(mach.KernInvalidValue, a.modRefs(dead, mach.RightDeadName, delta))
			require.EqualValues(t, 2, a.refs(dead, mach.RightDeadName))
		}
		a.ok(a.modRefs(p, mach.RightSend, -2))
		require.Equal(t, mach.TypeReceive, a.typeOf(p))
		a.ok(a.modRefs(dead, mach.RightDeadName, -2))
		a.unknown(dead)
	})
}

// TestIPC026_SendReferenceLimit: a send right accepts at most 65534 references through mach_port_mod_refs;
// one more answers KERN_UREFS_OVERFLOW.
func TestIPC026_SendReferenceLimit(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.is(mach.KernUrefsOverflow, a.modRefs(p, mach.RightSend, mach.UrefsMaxSend))
		require.EqualValues(t, 1, a.refs(p, mach.RightSend))
		a.ok(a.modRefs(p, mach.RightSend, mach.UrefsMaxSend-1))
		require.EqualValues(t, 65534, a.refs(p, mach.RightSend))
		for _, delta := range []int32{1, 65536, 0x7fffffff} {
			a.is(mach.KernUrefsOverflow, a.modRefs(p, mach.RightSend, delta))
		}
		require.EqualValues(t, 65534, a.refs(p, mach.RightSend))
	})
}

// TestIPC027_DeadNameReferenceLimit: a dead name accepts at most 65535 references.
func TestIPC027_DeadNameReferenceLimit(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		dead := a.deadName(1)
		a.ok(a.modRefs(dead, mach.RightDeadName, 65534))
		require.EqualValues(t, 65535, a.refs(dead, mach.RightDeadName))
		a.is(mach.KernUrefsOverflow, a.modRefs(dead, mach.RightDeadName, 1))
		a.is(mach.KernUrefsOverflow, a.modRefs(dead, mach.RightDeadName, 0x7fffffff))
		require.EqualValues(t, 65535, a.refs(dead, mach.RightDeadName))
	})
}

// TestIPC028_ReceiveAtReferenceLimit: receiving a send right at 65534 references succeeds and leaves the
// count at 65534.
func TestIPC028_ReceiveAtReferenceLimit(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		inbox, p, notify := a.port(), a.withSend(a.fullPort()), a.port()
		a.ok(a.modRefs(p, mach.RightSend, 65533))
		a.request(p, mach.NotifyNoSenders, 0, notify)
		a.post(withReply(carrying(inbox, mach.MakeSend, 1, right(p, mach.CopySend), right(p, mach.MakeSend)), p, mach.CopySend))
		m := a.take(inbox)
		require.Equal(t, p, m.Remote)
		require.Equal(t, p, m.Descs[0].Port)
		require.Equal(t, p, m.Descs[1].Port)
		require.EqualValues(t, 65534, a.refs(p, mach.RightSend))
		a.ok(a.modRefs(p, mach.RightSend, -65534))
		require.False(t, a.status(p).Srights, "the surplus rights are gone")
		require.Equal(t, []note{{mach.NotifyNoSenders, 2}}, a.notes(notify))
	})
}

// TestIPC029_InsertAtReferenceLimit: mach_port_insert_right at 65534 references answers KERN_UREFS_OVERFLOW.
func TestIPC029_InsertAtReferenceLimit(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.ok(a.modRefs(p, mach.RightSend, 65532))
		a.ok(a.insertRight(p, p, mach.CopySend))
		a.is(mach.KernUrefsOverflow, a.insertRight(p, p, mach.CopySend))
		a.is(mach.KernUrefsOverflow, a.insertRight(p, p, mach.MakeSend))
		require.EqualValues(t, 65534, a.refs(p, mach.RightSend))
		a.ok(a.modRefs(p, mach.RightSend, -65534))
		require.False(t, a.status(p).Srights, "the refused rights are gone")
	})
}

// TestIPC030_UncountedDelta: delta 0 on a receive right or port set succeeds without effect, +1 answers
// KERN_INVALID_VALUE.
func TestIPC030_UncountedDelta(t *testing.T) {
	s := newStage(t)
	task, names, _ := oneOfEach(s)
	s.Do(task, func(a *actor) {
		before := a.table()
		both := names[mach.TypeSend|mach.TypeReceive]
		for _, c := range []struct {
			name mach.Name
			code mach.RightCode
		}{
			{names[mach.TypeReceive], mach.RightReceive}, {both, mach.RightReceive},
			{names[mach.TypePortSet], mach.RightPortSet}, {names[mach.TypeSendOnce], mach.RightSendOnce},
		} {
			a.ok(a.modRefs(c.name, c.code, 0))
			for _, delta := range []int32{1, 2, -2, 0x7fffffff, -0x80000000} {
				require.Equal(t, mach.KernInvalidValue, a.modRefs(c.name, c.code, delta), "%v by %d", c.code, delta)
			}
		}
		require.Equal(t, before, a.table())
		a.ok(a.modRefs(names[mach.TypeReceive], mach.RightReceive, -1))
		a.ok(a.modRefs(names[mach.TypePortSet], mach.RightPortSet, -1))
		a.unknown(names[mach.TypeReceive])
		a.unknown(names[mach.TypePortSet])
	})
}

// TestIPC031_DeallocateDropsSend: mach_port_deallocate on SEND+RECEIVE drops a send reference and never the
// receive right.
func TestIPC031_DeallocateDropsSend(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		a.ok(a.modRefs(p, mach.RightSend, 1))
		a.ok(a.deallocate(p))
		require.EqualValues(t, 1, a.refs(p, mach.RightSend))
		require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(p))
		a.ok(a.deallocate(p))
		require.Equal(t, mach.TypeReceive, a.typeOf(p))
		require.False(t, a.status(p).Srights)
		a.is(mach.KernInvalidRight, a.deallocate(p))
		a.post(simple(p, mach.MakeSend, 3))
		require.EqualValues(t, 3, a.take(p).ID, "the port lives")
	})
}

// TestIPC032_DeallocateWithoutReference: mach_port_deallocate on a pure receive right or port set answers
// KERN_INVALID_RIGHT.
func TestIPC032_DeallocateWithoutReference(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, set := a.port(), a.set()
		a.ok(a.moveMember(p, set))
		a.is(mach.KernInvalidRight, a.deallocate(p))
		a.is(mach.KernInvalidRight, a.deallocate(set))
		require.Equal(t, mach.TypeReceive, a.typeOf(p))
		require.Equal(t, mach.TypePortSet, a.typeOf(set))
		require.Equal(t, set, a.setOf(p))
	})
}

// TestIPC033_DeallocateUnknown: mach_port_deallocate on an unknown name succeeds and changes nothing; with
// DeallocUnknownOK off it answers KERN_INVALID_NAME.
func TestIPC033_DeallocateUnknown(t *testing.T) {
	for value, want := range map[string]mach.Return{"true": mach.KernSuccess, "false": mach.KernInvalidName} {
		t.Run("DeallocUnknownOK="+value, func(t *testing.T) {
			s := newStage(t, withField("DeallocUnknownOK", value))
			s.Do(s.Task("program"), func(a *actor) {
				gone, stay := a.deadName(1), a.deadName(2)
				a.ok(a.deallocate(gone))
				before := a.table()
				for _, name := range []mach.Name{gone, 0x7701, mach.NameNull, mach.NameDead, stay + 4} {
					a.is(want, a.deallocate(name))
				}
				require.Equal(t, before, a.table())
				require.EqualValues(t, 2, a.refs(stay, mach.RightDeadName))
			})
		})
	}
}

// TestIPC034_DeallocateAfterDeath: mach_port_deallocate works on a send or send-once right whose port died,
// dropping a dead-name reference and sending nothing.
func TestIPC034_DeallocateAfterDeath(t *testing.T) {
	s := newStage(t)
	task, names, kill := oneOfEach(s)
	send, once := names[mach.TypeSend], names[mach.TypeSendOnce]
	var notify mach.Name
	s.Do(task, func(a *actor) {
		notify = a.port()
		a.ok(a.modRefs(send, mach.RightSend, 1))
		a.request(send, mach.NotifyDeadName, 0, notify)
	})
	kill()
	s.Do(task, func(a *actor) {
		require.Equal(t, []note{{mach.NotifyDeadName, uint32(send)}}, a.notes(notify))
		a.ok(a.deallocate(send))
		require.EqualValues(t, 2, a.refs(send, mach.RightDeadName))
		a.ok(a.deallocate(send))
		a.ok(a.deallocate(send))
		a.unknown(send)
		a.ok(a.deallocate(once))
		a.unknown(once)
		require.Empty(t, a.notes(notify))
	})
}

// TestIPC035_ReceiveGoesSendStays: mod_refs(RECEIVE,-1) on SEND+RECEIVE leaves a dead name with the send
// reference count.
func TestIPC035_ReceiveGoesSendStays(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, requested, notify := a.withSend(a.port()), a.withSend(a.port()), a.port()
		for _, name := range []mach.Name{p, requested} {
			a.ok(a.modRefs(name, mach.RightSend, 2))
		}
		a.request(requested, mach.NotifyDeadName, 0, notify)
		a.ok(a.modRefs(p, mach.RightReceive, -1))
		require.Equal(t, mach.TypeDeadName, a.typeOf(p))
		require.EqualValues(t, 3, a.refs(p, mach.RightDeadName))
		a.ok(a.modRefs(requested, mach.RightReceive, -1))
		require.EqualValues(t, 4, a.refs(requested, mach.RightDeadName), "and one that came with the notification")
		require.Equal(t, []note{{mach.NotifyDeadName, uint32(requested)}}, a.notes(notify))
	})
}

// TestIPC036_DestroyFreesName: mach_port_destroy on SEND+RECEIVE frees the name at once.
func TestIPC036_DestroyFreesName(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		once := a.sendOnce(p)
		a.ok(a.modRefs(p, mach.RightSend, 4))
		a.ok(a.destroy(p))
		a.unknown(p)
		require.Equal(t, mach.TypeDeadName, a.typeOf(once), "the port is dead")
		a.is(mach.KernInvalidName, a.destroy(p))
		a.ok(a.allocateName(mach.RightReceive, p))
	})

	// So it does for everything else that a name can denote.
	task, names, _ := oneOfEach(s)
	s.Do(task, func(a *actor) {
		a.ok(a.modRefs(names[mach.TypeSend], mach.RightSend, 3))
		a.ok(a.modRefs(names[mach.TypeDeadName], mach.RightDeadName, 3))
		for _, name := range names {
			a.ok(a.destroy(name))
			a.unknown(name)
		}
	})
}

// TestIPC037_DeadSendReferences: when a port dies, a send right with n references becomes a dead name with n,
// or n+1 if a dead-name request was registered.
func TestIPC037_DeadSendReferences(t *testing.T) {
	for _, requested := range []bool{false, true} {
		s := newStage(t)
		task, names, kill := oneOfEach(s)
		send := names[mach.TypeSend]
		var notify mach.Name
		s.Do(task, func(a *actor) {
			a.ok(a.modRefs(send, mach.RightSend, 6))
			if notify = a.port(); requested {
				a.request(send, mach.NotifyDeadName, 0, notify)
			}
		})
		kill()
		s.Do(task, func(a *actor) {
			require.Equal(t, mach.TypeDeadName, a.typeOf(send))
			if requested {
				require.EqualValues(t, 8, a.refs(send, mach.RightDeadName))
				require.Equal(t, []note{{mach.NotifyDeadName, uint32(send)}}, a.notes(notify))
			} else {
				require.EqualValues(t, 7, a.refs(send, mach.RightDeadName))
				require.Empty(t, a.notes(notify))
			}
		})
	}
}

// TestIPC038_DeadSendOnceReferences: when a port dies, a send-once right becomes a dead name with 1, or 2
// with a request.
func TestIPC038_DeadSendOnceReferences(t *testing.T) {
	s := newStage(t)
	server, client := s.Task("server"), s.Task("client")
	var far, notify mach.Name
	s.Do(server, func(a *actor) { far = a.port() })
	plain, requested := s.GiveSendOnce(server, far, client), s.GiveSendOnce(server, far, client)
	s.Do(client, func(a *actor) {
		notify = a.port()
		a.request(requested, mach.NotifyDeadName, 0, notify)
	})
	s.Do(server, func(a *actor) { a.ok(a.destroy(far)) })
	s.Do(client, func(a *actor) {
		require.Equal(t, mach.TypeDeadName, a.typeOf(plain))
		require.EqualValues(t, 1, a.refs(plain, mach.RightDeadName))
		require.Equal(t, mach.TypeDeadName, a.typeOf(requested))
		require.EqualValues(t, 2, a.refs(requested, mach.RightDeadName))
		require.Equal(t, []note{{mach.NotifyDeadName, uint32(requested)}}, a.notes(notify))
	})
}
