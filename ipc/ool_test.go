package ipc

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

func region(addr mach.Addr, size mach.Size, opt mach.CopyOption, dealloc bool) UserDesc {
	return UserDesc{Kind: mach.DescMemory, Memory: mach.Region{Address: addr, Size: size}, Copy: opt, Deallocate: dealloc}
}

func array(addr mach.Addr, n int, d mach.Disposition, dealloc bool) UserDesc {
	return UserDesc{Kind: mach.DescPorts, Memory: mach.Region{Address: addr, Size: mach.Size(4 * n)}, Disp: d, Deallocate: dealloc}
}

func TestOutOfLineMemory(t *testing.T) {
	r := newRig(t)
	a := r.space("a")
	mem, to := newArena(8), newArena(8)
	p := r.receive(a)
	r.do(func(th *sched.Thread) {
		call := func(descs ...UserDesc) mach.Return {
			return a.Msg(th, mem, with(header(1, p, mach.MakeSend, 0, 0), descs...), &MsgArgs{Option: mach.SendMsg | mach.SendTimeout})
		}
		get := func(list *Scatter) (*mach.UserMessage, mach.Return) {
			m := &mach.UserMessage{}
			g := &MsgArgs{Option: mach.RcvMsg | mach.RcvTimeout, RcvName: p, RcvLimit: 1000, Scatter: list}
			if list != nil {
				g.Option |= mach.RcvOverwrite
			}
			return m, a.Msg(th, to, m, g)
		}
		addr, _ := mem.alloc(2 * arenaPage)
		copy(mem.bytes[addr:], "sixteen bytes ..")
		require.Equal(t, mach.KernSuccess, call(region(addr, 7, mach.CopyVirtual, false), region(0, 0, mach.CopyPhysical, true)))
		copy(mem.bytes[addr:], "changed")
		m, ret := get(nil)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, "sixteen", string(to.bytes[m.Descs[0].Memory.Address:][:7]), "IPC-206")
		require.Equal(t, []any{mach.Size(7), mach.CopyVirtual}, []any{m.Descs[0].Memory.Size, m.Descs[0].Copy})
		require.Equal(t, mach.Region{}, m.Descs[1].Memory, "IPC-203")

		require.Equal(t, mach.SendInvalidMemory, call(region(addr, 8, mach.CopyVirtual, true), region(addr, 8, mach.CopyVirtual, false)), "IPC-205")
		require.False(t, mem.mapped[addr/arenaPage], "IPC-204")
		th.Drain()
		require.Zero(t, mem.copies)
		addr += arenaPage
		bad := region(addr, 8, mach.CopyOverwrite, false)
		require.Equal(t, mach.SendInvalidType, call(bad), "IPC-093")
		big := region(addr, copyMapSize, mach.CopyPhysical, false)
		require.Equal(t, mach.MsgVMKernel, call(big, region(addr, smallCopy, mach.CopyPhysical, false)))

		// Scatter lists.
		at, _ := to.alloc(arenaPage)
		over := func(kind mach.DescKind, size mach.Size, opt mach.CopyOption) ScatterDesc {
			return ScatterDesc{Kind: kind, Copy: opt, Memory: mach.Region{Address: at + 100, Size: size}}
		}
		copy(mem.bytes[addr:], "over")
		require.Equal(t, mach.KernSuccess, call(port(0, mach.CopySend), region(addr, 4, mach.CopyPhysical, false), region(addr, 4, mach.CopyPhysical, false)))
		m, ret = get(&Scatter{[]ScatterDesc{over(mach.DescPort, 0, 0), over(mach.DescMemory, 4, mach.CopyOverwrite)}})
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, at+100, m.Descs[1].Memory.Address)
		require.Equal(t, "over", string(to.bytes[at+100:][:4]))
		require.NotEqual(t, at+100, m.Descs[2].Memory.Address, "IPC-211")
		for _, c := range []struct {
			want mach.Return
			list ScatterDesc
		}{
			{mach.RcvScatterSmall, over(mach.DescMemory, 3, mach.CopyOverwrite)}, // IPC-210
			{mach.RcvInvalidType, over(mach.DescPorts, 4, mach.CopyOverwrite)},   // ID-22
		} {
			require.Equal(t, mach.KernSuccess, call(region(addr, 4, mach.CopyPhysical, false)))
			_, ret = get(&Scatter{[]ScatterDesc{c.list}})
			require.Equal(t, c.want, ret)
			th.Drain()
			require.Zero(t, mem.copies)
			_, ret = get(nil)
			require.Equal(t, mach.RcvTimedOut, ret)
		}
		require.Equal(t, mach.KernSuccess, call(region(addr, 4, mach.CopyPhysical, false)))
		_, ret = get(&Scatter{[]ScatterDesc{over(mach.DescMemory, 4, mach.CopyVirtual)}})
		require.Equal(t, mach.RcvInvalidType, ret, "a bad list dequeues nothing")
		_, ret = get(nil)
		require.Equal(t, mach.KernSuccess, ret)

		// No room (IPC-212).
		for ret == mach.KernSuccess {
			_, ret = to.alloc(arenaPage)
		}
		require.Equal(t, mach.KernSuccess, call(region(addr, 4, mach.CopyPhysical, false)))
		m, ret = get(nil)
		require.Equal(t, mach.RcvBodyError|mach.MsgVMSpace, ret)
		require.Equal(t, mach.Region{}, m.Descs[0].Memory)
		th.Drain()
		require.Zero(t, mem.copies)
	})
}

