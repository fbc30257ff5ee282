package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
)

var allFlavors = []mach.Flavor{
	mach.FlavorOldBehavior, mach.FlavorPerformance, mach.FlavorOldAttribute, mach.FlavorAttribute, mach.FlavorBehavior,
}

// cmuPresets are the presets whose attribute calls have no flavors.
var cmuPresets = []personality.Personality{personality.CMU30(), personality.GNUMach()}

// get is the words of all flavors that the kernel tells of the first association.
func (e *emm) get() map[mach.Flavor][]int32 {
	e.t.Helper()
	all := map[mach.Flavor][]int32{}
	e.tell(func(x *calls, a mach.Name) {
		for _, f := range allFlavors {
			w, code := x.attributes(a, f)
			x.ok(code)
			all[f] = w
		}
	})
	return all
}

// getCMU is what the kernel tells of the first association where there are no flavors.
func (e *emm) getCMU() (got defs.MemoryObjectGetAttributesCMUReply) {
	e.t.Helper()
	e.tell(func(x *calls, a mach.Name) {
		var code mach.Return
		got, code = user.MemoryObjectGetAttributesCMU(x, a)
		x.ok(code)
	})
	return got
}

// set is change_attributes of the first association, with a completion to the memory object; it reports
// whether one came.
func (e *emm) set(f mach.Flavor, w ...int32) bool {
	e.t.Helper()
	before := e.m.count("change_completed")
	e.tell(func(x *calls, a mach.Name) { x.ok(x.change(a, f, w, e.m.port)) })
	return e.m.count("change_completed") > before
}

// unready makes the stage with a manager that has not made its object ready, and a mapper that waits.
func unready(t *testing.T, opts ...option) (*emm, *job) {
	t.Helper()
	e := newEMM(t, opts...)
	e.m.silent("init")
	return e, e.c.startMap(e.m.port, 1)
}

const (
	delay = int32(mach.CopyDelay)
	none  = int32(mach.CopyNone)
)

// wordsOf is words for a flavor that would be legal.
func wordsOf(f mach.Flavor) []int32 {
	return map[mach.Flavor][]int32{
		mach.FlavorOldBehavior:  {delay, 1, 1},
		mach.FlavorBehavior:     {delay, 1, 1, 0, 0},
		mach.FlavorPerformance:  {int32(8 * page), 1},
		mach.FlavorOldAttribute: {1, 1, delay},
		mach.FlavorAttribute:    {delay, int32(8 * page), 1, 1},
	}[f]
}

// TestEMM191_UnknownFlavorOrCount: change_attributes with an unknown flavor or a wrong count has no effect
// and no completion.
func TestEMM191_UnknownFlavorOrCount(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1)
	want := e.get()
	n := e.m.news()
	for _, f := range []mach.Flavor{0, 1, 9, 16, 99, -1, 1 << 30} {
		for _, w := range [][]int32{{}, {delay, 1, 1}, {delay, int32(8 * page), 1, 1}, {delay, 1, 1, 0, 0}} {
			require.False(t, e.set(f, w...))
			n.see("send_once") // the reply right is gone
		}
	}
	for _, f := range allFlavors {
		w := wordsOf(f)
		for _, w := range [][]int32{{}, w[:1], w[:len(w)-1], append(w[:len(w):len(w)], 0)} {
			require.False(t, e.set(f, w...), "%v", f)
			n.see("send_once")
		}
	}
	require.Equal(t, want, e.get())

	e, mapper := unready(t) // nor do they make an object ready
	require.False(t, e.set(mach.FlavorBehavior, delay, 0, 0, 0))
	require.False(t, e.set(99, delay, 0, 0, 0, 0))
	mapper.requireBlocked()
	require.True(t, e.set(mach.FlavorBehavior, delay, 0, 0, 0, 0))
	mapper.requireDone()

	for _, preset := range cmuPresets { // the call has neither flavor nor count
		e := newEMM(t, withPreset(preset))
		e.c.mapPages(1)
		e.tell(func(x *calls, a mach.Name) {
			require.Equal(t, mach.MigBadID, x.change(a, mach.FlavorBehavior, words(delay, 0, 0, 0, 0), mach.NameNull))
		})
	}
}

