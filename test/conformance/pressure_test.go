package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/kernel/user"
	"machvm/pagers"
)

// Of a host with so many page frames, fewFrames, the pageout daemon keeps target free, starts below minimum, and
// leaves reserve to privileged threads: 2 x 10 + 1 + 5, 26 + 10 + 102/100, 26 + 15 + 102/80 but 5 more than
// the minimum at least.
const (
	fewFrames   = 128
	reserve     = 26
	minimumFree = 37
	targetFree  = 42
)

// newPressed is an emm with little memory.
func newPressed(t *testing.T, opts ...option) *emm {
	t.Helper()
	return newEMM(t, append([]option{withFrames(fewFrames)}, opts...)...)
}

// squeeze reads more fresh pages than there are frames. What was in memory before and is not used meanwhile goes,
// as far as it can; the fresh pages are clean.
func (e *emm) squeeze() {
	e.t.Helper()
	r := e.presser()
	r.squeeze()
	r.c.terminate()
}

// presser is what squeeze reads, for a test that has something else happen during that one step.
func (e *emm) presser() *mapped {
	e.t.Helper()
	return e.newClient("presser").anonymous(2 * fewFrames)
}

func (r *mapped) squeeze() { r.c.e.t.Helper(); r.touch(0, r.pages) }

// touch reads pages first to last-1 in one thread.
func (r *mapped) touch(first, last int) {
	r.c.e.t.Helper()
	r.c.do(func(x *calls) {
		for p := first; p < last; p++ {
			_, code := x.load(r.at(p))
			x.ok(code)
		}
	})
}

// write writes the first byte of pages first to last-1 in one thread: b, b+1, and so on.
func (r *mapped) write(first, last int, b byte) {
	r.c.e.t.Helper()
	r.c.do(func(x *calls) {
		for p := first; p < last; p++ {
			x.ok(x.store(r.at(p), b+byte(p-first)))
		}
	})
}

// anonymous is n fresh pages of the client.
func (c *client) anonymous(n int) *mapped {
	c.e.t.Helper()
	return c.mapRange(mach.NameNull, 0, n)
}

// residentIn lists which pages of memory that names one object have data in it.
func (r *mapped) residentIn() []int {
	r.c.e.t.Helper()
	entry, chain := inspect(r.c.e.t, r.c.task, r.addr)
	list := []int{}
	for _, p := range chain[0].Pages {
		if p.State == "data" && p.Offset >= entry.Offset {
			list = append(list, int((p.Offset-entry.Offset)/at(1)))
		}
	}
	return list
}

// sendings is the messages with a number that the kernel has sent, oldest first.
func (e *emm) sendings(id mach.MsgID) (times []mach.Time, events []trace.Message) {
	for r := range e.sim.Tracer().Records() {
		if m, ok := trace.As[trace.Message](r); ok && m.ID == id && m.FromKernel && m.Op == trace.MessageSend {
			times, events = append(times, r.Time), append(events, m)
		}
	}
	return times, events
}

// number is the number of a message in OSF's set.
func dataReturnID() mach.MsgID { return defs.MemoryObjectDataReturnRow.ID(0) }
func createID() mach.MsgID     { return defs.MemoryObjectCreateRow.ID(0) }
func initializeID() mach.MsgID { return defs.MemoryObjectDataInitializeRow.ID(0) }

// defaultManager is a manager that tests script, in charge of the memory that the kernel makes. By default it
// takes every object, keeps what it gets, and answers.
type defaultManager struct {
	*manager
	store map[mach.Name]map[mach.Offset][]byte // by memory object and page
	priv  mach.Name
}

// newDefaultManager starts a default manager and registers it for clusters of so many pages.
func (e *emm) newDefaultManager(name string, cluster int) *defaultManager {
	e.t.Helper()
	d := e.newUnregistered(name)
	d.register(cluster)
	return d
}

