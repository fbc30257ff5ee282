package conformance

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// filled allocates n pages and fills them with a pattern.
func (a *actor) filled(n int) mach.Region {
	a.t.Helper()
	return a.memory(pattern(n * int(a.PageSize())))
}

// untouched allocates n pages and leaves them alone.
func (a *actor) untouched(n int) mach.Region {
	a.t.Helper()
	r := mach.Region{Size: mach.Size(n) * a.PageSize()}
	a.ok(user.VMAllocate(a, a.target(), &r.Address, r.Size, true))
	return r
}

// part is the part of a region from byte off on.
func part(r mach.Region, off mach.Addr, size mach.Size) mach.Region {
	return mach.Region{Address: r.Address + off, Size: size}
}

// present says whether a page can be read.
func (a *actor) present(addr mach.Addr) bool {
	err := a.Load(addr, make([]byte, 1))
	return err == nil
}

// copies are the copy options of a sender.
var copies = []mach.CopyOption{mach.CopyPhysical, mach.CopyVirtual}

// TestIPC203_EmptyRegion: a zero-size region arrives with address 0 and its deallocate flag has no effect.
func TestIPC203_EmptyRegion(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, r := a.withSend(a.port()), a.filled(1)
		for _, c := range copies {
			for _, addr := range []mach.Addr{0, r.Address, r.Address + 5, 0xfffffff0} {
				empty := mach.Region{Address: addr}
				array := desc{Kind: mach.DescPorts, Memory: empty, Disp: mach.CopySend, Copy: c, Deallocate: true}
				sent := carrying(p, mach.CopySend, 1, region(empty, c, true), array, region(empty, c, false))
				a.post(sent)
				a.ok(a.rawSend(a.encoded(carrying(p, mach.CopySend, 1, sent.Descs...))))
				for range 2 {
					m := a.take(p)
					require.Len(t, m.Descs, 3)
					for _, d := range m.Descs {
						require.Equal(t, mach.Region{}, d.Memory)
					}
				}
				require.Equal(t, pattern(int(r.Size)), a.read(r.Address, int(r.Size)))
			}
		}
	})
}

// TestIPC204_DeallocateWholePages: a region with deallocate unmaps every page it overlaps in the sender.
func TestIPC204_DeallocateWholePages(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.withSend(a.port())
		page := mach.Addr(a.PageSize())
		for _, c := range []struct {
			copy        mach.CopyOption
			off         mach.Addr
			size        mach.Size
			first, last int // pages that go
		}{
			{mach.CopyVirtual, page, 2 * mach.Size(page), 1, 2},
			{mach.CopyVirtual, page + 10, 2 * mach.Size(page), 1, 3},
			{mach.CopyVirtual, 2*page - 1, 2, 1, 2},
			{mach.CopyVirtual, page + 5, 1, 1, 1},
			{mach.CopyPhysical, page, mach.Size(page), 1, 1},
			{mach.CopyPhysical, page + 10, 2 * mach.Size(page), 1, 3},
			{mach.CopyPhysical, 2*page - 1, 2, 1, 2},
			{mach.CopyPhysical, page + 5, 1, 1, 1},
		} {
			r := a.filled(5)
			was := pattern(int(r.Size))
			a.post(carrying(p, mach.CopySend, 1, region(part(r, c.off, c.size), c.copy, true)))
			for i := range 5 {
				gone := i >= c.first && i <= c.last
				require.Equal(t, !gone, a.present(r.Address+mach.Addr(i)*page), "%+v: page %d", c, i)
				if !gone {
					require.Equal(t, was[i*int(page):(i+1)*int(page)], a.read(r.Address+mach.Addr(i)*page, int(page)))
				}
			}
			d := a.take(p).Descs[0]
			require.Equal(t, c.size, d.Memory.Size)
			require.Equal(t, was[c.off:int(c.off)+int(c.size)], a.read(d.Memory.Address, int(c.size)))
		}
		// An array of rights goes in the same way, and so does memory of a message that fails later.
		array := a.array(mach.CopySend, p, p)
		array.Deallocate = true
		a.post(carrying(p, mach.CopySend, 1, array))
		require.False(t, a.present(array.Memory.Address))
		require.Equal(t, []mach.Name{p, p}, a.names(a.take(p).Descs[0].Memory))
		r := a.filled(1)
		a.is(mach.SendInvalidRight, a.trySend(carrying(p, mach.CopySend, 1, region(r, mach.CopyVirtual, true), right(0x7701, mach.CopySend))))
		require.False(t, a.present(r.Address))
	})
	// Memory that others have a part in leaves the sender, and stays with them.
	e := newEMM(t)
	r, other := e.c.mapPages(5), e.newClient("other").mapPages(5)
	for _, c := range copies {
		e.Do(e.c.task, func(a *actor) {
			p := a.port()
			a.post(carrying(p, mach.MakeSend, 1, region(mach.Region{Address: r.at(1) + 10, Size: 2 * page}, c, true)))
			for i := range 5 {
				require.Equal(t, i == 0 || i == 4, a.present(r.at(i)), "%v: page %d", c, i)
			}
			got := a.take(p).Descs[0].Memory
			require.Equal(t, contents(at(1))[10:], a.read(got.Address, int(page)-10))
			require.Equal(t, contents(at(3))[:10], a.read(got.Address+mach.Addr(2*page)-10, 10))
			user.Deallocate(a, got)
		})
		other.see(1)
		r.unmap()
		r = e.c.mapPages(5)
	}
	r.unmap()
	other.unmap()
}