// TestEMM192_InvalidValue: change_attributes with an invalid value has no effect but sends its completion.
func TestEMM192_InvalidValue(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1)
	want := e.get()
	for _, c := range []struct {
		flavor mach.Flavor
		words  []int32
	}{
		{mach.FlavorAttribute, words(int32(mach.CopySymmetric), int32(2*page), 1, 1)},
		{mach.FlavorAttribute, words(int32(mach.CopyInvalid), int32(2*page), 1, 1)},
		{mach.FlavorAttribute, words(77, int32(2*page), 1, 1)},
		{mach.FlavorAttribute, words(-1, int32(2*page), 1, 1)},
		{mach.FlavorAttribute, words(delay, int32(3*page), 1, 1)},
		{mach.FlavorAttribute, words(delay, int32(page+1), 1, 1)},
		{mach.FlavorPerformance, words(int32(3*page), 1)},
		{mach.FlavorBehavior, words(delay, 1, 1, 1, 0)}, // silent overwrite
		{mach.FlavorBehavior, words(delay, 1, 1, 0, 1)}, // advisory pageout
		{mach.FlavorBehavior, words(77, 1, 1, 0, 0)},
		{mach.FlavorOldBehavior, words(77, 1, 1)},
		{mach.FlavorOldAttribute, words(0, 1, 77)},
	} {
		require.True(t, e.set(c.flavor, c.words...), "%v %v", c.flavor, c.words)
		require.Equal(t, want, e.get(), "%v %v", c.flavor, c.words)
		require.Equal(t, e.m.control(0), e.m.last("change_completed").control)
	}

	e, mapper := unready(t)
	require.True(t, e.set(mach.FlavorBehavior, 77, 0, 0, 0, 0))
	mapper.requireBlocked()

	for _, preset := range cmuPresets {
		e := newEMM(t, withPreset(preset))
		e.c.mapPages(1)
		e.tell(func(x *calls, a mach.Name) {
			x.ok(x.changeCMU(a, true, mach.CopySymmetric, e.m.port))
			x.ok(x.changeCMU(a, true, 77, e.m.port))
		})
		require.Equal(t, 2, e.m.count("change_completed"))
		got := e.getCMU()
		require.False(t, got.MayCache)
		require.Equal(t, mach.CopyDelay, got.CopyStrategy)
	}
}

// TestEMM193_CompletionNamesFlavor: change_completed names the flavor of the request.
func TestEMM193_CompletionNamesFlavor(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1)
	n := e.m.news()
	for _, f := range allFlavors {
		require.True(t, e.set(f, wordsOf(f)...))
		require.Equal(t, f, e.m.last("change_completed").flavor)
		bad := make([]int32, f.Words())
		for i := range bad {
			bad[i] = 3
		}
		bad[0] = int32(3 * page) // a strategy or a cluster size that cannot be
		if f == mach.FlavorOldAttribute {
			bad[2] = 77
		}
		require.True(t, e.set(f, bad...))
		require.Equal(t, f, e.m.last("change_completed").flavor)
	}
	n.see("change_completed(a,OLD_BEHAVIOR)", "change_completed(a,OLD_BEHAVIOR)", "change_completed(a,PERFORMANCE)",
		"change_completed(a,PERFORMANCE)", "change_completed(a,OLD_ATTRIBUTE)", "change_completed(a,OLD_ATTRIBUTE)",
		"change_completed(a,ATTRIBUTE)", "change_completed(a,ATTRIBUTE)", "change_completed(a,BEHAVIOR)", "change_completed(a,BEHAVIOR)")

	for _, preset := range cmuPresets { // it names what was set instead
		e := newEMM(t, withPreset(preset))
		e.c.mapPages(1)
		n := e.m.news()
		e.tell(func(x *calls, a mach.Name) {
			x.ok(x.changeCMU(a, true, mach.CopyDelay, e.m.port))
			x.ok(x.changeCMU(a, false, mach.CopyNone, e.m.port))
		})
		n.see("change_completed(true,delay)", "change_completed(false,none)")
	}
}