func TestPortArrays(t *testing.T) {
	r := newRig(t)
	a, b := r.space("a"), r.space("b")
	mem, to := newArena(4), newArena(4)
	dest := r.receive(b)
	d := r.give(b, dest, mach.MakeSend, a)
	r.do(func(th *sched.Thread) {
		x, y := r.receive(a), r.receive(a)
		addr, _ := mem.alloc(arenaPage)
		put := func(names ...mach.Name) {
			for i, n := range names {
				mach.Words.PutUint32(mem.bytes[int(addr)+4*i:], uint32(n))
			}
		}
		put(x, 0, mach.NameDead, y)
		m := with(header(1, d, mach.CopySend, 0, 0), array(addr, 4, mach.MakeSend, false))
		require.Equal(t, mach.KernSuccess, a.Msg(th, mem, m, &MsgArgs{Option: mach.SendMsg}))
		require.NoError(t, r.w.Check())
		got := &mach.UserMessage{}
		require.Equal(t, mach.KernSuccess, b.Msg(th, to, got, &MsgArgs{Option: mach.RcvMsg, RcvName: dest, RcvLimit: 100}))
		dd := got.Descs[0]
		require.Equal(t, []any{mach.DescPorts, mach.PortSend, mach.Size(16)}, []any{dd.Kind, dd.Disp, dd.Memory.Size})
		name := func(i int) mach.Name { return mach.Name(mach.Words.Uint32(to.bytes[int(dd.Memory.Address)+4*i:])) }
		require.Equal(t, mach.TypeSend, r.typeOf(b, name(0)))
		require.Equal(t, []mach.Name{0, mach.NameDead}, []mach.Name{name(1), name(2)})
		require.Equal(t, mach.TypeSend, r.typeOf(b, name(3)))

		put(x, 0x9999, y)
		m = with(header(1, d, mach.CopySend, 0, 0), array(addr, 3, mach.MoveReceive, true))
		require.Equal(t, mach.SendInvalidRight, a.Msg(th, mem, m, &MsgArgs{Option: mach.SendMsg}), "IPC-209")
		require.Equal(t, mach.TypeDeadName, r.typeOf(b, name(0)))
		require.Equal(t, mach.TypeReceive, r.typeOf(a, y))
		require.False(t, mem.mapped[addr/arenaPage])
	})
}

