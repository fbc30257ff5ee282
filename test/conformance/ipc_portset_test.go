package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

// eachMultiSet runs a test with ports that may be in several sets, and with ports that may be in one.
func eachMultiSet(t *testing.T, test func(t *testing.T, s *stage, multi bool)) {
	for _, value := range []string{"true", "false"} {
		t.Run("MultiSet="+value, func(t *testing.T) {
			test(t, newStage(t, withField("MultiSet", value)), value == "true")
		})
	}
}

// TestIPC048_ReceiveFromMember: receiving directly from a member port answers MACH_RCV_IN_SET.
func TestIPC048_ReceiveFromMember(t *testing.T) {
	eachMultiSet(t, func(t *testing.T, s *stage, multi bool) {
		s.Do(s.Task("program"), func(a *actor) {
			p, set, second := a.port(), a.set(), a.set()
			a.post(simple(p, mach.MakeSend, 1))
			inSet := func() {
				_, ret := a.poll(p)
				a.is(mach.RcvInSet, ret)
			}
			a.ok(a.moveMember(p, set))
			inSet()
			if multi {
				require.EqualValues(t, 1, a.status(p).Pset, "the number of sets")
				a.ok(a.insertMember(p, second))
				require.EqualValues(t, 2, a.status(p).Pset)
				inSet()
				a.ok(a.extractMember(p, set))
				inSet()
				a.ok(a.extractMember(p, second))
			} else {
				require.Equal(t, set, a.status(p).Pset, "the name of the set")
				a.isNot(mach.KernSuccess, a.insertMember(p, second))
				require.Equal(t, set, a.setOf(p))
				a.ok(a.extractMember(p, set))
			}
			require.EqualValues(t, 1, a.take(p).ID)
		})
	})
}

// TestIPC049_PortChanged: a thread blocked on a port gets MACH_RCV_PORT_CHANGED when the port joins a set.
func TestIPC049_PortChanged(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	var moved, inserted, set mach.Name
	s.Do(task, func(a *actor) { moved, inserted, set = a.port(), a.port(), a.set() })
	first, second, third := s.Receiver(task, moved), s.Receiver(task, moved), s.Receiver(task, inserted)
	s.Do(task, func(a *actor) { a.ok(a.moveMember(moved, set)) })
	require.Equal(t, mach.RcvPortChanged, first.result())
	require.Equal(t, mach.RcvPortChanged, second.result())
	require.False(t, third.done)
	s.Do(task, func(a *actor) { a.ok(a.insertMember(inserted, set)) })
	require.Equal(t, mach.RcvPortChanged, third.result())
	s.Run()
}

// TestIPC050_JoinGoesBehind: messages queued on a port when it joins a set are received after messages
// already pending in the set.
func TestIPC050_JoinGoesBehind(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		member, joiner, set := a.withSend(a.port()), a.withSend(a.port()), a.set()
		a.ok(a.moveMember(member, set))
		a.post(simple(joiner, mach.CopySend, 3))
		a.post(simple(member, mach.CopySend, 1))
		a.post(simple(joiner, mach.CopySend, 4))
		a.post(simple(member, mach.CopySend, 2))
		a.ok(a.moveMember(joiner, set))
		a.post(simple(member, mach.CopySend, 5))
		a.post(simple(joiner, mach.CopySend, 6))
		require.Equal(t, ids(1, 2, 3, 4, 5, 6), a.drain(set))
	})
}

// TestIPC051_LeaveKeepsOrder: messages of a port leaving a set keep their order and are not lost.
func TestIPC051_LeaveKeepsOrder(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		leaver, stayer, set := a.withSend(a.port()), a.withSend(a.port()), a.set()
		a.ok(a.moveMember(leaver, set))
		a.ok(a.moveMember(stayer, set))
		for i := range 4 {
			a.post(simple(leaver, mach.CopySend, mach.MsgID(10+i)))
			a.post(simple(stayer, mach.CopySend, mach.MsgID(20+i)))
		}
		require.EqualValues(t, 10, a.take(set).ID)
		a.ok(a.moveMember(leaver, mach.NameNull))
		require.EqualValues(t, 3, a.status(leaver).Msgcount)
		require.Equal(t, ids(20, 21, 22, 23), a.drain(set))
		require.Equal(t, ids(11, 12, 13), a.drain(leaver))
	})

	// A port in several sets leaves them one by one, and a message that is taken leaves all of them.
	s.Do(s.Task("second"), func(a *actor) {
		p, q := a.withSend(a.port()), a.withSend(a.port())
		sets := []mach.Name{a.set(), a.set(), a.set(), a.set()}
		for _, set := range sets {
			a.ok(a.insertMember(p, set))
			a.ok(a.insertMember(q, set))
		}
		for i := range 4 {
			a.post(simple(p, mach.CopySend, mach.MsgID(10+i)))
			a.post(simple(q, mach.CopySend, mach.MsgID(20+i)))
		}
		require.EqualValues(t, 10, a.take(sets[2]).ID)
		require.EqualValues(t, 20, a.take(sets[0]).ID)
		a.ok(a.extractMember(p, sets[1]))
		a.ok(a.extractMember(q, sets[2]))
		require.EqualValues(t, 21, a.take(sets[1]).ID)
		require.EqualValues(t, 11, a.take(sets[2]).ID)
		a.ok(a.extractMember(p, sets[3]))
		a.ok(a.insertMember(p, sets[1]))
		require.EqualValues(t, 22, a.take(sets[1]).ID, "what comes back goes to the end")
		require.EqualValues(t, 12, a.take(sets[2]).ID)
		require.Equal(t, ids(23), a.drain(sets[3]))
		require.Equal(t, ids(13), a.drain(sets[1]))
		for _, set := range []mach.Name{sets[0], sets[2]} {
			require.Empty(t, a.drain(set))
		}
	})
}

