package rows

import (
	"fmt"
	"runtime"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
	"machvm/kernel/trace"
	"machvm/kernel/user"
)

// Options say how to measure a row.
type Options struct {
	N int // operations that Run performs; at least 1
	// Clock is the time in nanoseconds from any origin; nil: no time is taken. It is given from above, since a
	// run of the machine knows no clock but its own.
	Clock func() int64
	// Allocs counts allocations, which makes the measured time useless.
	Allocs bool
	// Messages counts messages of the pager protocol, which needs the trace and makes the time useless too.
	Messages bool
	Tracer   *trace.Tracer // nil: one that records nothing
	Sinks    []func(*trace.Tracer) trace.Sink
	Host     kernel.HostConfig
	Checked  bool // audits after every step
}

// Result is what a row cost.
type Result struct {
	N        int
	Nanos    int64  // of all operations
	Allocs   uint64 // of all operations
	Bytes    uint64 // allocated
	Messages int    // of the pager protocol, in both directions
}

// PerOp is Nanos for one operation.
func (r Result) PerOp() float64 { return float64(r.Nanos) / float64(r.N) }

// Bench is one run of a row: two tasks on one host, a client and a manager.
type Bench struct {
	Sim     *kernel.Simulation
	Host    *kernel.Host
	Client  *kernel.Task
	Server  *kernel.Task
	row     Row
	ready   bool        // it has been set up
	t       user.Thread // the thread that performs the operation
	self    mach.Name   // its task
	manager *manager
	service *kernel.Thread // the manager's thread
	meter   meter
	err     error

	// What rows keep between setup and operation.
	objects []mach.Name // the client's rights for the memory objects
	addrs   []mach.Addr
	addr    mach.Addr
	names   []mach.Name
	order   []int
	message mach.UserMessage
	region  mach.Region
	reply   mach.Name
	other   mach.Name
	set     mach.Name
	seed    uint64
	bytes   int
	kind    mach.Disposition
}

// Run performs a row o.N times on a machine of its own.
//
// The error is the first that an operation, or what surrounds it, met.
func Run(row Row, o Options) (Result, error) {
	b, err := Open(row, o)
	if err != nil {
		return Result{}, err
	}
	defer b.Close()
	return b.Measure(o.N)
}

// Open makes the machine that a row is performed on. Close it.
func Open(row Row, o Options) (*Bench, error) {
	tracer := o.Tracer
	if tracer == nil {
		tracer = trace.New()
		tracer.SetMask(0)
	}
	b := &Bench{row: row}
	b.meter = meter{clock: o.Clock, allocs: o.Allocs}
	if b.meter.clock == nil {
		b.meter.clock = func() int64 { return 0 }
	}
	if o.Messages {
		tracer.SetMask(trace.MaskOf(trace.KindMessage))
		tracer.AddSink(&b.meter.messages, trace.MaskOf(trace.KindMessage))
	}
	for _, sink := range o.Sinks {
		tracer.AddSink(sink(tracer), trace.All)
	}
	if row.top != 0 {
		o.Host.AddressTop = row.top
	}
	b.Sim = kernel.New(kernel.Config{Tracer: tracer, Checked: o.Checked})
	var err error
	if b.Host, err = b.Sim.Boot(o.Host); err != nil {
		b.Close()
		return nil, fmt.Errorf("%s: %w", row.Name, err)
	}
	b.Client, b.Server = b.Host.NewTask("client"), b.Host.NewTask("manager")
	b.manager = &manager{b: b}
	b.service = b.Server.Spawn("service", b.manager.run)
	b.service.SetDaemon(true)
	b.Sim.Run()
	return b, nil
}

// Close puts the machine away.
func (b *Bench) Close() { b.Sim.Shutdown() }

// Measure performs the row n times more. The error is the first that an operation, or what surrounds it, met; the
// bench is of no use after one.
func (b *Bench) Measure(n int) (Result, error) {
	if n < 1 {
		return Result{}, fmt.Errorf("%s: %d operations", b.row.Name, n)
	}
	b.meter.result = Result{}
	task := b.Client
	if b.row.manager {
		task = b.Server
	}
	task.Spawn("operation", func(t user.Thread) { b.loop(t, n) })
	if out := b.Sim.Run(); out.Kind != kernel.Finished && b.err == nil {
		b.err = fmt.Errorf("the machine came to no good end: %s", out.Report())
	} else if out.Err != nil && b.err == nil {
		b.err = out.Err
	}
	if b.err != nil {
		return Result{}, fmt.Errorf("%s: %w", b.row.Name, b.err)
	}
	return b.meter.result, nil
}

// loop is the thread that performs the operation.
func (b *Bench) loop(t user.Thread, total int) {
	b.t, b.self = t, user.Self(t)
	if !b.ready && b.row.setup != nil {
		b.row.setup(b)
	}
	b.ready = true
	batch := max(1, b.row.batch)
	for done := 0; done < total && b.err == nil; {
		n := min(batch, total-done)
		if b.row.before != nil {
			b.row.before(b, n)
			b.settle()
		}
		b.meter.start()
		for i := range n {
			b.row.op(b, i)
		}
		b.settle()
		b.meter.stop(n)
		if b.row.after != nil {
			b.row.after(b, n)
			b.settle()
		}
		done += n
	}
}

// settle waits until the manager has done everything it was told to.
func (b *Bench) settle() {
	for b.service.Sched().State() != sched.Blocked {
		b.t.Yield()
	}
}

// need notes that something did not go as the row expects.
func (b *Bench) need(ret mach.Return) {
	if ret != mach.KernSuccess && b.err == nil {
		b.err = ret
	}
}

// access is need for loads and stores.
func (b *Bench) access(err error) {
	if err != nil && b.err == nil {
		b.err = err
	}
}

// meter adds up what batches cost.
type meter struct {
	clock    func() int64
	allocs   bool
	messages messageCount
	result   Result

	began  int64
	before runtime.MemStats
	seen   int
}

func (m *meter) start() {
	if m.allocs {
		runtime.ReadMemStats(&m.before)
	}
	m.seen = m.messages.n
	m.began = m.clock()
}

func (m *meter) stop(n int) {
	m.result.Nanos += m.clock() - m.began
	m.result.Messages += m.messages.n - m.seen
	m.result.N += n
	if m.allocs {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		m.result.Allocs += now.Mallocs - m.before.Mallocs
		m.result.Bytes += now.TotalAlloc - m.before.TotalAlloc
	}
}