// TestEMM194_OnlyFieldsOfTheFlavor: change_attributes changes only the fields of its flavor.
func TestEMM194_OnlyFieldsOfTheFlavor(t *testing.T) {
	// What is set before, and how each flavor would tell it.
	before := func(t *testing.T) *emm {
		e := newEMM(t)
		e.c.mapPages(1)
		require.True(t, e.set(mach.FlavorAttribute, delay, int32(4*page), 1, 0))
		require.True(t, e.set(mach.FlavorBehavior, delay, 1, 1, 0, 0))
		require.Equal(t, map[mach.Flavor][]int32{
			mach.FlavorOldBehavior:  {delay, 1, 1},
			mach.FlavorBehavior:     {delay, 1, 1, 0, 0},
			mach.FlavorPerformance:  {int32(4 * page), 1},
			mach.FlavorOldAttribute: {1, 1, delay},
			mach.FlavorAttribute:    {delay, int32(4 * page), 1, 1},
		}, e.get())
		return e
	}
	for _, c := range []struct {
		flavor mach.Flavor
		words  []int32
		want   []int32 // strategy, cluster, cache, temporary, invalidate
	}{
		{mach.FlavorPerformance, words(int32(2*page), 0), words(delay, int32(2*page), 0, 1, 1)},
		{mach.FlavorAttribute, words(delay, int32(2*page), 0, 0), words(delay, int32(2*page), 0, 0, 1)},
		{mach.FlavorBehavior, words(delay, 0, 0, 0, 0), words(delay, int32(4*page), 1, 0, 0)},
		{mach.FlavorOldBehavior, words(delay, 0, 0), words(delay, int32(4*page), 1, 0, 0)},
		// The old form alone sets the cluster to one page, and its first word means nothing.
		{mach.FlavorOldAttribute, words(0, 0, delay), words(delay, int32(page), 0, 1, 1)},
	} {
		e := before(t)
		require.True(t, e.set(c.flavor, c.words...))
		got := e.get()
		require.Equal(t, c.want[:4], got[mach.FlavorAttribute], "%v", c.flavor)
		require.Equal(t, c.want[4], got[mach.FlavorBehavior][2], "%v", c.flavor)
		require.Equal(t, int32(1), got[mach.FlavorOldAttribute][0], "%v", c.flavor) // ready
	}

	for _, preset := range cmuPresets { // the call has all the fields there are
		e := newEMM(t, withPreset(preset))
		e.c.mapPages(1)
		e.tell(func(x *calls, a mach.Name) { x.ok(x.changeCMU(a, true, mach.CopyNone, mach.NameNull)) })
		require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{ObjectReady: true, MayCache: true, CopyStrategy: mach.CopyNone}, e.getCMU())
	}
}

// TestEMM195_StrategyIsFixedOnceReady: The copy strategy cannot be changed after the object is ready.
func TestEMM195_StrategyIsFixedOnceReady(t *testing.T) {
	for _, allow := range bools {
		for first, other := range map[mach.CopyStrategy]mach.CopyStrategy{mach.CopyDelay: mach.CopyNone, mach.CopyNone: mach.CopyDelay} {
			for _, f := range []mach.Flavor{mach.FlavorAttribute, mach.FlavorBehavior, mach.FlavorOldBehavior, mach.FlavorOldAttribute} {
				e := newEMM(t, withField("AllowStrategyChange", allow))
				e.m.readiness.CopyStrategy = first
				e.c.mapPages(1)
				was := e.get()
				a := defs.ObjectAttributes{CopyStrategy: first, MayCache: true, Temporary: true, ClusterSize: int32(2 * page), Invalidate: true}
				a.CopyStrategy = other
				require.True(t, e.set(f, a.Words(f)...))
				if allow == "false" {
					require.Equal(t, was, e.get()) // nor was anything else of the call applied
				} else {
					require.Equal(t, int32(other), e.get()[mach.FlavorAttribute][0])
					continue
				}
				a.CopyStrategy = first // naming it again is no change
				require.True(t, e.set(f, a.Words(f)...))
				require.NotEqual(t, was, e.get())
				require.Equal(t, int32(first), e.get()[mach.FlavorAttribute][0])
			}
		}
	}
	// It can as long as the object is not ready; then a strategy makes it so.
	e, mapper := unready(t)
	require.True(t, e.set(mach.FlavorAttribute, 77, 0, 0, 0))
	mapper.requireBlocked()
	require.True(t, e.set(mach.FlavorAttribute, none, 0, 0, 0))
	mapper.requireDone()
	require.True(t, e.set(mach.FlavorAttribute, delay, 0, 0, 0))
	require.Equal(t, none, e.get()[mach.FlavorAttribute][0])
}

