package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// TestVM175_LateSupply: Absent pages left by aborted faults are freed at termination, and a late supply
// has no effect: the manager finds it in the control port.
func TestVM175_LateSupply(t *testing.T) {
	for _, window := range []personality.TermWindow{personality.TermQueue, personality.TermReject} {
		e := newEMM(t, withField("TermWindow", fmt.Sprint(window)))
		e.m.silent("data_request")
		r := e.c.mapPages(2)
		r.abandonLoad(0)
		r.abandonLoad(1)
		require.Equal(t, 2, e.info().Absent)
		a := e.m.control(0)
		r.unmap()
		e.m.see("init(a)", "data_request(a,0,r--)", "data_request(a,1,r--)", "terminate(a)")
		require.Zero(t, e.used())
		require.NotContains(t, e.k.VM().DescribeObjects(), "memory object")
		e.m.do(func(x *calls) {
			x.ok(x.supply(a, 0, contents(0), supplied{}))
			m, code := x.receive(a)
			x.ok(code)
			require.Equal(t, "memory_object_data_supply", callName(x.Form().Set, m.ID))
			require.Equal(t, contents(0), x.bytes(m.Descs[0].Memory))
			user.Destroy(x, m)
		})
		// The next association asks anew.
		next := e.c.mapPages(1)
		e.m.answers = map[string]func(*turn){}
		next.see(0)
		require.Equal(t, 3, e.m.count("data_request"))
	}
}

// TestVM176_MappingDuringTermination: A mapping attempted while the object terminates waits until the
// terminate message is queued and then causes a new init.
func TestVM176_MappingDuringTermination(t *testing.T) {
	for _, point := range []string{"association-broken", "before-data-return", "before-terminate"} {
		t.Run(point, func(t *testing.T) {
			e := newEMM(t)
			other := e.newClient("other")
			r := e.c.mapPages(2)
			r.store(0, 'x')
			r.store(1, 'y')
			name := other.port(e.m.port)
			queued := false
			mapper := e.at(point, other.task, func(x *calls) {
				queued = e.sent(defs.MemoryObjectTerminateRow.ID(x.Form().Set)) > 0
				require.False(t, queued)
				_, code := x.vmMap(mapping{object: name, size: page})
				x.ok(code)
				require.Equal(t, 1, e.sent(defs.MemoryObjectTerminateRow.ID(x.Form().Set)))
			})
			r.unmap()
			mapper.requireDone()
			e.m.see("init(a)", "data_request(a,0,rw-)", "data_request(a,1,rw-)",
				"data_return(a,0,dirty)", "data_return(a,1,dirty)", "terminate(a)", "init(b)")
		})
	}
}

// TestVM177_NewControlPort: A new association after termination uses a new control port.
func TestVM177_NewControlPort(t *testing.T) {
	e := newEMM(t)
	var ports []*ipc.Port
	for i := range 3 {
		r := e.c.mapPages(1)
		port := e.portNamed(e.m, e.m.control(i))
		require.NotContains(t, ports, port)
		ports = append(ports, port)
		r.see(0)
		r.unmap()
	}
	e.m.see("init(a)", "data_request(a,0,r--)", "terminate(a)", "init(b)", "data_request(b,0,r--)", "terminate(b)",
		"init(c)", "data_request(c,0,r--)", "terminate(c)")
	for i := range 3 { // the manager has them all
		require.Equal(t, ports[i], e.portNamed(e.m, e.m.control(i)))
		require.NotZero(t, e.m.portType(e.m.control(i))&mach.TypeReceive)
	}
}