func TestRawDoor(t *testing.T) {
	for _, keep := range []bool{false, true} {
		r := newRig(t, func(p *personality.Personality) { p.KeepRightsOnInvalidData = keep })
		a, b := r.space("a"), r.space("b")
		mem, to := newArena(4), newArena(4)
		dest := r.receive(b)
		d := r.give(b, dest, mach.MakeSend, a)
		r.do(func(th *sched.Thread) {
			x := r.receive(a)
			addr, _ := mem.alloc(arenaPage)
			buf, _ := to.alloc(arenaPage)
			put := func(m *mach.UserMessage) mach.Size {
				raw := encodeRaw(m, nil)
				copy(mem.bytes[addr:], raw)
				return mach.Size(len(raw))
			}
			m := with(header(42, d, mach.CopySend, x, mach.MakeSendOnce), port(x, mach.MakeSend))
			m.Body = []byte("payload.")
			size := put(m)
			mach.Words.PutUint32(mem.bytes[addr+4:], 9999) // msgh_size is ignored (IPC-078)
			raw := func(s *Space, as *arena, option mach.Option, send mach.Size, to mach.Addr, limit mach.Size) (mach.Return, *MsgArgs) {
				g := &MsgArgs{Option: option, RcvName: dest, RcvLimit: limit}
				return s.MsgRaw(th, as, RawArgs{Send: addr, SendSize: send, Receive: to}, g), g
			}
			sendIt := func(size mach.Size) mach.Return {
				ret, _ := raw(a, mem, mach.SendMsg|mach.SendTimeout, size, 0, 0)
				return ret
			}
			for _, n := range []mach.Size{0, 20, size + 2} {
				require.Equal(t, mach.SendMsgTooSmall, sendIt(n), "IPC-067")
			}
			require.Equal(t, mach.SendMsgTooSmall, sendIt(36), "descriptors do not fit")
			require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, x))
			require.Equal(t, mach.SendInvalidData, sendIt(2*arenaPage))
			require.Equal(t, mach.KernSuccess, sendIt(size))
			ret, g := raw(b, to, mach.RcvMsg|mach.RcvLarge, 0, buf, size+7)
			require.Equal(t, mach.RcvTooLarge, ret)
			require.Equal(t, size, g.Size)
			require.Equal(t, uint32(size), mach.Words.Uint32(to.bytes[buf+4:]))
			ret, _ = raw(b, to, mach.RcvMsg|mach.RcvTrailerSender, 0, buf, 200)
			require.Equal(t, mach.KernSuccess, ret)
			var got mach.UserMessage
			end := int(buf) + int(size)
			require.Equal(t, size, mach.GetHeader(to.bytes[buf:], &got))
			decodeRaw(to.bytes[buf:end], &got)
			require.Equal(t, []any{mach.MsgID(42), dest, "payload.", 1, true}, []any{got.ID, got.Local, string(got.Body), len(got.Descs), got.Complex}, "IPC-124")
			require.Equal(t, mach.TypeSend, r.typeOf(b, got.Descs[0].Port))
			require.Equal(t, []uint32{0, 20, 0, 1, 0}, func() (w []uint32) {
				for i := 0; i < 20; i += 4 {
					w = append(w, mach.Words.Uint32(to.bytes[end+i:]))
				}
				return w
			}())

			// Without the complex bit descriptors are data (IPC-094).
			m.Complex = true
			size = put(m)
			mach.Words.PutUint32(mem.bytes[addr:], uint32(mach.CopySend))
			mach.Words.PutUint32(mem.bytes[addr+12:], 0)
			require.Equal(t, mach.KernSuccess, sendIt(size))
			got = *r.take(th, b, dest)
			require.Equal(t, []any{false, int(size) - 24}, []any{got.Complex, len(got.Body)})

			// A buffer that cannot be written (ID-12).
			size = put(with(header(1, d, mach.CopySend, 0, 0), port(x, mach.MakeSendOnce)))
			require.Equal(t, mach.KernSuccess, sendIt(size))
			names := b.count
			ret, _ = raw(b, to, mach.RcvMsg, 0, 0, 200)
			require.Equal(t, mach.RcvInvalidData, ret)
			if keep {
				require.Equal(t, names+1, b.count)
			} else {
				require.Equal(t, names, b.count)
				require.Equal(t, []mach.MsgID{mach.NotifySendOnce}, r.ids(th, a, x))
			}

			// Given back in the buffer.
			require.Equal(t, mach.KernSuccess, b.SetQlimit(dest, 0))
			size = put(header(1, d, mach.CopySend, x, mach.MakeSendOnce))
			require.Equal(t, mach.SendTimedOut, sendIt(size))
			mach.GetHeader(mem.bytes[addr:], &got)
			require.Equal(t, []mach.Disposition{17, 18}, []mach.Disposition{got.RemoteDisp, got.LocalDisp})
			require.Equal(t, mach.TypeSendOnce, r.typeOf(a, got.Local))

			// Scatter list in the buffer.
			list := func(size mach.Size, option mach.Option) mach.Return {
				g := &MsgArgs{Option: mach.RcvMsg | mach.RcvTimeout | mach.RcvOverwrite, RcvName: dest, RcvLimit: 200}
				return b.MsgRaw(th, to, RawArgs{Receive: buf, ScatterSize: size}, g)
			}
			mach.Words.PutUint32(to.bytes[buf+24:], 2)
			require.Equal(t, mach.RcvScatterSmall, list(24, 0))
			require.Equal(t, mach.RcvInvalidType, list(40, 0))
			require.Equal(t, mach.RcvInvalidData, list(2*arenaPage, 0))
		})
	}
}