func (e *emm) newUnregistered(name string) *defaultManager {
	e.t.Helper()
	d := &defaultManager{manager: e.newManager(name), store: map[mach.Name]map[mach.Offset][]byte{}}
	var err error
	d.priv, err = d.task.GiveHostPriv()
	require.NoError(e.t, err)
	d.on("create", func(x *turn) {
		d.privileged(x)
		d.takes(x)
	})
	d.on("data_return", func(x *turn) { d.keep(x, true) })
	d.on("data_initialize", func(x *turn) { d.keep(x, false) })
	d.on("data_request", func(x *turn) {
		for off := x.offset; off < x.offset+mach.Offset(x.length); off += at(1) {
			if data := d.store[x.on][off]; data != nil {
				x.supply(x.control, off, data, supplied{})
			} else {
				x.unavailable(x.control, off, page)
			}
		}
	})
	return d
}

// privileged makes the service thread privileged, as one that must run when memory is short.
func (d *defaultManager) privileged(x *turn) {
	x.ok(user.ThreadWire(x, d.priv, x.ThreadSelf(), true))
}

// takes serves an object that was offered.
func (d *defaultManager) takes(x *turn) {
	d.store[x.object] = map[mach.Offset][]byte{}
	x.ok(user.MachPortMoveMember(x, x.self(), x.object, d.set))
}

func (d *defaultManager) keep(x *turn, overwrite bool) {
	for i := 0; i < len(x.data); i += int(page) {
		off := x.offset + mach.Offset(i)
		if d.store[x.on][off] == nil || overwrite {
			d.store[x.on][off] = x.data[i : i+int(page)]
		}
	}
}

// register makes d the default manager, and returns its name for the one before.
func (d *defaultManager) register(cluster int) (previous mach.Name) {
	d.e.t.Helper()
	d.do(func(x *calls) {
		var code mach.Return
		previous, code = user.HostDefaultMemoryManager(x, d.priv, d.port, mach.Size(cluster)*page)
		x.ok(code)
	})
	return previous
}

// created lists the objects that were offered.
func (d *defaultManager) created() []mach.Name {
	list := []mach.Name{}
	for _, r := range d.all("create") {
		list = append(list, r.object)
	}
	return list
}

// theObject is the only object that was offered.
func (d *defaultManager) theObject() mach.Name {
	d.e.t.Helper()
	list := d.created()
	require.Len(d.e.t, list, 1)
	return list[0]
}

// clusters lists the data_returns for an object as first page and number of pages, in ascending order.
func (d *defaultManager) clusters(object mach.Name) [][2]int {
	list := [][2]int{}
	for _, r := range d.all("data_return") {
		if r.on == object {
			list = append(list, [2]int{int(r.offset / at(1)), int(r.length / page)})
		}
	}
	slices.SortFunc(list, func(a, b [2]int) int { return a[0] - b[0] })
	return list
}

// queued lists the data_returns that wait in the queue of an object that d does not serve, as first page and
// number of pages, by the trace.
func (d *defaultManager) queued(object mach.Name) []string {
	d.e.t.Helper()
	port := d.e.portNamed(d.manager, object)
	list := []string{}
	_, events := d.e.sendings(dataReturnID())
	for _, m := range events {
		if m.Dest == port.ID() {
			list = append(list, fmt.Sprintf("data_return of %d pages", m.Desc[1].Value/uint64(page)))
		}
	}
	require.Len(d.e.t, list, port.Msgcount())
	return list
}

// newPager starts a real default pager with so many pages of paging space, in a task of the name pager.
func (e *emm) newPager(pages, emergency int) *pagers.DefaultPager {
	e.t.Helper()
	var p *pagers.DefaultPager
	store := pagers.NewMemStore()
	store.Put("paging", nil)
	file, err := store.Open("paging")
	require.NoError(e.t, err)
	task := e.Task("pager")
	priv, err := task.GiveHostPriv()
	require.NoError(e.t, err)
	e.Spawn(task, "main", func(th user.Thread) {
		var code mach.Return
		p, code = pagers.NewDefault(th, pagers.DefaultOptions{File: file, Pages: pages, Emergency: emergency})
		require.Equal(e.t, mach.KernSuccess, code)
		_, code = p.Register(th, priv, page)
		require.Equal(e.t, mach.KernSuccess, code)
		p.Run(th)
	})
	e.settle()
	return p
}
