package vm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// VM-094 to VM-101, VM-103 to VM-105.
func TestWire(t *testing.T) {
	r := newRig(t, Config{})
	h := r.host
	m := h.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		require.Equal(t, badArg, m.Wire(th, a, pg, 8))
		require.Equal(t, badAddr, m.Wire(th, a+2*pg, 3*pg, readOnly))
		require.Zero(t, h.wired)
		require.Equal(t, badProt, m.Wire(th, a, 4*pg, mach.ProtExecute))
		require.Equal(t, badAddr, m.Wire(th, a+9*pg, pg, mach.ProtNone))

		require.Equal(t, ok, m.Wire(th, a+pg, 2*pg, mach.ProtDefault))
		require.Equal(t, 2, h.wired)
		require.EqualValues(t, 2*pg, m.sizeWired)
		faults := h.stats.Faults
		store(t, th, m, a+pg, strings.Repeat("w", 2*pg))
		require.Equal(t, faults, h.stats.Faults)
		require.Equal(t, ok, m.Wire(th, a+pg, pg, readOnly))
		require.Equal(t, 2, h.wired, "a page counts once")
		require.Equal(t, 2, m.DropTranslations(func(mach.Addr) bool { return true })+2)
		require.Equal(t, ok, m.Wire(th, a, 4*pg, mach.ProtNone))
		require.Equal(t, 1, h.wired, "wirings nest")
		e, _ := m.lookup(a + 2*pg)
		p := e.object.lookup(e.offsetOf(a + 2*pg))
		require.Same(t, &h.active, p.queue)
		require.True(t, p.reference)

		child := m.Fork(th, 2, "b")
		require.Equal(t, "w", load(t, th, child, a+pg, 1))
		ce, _ := child.lookup(a + pg)
		require.Zero(t, ce.wired)
		require.NotSame(t, p.object, ce.object.shadow, "the copy of a wired page is made at once")
		store(t, th, m, a+pg, "changed")
		require.Equal(t, "w", load(t, th, child, a+pg, 1))

		require.Equal(t, ok, m.Deallocate(th, a, 4*pg))
		require.Zero(t, h.wired)
		m.SetWiringRequired(true)
		alloc(t, th, m, 3)
		require.Equal(t, 3, h.wired)
	})
}

// MaxWired: wiring stops before faults would wait for ever.
func TestMaxWired(t *testing.T) {
	r := newRig(t, Config{Frames: 8})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 10)
		require.Equal(t, mach.KernResourceShortage, m.Wire(th, a, 8*pg, readOnly))
		require.Zero(t, r.host.wired)
		require.Equal(t, ok, m.Wire(th, a, 7*pg, readOnly))
		require.Equal(t, ok, m.Wire(th, a, 7*pg, readOnly), "wired already")
		require.Equal(t, mach.KernResourceShortage, m.Wire(th, a+6*pg, 2*pg, readOnly))
		require.Equal(t, 7, r.host.wired)
		r.host.SetMaxWired(8)
		require.Equal(t, ok, m.Wire(th, a+6*pg, 2*pg, readOnly))
	})
}

// VM-097: wiring for reading copies what would be copied by a write.
func TestWireCopies(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 2)
		store(t, th, m, a, strings.Repeat("w", 2*pg))
		child := m.Fork(th, 2, "b")
		cow := r.host.stats.CowFaults
		require.Equal(t, ok, m.Wire(th, a, 2*pg, readOnly))
		require.Equal(t, cow+2, r.host.stats.CowFaults)
		// Sharing wired memory leaves its pages on top.
		require.Equal(t, ok, m.Inherit(a, pg, mach.InheritShare))
		other := m.Fork(th, 3, "c")
		faults := r.host.stats.Faults
		store(t, th, m, a, "new")
		require.Equal(t, faults, r.host.stats.Faults)
		require.Equal(t, "new", load(t, th, other, a, 3))
		require.Equal(t, "www", load(t, th, child, a, 3))
	})
}

// VM-051: what the kernel has wired stays, and so does what lies above.
func TestWireKernel(t *testing.T) {
	r := newRig(t, Config{})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 4)
		require.Equal(t, ok, m.WireKernel(th, a+2*pg, pg, readOnly))
		require.Equal(t, ok, m.Wire(th, a+2*pg, pg, readOnly))
		require.Equal(t, failure, m.Deallocate(th, a, 4*pg))
		require.Equal(t, [][2]mach.Addr{{a + 2*pg, a + 3*pg}, {a + 3*pg, a + 4*pg}}, regions(m))
		require.Equal(t, ok, m.WireKernel(th, a+2*pg, pg, mach.ProtNone))
		require.Equal(t, 1, r.host.wired)
		require.Equal(t, ok, m.Deallocate(th, a, 4*pg))
		require.Zero(t, r.host.wired)
	})
}

// WireRangeCodes, WiringsNest.
func TestWirePersonality(t *testing.T) {
	r := newRig(t, Config{}, func(p *personality.Personality) {
		p.WireRangeCodes, p.WiringsNest = personality.WireCMU, false
	})
	m := r.host.NewMap(1, "a")
	r.run(t, func(th *sched.Thread) {
		a := alloc(t, th, m, 2)
		require.Equal(t, failure, m.Wire(th, a, 3*pg, readOnly))
		require.Equal(t, failure, m.Wire(th, a, pg, mach.ProtExecute))
		require.Equal(t, badArg, m.Wire(th, a, pg, mach.ProtNone))
		require.Equal(t, ok, m.Wire(th, a, pg, readOnly))
		require.Equal(t, ok, m.Wire(th, a, pg, readOnly))
		require.Equal(t, failure, m.Wire(th, a, 3*pg, readOnly), "takes back its own wirings only")
		require.Equal(t, 1, r.host.wired)
		require.Equal(t, ok, m.Wire(th, a, pg, mach.ProtNone))
		require.Zero(t, r.host.wired)
	})
}
