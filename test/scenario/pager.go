package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
	"machvm/pagers"
	"machvm/pagers/zoo"
)

// pager is a memory manager: a task of its own with one service thread. It is a task to the script as
// well: it may have further threads, and its rights can be looked at.
type pager struct {
	*task
	server *pagers.Server
	file   *pagers.FilePager // file_pager only
	store  pagers.Store
	memory *pagers.MemoryPager  // memory_pager only
	paging *pagers.DefaultPager // default_pager only
	disk   *disk                // of it

	netmem *pagers.Netmem // netmem_pager only

	zoo *zoo.Manager // zoo_pager only

	coherent *pagers.Coherent // servers of a coherent object only
}

func (*pager) Type() string { return "pager" }

// taskArg unpacks a task, or the task of a pager.
type taskArg struct{ *task }

// Unpack is for starlark.UnpackArgs.
func (a *taskArg) Unpack(v starlark.Value) error {
	switch v := v.(type) {
	case *task:
		a.task = v
	case *pager:
		a.task = v.task
	default:
		return fmt.Errorf("got %s, want a task", v.Type())
	}
	return nil
}

// hostArg unpacks a host.
type hostArg struct{ *host }

// Unpack is for starlark.UnpackArgs.
func (a *hostArg) Unpack(v starlark.Value) error {
	h, ok := v.(*host)
	if !ok {
		return fmt.Errorf("got %s, want a host", v.Type())
	}
	a.host = h
	return nil
}

// serviceThread is the script's thread that handles c; x if the script does not know it.
func (p *play) serviceThread(x *thread, c *pagers.Call) *thread {
	for _, t := range p.threads {
		if t.u == c.Thread {
			return t
		}
	}
	return x
}

// observe notes what the manager has received, with the names that rights got and what the manager holds
// under the name of the control port at that moment.
func (pg *pager) observe(x *thread, c *pagers.Call) {
	info, ok := pg.k.Space().Lookup(c.Port)
	if !ok || info.Port == nil {
		return
	}
	m := x.received(c.Message)
	if name, ok := m.fields["memory_control"]; ok {
		if h, err := pg.p.holdingOf(pg.task, name); err == nil {
			m.held = h.record()
		}
	}
	j := pg.p.journal
	j.received[info.Port.ID()] = append(j.received[info.Port.ID()], m)
}

// newPager is pager(host, name, init = fn, data_request = fn, ...): a manager in Starlark, a function per
// message. A function is called as fn(t, m). A message without one is handled as pagers.Base does.
func (p *play) newPager(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if threadOf(th) != nil {
		return nil, fmt.Errorf("pager: only the top level can make a pager")
	}
	var h hostArg
	var name string
	if err := starlark.UnpackPositionalArgs("pager", args, nil, 2, &h, &name); err != nil {
		return nil, err
	}
	service, err := takeService(&kwargs)
	if err != nil {
		return nil, err
	}
	s := &scriptManager{functions: map[string]starlark.Callable{}}
	for _, kv := range kwargs {
		key := strings.TrimPrefix(string(kv[0].(starlark.String)), "memory_object_")
		key = strings.TrimPrefix(key, "mach_notify_")
		fn, ok := kv[1].(starlark.Callable)
		if !ok {
			return nil, fmt.Errorf("pager: %s: got %s, want a function", key, kv[1].Type())
		}
		if !managerMessages[key] {
			return nil, fmt.Errorf("pager: there is no message %s to a manager", key)
		}
		s.functions[key] = fn
	}
	pg, err := p.start(h.host, name, service, func(u userThread, x *thread, o []pagers.Option) (*pagers.Server, mach.Return) {
		s.p, s.t = p, x
		return pagers.New(u, s, o...)
	})
	if err != nil {
		return nil, err
	}
	delete(p.quiet, pg.k.ID())
	return pg, nil
}

// attributes are the keyword arguments that say what a pager's objects are like.
type attributes struct {
	strategy  int
	cluster   size
	cache     bool
	temporary bool
}

func (a *attributes) get() pagers.Attributes {
	return pagers.Attributes{CopyStrategy: mach.CopyStrategy(a.strategy), ClusterSize: int32(a.cluster), MayCache: a.cache, Temporary: a.temporary}
}

// filePolicy is what file_pager can be told about its work.
type filePolicy struct {
	readAhead int
	writeBack writeBack
}

// writeBack unpacks a number of pages, or True for as many as usual.
type writeBack int

