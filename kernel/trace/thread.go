package trace

import "machvm/kernel/mach"

// ThreadOp is what happened to a thread.
type ThreadOp uint8

const (
	ThreadSpawn ThreadOp = iota
	ThreadBlock
	ThreadWake
	ThreadExit
	ThreadKill
	ThreadAbort // its wait was cut short
	ThreadSuspend
	ThreadResume
)

var threadOpNames = []string{"spawn", "block", "wake", "exit", "kill", "abort", "suspend", "resume"}
var threadTexts = []string{"starts", "blocks", "wakes", "exits", "is killed", "is aborted", "is suspended", "is resumed"}

func (o ThreadOp) String() string { return spell(o, "op", threadOpNames) }

// Wait is what a thread waits for.
type Wait uint8

const (
	WaitNone    Wait = iota
	WaitMessage      // a message on a port or set
	WaitQueue        // room in the queue of a port
	WaitPage         // a busy page, or one that was asked for
	WaitObject       // an event of an object: ready, initialised, no paging
	WaitPort         // the end of a terminating association, by its object port
	WaitMemory       // a free page
	WaitEntry        // a map entry in transition
	WaitSpace        // room in a map
	WaitTime         // a moment
	WaitThread       // the end of another thread
	WaitSuspend      // being resumed
)

var waitNames = []string{"none", "message", "queue", "page", "object", "terminating", "memory", "entry", "space", "time",
	"thread", "suspend"}
var waitTexts = []string{"", "a message on", "room in the queue of", "a page of", "an event of", "the termination of",
	"a free page", "a map entry", "room in a map", "the clock", "the end of", "being resumed"}

// waitClasses is the class of Thread.What for each wait.
var waitClasses = [...]Class{WaitMessage: ClassPort, WaitQueue: ClassPort, WaitPage: ClassObject,
	WaitObject: ClassObject, WaitPort: ClassPort, WaitThread: ClassThread}

func (v Wait) String() string { return spell(v, "wait", waitNames) }

// Thread is an event in the life of a thread.
type Thread struct {
	What    uint64      // what is waited for: a port, object or thread, as Reason implies; 0: unknown
	Subject uint32      `name:"thread"` // which need not be the one in whose context it happens
	Task    uint32      `name:"task"`
	Code    mach.Return // wake: the result of the wait
	Op      ThreadOp
	Reason  Wait
}

// Kind is KindThread.
func (Thread) Kind() Kind { return KindThread }

func (t Thread) line(w *writer) {
	w.mark("--").thread(t.Subject).str(" ").str(spell(t.Op, "op", threadTexts))
	if t.Op == ThreadSpawn {
		w.str(" in ").task(t.Task)
	}
	if t.Reason != WaitNone {
		w.str(": ").str(spell(t.Reason, "wait", waitTexts))
		if int(t.Reason) < len(waitClasses) && waitClasses[t.Reason] != ClassNone && t.What != 0 {
			w.str(" ").name(waitClasses[t.Reason], t.What)
		}
	}
	if !t.Code.OK() {
		w.str(": ").str(t.Code.String())
	}
}

// TrapName says which trap.
type TrapName uint8

const (
	TrapOther TrapName = iota
	TrapMsg            // mach_msg, in its typed or its raw form
	TrapReplyPort
	TrapTaskSelf
	TrapThreadSelf
	TrapHostSelf
	TrapSwitch
	TrapLoad
	TrapStore
	TrapSleep
	TrapExit
)

var trapNames = []string{"trap", "mach_msg", "mach_reply_port", "mach_task_self", "mach_thread_self", "mach_host_self",
	"thread_switch", "load", "store", "sleep", "exit"}

func (n TrapName) String() string { return spell(n, "trap", trapNames) }

// Trap is the entry of a thread into the kernel or its return.
type Trap struct {
	Addr mach.Addr // load, store: where; mach_msg in its raw form: of the buffer
	Size mach.Size // of that memory
	Task uint32    `name:"task"`
	ID   mach.MsgID
	Code mach.Return // exit
	Name TrapName
	Exit bool
}

// Kind is KindTrap.
func (Trap) Kind() Kind { return KindTrap }

func (t Trap) line(w *writer) {
	if t.Exit {
		w.mark("<<")
	} else {
		w.mark(">>")
	}
	w.str(t.Name.String())
	if t.ID != 0 {
		w.str(" ").str(w.names.Message(w.host, t.ID))
	}
	if t.Size != 0 {
		w.str(" ").hex(uint64(t.Size)).str(" bytes at ").hex(uint64(t.Addr))
	}
	if t.Exit {
		w.str(": ").str(t.Code.String())
	}
}

// TaskOp is what happened to a task.
type TaskOp uint8

const (
	TaskCreate TaskOp = iota
	TaskTerminate
	TaskSuspend
	TaskResume
)

var taskOpNames = []string{"create", "terminate", "suspend", "resume"}
var taskTexts = []string{"created", "terminated", "suspended", "resumed"}

func (o TaskOp) String() string { return spell(o, "op", taskOpNames) }

// TaskEvent is an event in the life of a task.
type TaskEvent struct {
	Task   uint32 `name:"task"`
	Parent uint32 `name:"task"` // create: whose address space is inherited, 0 if none is
	Op     TaskOp
}

// Kind is KindTask.
func (TaskEvent) Kind() Kind { return KindTask }

func (t TaskEvent) line(w *writer) {
	w.mark("--").task(t.Task).str(" ").str(spell(t.Op, "op", taskTexts))
	if t.Parent != 0 {
		w.str(" from ").task(t.Parent)
	}
}

var exceptionNames = []string{"EXC_0", "EXC_BAD_ACCESS", "EXC_BAD_INSTRUCTION", "EXC_ARITHMETIC", "EXC_EMULATION",
	"EXC_SOFTWARE", "EXC_BREAKPOINT"}

// ExceptionType is a number of exc.h.
type ExceptionType uint8

// ExcBadAccess is an access that could not be made good.
const ExcBadAccess ExceptionType = 1

func (e ExceptionType) String() string { return spell(e, "exception", exceptionNames) }

// Exception is an exception of a thread, before anybody is told.
type Exception struct {
	Addr mach.Addr   // subcode: of the access
	Task uint32      `name:"task"`
	Code mach.Return // why
	Type ExceptionType
}

// Kind is KindException.
func (Exception) Kind() Kind { return KindException }

func (e Exception) line(w *writer) {
	w.mark("!!").str(e.Type.String()).str(" ").str(e.Code.String()).str(" at ").hex(uint64(e.Addr))
	w.str(" of ").task(e.Task)
}