// TestEMM196_StrategiesOfTheKernelAreRefused: CALL and SYMMETRIC are refused from managers; with CopyCall
// only SYMMETRIC is.
func TestEMM196_StrategiesOfTheKernelAreRefused(t *testing.T) {
	for _, strategy := range []mach.CopyStrategy{mach.CopyCall, mach.CopySymmetric} {
		for _, f := range []mach.Flavor{mach.FlavorAttribute, mach.FlavorBehavior, mach.FlavorOldBehavior, mach.FlavorOldAttribute} {
			e, mapper := unready(t)
			a := defs.ObjectAttributes{CopyStrategy: strategy}
			require.True(t, e.set(f, a.Words(f)...))
			mapper.requireBlocked()
			require.Equal(t, int32(mach.CopyInvalid), e.get()[mach.FlavorAttribute][0])
			require.True(t, e.set(mach.FlavorBehavior, delay, 0, 0, 0, 0))
			mapper.requireDone()
			require.True(t, e.set(f, a.Words(f)...))
			require.Equal(t, delay, e.get()[mach.FlavorAttribute][0])
		}
	}

	for _, preset := range cmuPresets {
		for _, call := range bools {
			for _, strategy := range []mach.CopyStrategy{mach.CopyCall, mach.CopySymmetric} {
				for name, say := range map[string]func(x *calls, a mach.Name) mach.Return{
					"ready":             func(x *calls, a mach.Name) mach.Return { return user.MemoryObjectReady(x, a, false, strategy) },
					"change_attributes": func(x *calls, a mach.Name) mach.Return { return x.changeCMU(a, false, strategy, mach.NameNull) },
				} {
					e := newEMM(t, withPreset(preset), withField("CopyCall", call))
					e.m.silent("init")
					r := e.c.mapPages(1)
					e.tell(func(x *calls, a mach.Name) { x.ok(say(x, a)) })
					got := e.getCMU()
					if call == "true" && strategy == mach.CopyCall {
						require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{ObjectReady: true, CopyStrategy: mach.CopyCall}, got, name)
						r.see(0)
						continue
					}
					require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{CopyStrategy: mach.CopyInvalid}, got, name)
					r.startLoad(0).requireBlocked()
				}
			}
		}
	}
}

// TestEMM197_TemporaryStrategy: TEMPORARY is stored as DELAY with the temporary attribute.
func TestEMM197_TemporaryStrategy(t *testing.T) {
	temporary := int32(mach.CopyTemporary)
	for _, w := range [][]int32{{temporary, 0, 0, 0, 0}, {temporary, 1, 0, 0, 0}} {
		e, mapper := unready(t)
		require.True(t, e.set(mach.FlavorBehavior, w...))
		mapper.requireDone()
		require.Equal(t, words(delay, 1, 0, 0, 0), e.get()[mach.FlavorBehavior])
		require.True(t, e.set(mach.FlavorAttribute, temporary, 0, 1, 0)) // the same strategy
		require.Equal(t, words(delay, int32(page), 1, 1), e.get()[mach.FlavorAttribute])
		require.True(t, e.set(mach.FlavorBehavior, delay, 0, 0, 0, 0)) // and so is this
		require.Equal(t, words(delay, 0, 0, 0, 0), e.get()[mach.FlavorBehavior])
	}

	// It means both.
	e := newEMM(t)
	e.m.readiness.CopyStrategy = mach.CopyTemporary
	r := e.c.mapPages(2)
	r.store(0, 'x')
	n := e.m.news()
	q := &mapped{c: e.newClient("other"), addr: va(100), pages: 2}
	q.c.step(func(v *space) { v.copyAt(q.addr, q.c.port(e.m.port), 2) })
	n.see() // the copy asks for nothing now
	q.reads(0, 'x')
	r.store(0, 'y')
	q.reads(0, 'x')
	q.unmap()
	r.unmap()
	n.see("terminate(a)")
}

