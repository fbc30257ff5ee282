package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/trace"
	"machvm/vm"
)

// millisecond is one in virtual time.
const millisecond mach.Time = 1_000_000

// host is one kernel, as host(...) makes it.
type host struct {
	handle
	p *play
	k *kernel.Host
}

// newHost is host(name, personality=, page_size=, frames=, policy=, collapse=True, bypass=True, watchdog=milliseconds,
// laundry=, burst=, pause=milliseconds, <field of the personality>=...).
func (p *play) newHost(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	preset, bytes, frames := p.options.Personality, size(0), 0
	policy, collapse, bypass, watchdog := "", true, true, size(0)
	var limits vm.PageoutLimits
	var pause size
	if v := take(&kwargs, "personality"); v != nil {
		name, ok := starlark.AsString(v)
		if !ok {
			return nil, fmt.Errorf("host: personality: got %s, want the name of a preset", v.Type())
		}
		preset = name
	}
	pers := personality.Mach()
	if preset != "" {
		var err error
		if pers, err = personality.ByName(preset); err != nil {
			return nil, err
		}
	}
	if p.options.Habits != nil {
		pers = *p.options.Habits
	}
	var rest []starlark.Tuple
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		if _, is := personality.FieldNamed(name); !is {
			rest = append(rest, kv)
			continue
		}
		if err := pers.Set(name, fieldText(kv[1])); err != nil {
			return nil, err
		}
	}
	var name string
	if err := starlark.UnpackArgs("host", args, rest, "name", &name, "page_size?", &bytes, "frames?", &frames,
		"policy?", &policy, "collapse?", &collapse, "bypass?", &bypass, "watchdog?", &watchdog,
		"laundry?", &limits.Laundry, "burst?", &limits.Burst, "pause?", &pause); err != nil {
		return nil, err
	}
	config := kernel.HostConfig{Name: name, Personality: pers, PageSize: mach.Size(bytes), Frames: frames,
		WithoutCollapse: !collapse, WithoutBypass: !bypass, Watchdog: mach.Time(watchdog) * millisecond}
	limits.Pause = mach.Time(pause) * millisecond
	config.Pageout = limits
	if policy != "" {
		var ok bool
		if config.Policy, ok = vm.PolicyNamed(policy); !ok {
			return nil, fmt.Errorf("host: policy: no policy is named %q; there are mach, fifo, lru, clock, clock-clear, segmented-fifo-N", policy)
		}
	}
	k, err := p.sim.Boot(config)
	if err != nil {
		return nil, err
	}
	h := &host{p: p, k: k}
	p.hosts = append(p.hosts, h)
	return h, nil
}

// fieldText is a script's value as personality.Set reads it.
func fieldText(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		return string(v)
	case starlark.Bool:
		if v {
			return "true"
		}
		return "false"
	}
	return v.String()
}

func (*host) Type() string     { return "host" }
func (h *host) String() string { return h.k.Name() }

var hostMethods = methods[*host]{
	"task": func(h *host, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var name string
		if err := starlark.UnpackArgs("task", args, kwargs, "name", &name); err != nil {
			return nil, err
		}
		return h.newTask(name)
	},
	// statistics() is what vm_statistics tells, and counters of the kernel that no call tells.
	"statistics": func(h *host, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs("statistics", args, kwargs); err != nil {
			return nil, err
		}
		return h.statistics(), nil
	},
	// evict(n) throws out up to n pages, as if memory were short; it takes effect with the next run().
	"evict": func(h *host, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var n int
		if err := starlark.UnpackArgs("evict", args, kwargs, "pages", &n); err != nil {
			return nil, err
		}
		h.p.note(trace.NoteInfo, fmt.Sprintf("the harness has %s throw out up to %d pages", h, n))
		h.k.Evict(n)
		return starlark.None, nil
	},
	"describe": func(h *host, _ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if err := starlark.UnpackArgs("describe", args, kwargs); err != nil {
			return nil, err
		}
		return starlark.String(h.k.VM().DescribeObjects()), nil
	},
}

func (h *host) statistics() *record {
	m := h.k.VM()
	s := m.Stats()
	return newRecord("statistics", "frames", s.Frames, "free", s.Free, "active", s.Active, "inactive", s.Inactive, "wired", s.Wired,
		"laundry", s.Laundry, "faults", s.Faults, "zero_fills", s.ZeroFills, "cow_faults", s.CowFaults, "pushes", s.Pushes,
		"pageins", s.Pageins, "pageouts", s.Pageouts, "reactivations", s.Reactivations, "double_pageouts", s.DoublePageouts,
		"lookups", s.Lookups, "hits", s.Hits, "collapses", s.Collapses, "bypasses", s.Bypasses,
		"collapse_visits", s.CollapseVisits, "overdue", s.Overdue,
		"shadow_depth", m.ShadowDepth(), "inaccessible", m.InaccessiblePages(), "in_transit", m.InTransit())
}

// Attr is a method, or name or page_size.
func (h *host) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(h.k.Name()), nil
	case "page_size":
		return starlark.MakeUint64(uint64(h.k.VM().PageSize())), nil
	}
	return hostMethods.attr(h, name), nil
}

// AttrNames lists the attributes.
func (h *host) AttrNames() []string { return hostMethods.names("name", "page_size") }

// unpackHost accepts a host, or None for all hosts.
func (p *play) unpackHost(v starlark.Value) (uint16, error) {
	switch v := v.(type) {
	case nil, starlark.NoneType:
		return 0, nil
	case *host:
		return v.k.ID(), nil
	}
	return 0, fmt.Errorf("got %s, want a host", v.Type())
}