// TestIPC205_UnreadableRegion: an unmapped or unreadable region answers MACH_SEND_INVALID_MEMORY.
func TestIPC205_UnreadableRegion(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p, once := a.withSend(a.port()), a.port()
		page := mach.Addr(a.PageSize())
		holed, locked, gone, edge := a.filled(3), a.filled(3), a.filled(1), a.filled(1)
		a.ok(user.VMDeallocate(a, a.target(), holed.Address+page, mach.Size(page)))
		a.ok(user.VMProtect(a, a.target(), locked.Address+page, mach.Size(page), false, mach.ProtNone))
		a.ok(user.VMDeallocate(a, a.target(), gone.Address, gone.Size))
		for _, bad := range []mach.Region{
			holed, part(holed, page-4, 8), part(holed, page, 4), locked, part(locked, 2*page-4, 8), part(locked, page+8, 16),
			gone, part(gone, 100, 4), {Address: edge.Address, Size: ^mach.Size(0)},
			{Address: ^mach.Addr(0) - 7, Size: 16}, {Address: edge.Address, Size: 1 << 40},
		} {
			if bad.Size < 1<<20 {
				for _, deallocate := range []bool{false, true} {
					for _, c := range copies {
						m := carrying(p, mach.CopySend, 1, right(once, mach.MakeSendOnce), region(bad, c, deallocate))
						require.Equal(t, mach.SendInvalidMemory, a.trySend(m), "%v, %v", bad, c)
						require.Equal(t, ids(mach.NotifySendOnce), a.drain(once), "the message is destroyed")
					}
				}
			} else {
				a.is(mach.SendInvalidMemory, a.trySend(carrying(p, mach.CopySend, 1, region(bad, mach.CopyVirtual, false))))
			}
			a.is(mach.SendInvalidMemory, a.trySend(carrying(p, mach.CopySend, 1, desc{Kind: mach.DescPorts, Memory: bad, Disp: mach.CopySend})))
		}
		require.Empty(t, a.drain(p))
		require.True(t, a.present(holed.Address))
		require.True(t, a.present(locked.Address))
		require.True(t, a.present(locked.Address+2*page))
		// Two descriptors over one range, of which the first takes it away.
		for _, c := range copies {
			r := a.filled(1)
			a.is(mach.SendInvalidMemory, a.trySend(carrying(p, mach.CopySend, 1, region(r, c, true), region(r, c, false))))
			require.False(t, a.present(r.Address))
		}
	})
}