// Unpack is for starlark.UnpackArgs.
func (w *writeBack) Unpack(v starlark.Value) error {
	if b, ok := v.(starlark.Bool); ok {
		*w = 0
		if b {
			*w = defaultWriteBack
		}
		return nil
	}
	var n int
	err := starlark.AsInt(v, &n)
	*w = writeBack(n)
	return err
}

// defaultWriteBack is how many pages may wait for the store if a script does not say.
const defaultWriteBack = 32

// newFilePager is file_pager(host, name, root=, in_place=False, may_cache=False, ...): the files below root,
// as memory objects.
func (p *play) newFilePager(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if threadOf(th) != nil {
		return nil, fmt.Errorf("file_pager: only the top level can make a pager")
	}
	var h hostArg
	var name, root string
	var inPlace bool
	service := oneThread()
	var policy filePolicy
	a := attributes{strategy: int(mach.CopyDelay)}
	if err := starlark.UnpackArgs("file_pager", args, kwargs, "host", &h, "name", &name, "root", &root, "in_place?", &inPlace, "threads?", &service.threads, "order?", &service.order, "oldest_calls?", &service.oldest,
		"read_ahead?", &policy.readAhead, "write_back?", &policy.writeBack,
		"may_cache?", &a.cache, "copy_strategy?", &a.strategy, "cluster_size?", &a.cluster, "temporary?", &a.temporary); err != nil {
		return nil, err
	}
	store, err := p.script.store(root, inPlace)
	if err != nil {
		return nil, fmt.Errorf("file_pager: root: %w", err)
	}
	var file *pagers.FilePager
	pg, err := p.start(h.host, name, service, func(u userThread, _ *thread, o []pagers.Option) (*pagers.Server, mach.Return) {
		var ret mach.Return
		file, ret = pagers.NewFile(u, store, pagers.FileOptions{Attributes: a.get(), ReadAhead: policy.readAhead, WriteBack: int(policy.writeBack)}, o...)
		return file.Server(), ret
	})
	if err != nil {
		return nil, err
	}
	pg.file, pg.store = file, store
	return pg, nil
}

// newMemoryPager is memory_pager(host, name).
func (p *play) newMemoryPager(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if threadOf(th) != nil {
		return nil, fmt.Errorf("memory_pager: only the top level can make a pager")
	}
	var h hostArg
	var name string
	service := oneThread()
	if err := starlark.UnpackArgs("memory_pager", args, kwargs, "host", &h, "name", &name, "threads?", &service.threads, "order?", &service.order, "oldest_calls?", &service.oldest); err != nil {
		return nil, err
	}
	var memory *pagers.MemoryPager
	pg, err := p.start(h.host, name, service, func(u userThread, _ *thread, o []pagers.Option) (*pagers.Server, mach.Return) {
		var ret mach.Return
		memory, ret = pagers.NewMemory(u, o...)
		return memory.Server(), ret
	})
	if err != nil {
		return nil, err
	}
	pg.memory = memory
	return pg, nil
}

var pagerMethods = methods[*pager]{
	"object": (*pager).object, "open": (*pager).open, "close": (*pager).closeFile, "contents": (*pager).contents,
	"stats": (*pager).stats, "damage": (*pager).damage, "truncate": (*pager).truncate, "break_disk": (*pager).breakDisk,
	"state": (*pager).state, "taken": (*pager).taken, "injected": (*pager).injected,
}

// Attr is a method of pagers, or what a task has.
func (pg *pager) Attr(name string) (starlark.Value, error) {
	if v := pagerMethods.attr(pg, name); v != nil {
		return v, nil
	}
	if name == "port_set" {
		return nameValue(pg.server.PortSet()), nil
	}
	return pg.task.Attr(name)
}

// AttrNames lists the attributes.
func (pg *pager) AttrNames() []string {
	return pagerMethods.names(append(pg.task.AttrNames(), "port_set")...)
}

// newObject is the script's value for a memory object that the pager's task calls name.
func (pg *pager) newObject(name mach.Name, label string) (starlark.Value, error) {
	info, ok := pg.k.Space().Lookup(name)
	if !ok || info.Port == nil {
		return nil, fmt.Errorf("pager %s has no port for %s", pg, label)
	}
	pg.p.names.Replace(trace.ClassPort, info.Port.ID(), label)
	pg.p.note(trace.NoteInfo, fmt.Sprintf("%s is a memory object of %s", label, pg))
	return &port{p: pg.p, id: info.Port.ID(), owner: pg.task}, nil
}