// TestVM178_OrderOfMessages: On one memory object port init precedes all requests, which precede
// terminate, which precedes the next init.
func TestVM178_OrderOfMessages(t *testing.T) {
	inits := 0
	underSeeds(t, 100, func(e *emm) {
		// Several threads map, use and unmap the object, each several times.
		e.m.silent("message")
		for i := range 3 {
			c := e.newClient(fmt.Sprint("client", i))
			name := c.port(e.m.port)
			c.spawn("use", func(x *calls) mach.Return {
				for n := range 3 {
					addr, code := x.vmMap(mapping{object: name, size: 2 * page})
					x.ok(code)
					x.ok(x.store(addr, byte(n)))
					x.load(addr + va(1))
					x.ok(x.deallocate(addr, 2*page))
				}
				return mach.KernSuccess
			})
		}
		e.settle()
		open := ""
		used := map[string]bool{}
		for _, m := range e.m.trace() {
			kind, rest, _ := strings.Cut(m, "(")
			letter := rest[:1]
			switch kind {
			case "init":
				inits++
				require.Empty(e.t, open, "%v", e.m.trace())
				require.False(e.t, used[letter], "%v", e.m.trace())
				open, used[letter] = letter, true
			case "terminate":
				require.Equal(e.t, open, letter, "%v", e.m.trace())
				open = ""
			default:
				require.Equal(e.t, open, letter, "%v", e.m.trace())
			}
		}
		require.Empty(e.t, open)
	})
	require.Greater(t, inits, 200) // there were further associations
}

// TestVM179_EndOfTask: Task termination drops mappings when the last task reference disappears and sends
// the same messages as vm_deallocate.
func TestVM179_EndOfTask(t *testing.T) {
	scene := func(t *testing.T) (e *emm, r *mapped) {
		e = newEMM(t)
		r = e.c.mapPages(3)
		r.store(1, 'x')
		r.see(2)
		e.m.supplies.precious = true
		r.see(0)
		return e, r
	}
	e, r := scene(t)
	r.unmap()
	want := e.m.trace()
	e, _ = scene(t)
	e.c.terminate()
	e.m.see(want...)
	require.Contains(t, want, "data_return(a,1,dirty)")

	// A call on the task that is under way has a reference.
	e, _ = scene(t)
	unready := e.m.newObject()
	e.m.silent("init")
	other := e.newClient("other")
	name := other.port(unready)
	victim := e.GiveTaskPort(e.c.task, other.task)
	call := other.start("vm_map", func(x *calls) mach.Return {
		v := x.space().of(victim)
		p := usual(name, 1)
		return v.vmMap(&p)
	})
	call.requireBlocked()
	e.c.terminate()
	require.False(t, e.c.task.Alive())
	require.Equal(t, 1, e.k.VM().Mappings(e.object()))
	e.m.never("terminate")
	e.m.do(func(x *calls) { x.ok(x.ready(e.m.control(1), e.m.readiness)) })
	require.True(t, call.ended)
	require.Zero(t, e.k.VM().Mappings(e.object()))
	e.m.see(want...)
}

// TestVM180_AscendingOrder: Mappings are dropped in ascending address order, so terminations of several
// objects follow that order.
func TestVM180_AscendingOrder(t *testing.T) {
	places := []int{50, 10, 40, 20, 30} // where each object is mapped
	sorted := []int{1, 3, 4, 2, 0}
	for name, end := range map[string]func(e *emm){
		"vm_deallocate": func(e *emm) { e.c.step(func(v *space) { v.unmapAt(va(5), 90) }) },
		"end of task":   func(e *emm) { e.c.terminate() },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			for len(e.m.object) < len(places) {
				e.m.newObject()
			}
			for i, p := range places {
				e.c.step(func(v *space) {
					v.mapAt(va(p), e.c.port(e.m.object[i]), 1)
					v.put(va(p), 'x')
				})
			}
			e.c.step(func(v *space) { v.mapAt(va(60), e.c.port(e.m.object[1]), 1) }) // the lowest one once more, at the end
			end(e)
			want := []mach.Name{}
			for _, i := range sorted[1:] {
				want = append(want, e.m.object[i])
			}
			require.Equal(t, append(want, e.m.object[1]), e.terminated())
		})
	}
}

