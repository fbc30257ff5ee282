package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/pagers"
)

// coherent is a memory object that several hosts share, and the servers that keep it consistent.
type coherent struct {
	handle
	p       *play
	name    string
	unit    mach.Size
	hosts   []*host     // that use the object
	servers []*pager    // one for all hosts, or one for each
	objects []*port     // the ports of the object, by server
	place   []int       // the server of each host
	names   []mach.Name // of the ports, by the servers' tasks
}

// repairs are the names of the repairs of the description of 1988.
var repairs = map[string]pagers.Repair{"R1": pagers.R1, "R2": pagers.R2, "R3": pagers.R3, "R4": pagers.R4,
	"R5": pagers.R5, "R6": pagers.R6, "R7": pagers.R7, "R8": pagers.R8}

// newCoherent is coherent(host, host, ..., name=, scheme=, size=, unit=, server=, yield_ms=, without=[...]).
func (p *play) newCoherent(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if threadOf(th) != nil {
		return nil, fmt.Errorf("coherent: only the top level can make a pager")
	}
	c := &coherent{p: p}
	for _, v := range args {
		h, ok := v.(*host)
		if !ok {
			return nil, fmt.Errorf("coherent: got %s, want hosts", v.Type())
		}
		c.hosts = append(c.hosts, h)
		c.unit = max(c.unit, h.k.VM().PageSize())
	}
	scheme, bytes, unit, yield := "central", size(0), size(0), 1
	var at *hostArg
	var without starlark.Value = starlark.Tuple{}
	var server hostArg
	if err := starlark.UnpackArgs("coherent", nil, kwargs, "name", &c.name, "scheme?", &scheme, "size?", &bytes, "unit?", &unit,
		"server?", &server, "yield_ms?", &yield, "without?", &without); err != nil {
		return nil, err
	}
	if server.host != nil {
		at = &server
	}
	switch {
	case len(c.hosts) == 0:
		return nil, fmt.Errorf("coherent: no hosts are named")
	case scheme != "central" && scheme != "distributed":
		return nil, fmt.Errorf("coherent: scheme: got %q, want central or distributed", scheme)
	case scheme == "distributed" && at != nil:
		return nil, fmt.Errorf("coherent: server: each host has one in the distributed scheme")
	case yield < 0:
		return nil, fmt.Errorf("coherent: yield_ms: got %d", yield)
	}
	if unit != 0 {
		c.unit = mach.Size(unit)
	}
	if bytes == 0 {
		bytes = size(c.unit)
	}
	o := pagers.CoherentOptions{Unit: c.unit, Yield: mach.Timeout(yield)}
	list, ok := elements(without)
	if !ok {
		return nil, fmt.Errorf("coherent: without: got %s, want a list of repairs", without.Type())
	}
	for _, v := range list {
		name, _ := starlark.AsString(v)
		r, ok := repairs[name]
		if !ok {
			return nil, fmt.Errorf("coherent: without: got %s, want R1 to R8", v)
		}
		o.Without |= r
	}
	where := c.hosts
	if scheme == "central" {
		where = c.hosts[:1]
		if at != nil {
			where = []*host{at.host}
		}
	}
	for i := range c.hosts {
		c.place = append(c.place, min(i, len(where)-1))
	}
	for _, h := range where {
		if err := c.addServer(h, o, mach.Size(bytes), scheme == "central"); err != nil {
			return nil, fmt.Errorf("coherent: %w", err)
		}
	}
	return c, nil
}

// addServer starts a server on a host. The first makes the object, the others copy it from the first.
func (c *coherent) addServer(h *host, o pagers.CoherentOptions, size mach.Size, alone bool) error {
	label := c.name
	if !alone {
		label += "@" + h.k.Name()
	}
	var server *pagers.Coherent
	var object mach.Name
	pg, err := c.p.start(h, label+".server", oneThread(), func(u userThread, x *thread, _ []pagers.Option) (*pagers.Server, mach.Return) {
		var ret mach.Return
		if server, ret = pagers.NewCoherent(u, o); ret != mach.KernSuccess {
			return nil, ret
		}
		if len(c.servers) == 0 {
			object, ret = server.NewObject(u, size)
			return server.Server(), ret
		}
		first, err := x.task.k.GiveSend(c.servers[0].k, c.names[0])
		if err != nil {
			return nil, mach.Code(err)
		}
		object, ret = server.Replicate(u, first)
		return server.Server(), ret
	})
	if err != nil {
		return err
	}
	pg.coherent = server
	v, err := pg.newObject(object, label)
	if err != nil {
		return err
	}
	c.servers, c.names, c.objects = append(c.servers, pg), append(c.names, object), append(c.objects, v.(*port))
	return nil
}

