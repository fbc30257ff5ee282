package trace

import "machvm/kernel/mach"

// FaultStage is how far a fault has come.
type FaultStage uint8

const (
	FaultBegin FaultStage = iota
	FaultAsk              // a manager is needed: a request goes out, or one that is out is waited for
	FaultEnd
)

var faultStageNames = []string{"begin", "ask", "end"}

func (s FaultStage) String() string { return spell(s, "stage", faultStageNames) }

// FaultHow is where the page came from.
type FaultHow uint8

const (
	FaultUnknown    FaultHow = iota
	FaultResident            // it was there
	FaultPagedIn             // its manager supplied it
	FaultZeroFilled          // there was nothing: zeros
	FaultCopied              // copied up from an object below
	FaultUnlocked            // it was there; its manager allowed the access
)

var faultHowNames = []string{"unknown", "resident", "paged in", "zero-filled", "copied", "unlocked"}

func (h FaultHow) String() string { return spell(h, "how", faultHowNames) }

// Fault is a page fault.
type Fault struct {
	Addr   mach.Addr
	Object uint64      `name:"object"` // 0 where it is not known yet
	Offset mach.Offset // of the page in the object
	Task   uint32      `name:"task"`
	Access mach.Prot
	Code   mach.Return // end
	Stage  FaultStage
	How    FaultHow // end
}

// Kind is KindFault.
func (Fault) Kind() Kind { return KindFault }

func (f Fault) line(w *writer) {
	w.mark("**")
	switch {
	case f.Access&mach.ProtWrite != 0:
		w.str("write")
	case f.Access&mach.ProtExecute != 0:
		w.str("execute")
	default:
		w.str("read")
	}
	w.str(" fault at ").hex(uint64(f.Addr)).str(" of ").task(f.Task)
	if f.Object != 0 {
		w.str(", page ").place(f.Object, f.Offset)
	}
	switch {
	case f.Stage == FaultAsk:
		w.str(", needs the manager")
	case f.Stage == FaultEnd && !f.Code.OK():
		w.str(": ").str(f.Code.String())
	case f.Stage == FaultEnd && f.How == FaultUnknown:
		w.str(": done")
	case f.Stage == FaultEnd:
		w.str(": ").str(f.How.String())
	}
}

// PagePhase is the state of a page of an object.
type PagePhase uint8

const (
	PageEmpty       PagePhase = iota // no page
	PagePlaceholder                  // asked for
	PageResident
	PageBusy   // resident, being returned, copied or wired
	PageAbsent // the manager has nothing here
	PageError  // the manager gave an error
)

var pagePhaseNames = []string{"empty", "placeholder", "resident", "busy", "absent", "error"}

func (p PagePhase) String() string { return spell(p, "phase", pagePhaseNames) }

// PageCause is why a page changed.
type PageCause uint8

const (
	PageFault PageCause = iota
	PageCluster
	PageSupply
	PageUnavailable
	PageDataError
	PageLock
	PageClean
	PageFlush
	PageEvict
	PageUnlock
	PageStore
	PageAbort
	PageTerminate
)

var pageCauseNames = []string{"fault", "cluster", "supply", "unavailable", "error", "lock", "clean", "flush",
	"evict", "unlock", "store", "abort", "terminate"}

func (c PageCause) String() string { return spell(c, "cause", pageCauseNames) }

// PageState is a change of a page, with its state after it.
type PageState struct {
	Object   uint64 `name:"object"`
	Offset   mach.Offset
	Lock     mach.Prot // access its manager prohibits
	Wanted   mach.Prot // access asked for: in the request of a placeholder, in an unlock request
	From, To PagePhase
	Cause    PageCause
	Dirty    bool
	Precious bool
	Wired    bool
}

// Kind is KindPageState.
func (PageState) Kind() Kind { return KindPageState }

func (p PageState) line(w *writer) {
	w.mark("--").str("page ").place(p.Object, p.Offset).str(" ").str(p.From.String())
	w.when(p.From != p.To, " to ")
	if p.From != p.To {
		w.str(p.To.String())
	}
	w.str(" (").str(p.Cause.String()).str(")")
	w.when(p.Dirty, " dirty").when(p.Precious, " precious").when(p.Wired, " wired")
	if p.Lock != 0 {
		w.str(" lock ").str(p.Lock.String())
	}
	if p.Wanted != 0 {
		w.str(" wanted ").str(p.Wanted.String())
	}
}

// Phase is the state of the pair of a memory object and a kernel.
type Phase uint8

const (
	PhaseNone        Phase = iota // no association
	PhaseIniting                  // init is being queued
	PhaseUnready                  // waiting for the manager's attributes
	PhaseActive                   // normal
	PhaseCached                   // no references, pages kept
	PhaseTerminating              // association broken, terminate not yet queued (TERM-A)
	PhaseTerminated               // terminate queued (TERM-B)
	PhaseGone                     // the manager has the control receive right
	PhaseDead                     // the object port died
	PhaseOrphan                   // mapped, but without a manager for ever
	PhaseInternal                 // memory of the kernel's own making
	PhaseFreed                    // the VM object is no more
)