// TestEMM198_ClusterOfZero: A cluster size of 0 means one page.
func TestEMM198_ClusterOfZero(t *testing.T) {
	for _, f := range []mach.Flavor{mach.FlavorPerformance, mach.FlavorAttribute} {
		e := newEMM(t)
		r := e.c.mapPages(8)
		e.c.step(func(v *space) { v.ok(v.behave(r.addr, r.size(), mach.BehaviorSequential)) })
		require.True(t, e.set(f, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, ClusterSize: int32(4 * page)}.Words(f)...))
		r.see(0)
		require.Equal(t, extent{0, 4}, e.requested())
		require.True(t, e.set(f, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay}.Words(f)...))
		require.Equal(t, int32(page), e.get()[mach.FlavorPerformance][0])
		r.see(4)
		require.Equal(t, extent{4, 5}, e.requested())
	}
	e := newEMM(t) // and is what there is before a manager says anything
	e.m.on("init", func(x *turn) { x.change(x.control, mach.FlavorBehavior, words(delay, 0, 0, 0, 0), mach.NameNull) })
	e.c.mapPages(1)
	require.Equal(t, int32(page), e.get()[mach.FlavorPerformance][0])
}

// TestEMM199_ClusterIsAPowerOfTwo: A cluster size that is no power-of-two number of pages is refused.
func TestEMM199_ClusterIsAPowerOfTwo(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1)
	p := int32(page)
	for _, c := range []struct {
		flavor  mach.Flavor
		size    int32
		cluster int32 // afterwards; 0: refused
	}{
		{mach.FlavorAttribute, p, p}, {mach.FlavorAttribute, 2 * p, 2 * p}, {mach.FlavorAttribute, 64 * p, 64 * p},
		{mach.FlavorAttribute, 3 * p, 0}, {mach.FlavorAttribute, 6 * p, 0}, {mach.FlavorAttribute, 100 * p, 0},
		{mach.FlavorAttribute, p / 2, 0}, {mach.FlavorAttribute, p + 1, 0}, {mach.FlavorAttribute, 2*p - 1, 0}, {mach.FlavorAttribute, 1, 0},
		{mach.FlavorPerformance, 4 * p, 4 * p}, {mach.FlavorPerformance, 3 * p, 0}, {mach.FlavorPerformance, 7 * p, 0},
		// This flavor rounds to pages first.
		{mach.FlavorPerformance, 1, p}, {mach.FlavorPerformance, p + 1, 2 * p}, {mach.FlavorPerformance, 2*p + 1, 0},
	} {
		was := e.get()
		a := defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, ClusterSize: c.size, MayCache: was[mach.FlavorPerformance][1] == 0}
		require.True(t, e.set(c.flavor, a.Words(c.flavor)...))
		if c.cluster == 0 {
			require.Equal(t, was, e.get(), "%v %d", c.flavor, c.size)
		} else {
			require.Equal(t, c.cluster, e.get()[mach.FlavorPerformance][0], "%v %d", c.flavor, c.size)
		}
	}
}

// TestEMM200_GetWithTooSmallCount: get_attributes with too small a count fails with KERN_INVALID_ARGUMENT.
func TestEMM200_GetWithTooSmallCount(t *testing.T) {
	e := newEMM(t)
	e.c.mapPages(1)
	e.tell(func(x *calls, a mach.Name) {
		for _, f := range allFlavors {
			n := uint32(f.Words())
			for count := range n {
				_, code := user.MemoryObjectGetAttributes(x, a, f, count)
				require.Equal(t, mach.KernInvalidArgument, code, "%v %d", f, count)
			}
			for _, count := range []uint32{n, n + 1, 1 << 31, ^uint32(0)} {
				w, code := user.MemoryObjectGetAttributes(x, a, f, count)
				require.Equal(t, mach.KernSuccess, code, "%v %d", f, count)
				require.Len(t, w, int(n)) // the flavor's own size
			}
		}
		for _, f := range []mach.Flavor{0, 9, 99, -1} {
			_, code := user.MemoryObjectGetAttributes(x, a, f, 6)
			require.Equal(t, mach.KernInvalidArgument, code)
		}
	})
	for _, preset := range cmuPresets { // there is no such count
		e := newEMM(t, withPreset(preset))
		e.c.mapPages(1)
		require.True(t, e.getCMU().ObjectReady)
		e.tell(func(x *calls, a mach.Name) {
			_, code := user.MemoryObjectGetAttributes(x, a, mach.FlavorBehavior, 5)
			require.Equal(t, mach.MigBadID, code)
		})
	}
}