// object is pager.object(name): a new memory object. Those of a memory pager have contents and attributes.
func (pg *pager) object(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var label string
	var data starlark.Bytes
	var precious bool
	var lock int
	a := attributes{strategy: int(mach.CopyDelay)}
	if pg.memory == nil {
		if err := starlark.UnpackArgs("object", args, kwargs, "name", &label); err != nil {
			return nil, err
		}
	} else if err := starlark.UnpackArgs("object", args, kwargs, "name", &label, "data?", &data, "precious?", &precious, "lock?", &lock,
		"may_cache?", &a.cache, "copy_strategy?", &a.strategy, "cluster_size?", &a.cluster, "temporary?", &a.temporary); err != nil {
		return nil, err
	}
	if !mach.Prot(lock).Valid() {
		return nil, fmt.Errorf("object: lock: got %d, want a protection", lock)
	}
	var name mach.Name
	err := pg.p.inTask(th, pg.task, "harness", func(u userThread) error {
		var ret mach.Return
		switch {
		case pg.memory != nil:
			name, ret = pg.memory.Add(u, pagers.MemoryOptions{Data: []byte(data), Attributes: a.get(), Precious: precious, Lock: mach.Prot(lock)})
		case pg.zoo != nil:
			name = pg.zoo.Object
		case pg.netmem != nil:
			name, ret = pg.netmem.NewObject(u)
		default:
			name, ret = pg.server.AllocatePort(u)
		}
		return ret.Err()
	})
	if err != nil {
		return nil, err
	}
	return pg.newObject(name, label)
}

// open is pager.open(path, name=): the memory object of a file.
func (pg *pager) open(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path, label string
	if err := starlark.UnpackArgs("open", args, kwargs, "path", &path, "name?", &label); err != nil {
		return nil, err
	}
	if pg.file == nil {
		return nil, fmt.Errorf("open: %s is no file pager", pg)
	}
	if label == "" {
		label = path
	}
	var name mach.Name
	err := pg.p.inTask(th, pg.task, "harness", func(u userThread) (err error) {
		name, err = pg.file.Open(u, path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open: %s of pager %s: %s", path, pg, reason(err))
	}
	return pg.newObject(name, label)
}

// closeFile is pager.close(path): destroys the memory object of a file.
func (pg *pager) closeFile(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var path string
	if err := starlark.UnpackArgs("close", args, kwargs, "path", &path); err != nil {
		return nil, err
	}
	if pg.file == nil {
		return nil, fmt.Errorf("close: %s is no file pager", pg)
	}
	return starlark.None, pg.p.inTask(th, pg.task, "harness", func(u userThread) error {
		return pg.file.Close(u, path).Err()
	})
}

// contents is pager.contents(path), or of an object of a memory pager: what the manager has stored.
func (pg *pager) contents(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var what starlark.Value
	if err := starlark.UnpackArgs("contents", args, kwargs, "of", &what); err != nil {
		return nil, err
	}
	switch what := what.(type) {
	case starlark.String:
		if pg.store == nil {
			break
		}
		file, err := pg.store.Open(string(what))
		if err != nil {
			return nil, err
		}
		data, err := pagers.ReadAll(file)
		return starlark.Bytes(data), err
	case *port:
		live := what.port()
		if pg.memory == nil || live == nil {
			break
		}
		if name, ok := pg.k.Space().NameOf(live); ok {
			if data := pg.memory.Contents(name); data != nil {
				return starlark.Bytes(data), nil
			}
		}
	}
	return nil, fmt.Errorf("contents: %s has nothing called %s", pg, what)
}

// stats is pager.stats(): what the pager has done so far.
func (pg *pager) stats(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("stats", args, kwargs); err != nil {
		return nil, err
	}
	var s pagers.Stats
	switch {
	case pg.file != nil:
		s = pg.file.Stats()
	case pg.memory != nil:
		s = pg.memory.Stats()
	case pg.paging != nil:
		return pg.pagingStats(), nil
	default:
		return nil, fmt.Errorf("stats: %s is written in Starlark and counts nothing", pg)
	}
	return newRecord("stats", "objects", s.Objects, "uses", s.Uses, "supplied", s.Supplied, "ahead", s.Ahead, "unavailable", s.Unavailable,
		"returned", s.Returned, "written", s.Written, "drained", s.Drained, "ignored", s.Ignored, "failures", s.Failures), nil
}

// hostPriv is the task's name for the privileged host port, if it has one.
func (t *task) hostPriv() (mach.Name, bool) { return t.k.Space().NameOf(t.host.k.PrivPort()) }