// TestIPC206_ContentsAreFixed: changing the memory after the send does not change the message.
func TestIPC206_ContentsAreFixed(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	for _, c := range copies {
		for _, size := range []mach.Size{1, 100, 2048, 2049, 4096, 5000, 3 * 4096} {
			for _, off := range []mach.Addr{0, 60} {
				for _, change := range []string{"store", "deallocate", "vm_write"} {
					var r mach.Region
					data := pattern(3*4096 + 100)
					want := data[off : int(off)+int(size)]
					s.Do(client, func(a *actor) {
						r = a.memory(data)
						a.post(carrying(send, mach.CopySend, 1, region(part(r, off, size), c, false)))
						switch change {
						case "store":
							a.write(r.Address, make([]byte, len(data)))
						case "deallocate":
							user.Deallocate(a, r)
							a.ok(user.VMAllocate(a, a.target(), &r.Address, r.Size, false))
						case "vm_write":
							zero := a.memory(make([]byte, 4*4096))
							a.ok(user.VMWrite(a, a.target(), r.Address, zero))
							user.Deallocate(a, zero)
						}
					})
					s.Do(server, func(a *actor) {
						got := a.take(p).Descs[0].Memory
						require.Equal(t, size, got.Size)
						require.Equal(t, want, a.read(got.Address, int(size)), "%v of %v, %s", c, size, change)
						a.write(got.Address, make([]byte, size)) // is nothing to the sender
						user.Deallocate(a, got)
					})
					s.Do(client, func(a *actor) {
						require.Equal(t, make([]byte, len(data)), a.read(r.Address, len(data)))
						a.write(r.Address, data)
						user.Deallocate(a, r)
					})
				}
			}
		}
	}
	// The receiver's stores do not reach memory that the sender still has.
	var r mach.Region
	s.Do(client, func(a *actor) {
		r = a.filled(2)
		a.post(carrying(send, mach.CopySend, 1, region(r, mach.CopyVirtual, false), region(r, mach.CopyVirtual, false)))
	})
	s.Do(server, func(a *actor) {
		m := a.take(p)
		a.write(m.Descs[0].Memory.Address, make([]byte, r.Size))
		require.Equal(t, pattern(int(r.Size)), a.read(m.Descs[1].Memory.Address, int(r.Size)))
	})
	s.Do(client, func(a *actor) { require.Equal(t, pattern(int(r.Size)), a.read(r.Address, int(r.Size))) })
}

