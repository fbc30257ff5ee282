package conformance

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// vast is so many pages that a kernel keeps no existence map of an object of that size.
const vast = 40_000

func dataRequestID() mach.MsgID { return defs.MemoryObjectDataRequestRow.ID(0) }
func terminateID() mach.MsgID   { return defs.MemoryObjectTerminateRow.ID(0) }

// asked lists what a default manager was asked for since the first n requests, as object and page.
func (d *defaultManager) asked(n int) []backingPage {
	list := []backingPage{}
	for _, r := range d.all("data_request")[n:] {
		list = append(list, backingPage{r.on, int(r.offset / at(1))})
	}
	return list
}

type backingPage struct {
	object mach.Name
	page   int
}

// keeps is the object of which the manager keeps a page that begins with b.
func (d *defaultManager) keeps(n int, b byte) mach.Name {
	d.e.t.Helper()
	objects := slices.DeleteFunc(d.created(), func(o mach.Name) bool {
		data := d.store[o][at(n)]
		return data == nil || data[0] != b
	})
	require.Len(d.e.t, objects, 1)
	return objects[0]
}

// in is the same memory of another task, such as a child.
func (r *mapped) in(task *task) *mapped {
	other := *r
	other.c = &client{e: r.c.e, task: task, ports: map[mach.Name]mach.Name{}}
	return &other
}

// TestVM117_UnavailableLooksBelow: After data_unavailable on an object with a shadow the search continues in the
// shadow.
func TestVM117_UnavailableLooksBelow(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(vast) // of so many pages the manager is asked for any
	r.write(0, 2, 'a')
	child := r.in(e.Fork(e.c.task))
	r.store(0, 'x')
	e.squeeze()
	upper, lower := d.keeps(0, 'x'), d.keeps(0, 'a')
	d.never("data_request")

	r.reads(1, 'b')
	require.Equal(t, []backingPage{{upper, 1}, {lower, 1}}, d.asked(0))
	r.reads(0, 'x')
	require.Equal(t, []backingPage{{upper, 0}}, d.asked(2))
	r.reads(5, 0) // nobody has it
	require.Equal(t, []backingPage{{upper, 5}, {lower, 5}}, d.asked(3))
	r.store(1, 'y')
	child.reads(1, 'b')
	child.reads(0, 'a')
	r.reads(1, 'y')
}

// TestVM133_FrameBeforeRequest: Internal objects reserve a real frame before asking the default pager.
func TestVM133_FrameBeforeRequest(t *testing.T) {
	// The frame is taken with the request, not with the answer.
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r, q := e.c.anonymous(2), e.c.mapPages(1)
	r.write(0, 2, 'a')
	e.squeeze()
	usual := d.answers["data_request"]
	d.silent("data_request")
	e.m.silent("data_request")
	free := e.stats().Free
	external := q.startLoad(0)
	external.requireBlocked()
	require.Equal(t, free, e.stats().Free)
	internal := r.startLoad(0)
	internal.requireBlocked()
	require.Equal(t, free-1, e.stats().Free)
	d.do(func(x *calls) {
		m := d.last("data_request")
		x.ok(x.supply(m.control, m.offset, d.store[m.on][m.offset], supplied{}))
	})
	internal.requireValue('a')
	e.supplyPages(0)
	external.requireValue(contents(0)[0])
	d.on("data_request", usual)

	// Without one the manager is not asked.
	e = newPressed(t)
	d = e.newDefaultManager("default", 1)
	r, q = e.c.anonymous(1), e.c.mapPages(1)
	r.store(0, 'a')
	e.squeeze()
	d.on("create", func(x *turn) { d.privileged(x) }) // and leave the data of others in the queue
	hog := e.newClient("hog").anonymous(fewFrames)
	writer := e.start(hog.c.task, "writer", func(x *calls) mach.Return {
		for p := range fewFrames {
			x.ok(x.store(hog.at(p), 1))
		}
		return mach.KernSuccess
	})
	writer.requireBlocked()
	before := e.sent(dataRequestID())
	internal = r.startLoad(0)
	internal.requireBlocked()
	require.Equal(t, before, e.sent(dataRequestID()))
	external = q.startLoad(0)
	external.requireBlocked() // its manager needs memory too
	require.Equal(t, before+1, e.sent(dataRequestID()))
	late := d.created()[1]
	d.store[late] = map[mach.Offset][]byte{}
	d.do(func(x *calls) { x.ok(user.MachPortMoveMember(x, x.self(), late, d.set)) })
	writer.requireDone()
	internal.requireValue('a')
	external.requireValue(contents(0)[0])
}