// TestIPC052_EmptySetWaits: a receive on an empty set blocks and is satisfied by a message to a port added
// later.
func TestIPC052_EmptySetWaits(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	var set, early, late mach.Name
	s.Do(task, func(a *actor) {
		set, early, late = a.set(), a.port(), a.port()
		a.post(simple(early, mach.MakeSend, 1))
	})
	first, second := s.Receiver(task, set), s.Receiver(task, set)
	require.False(t, first.done)
	s.Do(task, func(a *actor) { a.ok(a.moveMember(early, set)) })
	require.Equal(t, mach.KernSuccess, first.result(), "a port that brings a message along")
	require.EqualValues(t, 1, first.msg.ID)
	require.Equal(t, early, first.msg.Local)
	require.False(t, second.done)
	s.Do(task, func(a *actor) { a.ok(a.moveMember(late, set)) })
	require.False(t, second.done)
	s.Do(task, func(a *actor) { a.post(simple(late, mach.MakeSend, 2)) })
	require.Equal(t, mach.KernSuccess, second.result())
	require.EqualValues(t, 2, second.msg.ID)
	require.Equal(t, late, second.msg.Local)
	s.Run()
}

// TestIPC053_SetDies: destroying a set gives its blocked receivers MACH_RCV_PORT_DIED and leaves its members
// alive.
func TestIPC053_SetDies(t *testing.T) {
	s := newStage(t)
	task := s.Task("program")
	var empty, full, p, q mach.Name
	s.Do(task, func(a *actor) {
		empty, full, p, q = a.set(), a.set(), a.withSend(a.port()), a.withSend(a.port())
		a.ok(a.moveMember(p, empty))
		a.ok(a.moveMember(q, full))
		a.post(simple(q, mach.CopySend, 1))
	})
	first, second := s.Receiver(task, empty), s.Receiver(task, empty)
	s.Do(task, func(a *actor) { a.ok(a.destroy(empty)) })
	require.Equal(t, mach.RcvPortDied, first.result())
	require.Equal(t, mach.RcvPortDied, second.result())
	s.Do(task, func(a *actor) {
		a.ok(a.modRefs(full, mach.RightPortSet, -1))
		a.unknown(empty)
		a.unknown(full)
		for _, name := range []mach.Name{p, q} {
			require.Equal(t, mach.TypeSend|mach.TypeReceive, a.typeOf(name))
			require.Zero(t, a.setOf(name))
		}
		a.post(simple(p, mach.CopySend, 2))
		require.Equal(t, ids(2), a.drain(p))
		require.Equal(t, ids(1), a.drain(q), "members keep their messages")
	})
	s.Run()
}

// TestIPC054_MoveToNoSet: mach_port_move_member to NULL on a port in no set answers KERN_NOT_IN_SET.
func TestIPC054_MoveToNoSet(t *testing.T) {
	eachMultiSet(t, func(t *testing.T, s *stage, multi bool) {
		s.Do(s.Task("program"), func(a *actor) {
			p, set, other := a.port(), a.set(), a.set()
			a.is(mach.KernNotInSet, a.moveMember(p, mach.NameNull))
			a.is(mach.KernNotInSet, a.extractMember(p, set))
			a.ok(a.moveMember(p, set))
			a.is(mach.KernNotInSet, a.extractMember(p, other))
			if multi {
				a.ok(a.insertMember(p, other))
			}
			a.ok(a.moveMember(p, mach.NameNull))
			require.Zero(t, a.status(p).Pset, "it leaves every set")
			a.is(mach.KernNotInSet, a.moveMember(p, mach.NameNull))
			a.is(mach.KernInvalidName, a.moveMember(0x7701, mach.NameNull))
			a.is(mach.KernInvalidRight, a.moveMember(set, mach.NameNull))
			a.is(mach.KernInvalidName, a.moveMember(p, 0x7701))
			a.is(mach.KernInvalidRight, a.moveMember(p, p))
		})
	})
}

