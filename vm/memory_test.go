package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

func TestFramesAreLIFOFromFrame0(t *testing.T) {
	f := newFrames(3, newSpares(), 64)
	a, b := f.pop(), f.pop()
	require.Equal(t, int32(0), a.number)
	require.Equal(t, int32(1), b.number)
	require.Equal(t, 1, f.free())
	f.push(a)
	f.push(b)
	require.Equal(t, int32(1), f.pop().number)
	require.Equal(t, int32(0), f.pop().number)
	require.Equal(t, int32(2), f.pop().number)
	require.Nil(t, f.pop())
	require.Zero(t, f.free())
}

func TestFramesMaterialiseAtTheFirstWrite(t *testing.T) {
	f := newFrames(3, newSpares(), 64)
	a, b := f.pop(), f.pop()
	require.Equal(t, make([]byte, 64), f.read(a))
	require.Nil(t, a.data)
	f.copy(b, a)
	require.Nil(t, b.data, "a copy of zeros holds no memory")
	f.write(a)[3] = 7
	f.copy(b, a)
	f.write(a)[3] = 8
	require.Equal(t, byte(7), f.read(b)[3])
	f.clear(a)
	require.Nil(t, a.data)
	require.Zero(t, f.read(a)[3])
	require.Zero(t, f.write(a)[3], "a buffer used again is clean")
	require.Equal(t, make([]byte, 64), f.zeros)
	f.push(b)
	require.Nil(t, b.data)
}

func memoryHost(t *testing.T, c Config, set ...func(*personality.Personality)) *Host {
	p, err := personality.ByName("osf-manual")
	require.NoError(t, err)
	for _, f := range set {
		f(&p)
	}
	c.Sched = sched.New(sched.Config{})
	t.Cleanup(c.Sched.Shutdown)
	c.Node = ipc.NewWorld(ipc.Config{Sched: c.Sched}).NewNode(1, "k1", p)
	h, err := NewHost(c)
	require.NoError(t, err)
	return h
}

func TestPageTargets(t *testing.T) {
	h := memoryHost(t, Config{})
	require.Equal(t, pageTargets{reserved: 26, minimum: 36 + 998/100, free: 41 + 998/80, atStart: 1024}, h.targets)
	h = memoryHost(t, Config{}, func(p *personality.Personality) { p.OSFReserveQuirk = true })
	require.Equal(t, pageTargets{reserved: 5, minimum: 15, free: 20, atStart: 1024}, h.targets)
	h.targets.reserve(1)
	require.Equal(t, pageTargets{reserved: 6, minimum: 16 + 1018/100, free: 21 + 1018/80, atStart: 1024}, h.targets,
		"the first privileged thread makes the formula count")
}

func TestHostRefusesWhatCannotWork(t *testing.T) {
	s := sched.New(sched.Config{})
	defer s.Shutdown()
	node := ipc.NewWorld(ipc.Config{Sched: s}).NewNode(1, "k1", personality.Mach())
	for _, c := range []Config{
		{},
		{Node: node},
		{Node: node, Sched: s, PageSize: 1000},
		{Node: node, Sched: s, AddressTop: 1000},
		{Node: node, Sched: s, Frames: -1},
		{Node: node, Sched: s, Frames: 99},
	} {
		_, err := NewHost(c)
		require.Error(t, err, "%+v", c)
	}
}

func TestReserveIsForPrivilegedThreads(t *testing.T) {
	h := memoryHost(t, Config{Frames: 128})
	h.sched.Spawn("ordinary", func(th *sched.Thread) {
		n := 0
		for p := h.grabPage(th); p != nil; p = h.grabPage(th) {
			n++
		}
		require.Equal(t, 128-25, n, "it may take the page that brings the count to 25, not the next")
		h.SetPrivileged(th, true)
		require.Equal(t, 27, h.targets.reserved)
		require.NotNil(t, h.grabPage(th))
		h.SetPrivileged(th, true)
		h.SetPrivileged(th, false)
		require.NotNil(t, h.grabPage(th))
		h.SetPrivileged(th, false)
		require.Equal(t, 26, h.targets.reserved)
		require.Nil(t, h.grabPage(th))
		h.SetPrivileged(th, true)
	})
	require.NoError(t, h.sched.Run().Err)
	require.Equal(t, 26, h.targets.reserved, "a thread that ends gives its page of the reserve back")
	require.Len(t, h.privileged, 1, "the daemon")
}

func TestWaitForPage(t *testing.T) {
	h := memoryHost(t, Config{Frames: 2, WithoutPageout: true})
	var order []string
	var held []*Page
	h.sched.Spawn("holder", func(th *sched.Thread) {
		held = append(held, h.grabPage(th), h.grabPage(th))
		require.Nil(t, h.grabPage(th))
		for range 4 {
			th.Yield()
		}
		order = append(order, "free")
		held[0].free()
		held[1].free()
	})
	for _, name := range []string{"first", "privileged"} {
		h.sched.Spawn(name, func(th *sched.Thread) {
			h.SetPrivileged(th, name == "privileged")
			h.targets.reserved = 0
			for h.grabPage(th) == nil {
				h.waitForPage(th)
			}
			order = append(order, name)
		})
	}
	o := h.sched.Run()
	require.NoError(t, o.Err)
	require.Zero(t, o.Stuck)
	require.Equal(t, []string{"free", "privileged", "first"}, order, "privileged threads go first")
}

