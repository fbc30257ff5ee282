package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

// Rules of calls that are GNU Mach's or XNU's: memory object proxies, size limits, memory entries.

// newGNU makes the stage with a host of preset gnumach, whose message set has the calls for proxies and
// size limits.
func newGNU(t *testing.T) *emm { return newEMM(t, withPreset(personality.GNUMach())) }

// proxy is a proxy for n pages from offset on of a memory object that the client names.
func (v *space) proxy(object mach.Name, prot mach.Prot, offset mach.Offset, n int) mach.Name {
	v.t.Helper()
	name, ret := user.MemoryObjectCreateProxy(v, v.target(), prot, []mach.Name{object},
		[]mach.Offset{0}, []mach.Offset{offset}, []mach.Size{mach.Size(n) * page})
	v.ok(ret)
	return name
}

// TestVM037_ProxyLimitsProtection: vm_map through a GNU proxy intersects both protections with the proxy's
// protection when copy is false.
func TestVM037_ProxyLimitsProtection(t *testing.T) {
	e := newGNU(t)
	e.c.step(func(v *space) {
		object := e.c.port(e.m.port)
		for i, c := range []struct{ proxy, cur, max mach.Prot }{
			{mach.ProtRead, mach.ProtRead, mach.ProtRead},
			{mach.ProtDefault, mach.ProtDefault, mach.ProtDefault},
			{mach.ProtRead | mach.ProtExecute, mach.ProtRead, mach.ProtRead | mach.ProtExecute},
			{mach.ProtAll, mach.ProtDefault, mach.ProtAll},
			{mach.ProtNone, mach.ProtNone, mach.ProtNone},
		} {
			v.mapAt(va(10*(i+1)), v.proxy(object, c.proxy, at(1), 2), 2)
			r := v.region(va(10 * (i + 1)))
			require.Equal(t, c.cur, r.Protection)
			require.Equal(t, c.max, r.MaxProtection)
		}
		v.holds(va(10), 2, 3)
		v.is(mach.KernProtectionFailure, v.stores(va(10), 1))
		v.is(mach.KernProtectionFailure, v.protect(va(10), page, mach.ProtDefault))
		v.put(va(20), 'x')
		v.first(va(10), 'x')
	})
}

// TestVM038_CopyThroughUnreadableProxy: vm_map with copy through a proxy lacking read returns
// KERN_PROTECTION_FAILURE.
func TestVM038_CopyThroughUnreadableProxy(t *testing.T) {
	e := newGNU(t)
	e.c.step(func(v *space) {
		object := e.c.port(e.m.port)
		for _, prot := range []mach.Prot{mach.ProtNone, mach.ProtWrite, mach.ProtWrite | mach.ProtExecute} {
			p := usual(v.proxy(object, prot, 0, 1), 1).copied()
			v.is(mach.KernProtectionFailure, v.vmMap(&p))
		}
		v.lies()
		v.copyAt(va(10), v.proxy(object, mach.ProtRead, 0, 1), 1)
		v.holds(va(10), 1)
		v.put(va(10), 'x') // a copy is the task's own
		require.Equal(t, mach.ProtDefault, v.region(va(10)).Protection)
	})
}

