package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/pagers"
)

// newDefaultPager is default_pager(host, name, pages=64, emergency=0, objects=0, cluster=PAGE, file=None): a default
// memory manager with a paging space of so many pages, registered with the host. emergency is how many pages it keeps
// in its own memory once the space is full, objects how many objects it accepts (0: any number), cluster the bytes
// of one transfer. The paging file is in memory and empty, or a private copy of a file beside the script.
func (p *play) newDefaultPager(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if threadOf(th) != nil {
		return nil, fmt.Errorf("default_pager: only the top level can make a pager")
	}
	var h hostArg
	var name, path string
	o := pagers.DefaultOptions{Pages: 64}
	var cluster size
	if err := starlark.UnpackArgs("default_pager", args, kwargs, "host", &h, "name", &name, "pages?", &o.Pages,
		"emergency?", &o.Emergency, "objects?", &o.Objects, "cluster?", &cluster, "file?", &path); err != nil {
		return nil, err
	}
	if o.Pages < 0 || o.Emergency < 0 || o.Objects < 0 {
		return nil, fmt.Errorf("default_pager: a number of pages or objects cannot be negative")
	}
	disk := &disk{}
	if path != "" {
		store, err := p.script.store(".", false)
		if err != nil {
			return nil, fmt.Errorf("default_pager: file: %w", err)
		}
		f, err := store.Open(path)
		if err == nil {
			disk.data, err = pagers.ReadAll(f)
		}
		if err != nil {
			return nil, fmt.Errorf("default_pager: file: %s: %s", path, reason(err))
		}
	}
	o.File = disk
	var d *pagers.DefaultPager
	pg, err := p.start(h.host, name, oneThread(), func(u userThread, x *thread, _ []pagers.Option) (*pagers.Server, mach.Return) {
		var ret mach.Return
		if d, ret = pagers.NewDefault(u, o); ret != mach.KernSuccess {
			return nil, ret
		}
		if service, ok := x.task.k.Space().Lookup(d.Port()); ok {
			p.names.Label(trace.ClassPort, service.Port.ID(), name)
		}
		priv, err := x.task.k.GiveHostPriv()
		if err != nil {
			return nil, mach.Code(err)
		}
		if _, ret = d.Register(u, priv, mach.Size(cluster)); ret != mach.KernSuccess {
			return nil, ret
		}
		return d.Server(), ret
	})
	if err != nil {
		return nil, err
	}
	pg.paging, pg.disk = d, disk
	p.note(trace.NoteInfo, fmt.Sprintf("%s is the default pager of %s, with %d pages of paging space", name, h.host, o.Pages))
	return pg, nil
}

// pagingStats is stats() of a default pager.
func (pg *pager) pagingStats() *record {
	s := pg.paging.Stats()
	return newRecord("stats", "created", s.Created, "objects", s.Objects, "returned", s.Returned, "initialized", s.Initialized,
		"supplied", s.Supplied, "unavailable", s.Unavailable, "lost", s.Lost, "damaged", s.Damaged, "errors", s.Errors,
		"ignored", s.Ignored, "stored", pg.paging.Stored())
}

// diskOf is the paging file of a default pager.
func (pg *pager) diskOf(call string) (*disk, error) {
	if pg.disk == nil {
		return nil, fmt.Errorf("%s: %s is no default pager", call, pg)
	}
	return pg.disk, nil
}

// damage is pager.damage(offset, data): writes into the paging file behind the pager's back.
func (pg *pager) damage(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var offset size
	var data starlark.Bytes
	if err := starlark.UnpackArgs("damage", args, kwargs, "offset", &offset, "data", &data); err != nil {
		return nil, err
	}
	d, err := pg.diskOf("damage")
	if err != nil {
		return nil, err
	}
	if end := uint64(offset) + uint64(len(data)); end > uint64(len(d.data)) {
		return nil, fmt.Errorf("damage: the paging file has %d bytes only", len(d.data))
	}
	pg.p.note(trace.NoteInfo, fmt.Sprintf("the harness overwrites %d bytes of the paging file of %s at %#x", len(data), pg, uint64(offset)))
	copy(d.data[offset:], data)
	return starlark.None, nil
}

// truncate is pager.truncate(size): cuts the paging file off behind the pager's back.
func (pg *pager) truncate(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var n size
	if err := starlark.UnpackArgs("truncate", args, kwargs, "size", &n); err != nil {
		return nil, err
	}
	d, err := pg.diskOf("truncate")
	if err != nil {
		return nil, err
	}
	pg.p.note(trace.NoteInfo, fmt.Sprintf("the harness truncates the paging file of %s to %#x bytes", pg, uint64(n)))
	d.data = d.data[:min(uint64(len(d.data)), uint64(n))]
	return starlark.None, nil
}

// breakDisk is pager.break_disk(writes=True, reads=False): from now on the disk refuses to write, or to read.
func (pg *pager) breakDisk(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	writes, reads := true, false
	if err := starlark.UnpackArgs("break_disk", args, kwargs, "writes?", &writes, "reads?", &reads); err != nil {
		return nil, err
	}
	d, err := pg.diskOf("break_disk")
	if err != nil {
		return nil, err
	}
	d.noWrites, d.noReads = writes, reads
	pg.p.note(trace.NoteInfo, fmt.Sprintf("the disk of %s: writes fail: %t, reads fail: %t", pg, writes, reads))
	return starlark.None, nil
}