// TestIPC207_PlaceInPage: a virtually copied region arrives at the same offset in its page as it had in the
// sender, with zero bytes in the rest of its first and last page.
func TestIPC207_PlaceInPage(t *testing.T) {
	for _, zero := range []bool{true, false} {
		t.Run("ZeroCopyEdges="+map[bool]string{true: "true", false: "false"}[zero], func(t *testing.T) {
			s := newStage(t, withField("ZeroCopyEdges", map[bool]string{true: "true", false: "false"}[zero]))
			client := s.Task("client")
			server, p, send := far(s, client)
			for _, deallocate := range []bool{false, true} {
				for _, c := range []struct {
					off  mach.Addr
					size mach.Size
				}{{100, 50}, {0, 50}, {4000, 96}, {100, 4096}, {100, 8192}, {4095, 2}, {0, 4096}, {0, 8192}, {0, 5000}, {7, 3*4096 - 7}} {
					data := bytes.Repeat([]byte{0xaa}, 4*4096)
					copy(data[c.off:], pattern(int(c.size)))
					s.Do(client, func(a *actor) {
						r := a.memory(data)
						a.post(carrying(send, mach.CopySend, 1, region(part(r, c.off, c.size), mach.CopyVirtual, deallocate)))
						if !deallocate {
							require.Equal(t, data, a.read(r.Address, len(data)), "the sender's memory is as it was")
						}
					})
					s.Do(server, func(a *actor) {
						d := a.take(p).Descs[0]
						require.Equal(t, mach.CopyVirtual, d.Copy)
						require.Equal(t, c.size, d.Memory.Size)
						require.Equal(t, c.off, d.Memory.Address%4096)
						start := d.Memory.Address.Trunc(a.PageSize())
						n := (d.Memory.Address + mach.Addr(c.size)).Round(a.PageSize()) - start
						want := data[:n]
						if zero {
							want = make([]byte, n)
							copy(want[c.off:], pattern(int(c.size)))
						}
						require.Equal(t, want, a.read(start, int(n)), "%+v", c)
						user.Deallocate(a, d.Memory)
					})
				}
			}
			// A physical copy begins a page, and nothing of the sender is beside it.
			for _, size := range []mach.Size{50, 3000, 6000} {
				s.Do(client, func(a *actor) {
					r := a.memory(bytes.Repeat([]byte{0xaa}, 3*4096))
					a.post(carrying(send, mach.CopySend, 1, region(part(r, 100, size), mach.CopyPhysical, false)))
				})
				s.Do(server, func(a *actor) {
					d := a.take(p).Descs[0]
					require.Zero(t, d.Memory.Address%4096)
					n := mach.Addr(size).Round(4096)
					require.Equal(t, append(bytes.Repeat([]byte{0xaa}, int(size)), make([]byte, int(n)-int(size))...), a.read(d.Memory.Address, int(n)))
				})
			}
		})
	}
}

// TestIPC208_LikeNewMemory: a received region has read/write protection and default inheritance like newly
// allocated memory.
func TestIPC208_LikeNewMemory(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	for _, c := range copies {
		for _, deallocate := range []bool{false, true} {
			for _, size := range []mach.Size{50, 4096, 9000} {
				s.Do(client, func(a *actor) {
					r := a.filled(3)
					a.ok(user.VMInherit(a, a.target(), r.Address, r.Size, mach.InheritNone))
					a.ok(user.VMProtect(a, a.target(), r.Address, r.Size, true, mach.ProtRead))
					a.post(carrying(send, mach.CopySend, 1, region(part(r, 0, size), c, deallocate)))
				})
				s.Do(server, func(a *actor) {
					fresh, ret := user.VMRegion(a, a.target(), a.untouched(1).Address)
					a.ok(ret)
					got := a.take(p).Descs[0].Memory
					is, ret := user.VMRegion(a, a.target(), got.Address)
					a.ok(ret)
					require.Equal(t, fresh.Protection, is.Protection)
					require.Equal(t, fresh.MaxProtection, is.MaxProtection)
					require.Equal(t, fresh.Inheritance, is.Inheritance)
					require.Equal(t, mach.ProtRead|mach.ProtWrite, is.Protection)
					require.Equal(t, mach.ProtAll, is.MaxProtection)
					require.Equal(t, mach.InheritCopy, is.Inheritance)
					require.Equal(t, pattern(int(size)), a.read(got.Address, int(size)))
					a.write(got.Address, make([]byte, size))
				})
			}
		}
	}
}

