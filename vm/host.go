package vm

import (
	"errors"
	"fmt"

	"github.com/google/btree"

	"machvm/ipc"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
)

// Defaults of a Config.
const (
	DefaultFrames     = 1024
	DefaultAddressTop = mach.Addr(0xC0000000)
)

// Config is what a host's memory system is made of. Node and Sched are needed; everything else has a
// default.
type Config struct {
	Node   *ipc.Node
	Sched  *sched.Scheduler
	Tracer *trace.Tracer // nil: none

	PageSize   mach.Size // a power of two; 0: mach.DefaultPageSize
	Frames     int       // page frames of physical memory; 0: DefaultFrames
	AddressTop mach.Addr // end of every task's address range, page aligned; 0: DefaultAddressTop
	CPUs       int       // enters the reserve formula; 0: 1

	// WithoutPageout says that nothing will ever be paged out: no reserve is kept for a pageout daemon,
	// any number of frames will do, and a thread that finds no free page waits until one is freed.
	WithoutPageout bool
	// Policy says which pages go when memory is short; nil: MachPolicy.
	Policy Policy
	// Chooser decides which page goes where Mach leaves it open; nil: the first.
	Chooser choice.Chooser

	// WithoutCollapse and WithoutBypass leave shadow chains as they grow: no object is merged into the one above
	// it, or none is passed by.
	WithoutCollapse, WithoutBypass bool
	// Pageout limits what the pageout daemon gives to managers at a time.
	Pageout PageoutLimits
	// Watchdog is how long a manager may take to answer a data_request, in virtual time. After that the kernel
	// answers for it, with an error (H-1). 0: for ever.
	Watchdog mach.Time
	// Spares is what the hosts of an earlier simulation have left; nil: nothing.
	Spares *Spares

	// Foreign executes what was sent to a port of this package and is no call of its own, such as a call on a
	// task (IPC-191). nil: such requests are answered with MIG_BAD_ID.
	Foreign func(th *sched.Thread, ko ipc.Kobject, req, rep *ipc.Kmsg) mach.Return
}

// Host is the virtual memory of one kernel: physical memory, page queues, objects, and the kernel's half
// of the pager protocol.
type Host struct {
	// Fixed at boot.
	node        *ipc.Node
	sched       *sched.Scheduler
	tracer      *trace.Tracer
	foreign     func(th *sched.Thread, ko ipc.Kobject, req, rep *ipc.Kmsg) mach.Return
	personality *personality.Personality
	pageSize    mach.Size
	addressTop  mach.Addr

	memory

	// Objects and associations, oldest first.
	firstAll, lastAll                 *Object
	spareObjects                      *Object // structures for reuse, linked by allNext
	objects                           int
	lastObject                        uint64 // ids of objects are unique in the world
	lastRequest                       uint64
	cache                             objectCache
	firstAssociation, lastAssociation *association

	defaultManager defaultManager
	daemon         daemon
	watchdog       watchdog

	withoutCollapse, withoutBypass bool

	control *controlServer
	calls   *controlCall // structures for reuse, linked by next

	maps   hostMaps
	spares *Spares
	stats  counters

	pageNodes *btree.FreeListG[*Page]
	pivot     Page // what a search in a page index compares with
}

