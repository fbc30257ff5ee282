package conformance

import (
	"fmt"
	"testing"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// copyingCalls are the ways in which a client copies a mapping of four pages.
var copyingCalls = map[string]func(v *space, object mach.Name, r *mapped) mach.Return{
	"vm_map": func(v *space, object mach.Name, _ *mapped) mach.Return {
		p := usualAt(va(100), object, 4).copied()
		return v.vmMap(&p)
	},
	"vm_read": func(v *space, _ mach.Name, r *mapped) mach.Return {
		_, ret := v.vmRead(r.addr, r.size())
		return ret
	},
	"vm_copy": func(v *space, _ mach.Name, r *mapped) mach.Return {
		v.have(va(100), 4)
		return v.vmCopy(r.addr, r.size(), va(100))
	},
	"vm_remap": func(v *space, _ mach.Name, r *mapped) mach.Return {
		return v.remap(&remapped{addr: va(100), source: r.addr, size: r.size(), copy: true})
	},
	"task_create": func(v *space, _ mach.Name, _ *mapped) mach.Return {
		_, ret := user.TaskCreate(v, v.target(), true)
		return ret
	},
	"mach_msg": func(v *space, _ mach.Name, r *mapped) mach.Return {
		x := &calls{v.Thread, nil}
		m := &mach.UserMessage{ID: 77, Remote: v.port(), RemoteDisp: mach.MakeSend, Complex: true,
			Descs: []mach.Desc[mach.Name, mach.Region]{{Kind: mach.DescMemory, Copy: mach.CopyVirtual, Memory: mach.Region{Address: r.addr, Size: r.size()}}}}
		return x.sendMessage(m)
	},
}

// TestEMM202_StrategyNoneFetchesAtOnce: Copying from an object with strategy NONE requests every
// non-resident page with READ before the copying call returns.
func TestEMM202_StrategyNoneFetchesAtOnce(t *testing.T) {
	for name, copying := range copyingCalls {
		t.Run(name, func(t *testing.T) {
			e := newEMM(t)
			e.m.readiness.CopyStrategy = mach.CopyNone
			r := e.c.mapPages(4)
			r.see(1)
			object := e.c.port(e.m.port)
			e.m.silent("data_request")
			n := e.m.news()
			j := e.c.start(name, func(x *calls) mach.Return { return copying(x.space(), object, r) })
			for _, p := range []int{0, 2, 3} {
				j.requireBlocked()
				n.see(fmt.Sprintf("data_request(a,%d,r--)", p))
				e.supplyPages(p)
			}
			j.requireDone()
			n.see()
		})
	}
}

// TestEMM203_StrategyDelayFetchesNothing: Copying from an object with strategy DELAY requests no page.
func TestEMM203_StrategyDelayFetchesNothing(t *testing.T) {
	for name, copying := range copyingCalls {
		t.Run(name, func(t *testing.T) {
			e := newSilent(t)
			r := e.c.mapPages(4)
			object := e.c.port(e.m.port)
			n := e.m.news()
			e.c.start(name, func(x *calls) mach.Return { return copying(x.space(), object, r) }).requireDone()
			n.see()
		})
	}
}