// TestIPC209_BadElement: a port array with a bad element answers MACH_SEND_INVALID_RIGHT and destroys the rights
// of the elements before it.
func TestIPC209_BadElement(t *testing.T) {
	s := newStage(t)
	task, server := s.Task("program"), s.Task("server")
	for bad := range 4 {
		for _, deallocate := range []bool{false, true} {
			var ports []watched
			for range 4 {
				ports = append(ports, s.watched(task))
			}
			far := s.portOf(server)
			once := []mach.Name{s.GiveSendOnce(server, far, task), s.GiveSendOnce(server, far, task)}
			s.Do(task, func(a *actor) {
				inbox := a.port()
				names := []mach.Name{ports[0].port, ports[1].port, ports[2].port, ports[3].port}
				names[bad] = 0x7701
				array := a.array(mach.MoveReceive, names...)
				array.Deallocate = deallocate
				before := a.array(mach.MoveSendOnce, once[0])
				behind := a.array(mach.MoveSendOnce, once[1])
				a.is(mach.SendInvalidRight, a.trySend(carrying(inbox, mach.MakeSend, 1, before, array, behind)))
				require.Empty(t, a.drain(inbox))
				require.Equal(t, !deallocate, a.present(array.Memory.Address))
				a.unknown(once[0])
				require.Equal(t, mach.TypeSendOnce, a.typeOf(once[1]))
				for i, w := range ports {
					if i < bad {
						a.unknown(w.port)
					} else {
						require.Equal(t, mach.TypeReceive, a.typeOf(w.port))
					}
				}
			})
			s.requireDead(true, ports[:bad]...)
			s.requireDead(false, ports[bad:]...)
			s.Do(server, func(a *actor) { require.Equal(t, ids(mach.NotifySendOnce), a.drain(far)) })
		}
	}
	// NULL and DEAD are no bad elements.
	s.Do(task, func(a *actor) {
		p := a.withSend(a.port())
		a.post(carrying(p, mach.CopySend, 1, a.array(mach.CopySend, mach.NameNull, p, mach.NameDead)))
		require.Equal(t, []mach.Name{mach.NameNull, p, mach.NameDead}, a.names(a.take(p).Descs[0].Memory))
	})
}

// TestIPC213_WhenPagesAreRead: a physical copy faults its source pages during the send; a virtual copy of whole
// pages of anonymous memory does not.
func TestIPC213_WhenPagesAreRead(t *testing.T) {
	for _, zero := range []string{"true", "false"} {
		s := newStage(t, withField("ZeroCopyEdges", zero))
		s.Do(s.Task("program"), func(a *actor) {
			p, host := a.withSend(a.port()), a.HostSelf()
			faults := func() uint32 {
				st, ret := user.HostStatistics(a, host)
				a.ok(ret)
				return st.ZeroFillCount
			}
			for _, deallocate := range []bool{false, true} {
				r := a.untouched(4)
				before := faults()
				a.post(carrying(p, mach.CopySend, 1, region(r, mach.CopyVirtual, deallocate)))
				require.Equal(t, before, faults())
				got := a.take(p).Descs[0].Memory
				require.Equal(t, before, faults(), "nor does the receiver")
				require.Equal(t, make([]byte, r.Size), a.read(got.Address, int(r.Size)))
			}
			for _, size := range []mach.Size{100, 2048, 2049, 4 * 4096} {
				r := a.untouched(4)
				before := faults()
				a.post(carrying(p, mach.CopySend, 1, region(part(r, 0, size), mach.CopyPhysical, false)))
				require.EqualValues(t, size.Round(4096)/4096, faults()-before)
				a.drain(p)
			}
		})

		// Of a manager's pages the same can be seen in what is asked of it.
		e := newEMM(t, withField("ZeroCopyEdges", zero))
		r := e.c.mapPages(8)
		send := func(first int, off mach.Addr, size mach.Size, c mach.CopyOption, want ...string) {
			t.Helper()
			was := len(e.m.trace())
			e.Do(e.c.task, func(a *actor) {
				a.post(carrying(a.port(), mach.MakeSend, 1, region(mach.Region{Address: r.at(first) + off, Size: size}, c, false)))
			})
			require.Equal(t, append([]string{}, want...), e.m.trace()[was:])
		}
		send(0, 0, 8*page, mach.CopyVirtual)
		send(0, 10, 2*page, mach.CopyPhysical, "data_request(a,0,r--)", "data_request(a,1,r--)", "data_request(a,2,r--)")
		if zero == "true" {
			send(3, 10, 2*page, mach.CopyVirtual, "data_request(a,3,r--)", "data_request(a,5,r--)")
		} else {
			send(3, 10, 2*page, mach.CopyVirtual)
		}
		send(6, 0, 2*page, mach.CopyVirtual)
		r.unmap()
	}
}
