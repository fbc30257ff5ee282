package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"machvm/kernel/mach"
	"machvm/pagers"
	"machvm/pagers/zoo"
)

// blameless is what zoo_pager makes if nobody says otherwise: a manager without a mistake that serves programs, too.
const blameless = "Z4"

// newZooPager is zoo_pager(host, name).
func (p *play) newZooPager(th *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if threadOf(th) != nil {
		return nil, fmt.Errorf("zoo_pager: only the top level can make a pager")
	}
	var h hostArg
	var name string
	if err := starlark.UnpackArgs("zoo_pager", args, kwargs, "host", &h, "name", &name); err != nil {
		return nil, err
	}
	maker := p.options.Zoo
	if maker == nil {
		s, _ := zoo.Find(blameless)
		maker = s.Right
	}
	var m *zoo.Manager
	pg, err := p.start(h.host, name, oneThread(), func(u userThread, x *thread, _ []pagers.Option) (*pagers.Server, mach.Return) {
		priv, err := x.task.k.GiveHostPriv()
		if err != nil {
			return nil, mach.KernFailure
		}
		var ret mach.Return
		if m, ret = maker(u, priv); ret != mach.KernSuccess {
			return nil, ret
		}
		m.Assist(u)
		return m.Server, ret
	})
	if err != nil {
		return nil, err
	}
	pg.zoo = m
	return pg, nil
}