// TestEMM201_GetReturnsWhatWasSet: get_attributes returns the values last set.
func TestEMM201_GetReturnsWhatWasSet(t *testing.T) {
	e, mapper := unready(t)
	invalid := int32(mach.CopyInvalid)
	require.Equal(t, map[mach.Flavor][]int32{ // before anything was set
		mach.FlavorOldBehavior:  {invalid, 0, 0},
		mach.FlavorBehavior:     {invalid, 0, 0, 0, 0},
		mach.FlavorPerformance:  {int32(page), 0},
		mach.FlavorOldAttribute: {0, 0, invalid},
		mach.FlavorAttribute:    {invalid, int32(page), 0, 0},
	}, e.get())
	for cluster := int32(page); cluster <= int32(8*page); cluster *= 2 {
		for bits := range int32(8) {
			cache, temporary, invalidate := bits&1, bits>>1&1, bits>>2
			require.True(t, e.set(mach.FlavorAttribute, none, cluster, cache, temporary))
			require.True(t, e.set(mach.FlavorOldBehavior, none, temporary, invalidate))
			require.Equal(t, map[mach.Flavor][]int32{
				mach.FlavorOldBehavior:  {none, temporary, invalidate},
				mach.FlavorBehavior:     {none, temporary, invalidate, 0, 0},
				mach.FlavorPerformance:  {cluster, cache},
				mach.FlavorOldAttribute: {1, cache, none},
				mach.FlavorAttribute:    {none, cluster, cache, temporary},
			}, e.get())
		}
	}
	mapper.requireDone()

	for _, preset := range cmuPresets {
		e := newEMM(t, withPreset(preset))
		e.m.silent("init")
		e.c.mapPages(1)
		require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{CopyStrategy: mach.CopyInvalid}, e.getCMU())
		for _, want := range []defs.MemoryObjectGetAttributesCMUReply{
			{ObjectReady: true, CopyStrategy: mach.CopyDelay}, {ObjectReady: true, MayCache: true, CopyStrategy: mach.CopyNone},
		} {
			e.tell(func(x *calls, a mach.Name) { x.ok(user.MemoryObjectReady(x, a, want.MayCache, want.CopyStrategy)) })
			require.Equal(t, want, e.getCMU())
		}
		if e.k.Form().Set == mig.CMU { // the oldest call
			e.tell(func(x *calls, a mach.Name) { x.ok(user.MemoryObjectSetAttributes(x, a, true, false, mach.CopyDelay)) })
			require.Equal(t, defs.MemoryObjectGetAttributesCMUReply{ObjectReady: true, CopyStrategy: mach.CopyDelay}, e.getCMU())
		}
	}
}

// TestEMM204_AttributesOfOneKernel: Attributes of one kernel's association do not affect another kernel's.
func TestEMM204_AttributesOfOneKernel(t *testing.T) {
	e := newEMM(t)
	far := e.newClientOn(e.boot("far", page), "far")
	ready := map[int]defs.ObjectAttributes{
		0: {CopyStrategy: mach.CopyDelay, MayCache: true, ClusterSize: int32(4 * page)},
		1: {CopyStrategy: mach.CopyNone, Temporary: true},
	}
	e.m.silent("init")
	near := e.c.startMap(e.m.port, 1)
	distant := far.startMap(e.m.port, 1)
	e.tell(func(x *calls, a mach.Name) { x.ready(a, ready[0]) })
	near.requireDone()
	distant.requireBlocked() // is not ready
	e.m.do(func(x *calls) {
		b := e.m.control(1)
		w, code := x.attributes(b, mach.FlavorAttribute)
		x.ok(code)
		require.Equal(t, words(int32(mach.CopyInvalid), int32(page), 0, 0), w)
		x.ready(b, ready[1])
	})
	distant.requireDone()
	get := func(i int) (w []int32) {
		e.m.do(func(x *calls) { w, _ = x.attributes(e.m.control(i), mach.FlavorAttribute) })
		return w
	}
	require.Equal(t, words(delay, int32(4*page), 1, 0), get(0))
	require.Equal(t, words(none, int32(page), 0, 1), get(1))
	e.m.do(func(x *calls) {
		x.change(e.m.control(0), mach.FlavorPerformance, words(int32(2*page), 0), mach.NameNull)
	})
	require.Equal(t, words(delay, int32(2*page), 0, 0), get(0))
	require.Equal(t, words(none, int32(page), 0, 1), get(1))
}
