package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// backing is a default manager that keeps what it gets in memory, and can be told to lose pages.
type backing struct {
	data map[mach.Name]map[mach.Offset][]byte // by memory object
	lost func(page []byte) bool               // such a page it has no more
	gave int                                  // pages answered with data_unavailable although they had been returned
}

// newBacking registers a default manager with the first kernel.
func newBacking(e *emm) *backing {
	e.t.Helper()
	b := &backing{data: map[mach.Name]map[mach.Offset][]byte{}, lost: func([]byte) bool { return false }}
	task := e.newTask("default")
	host, err := task.GiveHostPriv()
	require.NoError(e.t, err)
	e.Spawn(task, "service", func(th user.Thread) {
		x := &calls{th, e}
		x.ok(user.ThreadWire(x, host, x.ThreadSelf(), true)) // may use what is reserved
		set, code := user.MachPortAllocate(x, x.self(), mach.RightPortSet)
		x.ok(code)
		service := x.allocatePort()
		x.ok(user.MachPortMoveMember(x, x.self(), service, set))
		_, code = user.HostDefaultMemoryManager(x, host, service, page)
		x.ok(code)
		user.Serve(x, x, set, b.server(x, set))
	})
	e.settle()
	return b
}

func (b *backing) server(x *calls, set mach.Name) *user.Server[*calls] {
	s := user.NewServer[*calls](x)
	keep := func(object mach.Name, off mach.Offset, r mach.Region) {
		for i, p := 0, x.bytes(r); i < len(p); i += int(page) {
			b.data[object][off+mach.Offset(i)] = p[i : i+int(page)]
		}
		user.Deallocate(x, r)
	}
	user.OnSimple(s, user.CreateCodec, func(x *calls, r *defs.MemoryObjectCreate[mach.Name]) mach.Return {
		b.data[r.NewMemoryObject] = map[mach.Offset][]byte{}
		return user.MachPortMoveMember(x, x.self(), r.NewMemoryObject, set)
	})
	user.OnSimple(s, user.DataReturnCodec, func(_ *calls, r *defs.MemoryObjectDataReturn[mach.Name, mach.Region]) mach.Return {
		keep(r.MemoryObject, r.Offset, r.Data)
		return mach.KernSuccess
	})
	user.OnSimple(s, user.DataInitializeCodec, func(_ *calls, r *defs.MemoryObjectDataInitialize[mach.Name, mach.Region]) mach.Return {
		keep(r.MemoryObject, r.Offset, r.Data)
		return mach.KernSuccess
	})
	user.OnSimple(s, user.DataRequestCodec, func(x *calls, r *defs.MemoryObjectDataRequest[mach.Name]) mach.Return {
		for off := r.Offset; off < r.Offset+mach.Offset(r.Length); off += at(1) {
			data := b.data[r.MemoryObject][off]
			switch {
			case data == nil:
				x.ok(x.unavailable(r.MemoryControl, off, page))
			case b.lost(data):
				b.gave++
				x.ok(x.unavailable(r.MemoryControl, off, page))
			default:
				x.ok(x.supply(r.MemoryControl, off, data, supplied{}))
			}
		}
		return mach.KernSuccess
	})
	user.OnSimple(s, user.TerminateCodec, func(x *calls, r *defs.MemoryObjectTerminate[mach.Name]) mach.Return {
		x.destroyPort(r.MemoryControl)
		x.destroyPort(r.MemoryObject)
		return mach.KernSuccess
	})
	return s
}

// newTight makes the stage with little memory and a default manager.
func newTight(t *testing.T) *emm {
	t.Helper()
	e := newEMM(t, withFrames(128))
	newBacking(e)
	return e
}

// press has a client of its own use so much memory that whatever is not in use goes to its manager.
func (e *emm) press() {
	e.t.Helper()
	const pages = 300
	hog := e.newClient("hog")
	hog.step(func(v *space) {
		v.have(va(100), pages)
		for n := range pages {
			v.put(va(100+n), byte(n))
		}
	})
	hog.terminate()
}

// TestEMM140_UnavailableShowsWhatIsBelow: data_unavailable on an object that shadows another lets the fault
// take the page from below.
func TestEMM140_UnavailableShowsWhatIsBelow(t *testing.T) {
	e := newEMM(t, withFrames(128))
	b := newBacking(e)
	e.c.step(func(v *space) {
		v.fill(va(10), 3, 'a')
	})
	child := e.Fork(e.c.task)
	e.In(child, func(v *space) { // its own, in an object above that of its parent
		v.put(va(10), 'x')
		v.put(va(11), 'y')
	})
	e.press()
	b.lost = func(p []byte) bool { return p[0] == 'x' }
	e.In(child, func(v *space) {
		v.first(va(10), 'a')
		v.first(va(11), 'y')
		v.first(va(12), 'c')
	})
	require.Equal(t, 1, b.gave)
	e.c.step(func(v *space) { v.holds(va(10), 'a', 'b', 'c') })
}
