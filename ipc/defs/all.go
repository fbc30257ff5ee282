package defs

import (
	"embed"

	"machvm/ipc/mig"
)

// source is the text of the files that declare messages: the doc comment of a message struct is the prose
// of its row.
//
//go:embed coherent.go default_pager_object.go exc.go gnumach.go mach.go mach_host.go mach_port.go mach_vm.go
//go:embed machvm.go netmem.go memory_control.go memory_object.go memory_object_default.go notify.go
var source embed.FS

// All lists every subsystem in the order of their numbers.
func All() []*mig.Subsystem {
	return []*mig.Subsystem{Notify, Mach, MemoryObject, MemoryObjectDefault, DefaultPagerObject, Exc,
		MachHost, MachPort, Mach4, GNUMach, MachVM, Netmem, Coherent}
}

var registries [mig.Sets]*mig.Registry

// init runs when all rows of all files are in their subsystems.
func init() {
	for set := range registries {
		registries[set] = mig.NewRegistry(mig.Set(set), All()...)
	}
}

// Registry finds the rows of one message set by number.
func Registry(set mig.Set) *mig.Registry { return registries[set] }