func TestPageQueues(t *testing.T) {
	h := memoryHost(t, Config{Frames: 8, WithoutPageout: true})
	o := h.newAnonymous(4 * h.pageSize)
	h.sched.Spawn("test", func(th *sched.Thread) {
		var ps [3]*Page
		for i := range ps {
			ps[i] = h.grabPage(th)
			h.zeroFill(ps[i])
			o.insert(ps[i], mach.Offset(i)*mach.Offset(h.pageSize))
			ps[i].done()
			ps[i].activate()
		}
		require.Panics(t, ps[0].activate, "activating an active page is a broken invariant")
		require.Equal(t, ps[0], h.active.head)
		require.True(t, ps[1].reference)
		ps[1].deactivate()
		require.False(t, ps[1].reference)
		ps[0].deactivate()
		require.Equal(t, ps[1], h.inactive.head)
		ps[1].deactivate()
		require.Equal(t, ps[1], h.inactive.head, "an inactive page nobody used stays")
		ps[1].frame.referenced = true
		ps[1].deactivate()
		require.Equal(t, ps[0], h.inactive.head)
		ps[0].wire()
		ps[0].wire()
		require.Nil(t, ps[0].queue)
		require.Equal(t, 1, h.wired)
		ps[0].deactivate()
		ps[0].unwire()
		require.Nil(t, ps[0].queue)
		ps[0].unwire()
		require.Equal(t, &h.active, ps[0].queue)
		require.Panics(t, ps[0].unwire)
		require.NoError(t, h.checkObjects())
		o.release(th)
	})
	require.NoError(t, h.sched.Run().Err)
	require.Equal(t, 8, h.Stats().Free)
	require.NoError(t, h.CheckIdle())
}

// The index of an object's pages is right on both sides of the change from inline to tree.
func TestPageIndex(t *testing.T) {
	h := memoryHost(t, Config{Frames: 64, WithoutPageout: true})
	o := h.newAnonymous(1 << 20)
	order := []int{5, 1, 9, 3, 7, 0, 2}
	for i, n := range order {
		p := o.newPlaceholder(mach.Offset(n) << 12)
		require.Equal(t, p, o.lookup(p.offset))
		require.Nil(t, o.lookup(p.offset+1))
		require.Equal(t, i+1, o.residentCount)
	}
	var sorted []mach.Offset
	for p := o.next(0, 1<<20); p != nil; p = o.next(p.offset+1, 1<<20) {
		sorted = append(sorted, p.offset>>12)
	}
	require.Equal(t, []mach.Offset{0, 1, 2, 3, 5, 7, 9}, sorted)
	var inserted []int
	for p := o.first; p != nil; p = p.mnext {
		inserted = append(inserted, int(p.offset>>12))
	}
	require.Equal(t, order, inserted)
	require.Nil(t, o.next(4<<12, 5<<12))
	require.NoError(t, h.checkObjects())
	for o.first != nil {
		o.last.free()
		require.NoError(t, h.checkObjects())
	}
	require.Nil(t, o.pages.tree)
}

// Every transition that is not in the table panics, every one that is does not.
func TestPhaseTable(t *testing.T) {
	h := memoryHost(t, Config{})
	for from := range Phase(phases) {
		for to := range Phase(phases) {
			o := h.newAnonymous(h.pageSize)
			o.phase = from
			if phaseNext[from][to] {
				require.NotPanics(t, func() { o.setPhase(to) }, "%v to %v", from, to)
				require.Equal(t, to, o.phase)
			} else {
				require.Panics(t, func() { o.setPhase(to) }, "%v to %v", from, to)
			}
		}
	}
	require.False(t, PhaseAnonymous.created())
	require.True(t, PhaseOrphan.created(), "losing the manager does not make zeros of what it had")
	require.True(t, PhaseOrphan.ready())
	require.False(t, PhaseUnready.ready())
	require.False(t, PhaseTerminating.alive())
}

func TestContentsTable(t *testing.T) {
	h := memoryHost(t, Config{})
	require.Panics(t, func() { h.newPage().become(pageFailed) })
	p := h.newPage()
	p.become(pageRequested)
	p.become(pageFailed)
	require.Panics(t, func() { p.become(pageData) })
}

func TestExistence(t *testing.T) {
	h := memoryHost(t, Config{PageSize: 64, AddressTop: 1 << 20})
	var none *existence
	require.Equal(t, existsPerhaps, none.state(h, 0))
	none.set(h, 0)
	require.Nil(t, newExistence(h, 64*8*64+8*64), "the map would fill more than a page")
	e := newExistence(h, 100*64)
	require.Equal(t, existsNot, e.state(h, 99*64))
	e.set(h, 99*64)
	require.Equal(t, exists, e.state(h, 99*64))
	require.Equal(t, existsNot, e.state(h, 98*64))
	require.Equal(t, existsPerhaps, e.state(h, 1000*64))
}

func newSpares() *Spares {
	s := new(Spares)
	s.init()
	return s
}