// TestVM039_MapBeyondEntry: Mapping beyond the length of a proxy or memory entry returns
// KERN_INVALID_ARGUMENT.
func TestVM039_MapBeyondEntry(t *testing.T) {
	beyond := func(v *space, entry mach.Name) { // of two pages
		t.Helper()
		for _, c := range []struct {
			offset mach.Offset
			pages  int
		}{{0, 3}, {at(1), 2}, {at(2), 1}, {at(100), 1}, {^mach.Offset(0) - at(1) + 1, 2}} {
			for _, copied := range []bool{false, true} {
				p := usual(entry, c.pages)
				p.offset, p.copy = c.offset, copied
				v.unchanged(func() { v.is(mach.KernInvalidArgument, v.vmMap(&p)) })
			}
		}
		p := usualAt(va(50), entry, 1)
		p.offset = at(1)
		v.ok(v.vmMap(&p))
		v.mapAt(va(60), entry, 2)
	}
	t.Run("proxy", func(t *testing.T) {
		e := newGNU(t)
		e.c.step(func(v *space) {
			beyond(v, v.proxy(e.c.port(e.m.port), mach.ProtDefault, at(3), 2))
			v.holds(va(50), 5)
			v.holds(va(60), 4, 5)
		})
	})
	t.Run("memory entry", func(t *testing.T) {
		s := newStage(t)
		s.In(s.Task("a"), func(v *space) {
			v.fill(va(10), 4, 1)
			entry, size := v.entry(va(11), 2, mach.ProtDefault|mach.Prot(defs.MapMemVMShare), mach.NameNull)
			require.Equal(t, 2*page, size)
			beyond(v, entry)
			v.holds(va(50), 3)
			v.holds(va(60), 2, 3)
		})
	})
}

// makeEntry is mach_make_memory_entry_64 of n pages.
func (v *space) makeEntry(addr mach.Addr, n int, permission mach.Prot, parent mach.Name) (mach.Name, mach.Size, mach.Return) {
	size := mach.Size(n) * page
	name, ret := user.MachMakeMemoryEntry(v, v.target(), &size, mach.Offset(addr), uint32(permission), parent)
	return name, size, ret
}

// entry is makeEntry that succeeds.
func (v *space) entry(addr mach.Addr, n int, permission mach.Prot, parent mach.Name) (mach.Name, mach.Size) {
	v.t.Helper()
	name, size, ret := v.makeEntry(addr, n, permission, parent)
	v.ok(ret)
	return name, size
}

// limit sets the size limits of the task, in pages, with a host port.
func (v *space) limit(host mach.Name, current, max int) mach.Return {
	return user.VMSetSizeLimit(v, host, v.target(), mach.Size(current)*page, mach.Size(max)*page)
}

// TestVM040_SizeLimit: With an address-space limit in force an allocation that would exceed it returns
// KERN_NO_SPACE.
func TestVM040_SizeLimit(t *testing.T) {
	e := newGNU(t)
	e.c.step(func(v *space) {
		v.have(va(10), 3)
		v.ok(v.limit(v.HostSelf(), 5, 8))
		v.have(va(20), 1)
		v.unchanged(func() {
			_, ret := v.allocateAt(va(30), 2*page)
			v.is(mach.KernNoSpace, ret)
			_, ret = v.allocateAnywhere(0, 2*page)
			v.is(mach.KernNoSpace, ret)
			for _, object := range []mach.Name{mach.NameNull, e.c.port(e.m.port)} {
				p := usual(object, 2)
				v.is(mach.KernNoSpace, v.vmMap(&p))
			}
		})
		v.have(va(30), 1)
		_, ret := v.allocateAt(va(31), 1)
		v.is(mach.KernNoSpace, ret)
		v.ok(v.deallocate(va(20), page))
		v.have(va(31), 1)
		v.ok(v.limit(v.HostSelf(), 6, 8))
		v.have(va(40), 1)
	})
}

// TestVM041_NoneIsNotCharged: Regions whose maximum protection is none are not charged to the
// address-space limit.
func TestVM041_NoneIsNotCharged(t *testing.T) {
	e := newGNU(t)
	e.c.step(func(v *space) {
		v.ok(v.limit(v.HostSelf(), 4, 4))
		p := usualAt(va(10), mach.NameNull, 100)
		p.cur, p.max = mach.ProtNone, mach.ProtNone
		v.ok(v.vmMap(&p))
		v.have(va(200), 4)
		_, ret := v.allocateAt(va(300), page)
		v.is(mach.KernNoSpace, ret)
		p.addr = va(400)
		v.ok(v.vmMap(&p)) // although the limit is reached
		v.ok(v.protectMax(va(200), 3*page, mach.ProtNone))
		v.have(va(300), 3)
		_, ret = v.allocateAt(va(310), page)
		v.is(mach.KernNoSpace, ret)
	})
}