// TestIPC055_MoveIntoSameSet: moving a port into the set it is already in succeeds without reordering
// messages.
func TestIPC055_MoveIntoSameSet(t *testing.T) {
	eachMultiSet(t, func(t *testing.T, s *stage, multi bool) {
		s.Do(s.Task("program"), func(a *actor) {
			p, q, set, other := a.withSend(a.port()), a.withSend(a.port()), a.set(), a.set()
			a.ok(a.moveMember(p, set))
			a.ok(a.moveMember(q, set))
			for i := range 2 {
				a.post(simple(p, mach.CopySend, mach.MsgID(10+i)))
				a.post(simple(q, mach.CopySend, mach.MsgID(20+i)))
			}
			a.ok(a.moveMember(p, set))
			require.Equal(t, ids(10, 20, 11, 21), a.drain(set))
			if multi {
				// From two sets, the move leaves the other one only.
				a.ok(a.insertMember(p, other))
			}
			a.ok(a.moveMember(p, set))
			require.NotZero(t, a.status(p).Pset)
			if multi {
				require.EqualValues(t, 1, a.status(p).Pset, "the number of sets")
			}
			a.post(simple(p, mach.CopySend, 12))
			require.Empty(t, a.drain(other))
			require.Equal(t, ids(12), a.drain(set))
			require.Equal(t, set, a.setOf(p))
		})
	})
}

// TestIPC056_MemberShows: a message received from a set names the member port in msgh_local_port and carries
// that port's seqno.
func TestIPC056_MemberShows(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, q, set := a.withSend(a.port()), a.withSend(a.port()), a.set()
		a.ok(a.setSeqno(q, 100))
		a.ok(a.moveMember(p, set))
		a.ok(a.moveMember(q, set))
		for range 2 {
			a.post(simple(p, mach.CopySend, 1))
			a.post(simple(q, mach.CopySend, 2))
		}
		for _, want := range []struct {
			port  mach.Name
			seqno uint32
		}{{p, 0}, {q, 100}, {p, 1}, {q, 101}} {
			m := a.take(set)
			require.Equal(t, want.port, m.Local)
			require.Equal(t, want.seqno, m.Trailer.Seqno)
		}
	})
}

// TestIPC057_LimitsPerMember: queue limits act per member port, not per set.
func TestIPC057_LimitsPerMember(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, q, set := a.withSend(a.port()), a.withSend(a.port()), a.set()
		a.ok(a.moveMember(p, set))
		a.ok(a.moveMember(q, set))
		a.fill(p)
		a.is(mach.SendTimedOut, a.trySend(simple(p, mach.CopySend, 9)))
		a.fill(q)
		a.is(mach.SendTimedOut, a.trySend(simple(q, mach.CopySend, 9)))
		require.EqualValues(t, 5, a.status(p).Msgcount)
		require.EqualValues(t, 5, a.status(q).Msgcount)
		a.take(set)
		a.post(simple(p, mach.CopySend, 9))
		a.is(mach.SendTimedOut, a.trySend(simple(q, mach.CopySend, 9)))
		require.Len(t, a.drain(set), 10)
	})
}

// TestIPC058_SetStatusTakesNothing: mach_port_get_set_status adds no references to the members.
func TestIPC058_SetStatusTakesNothing(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, q, set := a.port(), a.withSend(a.port()), a.set()
		members, ret := a.getSetStatus(set)
		a.ok(ret)
		require.Empty(t, members)
		a.ok(a.moveMember(p, set))
		a.ok(a.moveMember(q, set))
		before := a.table()
		for range 3 {
			members, ret := a.getSetStatus(set)
			a.ok(ret)
			require.ElementsMatch(t, []mach.Name{p, q}, members)
		}
		r := a.port()
		a.ok(a.moveMember(r, set))
		for _, leave := range []mach.Name{q, r} { // from the middle, and from the end
			a.ok(a.moveMember(leave, mach.NameNull))
			members, ret = a.getSetStatus(set)
			a.ok(ret)
			require.Contains(t, members, p)
			require.NotContains(t, members, leave)
		}
		a.ok(a.moveMember(q, set))
		members, ret = a.getSetStatus(set)
		a.ok(ret)
		require.ElementsMatch(t, []mach.Name{p, q}, members)
		a.ok(a.destroy(r))
		require.Equal(t, before, a.table())
		require.EqualValues(t, 1, a.refs(q, mach.RightSend))
		require.False(t, a.status(p).Srights)
		_, ret = a.getSetStatus(p)
		a.is(mach.KernInvalidRight, ret)
		_, ret = a.getSetStatus(0x7701)
		a.is(mach.KernInvalidName, ret)
	})
}

// TestIPC059_SetCannotTravel: a port set cannot be carried in a message; any disposition on its name answers
// MACH_SEND_INVALID_RIGHT.
func TestIPC059_SetCannotTravel(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, set := a.port(), a.set()
		before := a.table()
		for d := mach.MoveReceive; d <= mach.MakeSendOnce; d++ {
			a.is(mach.SendInvalidRight, a.trySend(carrying(p, mach.MakeSend, 1, right(set, d))))
			if d != mach.MoveReceive {
				a.is(mach.SendInvalidDest, a.trySend(simple(set, d, 1)))
				a.is(mach.SendInvalidReply, a.trySend(withReply(simple(p, mach.MakeSend, 1), set, d)))
			}
		}
		require.Empty(t, a.drain(p))
		require.Equal(t, before, a.table())
	})
}