// TestVM181_Overwriting: Overwriting the last mapping with vm_write or an overwrite-placement terminates
// the replaced object.
func TestVM181_Overwriting(t *testing.T) {
	terminated := func(e *emm) {
		e.t.Helper()
		require.Equal(e.t, []mach.Name{e.m.port}, e.terminated())
		require.Equal(e.t, 1, e.m.count("terminate"))
	}
	for name, overwrite := range map[string]func(v *space) mach.Return{
		"vm_write": func(v *space) mach.Return { return v.vmWrite(va(10), va(20), 2*page) },
		"vm_copy":  func(v *space) mach.Return { return v.vmCopy(va(20), 2*page, va(10)) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			e.c.step(func(v *space) { // a private copy is what vm_write may replace
				v.copyAt(va(10), e.c.port(e.m.port), 3)
				v.fill(va(20), 2, 0x21)
				v.ok(overwrite(v))
				v.holds(va(10), 0x21, 0x22)
			})
			e.m.never("terminate") // the third page is still mapped
			e.c.step(func(v *space) {
				v.holds(va(12), 3)
				v.ok(v.vmCopy(va(20), page, va(12)))
			})
			terminated(e)
			e.c.step(func(v *space) { v.holds(va(10), 0x21, 0x22, 0x21) })
		})
	}
	for name, place := range map[string]func(v *space) mach.Return{
		"mach_vm_map": func(v *space) mach.Return {
			addr := va(10)
			return user.MachVMMap(v, v.target(), &addr, 2*page, 0, defs.VMFlagsOverwrite, mach.NameNull, 0, false,
				mach.ProtDefault, mach.ProtAll, mach.InheritCopy)
		},
		"mach_vm_allocate": func(v *space) mach.Return {
			addr := va(10)
			return user.MachVMAllocate(v, v.target(), &addr, 2*page, defs.VMFlagsOverwrite)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			e.c.step(func(v *space) {
				v.mapAt(va(10), e.c.port(e.m.port), 2)
				v.put(va(10), 'x')
				v.ok(place(v))
				v.holds(va(10), 0, 0)
			})
			terminated(e)
			e.m.see("init(a)", "data_request(a,0,rw-)", "data_return(a,0,dirty)", "terminate(a)")
		})
	}
}

// TestVM182_DataInTransit: Out-of-line data in a queued message keeps its objects alive until received
// and deallocated or discarded.
func TestVM182_DataInTransit(t *testing.T) {
	queued := func(t *testing.T) (e *emm, box mach.Name) {
		e = newEMM(t)
		r := e.c.mapPages(2)
		e.c.do(func(x *calls) {
			box = x.allocatePort()
			x.ok(x.sendMemory(box, 77, mach.Region{Address: r.addr, Size: r.size()}))
		})
		r.unmap()
		require.Zero(t, e.k.VM().Mappings(e.object()))
		require.Equal(t, 1, e.k.VM().References(e.object()))
		e.m.never("terminate")
		return e, box
	}
	t.Run("received", func(t *testing.T) {
		e, box := queued(t)
		var got mach.Region
		e.c.do(func(x *calls) {
			m, code := x.receive(box)
			x.ok(code)
			got = m.Descs[0].Memory
		})
		e.m.never("terminate")
		e.c.step(func(v *space) { v.holds(got.Address, 1, 2) }) // the manager still supplies it
		e.m.never("terminate")
		e.c.step(func(v *space) { v.ok(v.deallocate(got.Address, got.Size)) })
		require.Equal(t, 1, e.m.count("terminate"))
	})
	t.Run("discarded", func(t *testing.T) {
		e, box := queued(t)
		e.c.do(func(x *calls) { x.ok(x.destroyPort(box)) })
		require.Equal(t, 1, e.m.count("terminate"))
	})
	t.Run("discarded with the task", func(t *testing.T) {
		e, _ := queued(t)
		e.c.terminate()
		require.Equal(t, 1, e.m.count("terminate"))
	})
}
