package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/pagers"
)

// service is how a pager's messages are served: by how many threads, in which order.
type service struct {
	threads int
	order   discipline
	oldest  bool // speak to CMU kernels in the oldest words
}

// discipline unpacks the order in which the threads of a pager handle the messages of one object.
type discipline struct{ pagers.Discipline }

// oneThread is a service as pagers have it if nothing is said.
func oneThread() service { return service{threads: 1, order: discipline{pagers.Queued}} }

// Unpack is for starlark.UnpackArgs.
func (d *discipline) Unpack(v starlark.Value) error {
	s, ok := starlark.AsString(v)
	if !ok {
		return fmt.Errorf("got %s, want the name of a discipline", v.Type())
	}
	for _, known := range []pagers.Discipline{pagers.Unordered, pagers.FullSerialisation, pagers.OrderedStart, pagers.Queued} {
		if known.String() == s {
			d.Discipline = known
			return nil
		}
	}
	return fmt.Errorf("no discipline is called %q", s)
}

// takeService takes the words about the service out of the arguments of pager(...).
func takeService(kwargs *[]starlark.Tuple) (service, error) {
	s := oneThread()
	if v := take(kwargs, "threads"); v != nil {
		if err := starlark.AsInt(v, &s.threads); err != nil {
			return s, fmt.Errorf("pager: threads: %w", err)
		}
	}
	if v := take(kwargs, "order"); v != nil {
		if err := s.order.Unpack(v); err != nil {
			return s, fmt.Errorf("pager: order: %w", err)
		}
	}
	if v := take(kwargs, "oldest_calls"); v != nil {
		s.oldest = bool(v.Truth())
	}
	return s, nil
}

// options are what the server is told.
func (s service) options() []pagers.Option {
	order, dialect := s.order.Discipline, pagers.Newest
	if s.threads == 1 {
		order = pagers.Unordered
	}
	if s.oldest {
		dialect = pagers.Oldest
	}
	return []pagers.Option{order, dialect}
}

// maxServiceThreads bounds the threads of one pager.
const maxServiceThreads = 64

// start makes the pager's task and its service threads. setup runs first in the first one and makes the server.
func (p *play) start(h *host, name string, s service, setup func(u userThread, x *thread, o []pagers.Option) (*pagers.Server, mach.Return)) (*pager, error) {
	if s.threads < 1 || s.threads > maxServiceThreads {
		return nil, fmt.Errorf("pager %s: got %d threads, want 1 to %d", name, s.threads, maxServiceThreads)
	}
	t, err := h.newTask(name)
	if err != nil {
		return nil, err
	}
	p.quiet[t.k.ID()] = true
	pg := &pager{task: t}
	x, err := t.newThread("service", "", nil, nil)
	if err != nil {
		return nil, err
	}
	x.daemon = true
	failed := mach.KernSuccess
	x.body = func(u userThread) {
		if pg.server, failed = setup(u, x, s.options()); failed == mach.KernSuccess {
			pg.server.Observe(func(c *pagers.Call) { pg.observe(p.serviceThread(x, c), c) })
			pg.server.Run(u)
		}
	}
	x.spawn()
	if err := p.settle(func([]*thread) error { return nil }); err != nil {
		return nil, err
	}
	if failed != mach.KernSuccess || pg.server == nil {
		return nil, fmt.Errorf("pager %s has no port set: %v", name, failed)
	}
	t.k.SetMortal(true)
	for range s.threads - 1 {
		helper, err := t.newThread("service", "", nil, nil)
		if err != nil {
			return nil, err
		}
		helper.daemon = true
		helper.body = func(u userThread) { pg.server.Run(u) }
		helper.spawn()
	}
	return pg, nil
}
