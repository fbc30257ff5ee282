package mach

import (
	"fmt"
	"strings"
)

// Prot is a set of access rights to memory: what a mapping allows, or what a page lock prohibits.
// Historic vm_prot_t.
type Prot uint32

const (
	ProtNone    Prot = 0
	ProtRead    Prot = 1
	ProtWrite   Prot = 2
	ProtExecute Prot = 4
	ProtDefault      = ProtRead | ProtWrite // protection of newly allocated memory
	ProtAll          = ProtRead | ProtWrite | ProtExecute

	ProtNoChange   Prot = 8    // lock_request only: leave page locks as they are
	ProtWantsCopy  Prot = 0x10 // data_request only, kernel to manager; managers ignore it
	protNamedOther      = ProtNoChange | ProtWantsCopy
)

// Valid reports whether p has only read, write and execute bits.
func (p Prot) Valid() bool { return p&^ProtAll == 0 }

// Allows reports whether every access in want is allowed by p.
func (p Prot) Allows(want Prot) bool { return want&^p == 0 }

// String is "r-x" for plain access sets, with the special bits named behind.
func (p Prot) String() string {
	b := []byte("---")
	for i, c := range []byte("rwx") {
		if p&(1<<i) != 0 {
			b[i] = c
		}
	}
	s := string(b)
	if p&ProtNoChange != 0 {
		s = "no-change"
		if p&ProtAll != 0 {
			s += "+" + string(b)
		}
	}
	if p&ProtWantsCopy != 0 {
		s += "+wants-copy"
	}
	if rest := p &^ (ProtAll | protNamedOther); rest != 0 {
		s += fmt.Sprintf("+%#x", uint32(rest))
	}
	return s
}

// Inherit says what a child task gets of a region. Historic vm_inherit_t.
type Inherit uint32

const (
	InheritShare Inherit = 0
	InheritCopy  Inherit = 1 // the default
	InheritNone  Inherit = 2
)

// Valid reports whether i is share, copy or none.
func (i Inherit) Valid() bool { return i <= InheritNone }

func (i Inherit) String() string { return enum(uint64(i), "share", "copy", "none") }

// CopyStrategy is how the kernel copies from a memory object. Historic memory_object_copy_strategy_t.
type CopyStrategy int32

const (
	CopyNone      CopyStrategy = 0 // fetch and copy every page inside the copying call
	CopyCall      CopyStrategy = 1 // ask the manager (CMU and GNU)
	CopyDelay     CopyStrategy = 2 // copy object; originals are pushed before they change
	CopyTemporary CopyStrategy = 3 // delay, and the object is temporary
	CopySymmetric CopyStrategy = 4 // kernel only: both sides shadow
	CopyInvalid   CopyStrategy = 5 // kernel only: not yet known
)

func (c CopyStrategy) String() string {
	return enum(uint64(uint32(c)), "none", "call", "delay", "temporary", "symmetric", "invalid")
}

// ShouldReturn says which pages a lock_request returns. Historic memory_object_return_t.
type ShouldReturn int32

const (
	ReturnNone     ShouldReturn = 0
	ReturnDirty    ShouldReturn = 1
	ReturnAll      ShouldReturn = 2 // dirty and precious
	ReturnAnything ShouldReturn = 3 // every resident page
)

// Valid reports whether r is one of the four named values.
func (r ShouldReturn) Valid() bool { return r >= ReturnNone && r <= ReturnAnything }

func (r ShouldReturn) String() string {
	return enum(uint64(uint32(r)), "none", "dirty", "all", "anything")
}

// Behavior is the reference pattern a program announces for a region. Historic vm_behavior_t.
type Behavior int32

const (
	BehaviorDefault           Behavior = 0
	BehaviorRandom            Behavior = 1
	BehaviorSequential        Behavior = 2
	BehaviorReverseSequential Behavior = 3
)

// Valid reports whether b is one of the four named values.
func (b Behavior) Valid() bool { return b >= BehaviorDefault && b <= BehaviorReverseSequential }

func (b Behavior) String() string {
	return enum(uint64(uint32(b)), "default", "random", "sequential", "reverse-sequential")
}

// SyncFlags are the flags of vm_msync and memory_object_synchronize. Historic vm_sync_t.
type SyncFlags uint32

const (
	SyncAsynchronous SyncFlags = 1
	SyncSynchronous  SyncFlags = 2
	SyncInvalidate   SyncFlags = 4
)

func (f SyncFlags) String() string {
	if f == 0 {
		return "none"
	}
	var s []string
	for i, n := range []string{"asynchronous", "synchronous", "invalidate"} {
		if f&(1<<i) != 0 {
			s = append(s, n)
		}
	}
	if rest := f &^ 7; rest != 0 {
		s = append(s, fmt.Sprintf("%#x", uint32(rest)))
	}
	return strings.Join(s, "+")
}

// Flavor selects a form of memory object attributes. Historic memory_object_flavor_t.
type Flavor int32

const (
	FlavorOldBehavior  Flavor = 10 // strategy, temporary, invalidate
	FlavorPerformance  Flavor = 11 // cluster size, may cache
	FlavorOldAttribute Flavor = 12 // ready, may cache, strategy
	FlavorAttribute    Flavor = 14 // strategy, cluster size, may cache, temporary
	FlavorBehavior     Flavor = 15 // strategy, temporary, invalidate, silent overwrite, advisory pageout
)

// Words is the number of 32-bit words of the flavor's attributes, 0 for an unknown flavor.
func (f Flavor) Words() int {
	switch f {
	case FlavorOldBehavior, FlavorOldAttribute:
		return 3
	case FlavorPerformance:
		return 2
	case FlavorAttribute:
		return 4
	case FlavorBehavior:
		return 5
	}
	return 0
}

func (f Flavor) String() string {
	switch f {
	case FlavorOldBehavior:
		return "OLD_BEHAVIOR"
	case FlavorPerformance:
		return "PERFORMANCE"
	case FlavorOldAttribute:
		return "OLD_ATTRIBUTE"
	case FlavorAttribute:
		return "ATTRIBUTE"
	case FlavorBehavior:
		return "BEHAVIOR"
	}
	return fmt.Sprintf("flavor(%d)", int32(f))
}

// enum is names[v], or the number itself where it has no name.
func enum(v uint64, names ...string) string {
	if v < uint64(len(names)) {
		return names[v]
	}
	return fmt.Sprintf("%d", int64(v))
}