var phaseNames = []string{"none", "initing", "unready", "active", "cached", "terminating", "terminated", "gone",
	"dead", "orphan", "internal", "freed"}

func (p Phase) String() string { return spell(p, "phase", phaseNames) }

// ObjectPhase is a step of an object's life cycle.
type ObjectPhase struct {
	Object   uint64 `name:"object"`
	Port     uint64 `name:"port"` // the memory object
	From, To Phase
}

// Kind is KindObjectPhase.
func (ObjectPhase) Kind() Kind { return KindObjectPhase }

func (o ObjectPhase) line(w *writer) {
	w.mark("--").str("object ").object(o.Object).str(" ").str(o.From.String()).str(" to ").str(o.To.String())
	if w.full && o.Port != PortNull {
		w.str(" (").port(o.Port).str(")")
	}
}

// AssociationStep is a step in the beginning or the end of an association.
type AssociationStep uint8

const (
	StepInit  AssociationStep = iota // init queued
	StepReady                        // the manager has declared itself ready

	StepT1 // last unmap: association broken, control port closed
	StepT2 // detached from the copy chain, no paging left
	StepT3 // pages freed or returned
	StepT4 // terminate queued
	StepT5 // object port free for the next association
	StepT6 // object freed

	StepD1 // destroy: association broken
	StepD2 // port fields cleared
	StepD3 // activity aborted
	StepD4 // no paging left
	StepD5 // terminate queued, object port free
	StepD6 // reference of the call dropped

	StepP1 // object port dead
	StepP2 // dead-name notifications made
	StepP3 // association found and cleared
	StepP4 // control port destroyed
	StepP5 // activity aborted
	StepP6 // reference dropped
)

var stepNames = []string{"init", "ready", "T1", "T2", "T3", "T4", "T5", "T6", "D1", "D2", "D3", "D4", "D5", "D6",
	"P1", "P2", "P3", "P4", "P5", "P6"}

var stepTexts = []string{"init queued", "manager ready", "association broken", "no paging left",
	"pages freed or returned", "terminate queued", "object port free", "object freed",
	"association broken by destroy", "port fields cleared", "activity aborted", "no paging left",
	"terminate queued", "reference of the call dropped",
	"object port dead", "dead names notified", "association cleared", "control port destroyed",
	"activity aborted", "reference dropped"}

func (s AssociationStep) String() string { return spell(s, "step", stepNames) }

// Association is a step in the life of an association between a kernel and a memory object.
type Association struct {
	Object      uint64 `name:"object"`
	ObjectPort  uint64 `name:"port"`
	ControlPort uint64 `name:"port"`
	Step        AssociationStep
}

// Kind is KindAssociation.
func (Association) Kind() Kind { return KindAssociation }

func (a Association) line(w *writer) {
	w.mark("--").str(a.Step.String()).str(" ").port(a.ObjectPort).str(" with ").port(a.ControlPort)
	if int(a.Step) < len(stepTexts) {
		w.str(": ").str(stepTexts[a.Step])
	}
	if w.full && a.Object != 0 {
		w.str(" (").object(a.Object).str(")")
	}
}

// MappingOp is what happened to a range of an address space.
type MappingOp uint8

const (
	MappingEnter   MappingOp = iota
	MappingRemove            // unmapped
	MappingClip              // an entry was cut in two; the range is its second part
	MappingExtend            // an entry grew to the range
	MappingProtect           // its protection changed
	MappingInherit           // its inheritance changed
	MappingWire              // wired
	MappingUnwire            // unwired
	MappingReplace           // another object came under it (copy-on-write, fork)
)

var mappingOpNames = []string{"enter", "remove", "clip", "extend", "protect", "inherit", "wire", "unwire", "replace"}
var mappingTexts = []string{"maps", "unmaps", "clips", "extends", "protects", "sets inheritance of", "wires",
	"unwires", "replaces"}

func (o MappingOp) String() string { return spell(o, "op", mappingOpNames) }

// Mapping is a change of an address space, with the state of the range after it.
type Mapping struct {
	Start, End mach.Addr
	Object     uint64      `name:"object"` // 0: none yet, zero-filled memory
	Offset     mach.Offset // of Start in the object
	Task       uint32      `name:"task"`
	Prot, Max  mach.Prot
	Mappings   uint32 // mappings of the object in all address spaces, afterwards
	Op         MappingOp
	Copy       bool // copy-on-write
}

// Kind is KindMapping.
func (Mapping) Kind() Kind { return KindMapping }

func (m Mapping) line(w *writer) {
	w.mark("##").task(m.Task).str(" ").str(spell(m.Op, "op", mappingTexts)).str(" ")
	w.hex(uint64(m.Start)).str("-").hex(uint64(m.End)).str(" ")
	if m.Object == 0 {
		w.str("zero-filled")
	} else {
		w.place(m.Object, m.Offset)
	}
	if m.Op != MappingRemove {
		w.str(" ").str(m.Prot.String()).str("/").str(m.Max.String())
		w.when(m.Copy, " copy")
	}
	if m.Object != 0 {
		w.str(", ").dec(uint64(m.Mappings)).str(" mapping").when(m.Mappings != 1, "s")
	}
}