func (*coherent) Type() string     { return "coherent" }
func (c *coherent) String() string { return c.name }

// at is the place of a host's server.
func (c *coherent) at(h *host) (int, error) {
	for i, other := range c.hosts {
		if other == h {
			return c.place[i], nil
		}
	}
	return 0, fmt.Errorf("%s does not share %s", h, c)
}

var coherentMethods = methods[*coherent]{
	"object": func(c *coherent, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var h hostArg
		if err := starlark.UnpackArgs("object", args, kwargs, "host", &h); err != nil {
			return nil, err
		}
		i, err := c.at(h.host)
		if err != nil {
			return nil, fmt.Errorf("object: %w", err)
		}
		return c.objects[i], nil
	},
	"server": func(c *coherent, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var h hostArg
		if err := starlark.UnpackArgs("server", args, kwargs, "host", &h); err != nil {
			return nil, err
		}
		i, err := c.at(h.host)
		if err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
		return c.servers[i], nil
	},
	"owner": (*coherent).owner,
	"stats": (*coherent).stats,
}

// Attr is a method, name or unit.
func (c *coherent) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(c.name), nil
	case "unit":
		return starlark.MakeUint64(uint64(c.unit)), nil
	}
	return coherentMethods.attr(c, name), nil
}

// AttrNames lists the attributes.
func (c *coherent) AttrNames() []string { return coherentMethods.names("name", "unit") }

// owner is shared.owner(host, offset=0): the host where the page is, as far as the host's server knows.
func (c *coherent) owner(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var h hostArg
	var off size
	if err := starlark.UnpackArgs("owner", args, kwargs, "host", &h, "offset?", &off); err != nil {
		return nil, err
	}
	i, err := c.at(h.host)
	if err != nil {
		return nil, fmt.Errorf("owner: %w", err)
	}
	name, _ := c.servers[i].coherent.Owner(c.names[i], mach.Offset(off))
	info, ok := c.servers[i].k.Space().Lookup(name)
	if !ok || info.Port == nil {
		return starlark.None, nil
	}
	for _, h := range c.p.hosts {
		if info.Port.Home() == h.k.Node() {
			return h, nil
		}
	}
	return starlark.None, nil
}

// stats is shared.stats(): what the servers have done, added up.
func (c *coherent) stats(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("stats", args, kwargs); err != nil {
		return nil, err
	}
	var s pagers.CoherentStats
	for _, pg := range c.servers {
		s.Add(pg.coherent.Stats())
	}
	return newRecord("stats", "reads", s.Reads, "writes", s.Writes, "upgrades", s.Upgrades, "stale", s.Stale,
		"requests", s.Requests, "forwarded", s.Forwarded, "ask_backs", s.AskBacks, "lost", s.Lost, "refused", s.Refused,
		"ignored", s.Ignored, "retried", s.Retried), nil
}

// newNetmem is netmem_pager(host, name).
func (p *play) newNetmem(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if threadOf(th) != nil {
		return nil, fmt.Errorf("netmem_pager: only the top level can make a pager")
	}
	var h hostArg
	var name string
	if err := starlark.UnpackArgs("netmem_pager", args, kwargs, "host", &h, "name", &name); err != nil {
		return nil, err
	}
	var netmem *pagers.Netmem
	pg, err := p.start(h.host, name, oneThread(), func(u userThread, _ *thread, _ []pagers.Option) (*pagers.Server, mach.Return) {
		var ret mach.Return
		netmem, ret = pagers.NewNetmem(u)
		return netmem.Server(), ret
	})
	if err != nil {
		return nil, err
	}
	pg.netmem = netmem
	return pg, nil
}

// state is pager.state(object) of a netmem pager.
func (pg *pager) state(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var what *port
	if err := starlark.UnpackArgs("state", args, kwargs, "object", &what); err != nil {
		return nil, err
	}
	if pg.netmem == nil {
		return nil, fmt.Errorf("state: %s is no netmem pager", pg)
	}
	if live := what.port(); live != nil {
		if name, ok := pg.k.Space().NameOf(live); ok {
			return starlark.String(pg.netmem.State(name).String()), nil
		}
	}
	return nil, fmt.Errorf("state: %s has nothing called %s", pg, what)
}

// taken is pager.taken() of a netmem pager: the arcs of its state machine that were taken.
func (pg *pager) taken(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("taken", args, kwargs); err != nil {
		return nil, err
	}
	if pg.netmem == nil {
		return nil, fmt.Errorf("taken: %s is no netmem pager", pg)
	}
	var ids []starlark.Value
	for _, id := range pg.netmem.Taken() {
		ids = append(ids, starlark.String(id))
	}
	return starlark.NewList(ids), nil
}