// NewHost makes the memory system of one kernel. It fails for a page size that is no power of two, for
// an address range that is not page aligned, and for fewer frames than the pageout daemon needs.
func NewHost(c Config) (*Host, error) {
	if c.Node == nil || c.Sched == nil {
		return nil, errors.New("vm: a host needs a node and a scheduler")
	}
	if c.PageSize == 0 {
		c.PageSize = mach.DefaultPageSize
	}
	if c.Frames == 0 {
		c.Frames = DefaultFrames
	}
	if c.AddressTop == 0 {
		c.AddressTop = DefaultAddressTop
	}
	if c.CPUs == 0 {
		c.CPUs = 1
	}
	if err := c.Pageout.resolve(); err != nil {
		return nil, err
	}
	switch {
	case !mach.ValidPageSize(c.PageSize):
		return nil, fmt.Errorf("vm: page size %d is no power of two of at least 16", uint64(c.PageSize))
	case !c.AddressTop.Aligned(c.PageSize):
		return nil, fmt.Errorf("vm: address range ends at %v, which is not page aligned", c.AddressTop)
	case c.Frames < 1 || c.Frames > 1<<30:
		return nil, fmt.Errorf("vm: %d page frames", c.Frames)
	}
	if c.Spares == nil {
		c.Spares = new(Spares)
	}
	if c.Spares.control == nil {
		c.Spares.init()
	}
	h := &Host{
		node: c.Node, sched: c.Sched, tracer: c.Tracer, foreign: c.Foreign, personality: c.Node.Personality(),
		pageSize: c.PageSize, addressTop: c.AddressTop,
		withoutCollapse: c.WithoutCollapse, withoutBypass: c.WithoutBypass,
		spares: c.Spares, pageNodes: c.Spares.pageNodes,
	}
	h.watchdog = watchdog{host: h, patience: c.Watchdog}
	for i, n := range c.Node.World().Nodes() {
		if n == c.Node {
			h.lastObject = uint64(i) << 32
		}
	}
	h.control = c.Spares.server(h.form())
	h.memory.init(c)
	if need := h.targets.free + 64; !c.WithoutPageout && c.Frames < need {
		return nil, fmt.Errorf("vm: %d page frames are too few: the pageout daemon needs %d", c.Frames, need)
	}
	if h.daemon.init(h); !c.WithoutPageout {
		h.wakeDaemon, h.noteQueued = h.daemon.wake, h.daemon.note
	}
	c.Node.World().AddHolder(h)
	return h, nil
}

// PageSize is the host's page size in bytes.
func (h *Host) PageSize() mach.Size { return h.pageSize }

// AddressTop is the end of every task's address range.
func (h *Host) AddressTop() mach.Addr { return h.addressTop }

// Node is the kernel the memory belongs to.
func (h *Host) Node() *ipc.Node { return h.node }

// refuse answers a request that is no call of this package.
func (h *Host) refuse(th *sched.Thread, ko ipc.Kobject, req, rep *ipc.Kmsg) mach.Return {
	if h.foreign == nil {
		return mach.MigBadID
	}
	return h.foreign(th, ko, req, rep)
}

// Personality is the host's personality.
func (h *Host) Personality() *personality.Personality { return h.personality }

// counters are the event counts of Statistics.
type counters struct {
	Faults         uint64 // outer faults
	ZeroFills      uint64 // pages cleared
	CowFaults      uint64 // pages copied up
	Pageins        uint64 // data_request messages
	Pageouts       uint64 // data_return and data_initialize messages of the pageout daemon
	Reactivations  uint64 // inactive pages found referenced, and cleaned ones found modified
	DoublePageouts uint64 // pages of messages to other managers that went to the default manager
	Lookups        uint64 // searches for the object of a port
	Hits           uint64 // of these, those that found one
	Pushes         uint64 // originals saved for a copy object
	Collapses      uint64 // objects merged into the one above
	Bypasses       uint64 // objects passed by
	CollapseVisits uint64 // pages looked at to shorten chains of shadows
	Overdue        uint64 // pages of which the watchdog has despaired
}

// Statistics is what host_statistics tells of memory: counts since boot and the present size of the
// queues, in pages.
type Statistics struct {
	PageSize                      mach.Size
	Free, Active, Inactive, Wired int
	Laundry                       int // clusters on their way to a trusted manager
	Frames                        int // physical memory
	counters
}

// Stats is the present state of the counters.
func (h *Host) Stats() Statistics {
	return Statistics{
		PageSize: h.pageSize,
		Free:     h.frames.free(), Active: h.active.count, Inactive: h.inactive.count, Wired: h.wired,
		Laundry: h.laundry, Frames: h.frames.total,
		counters: h.stats,
	}
}
