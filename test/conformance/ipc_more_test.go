package conformance

import (
	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// array is the descriptor of an array of rights, which is put into fresh memory.
func (a *actor) array(d mach.Disposition, names ...mach.Name) desc {
	a.t.Helper()
	r, ret := user.StoreNames(a, names)
	a.ok(ret)
	return desc{Kind: mach.DescPorts, Memory: r, Disp: d}
}

// names reads an array of names.
func (a *actor) names(r mach.Region) []mach.Name {
	a.t.Helper()
	names, err := user.LoadNames(a, r)
	require.NoError(a.t, err)
	return names
}

// region is the descriptor of out-of-line memory.
func region(r mach.Region, c mach.CopyOption, deallocate bool) desc {
	return desc{Kind: mach.DescMemory, Memory: r, Copy: c, Deallocate: deallocate}
}

// Kill terminates a task and lets everything else run until it waits.
func (s *stage) Kill(task *task) {
	s.t.Helper()
	task.Terminate()
	s.Settle()
}

// dataError is a control call that needs nothing and does nothing when no page was asked for.
type dataError = defs.MemoryObjectDataError[mach.Name]

var dataErrorCall = user.CodecFor[dataError](defs.MemoryObjectDataErrorRow, mig.Request)