// TestVM042_RaisingMaximumLimit: Raising the maximum size limit without the privileged host port returns
// KERN_NO_ACCESS.
func TestVM042_RaisingMaximumLimit(t *testing.T) {
	e := newGNU(t)
	e.c.step(func(v *space) {
		limits := func(current, max int) {
			t.Helper()
			c, m, ret := user.VMGetSizeLimit(v, v.target())
			v.ok(ret)
			require.Equal(t, []mach.Size{mach.Size(current) * page, mach.Size(max) * page}, []mach.Size{c, m})
		}
		v.ok(v.limit(v.HostSelf(), 10, 20))
		limits(10, 20)
		v.is(mach.KernNoAccess, v.limit(v.HostSelf(), 10, 21))
		v.is(mach.KernNoAccess, v.limit(v.HostSelf(), 21, 21))
		limits(10, 20)
		v.ok(v.limit(v.HostSelf(), 20, 20)) // up to the maximum
		limits(20, 20)
		v.ok(v.limit(v.privileged(), 25, 30))
		limits(25, 30)
	})
}

// TestVM091_EntryCopyAndShare: A memory entry made as VM_COPY does not show later changes of the source
// while a VM_SHARE entry does.
func TestVM091_EntryCopyAndShare(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 3, 1)
		snapshot, size := v.entry(va(10), 3, mach.ProtDefault|mach.Prot(defs.MapMemVMCopy), mach.NameNull)
		require.Equal(t, 3*page, size)
		shared, size := v.entry(va(10), 3, mach.ProtDefault|mach.Prot(defs.MapMemVMShare), mach.NameNull)
		require.Equal(t, 3*page, size)
		v.put(va(10), 'x')
		v.mapAt(va(20), snapshot, 3)
		v.mapAt(va(30), shared, 3)
		v.put(va(11), 'y')
		v.holds(va(20), 1, 2, 3)
		v.first(va(30), 'x')
		v.first(va(31), 'y')
		v.put(va(32), 'z')
		v.first(va(12), 'z')
		v.put(va(20), 'w')
		v.first(va(10), 'x')
		v.ok(v.deallocate(va(10), 3*page)) // the entries keep the memory
		v.mapAt(va(40), snapshot, 3)
		v.first(va(40), 'w') // mappings of one snapshot share it
		v.mapAt(va(50), shared, 3)
		v.first(va(50), 'x')
	})
}

// TestVM092_EntryBeyondParent: A memory entry requested with more permission than its parent returns
// KERN_PROTECTION_FAILURE.
func TestVM092_EntryBeyondParent(t *testing.T) {
	s := newStage(t)
	s.In(s.Task("a"), func(v *space) {
		v.fill(va(10), 3, 1)
		parent, _ := v.entry(va(10), 3, mach.ProtRead|mach.ProtExecute|mach.Prot(defs.MapMemVMShare), mach.NameNull)
		for _, prot := range []mach.Prot{mach.ProtDefault, mach.ProtWrite, mach.ProtAll} {
			_, _, ret := v.makeEntry(va(0), 1, prot, parent)
			v.is(mach.KernProtectionFailure, ret)
		}
		child, size := v.entry(va(1), 1, mach.ProtRead, parent)
		require.Equal(t, page, size)
		v.mapAt(va(20), child, 1)
		v.first(va(20), 2)
		require.Equal(t, mach.ProtRead, v.region(va(20)).MaxProtection)
		_, _, ret := v.makeEntry(va(0), 1, mach.ProtExecute, child)
		v.is(mach.KernProtectionFailure, ret)
	})
}
