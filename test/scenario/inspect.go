package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/vm"
)

// subject unpacks (port, host=) into a live port, nil if it is dead, and the hosts that are asked.
func (p *play) subject(what string, args starlark.Tuple, kwargs []starlark.Tuple) (*ipc.Port, []*host, error) {
	hv := take(&kwargs, "host")
	var v starlark.Value
	if err := starlark.UnpackArgs(what, args, kwargs, "object", &v); err != nil {
		return nil, nil, err
	}
	only, err := p.unpackHost(hv)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: host: %w", what, err)
	}
	ref, ok := v.(porter)
	if !ok {
		return nil, nil, fmt.Errorf("%s: got %s, want a memory object", what, v.Type())
	}
	hosts := p.hosts
	if only != 0 {
		hosts = p.hosts[only-1 : only]
	}
	return p.portOf(ref.portID()), hosts, nil
}

// mappings is mappings(object, host=): the number of address space mappings of a memory object.
func (p *play) mappings(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	port, hosts, err := p.subject("mappings", args, kwargs)
	if err != nil {
		return nil, err
	}
	n := 0
	if port != nil {
		for _, h := range hosts {
			n += h.k.VM().Mappings(port)
		}
	}
	return starlark.MakeInt(n), nil
}

// inspect is inspect(object, host=): what the kernel knows of a memory object, None if it has no
// association with it.
func (p *play) inspect(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	port, hosts, err := p.subject("inspect", args, kwargs)
	if err != nil || port == nil {
		return starlark.None, err
	}
	for _, h := range hosts {
		if info, ok := h.k.VM().ObjectInfo(port); ok {
			return objectRecord(h, port, info), nil
		}
	}
	return starlark.None, nil
}

func objectRecord(h *host, port *ipc.Port, info vm.ObjectInfo) *record {
	var pages []starlark.Value
	for _, pg := range info.Pages {
		pages = append(pages, newRecord("page", "offset", uint64(pg.Offset), "state", pg.State, "busy", pg.Busy,
			"dirty", pg.Dirty, "precious", pg.Precious, "lock", uint64(pg.Lock), "wired", pg.WireCount, "queue", pg.Queue))
	}
	return newRecord("memory_object", "phase", info.Phase.String(), "references", info.Refs, "mappings", info.Mappings,
		"reach", h.k.VM().Reach(port), "resident", info.Resident, "absent", info.Absent, "paging", info.Paging,
		"copy_strategy", int64(info.Strategy), "may_cache", info.CanPersist, "temporary", info.Temporary,
		"pages", starlark.NewList(pages))
}

// shadowChain is shadow_chain(task, address): the objects below an address from the top down, a record each.
// Of a region without an object, and where there is no region, the chain is empty.
func (p *play) shadowChain(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var t taskArg
	var addr size
	if err := starlark.UnpackArgs("shadow_chain", args, kwargs, "task", &t, "address", &addr); err != nil {
		return nil, err
	}
	entry, chain, ok := t.k.Map().Inspect(mach.Addr(addr))
	if !ok || entry.Start > mach.Addr(addr) {
		return starlark.NewList(nil), nil
	}
	var list []starlark.Value
	for _, o := range chain {
		list = append(list, chainRecord(p, o))
	}
	return starlark.NewList(list), nil
}

// chainRecord is one object of a chain. Names of objects are the transcript's.
func chainRecord(p *play, o vm.ObjectInfo) *record {
	r := newRecord("object", "name", p.names.Name(trace.ClassObject, o.ID), "internal", o.Internal, "phase", o.Phase.String(),
		"references", o.Refs, "resident", o.Resident, "size", uint64(o.Size), "shadow_offset", uint64(o.ShadowOffset),
		"paging_offset", uint64(o.PagingOffset), "copy_strategy", int64(o.Strategy), "has_copy", o.Copy != 0)
	var offsets []starlark.Value
	for _, pg := range o.Pages {
		offsets = append(offsets, starlark.MakeUint64(uint64(pg.Offset)))
	}
	r.set("offsets", starlark.NewList(offsets))
	return r
}

// control is control(object, n=1): the n-th control port a kernel has made for a memory object; the last
// one without n.
func (p *play) control(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	n := 0
	hv := take(&kwargs, "host")
	if err := starlark.UnpackArgs("control", args, kwargs, "object", &v, "n?", &n); err != nil {
		return nil, err
	}
	h, err := p.unpackHost(hv)
	if err != nil {
		return nil, fmt.Errorf("control: host: %w", err)
	}
	ref, ok := v.(*port)
	if !ok {
		return nil, fmt.Errorf("control: got %s, want a memory object", v.Type())
	}
	var found []uint64
	for _, m := range p.journal.messages(ref.id, h) {
		if c, ok := m.fields["memory_control"].(portRef); ok && m.name == "memory_object_init" {
			found = append(found, c.id)
		}
	}
	if n == 0 {
		n = len(found)
	}
	if n < 1 || n > len(found) {
		return nil, fmt.Errorf("control: %s has had %d control ports", ref, len(found))
	}
	return &port{p: p, id: found[n-1], owner: ref.owner}, nil
}

// kill is kill(task) or kill(thread): task_terminate or thread_terminate from outside.
func (p *play) kill(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs("kill", args, kwargs, "task", &v); err != nil {
		return nil, err
	}
	if x, ok := v.(*thread); ok {
		if x.k == nil {
			return nil, fmt.Errorf("kill: thread %s has not started", x)
		}
		p.note(trace.NoteInfo, "the harness terminates thread "+x.name)
		x.k.Terminate()
		return starlark.None, nil
	}
	var t taskArg
	if err := t.Unpack(v); err != nil {
		return nil, fmt.Errorf("kill: %w", err)
	}
	p.note(trace.NoteInfo, "the harness terminates task "+t.k.Name())
	t.k.Terminate()
	return starlark.None, nil
}

// abort is abort(thread): thread_abort from outside.
func (p *play) abort(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var t *thread
	if err := starlark.UnpackArgs("abort", args, kwargs, "thread", &t); err != nil {
		return nil, err
	}
	if t.k == nil {
		return nil, fmt.Errorf("abort: thread %s has not started", t)
	}
	p.note(trace.NoteInfo, "the harness aborts what thread "+t.name+" waits for")
	t.k.Sched().Abort()
	return starlark.None, nil
}