// TestVM152_PushToThePager: A push into a copy object that has a pager sends data_initialize immediately.
func TestVM152_PushToThePager(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	const copied = 100_000
	r := e.c.mapPages(4)
	e.copyTo(va(copied), vast)
	r.store(0, 'x') // pushed, and stays: the copy has no pager
	require.Equal(t, []int{0}, pagesOf(e.below(va(copied))[0]))
	d.never("create")
	e.squeeze()
	require.Equal(t, 1, d.count("data_return"))
	d.never("data_initialize")

	for n := 1; n < 3; n++ {
		r.store(n, 'y')
		require.Equal(t, n, d.count("data_initialize"))
		m := d.last("data_initialize")
		require.Equal(t, d.theObject(), m.on)
		require.Equal(t, at(n), m.offset)
		require.Equal(t, contents(at(n)), m.data)
		require.Empty(t, pagesOf(e.below(va(copied))[0]))
	}
	e.c.step(func(v *space) { v.holds(va(copied), 1, 2, 3, 4) })
	r.reads(1, 'y')
	r.store(1, 'z') // it has its own
	require.Equal(t, 2, d.count("data_initialize"))
}

// TestVM156_CollapseIsSilent: Collapse sends no message even when a pager moves up.
func TestVM156_CollapseIsSilent(t *testing.T) {
	e := newPressed(t)
	d := e.newDefaultManager("default", 1)
	r := e.c.anonymous(4)
	r.write(0, 4, 'a')
	e.squeeze()
	object := d.theObject()
	child := e.Fork(e.c.task)
	r.store(0, 'x')
	require.Len(t, e.below(r.addr), 2)
	e.end(child)
	n := len(d.log)
	r.store(1, 'y') // copies up, and merges what is below
	require.Len(t, e.below(r.addr), 1)
	require.EqualValues(t, 1, e.stats().Collapses)
	require.Len(t, d.log, n+1)
	require.Equal(t, backingPage{object, 1}, d.asked(0)[1], "what it wrote to had to be read")

	r.reads(2, 'c') // from the pager that has moved
	require.Equal(t, backingPage{object, 2}, d.asked(0)[2])
	e.squeeze()
	require.Equal(t, []mach.Name{object}, d.created(), "and the pages go there")
	require.Equal(t, []byte{'x', 'y', 'c', 'd'}, []byte{
		d.store[object][at(0)][0], d.store[object][at(1)][0], d.store[object][at(2)][0], d.store[object][at(3)][0]})
	for p, b := range []byte("xycd") {
		r.reads(p, b)
	}
	d.never("terminate")
	r.unmap()
	require.Equal(t, 1, d.count("terminate"))
}

// TestVM159_NoBypassOfTheUnknown: A backing object whose pages may be on backing store without an existence map is
// not bypassed.
func TestVM159_NoBypassOfTheUnknown(t *testing.T) {
	for _, c := range []struct {
		name     string
		pages    int // of the backing object
		out      bool
		bypassed bool
	}{
		{"no pager", vast, false, true},
		{"a pager and a map", 4, true, true},
		{"a pager and no map", vast, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newPressed(t)
			d := e.newDefaultManager("default", 1)
			whole := e.c.anonymous(c.pages)
			whole.write(0, 2, 'a')
			child := whole.in(e.Fork(e.c.task))
			// Only two pages are left, each of which will hide one below.
			e.c.do(func(x *calls) { x.ok(x.deallocate(whole.at(2), mach.Size(c.pages-2)*page)) })
			if c.out {
				e.squeeze()
				require.Equal(t, 1, d.count("create"))
			}
			r := &mapped{c: e.c, addr: whole.addr, pages: 2}
			r.store(0, 'x')
			require.Len(t, e.below(r.addr), 2)
			require.Zero(t, e.stats().Bypasses, "page 1 is still seen")
			r.store(1, 'y')
			if c.bypassed {
				require.Len(t, e.below(r.addr), 1)
				require.EqualValues(t, 1, e.stats().Bypasses)
			} else {
				require.Len(t, e.below(r.addr), 2)
				require.Zero(t, e.stats().Bypasses)
			}
			r.reads(0, 'x')
			r.reads(1, 'y')
			child.reads(0, 'a')
			child.reads(1, 'b')
		})
	}
}
