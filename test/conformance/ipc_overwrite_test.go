package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// over is a descriptor of a scatter list.
func over(r mach.Region) desc {
	return desc{Kind: mach.DescMemory, Memory: r, Copy: mach.CopyOverwrite}
}

// takeOver receives with a scatter list, by the typed and the raw door.
func (a *actor) takeOver(p mach.Name, list ...desc) (*message, mach.Return) {
	m := carrying(mach.NameNull, 0, 0, list...)
	ret := a.MsgOverwrite(nil, m, mach.RcvMsg|mach.RcvTimeout|mach.RcvOverwrite, receiveLimit, p, 0, mach.NameNull)
	return m, ret
}

func (a *actor) rawTakeOver(p mach.Name, list ...desc) (*message, mach.Return) {
	a.t.Helper()
	buffer, size := a.encoded(carrying(mach.NameNull, 0, 0, list...))
	ret := a.MsgRawOverwrite(0, mach.RcvMsg|mach.RcvTimeout|mach.RcvOverwrite, 0, 2000, p, 0, mach.NameNull, buffer, size)
	m := new(message)
	b := a.read(buffer, 2000)
	mach.GetHeader(b, m)
	if ret == mach.KernSuccess && m.Complex {
		for i := range int(word(b, 6)) {
			m.Descs = append(m.Descs, mach.GetDescriptor(b[28+12*i:]))
		}
	}
	return m, ret
}

// eachDoor runs a test with both ways to receive with a scatter list.
func eachDoor(t *testing.T, test func(t *testing.T, a *actor, take func(p mach.Name, list ...desc) (*message, mach.Return))) {
	for _, raw := range []bool{false, true} {
		s := newStage(t)
		s.Do(s.Task("program"), func(a *actor) {
			if raw {
				test(t, a, a.rawTakeOver)
			} else {
				test(t, a, a.takeOver)
			}
		})
	}
}

// TestIPC210_SmallOverwrite: an overwrite descriptor smaller than its region answers MACH_RCV_SCATTER_SMALL.
func TestIPC210_SmallOverwrite(t *testing.T) {
	eachDoor(t, func(t *testing.T, a *actor, take func(p mach.Name, list ...desc) (*message, mach.Return)) {
		p, once := a.withSend(a.port()), a.port()
		data, target := a.filled(2), a.untouched(3)
		for _, c := range copies {
			for _, size := range []mach.Size{8, 3000, 5000, 8192} {
				for _, less := range []mach.Size{1, size} {
					a.post(carrying(p, mach.CopySend, 1, right(once, mach.MakeSendOnce), region(part(data, 0, size), c, false)))
					m, ret := take(p, over(part(target, 0, size-less)))
					a.is(mach.RcvScatterSmall, ret)
					require.Empty(t, m.Descs)
					require.Equal(t, ids(mach.NotifySendOnce), a.drain(once), "the message is destroyed")
					require.Equal(t, make([]byte, target.Size), a.read(target.Address, int(target.Size)))
				}
				a.post(carrying(p, mach.CopySend, 1, region(part(data, 0, size), c, false)))
				m, ret := take(p, over(part(target, 0, size)))
				a.ok(ret)
				require.Equal(t, mach.Region{Address: target.Address, Size: size}, m.Descs[0].Memory)
				require.Equal(t, pattern(int(size)), a.read(target.Address, int(size)))
				a.write(target.Address, make([]byte, target.Size))
			}
		}
		// The second of two, and an array of rights.
		a.post(carrying(p, mach.CopySend, 1, region(part(data, 0, 100), mach.CopyVirtual, false), region(part(data, 0, 100), mach.CopyVirtual, false)))
		_, ret := take(p, over(part(target, 0, 100)), over(part(target, 200, 99)))
		a.is(mach.RcvScatterSmall, ret)
		a.post(carrying(p, mach.CopySend, 1, a.array(mach.CopySend, p, p)))
		ports := over(part(target, 0, 4))
		ports.Kind = mach.DescPorts
		_, ret = take(p, ports)
		a.is(mach.RcvScatterSmall, ret)
	})
}

// TestIPC211_BeyondTheList: regions beyond the overwrite list are allocated dynamically.
func TestIPC211_BeyondTheList(t *testing.T) {
	eachDoor(t, func(t *testing.T, a *actor, take func(p mach.Name, list ...desc) (*message, mach.Return)) {
		p := a.withSend(a.port())
		data, target := a.filled(3), a.untouched(3)
		inTarget := func(r mach.Region) bool {
			return r.Address >= target.Address && r.Address < target.Address+mach.Addr(target.Size)
		}
		for _, c := range copies {
			a.post(carrying(p, mach.CopySend, 1, region(part(data, 0, 4096), c, false), right(p, mach.CopySend),
				region(part(data, 4096, 500), c, false), a.array(mach.CopySend, p), region(part(data, 8192, 4096), c, false)))
			m, ret := take(p, right(mach.NameNull, mach.CopySend), over(target))
			a.ok(ret)
			require.Len(t, m.Descs, 5)
			require.Equal(t, mach.Region{Address: target.Address, Size: 4096}, m.Descs[0].Memory)
			for i, off := range map[int]mach.Addr{0: 0, 2: 4096, 4: 8192} {
				r := m.Descs[i].Memory
				require.Equal(t, i == 0, inTarget(r))
				require.Equal(t, pattern(int(data.Size))[off:][:r.Size], a.read(r.Address, int(r.Size)))
			}
			require.Equal(t, []mach.Name{p}, a.names(m.Descs[3].Memory))
			require.False(t, inTarget(m.Descs[3].Memory))
			// A list that is longer than the message, and one that says allocate.
			a.post(carrying(p, mach.CopySend, 1, region(part(data, 0, 100), c, false)))
			anywhere := over(part(target, 0, 4096))
			anywhere.Copy = mach.CopyAllocate
			m, ret = take(p, anywhere, over(target))
			a.ok(ret)
			require.False(t, inTarget(m.Descs[0].Memory))
			require.Equal(t, pattern(100), a.read(m.Descs[0].Memory.Address, 100))
		}
	})
}

// TestIPC212_NoRoomForMemory: when address space runs out the region reads as address 0 and the call answers
// MACH_RCV_BODY_ERROR with the VM-space bit.
func TestIPC212_NoRoomForMemory(t *testing.T) {
	for _, c := range copies {
		s := newStage(t, withConfig(func(_ *kernel.Config, h *kernel.HostConfig) { h.AddressTop = 64 * 4096 }))
		client := s.Task("client")
		server, p, send := far(s, client)
		carried := s.watched(client)
		lost := s.portOf(client)
		var once mach.Name
		s.Do(client, func(a *actor) {
			once = a.port()
			r := a.filled(3)
			a.post(withWords(carrying(send, mach.CopySend, 1, region(r, c, false), right(once, mach.MakeSendOnce), region(part(r, 0, 4096), c, false),
				a.array(mach.MoveReceive, carried.port), a.array(mach.MakeSendOnce, lost), region(mach.Region{}, c, false)), 77))
		})
		s.Do(server, func(a *actor) {
			// Leave room for one page.
			hole := a.untouched(1)
			for {
				var addr mach.Addr
				ret := user.VMAllocate(a, a.target(), &addr, page, true)
				if ret != mach.KernSuccess {
					a.is(mach.KernNoSpace, ret)
					break
				}
			}
			user.Deallocate(a, hole)
			m, ret := a.poll(p)
			a.is(mach.RcvBodyError|mach.MsgVMSpace, ret)
			require.Equal(t, bytesOf(77), m.Body)
			require.Len(t, m.Descs, 6)
			require.Equal(t, mach.Region{}, m.Descs[0].Memory, "three pages")
			require.Equal(t, mach.TypeSendOnce, a.typeOf(m.Descs[1].Port))
			require.Equal(t, mach.Region{Address: hole.Address, Size: 4096}, m.Descs[2].Memory, "the rest is delivered")
			require.Equal(t, pattern(4096), a.read(hole.Address, 4096))
			for _, d := range m.Descs[3:] {
				require.Equal(t, mach.Region{}, d.Memory)
			}
		})
		s.requireDead(true, carried)
		s.Do(client, func(a *actor) {
			require.Equal(t, ids(mach.NotifySendOnce), a.drain(lost), "rights without room are destroyed")
		})
	}
}
