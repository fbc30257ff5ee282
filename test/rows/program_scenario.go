package rows

import (
	"fmt"
	"slices"
	"strings"

	"machvm/kernel/mach"
)

// Scenario is the program as a script with everything that the reference says of it: a kernel on which the program
// passes passes the script too, and one on which it fails fails it at the line of the step. title is a comment.
func (p Program) Scenario(title string) string {
	var head, body script
	for line := range strings.Lines(title) {
		head.line("# %s", strings.TrimRight(line, "\n"))
	}
	head.host(&p.Setup)
	body.tasks(&p.Setup)
	left := false
	for _, v := range p.moves() {
		if v.number > len(p.Steps) && !left {
			left = true
			body.line("")
			body.line("# what is left")
		}
		body.move(v)
	}
	return head.String() + helpers(body.String()) + body.String()
}

// script is the text of a scenario.
type script struct{ strings.Builder }

func (b *script) line(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

// helpers is the functions that a script uses.
func helpers(body string) (text string) {
	for _, f := range slices.Backward(strings.Split(prelude, "\n\n")) {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(f), "def "), "(")
		if strings.Contains(body+text, name+"(") || !strings.Contains(f, "def ") {
			text = f + "\n\n" + text
		}
	}
	return text
}

const prelude = `
tasks, box, entries, pressed = {}, {}, {}, []

def begin(slot, what, *rights):         # in a thread of a task
    for r in rights:
        tasks[slot].give(r)
    return tasks[slot].thread(what, name = "main")

def do(slot, what, *rights):            # in a thread of a task, to its end
    x = begin(slot, what, *rights)
    run()
    return x

def adopt(slot):                        # what every task has beside memory
    tasks[slot].give_host_priv()
    for o in objects:
        tasks[slot].give(o)
    do(slot, lambda t: box.update([(slot, tasks[slot].port(t.mach_port_allocate()))]))

def fork(parent, child):
    do(parent, lambda t: tasks.update([(child, t.task_create())]))
    adopt(child)

def fill(*runs):                        # fill((2, 65), (1, 66)) is b"AAB"
    data = []
    for n, value in runs:
        data += [value] * n
    return bytes(data)

def differs(got, want):                 # where bytes differ first
    if got == want:
        return None
    if len(got) != len(want):
        return "%d bytes, want %d" % (len(got), len(want))
    got, want = list(got.elems()), list(want.elems())
    for i in range(len(got)):
        if got[i] != want[i]:
            return "byte %d: got %d, want %d" % (i, got[i], want[i])

def arrived(t, r, address, want):       # memory that came with a message
    if r.address != address:
        return "at %d, want %d" % (r.address, address)
    return differs(t.read(r.address, r.size), want)

def placed(r):                          # what vm_remap answers
    return (r.target_address, r.cur_protection, r.max_protection)

def regions(t):                         # what vm_region tells, regions that are alike joined
    found, at = [], 0
    while not t.vm_region(at, expect = [KERN_SUCCESS, KERN_INVALID_ADDRESS]):
        r = t.vm_region(at)
        at = r.address + r.size
        what = (r.protection, r.max_protection, r.inheritance, r.user_wired_count)
        if found and found[-1][1] == r.address and found[-1][2:] == what:
            found[-1] = (found[-1][0], at) + what
        else:
            found.append((r.address, at) + what)
    return found

def manager_of(n):                      # of object n
    return managers[n % len(managers)]

def lock_request(n, offset, size, should_return, should_flush, lock_value):
    if inspect(objects[n]) != None:
        manager_of(n).thread(lambda t: t.memory_object_lock_request(control(objects[n]), offset, size, should_return,
            should_flush, lock_value), name = "lock")

def stored(n):                          # what the manager has when all pages have been returned
    lock_request(n, 0, object_size, MEMORY_OBJECT_RETURN_ALL, False, VM_PROT_NO_CHANGE)
    run()
    return pages(manager_of(n).contents(objects[n]), size = object_size)

def press(n):                           # a task reads more memory than there is, and ends
    presser = k.task("presser%d" % len(pressed))
    pressed.append(presser)
    def read(t):
        a = t.vm_allocate(n * page)
        for i in range(n):
            t.touch(a + i * page)
    presser.thread(read)
    run()
    kill(presser)
    run()`

// host adds the host and its managers.
func (b *script) host(s *Setup) {
	b.WriteString(`k = host("k"` + fmt.Sprintf(", page_size = %d, frames = %d", PageSize, s.frames()))
	for _, h := range habits {
		if s.has(h.field) {
			fmt.Fprintf(b, ", %s = %q", h.field, h.value)
		}
	}
	b.line(")")
	if s.Paging > 0 {
		b.line(`default_pager(k, "paging", pages = %d, cluster = %d)`, pagingSpace, s.Paging*PageSize)
	}
	b.line(`managers = [memory_pager(k, "manager%%d" %% i) for i in range(%d)]`, managerCount)
	b.line("objects = []")
	b.line("page, object_size = %d, %d", PageSize, objectSize*PageSize)
}

// tasks adds the memory objects and the tasks of the beginning.
func (b *script) tasks(s *Setup) {
	for i, o := range s.Objects {
		text := fmt.Sprintf("copy_strategy = %s", [...]string{mach.CopyNone: "MEMORY_OBJECT_COPY_NONE", mach.CopyDelay: "MEMORY_OBJECT_COPY_DELAY"}[o.Strategy])
		if o.MayCache {
			text += ", may_cache = True"
		}
		if o.Precious {
			text += ", precious = True"
		}
		if o.Locked {
			text += ", lock = VM_PROT_WRITE"
		}
		if o.Cluster > 0 {
			text += fmt.Sprintf(", cluster_size = %d", o.Cluster*PageSize)
		}
		b.line(`objects.append(manager_of(%d).object("object%d", data = %s, %s))`, i, i, fill(objectData(i, o)), text)
	}
	for i := range s.Tasks {
		b.line(`tasks[%d] = k.task("t%d")`, i, i)
		b.line("adopt(%d)", i)
	}
	b.line("")
}

// move adds the line of a step, or its lines.
func (b *script) move(v move) {
	s, out := v.Step, v.want
	if v.after {
		b.line("run()")
	}
	end, do := "; run()", "do"
	if v.along {
		end, do = "", "begin"
	}
	switch s.Op {
	case OpFork:
		b.line("fork(%d, %d)", s.Task, s.Other)
		return
	case OpTerminate:
		b.line("kill(tasks.pop(%d))%s", s.Task, end)
		return
	case OpClean:
		b.line("lock_request(%d, %s)%s", s.Object, s.lock(), end)
		return
	case OpStored:
		b.line("expect_equal(differs(stored(%d), %s), None)", s.Object, fill(out.data))
		return
	case OpEvict:
		b.line("k.evict(%d)%s", s.Value, end)
		return
	case OpPress:
		b.line("press(2 * %d)", pressedFrames)
		return
	case OpGone:
		b.line("expect_equal(inspect(objects[%d]), None)", s.Object)
		return
	case OpLook:
		b.look(s, out.runs)
		return
	}
	text, rights := s.call(), s.rights()
	switch {
	case out.code != mach.KernSuccess:
		text = strings.TrimSuffix(text, ")") + ", expect = " + out.code.String() + ")"
	case s.Size == 0 && s.Op == OpRead: // nothing comes
	default:
		text = s.expecting(text, out)
	}
	text = fmt.Sprintf("%s(%d, lambda t: %s%s)", do, s.Task, text, rights)
	if out.code != mach.KernSuccess && !v.along && (s.Op == OpStore || s.Op == OpLoad) {
		text = fmt.Sprintf("expect_exception(%s, %v, address = %#x)", text, out.code, out.addr)
	}
	b.line("%s", text)
}

// look adds the lines of a look at everything that a task has.
func (b *script) look(s Step, runs []run) {
	var list []string
	for _, r := range runs {
		list = append(list, fmt.Sprintf("(%#x, %#x, %s, %s, %s, %d)", r.first*PageSize, r.last*PageSize,
			protName(r.prot), protName(r.max), inheritName(r.inherit), r.wires))
	}
	b.line("do(%d, lambda t: expect_equal(regions(t), [%s]))", s.Task, strings.Join(list, ", "))
	for _, r := range runs {
		if r.data != nil {
			b.line("do(%d, lambda t: expect_equal(differs(t.read(%#x, %#x), %s), None))", s.Task, r.first*PageSize,
				len(r.data), fill(r.data))
		}
	}
}

// call is the call that a step makes.
func (s Step) call() string {
	at := fmt.Sprintf("%#x, %#x", s.Addr, s.Size)
	other := fmt.Sprintf("target_task = tasks[%d]", s.Other)
	switch s.Op {
	case OpAllocate:
		if !s.Wanted {
			return fmt.Sprintf("t.vm_allocate(%#x)", s.Size)
		}
		return fmt.Sprintf("t.vm_allocate(%#x, %#x)", s.Size, s.Addr)
	case OpMap:
		return fmt.Sprintf("t.vm_map(None, %s)", s.mapping())
	case OpMapObject:
		return fmt.Sprintf("t.vm_map(objects[%d], %s)", s.Object, s.mapping())
	case OpMapEntry:
		return fmt.Sprintf("t.vm_map(entries[%d], %s)", s.Object, s.mapping())
	case OpDeallocate:
		return fmt.Sprintf("t.vm_deallocate(%s)", at)
	case OpStore:
		return fmt.Sprintf("t.write(%#x, fill((%#x, %#x)))", s.Addr, s.Size, s.Value)
	case OpLoad:
		return fmt.Sprintf("t.read(%s)", at)
	case OpProtect:
		return fmt.Sprintf("t.vm_protect(%s, %s)", at, protName(s.Prot))
	case OpProtectMax:
		return fmt.Sprintf("t.vm_protect(%s, %s, set_maximum = True)", at, protName(s.Prot))
	case OpInherit:
		return fmt.Sprintf("t.vm_inherit(%s, %s)", at, inheritName(s.Inherit))
	case OpBehavior:
		return fmt.Sprintf("t.vm_behavior_set(%s, %d)", at, s.Value)
	case OpCopy:
		return fmt.Sprintf("t.vm_copy(%s, %#x)", at, s.To)
	case OpRead:
		return fmt.Sprintf("t.vm_read(%s, %s)", at, other)
	case OpReadOverwrite:
		return fmt.Sprintf("t.vm_read_overwrite(address = %#x, size = %#x, data = %#x, %s)", s.Addr, s.Size, s.To, other)
	case OpWrite:
		return fmt.Sprintf("t.vm_write(%#x, region(%s), %s)", s.To, at, other)
	case OpRemap:
		text := fmt.Sprintf("%s, src_task = tasks[%d], target_address = %#x", at, s.Other, s.To)
		return "t.vm_remap(" + text + s.likeness() + ")"
	case OpWire:
		return fmt.Sprintf("t.vm_wire(%s, %s)", at, protName(s.Prot))
	case OpUnwire:
		return fmt.Sprintf("t.vm_wire(%s, VM_PROT_NONE)", at)
	case OpSync:
		flags := "VM_SYNC_ASYNCHRONOUS"
		if s.Wanted {
			flags = "VM_SYNC_SYNCHRONOUS"
		}
		if s.Flush {
			flags += " | VM_SYNC_INVALIDATE"
		}
		return fmt.Sprintf("t.vm_msync(%s, %s)", at, flags)
	case OpSend:
		return fmt.Sprintf(`t.mach_msg_send(message("4711", memory = [region(%s, deallocate = %s, physical = %s)]), to = box[%d])`,
			at, truth(s.Flush), truth(s.Copy), s.Other)
	case OpReceive:
		return fmt.Sprintf("t.mach_msg_receive(box[%d])", s.Task)
	case OpMakeEntry:
		return fmt.Sprintf("t.mach_make_memory_entry_64(size = %#x, offset = %#x, permission = %#x, parent_entry = None)", s.Size, s.Addr, entryKind(s))
	}
	return fmt.Sprintf("operation %d", s.Op)
}

// mapping is the arguments of vm_map behind the memory object.
func (s Step) mapping() string {
	text := fmt.Sprintf("%#x, address = %#x", s.Size, s.Addr)
	if s.Op != OpMap && s.To > 0 {
		text += fmt.Sprintf(", offset = %#x", s.To)
	}
	if s.Prot != mach.ProtDefault {
		text += ", cur_protection = " + protName(s.Prot)
	}
	if s.Max != mach.ProtAll {
		text += ", max_protection = " + protName(s.Max)
	}
	return text + s.likeness()
}

// likeness is arguments that vm_map and vm_remap share, where they are not what a script gets without a word.
func (s Step) likeness() (text string) {
	if !s.Wanted {
		text += ", anywhere = True"
	}
	if s.Copy && s.Op != OpMap {
		text += ", copy = True"
	}
	if s.Inherit != mach.InheritCopy {
		text += ", inheritance = " + inheritName(s.Inherit)
	}
	return text
}

// rights is what must be given to the task before the call, as further arguments of do.
func (s Step) rights() string {
	switch s.Op {
	case OpRead, OpReadOverwrite, OpWrite, OpRemap:
		return fmt.Sprintf(", tasks[%d]", s.Other)
	case OpSend:
		return fmt.Sprintf(", box[%d]", s.Other)
	case OpMapEntry:
		return fmt.Sprintf(", entries[%d]", s.Object)
	}
	return ""
}

// expecting is a call and what is expected of its answer.
func (s Step) expecting(call string, out outcome) string {
	switch s.Op {
	case OpAllocate, OpMap, OpMapObject, OpMapEntry:
		return fmt.Sprintf("expect_equal(%s, %#x)", call, out.addr)
	case OpLoad:
		return fmt.Sprintf("expect_equal(differs(%s, %s), None)", call, fill(out.data))
	case OpRead:
		return fmt.Sprintf("expect_equal(arrived(t, %s, %#x, %s), None)", call, out.addr, fill(out.data))
	case OpReceive:
		return fmt.Sprintf("expect_equal(arrived(t, %s.memory[0], %#x, %s), None)", call, out.addr, fill(out.data))
	case OpRemap:
		return fmt.Sprintf("expect_equal(placed(%s), (%#x, %s, %s))", call, out.addr, protName(out.cur), protName(out.max))
	case OpMakeEntry:
		return fmt.Sprintf("entries.update([(%d, t.task.port(%s.object_handle))])", s.Object, call)
	}
	return call
}

// lock is the arguments of a lock_request.
func (s Step) lock() string {
	which, value := "MEMORY_OBJECT_RETURN_DIRTY", "VM_PROT_NO_CHANGE"
	if s.Return {
		which = "MEMORY_OBJECT_RETURN_ALL"
	}
	if s.Prot != mach.ProtNoChange {
		value = protName(s.Prot)
	}
	return fmt.Sprintf("%#x, %#x, %s, %s, %s", s.Addr, s.Size, which, truth(s.Flush), value)
}

// String is the step in the words of a script.
func (s Step) String() string {
	var b script
	switch {
	case s.Op == OpStored:
		return fmt.Sprintf("stored(%d)", s.Object)
	case s.Op >= OpClean || s.Op == OpFork || s.Op == OpTerminate:
		b.move(move{Step: s, along: s.Along})
		return strings.TrimSpace(b.String())
	case s.Op == OpLook:
		return fmt.Sprintf("task %d: regions and contents", s.Task)
	}
	return fmt.Sprintf("task %d: %s", s.Task, s.call())
}

// fill is bytes, as runs of one value.
func fill(data []byte) string {
	var list []string
	for i := 0; i < len(data); {
		n := i
		for n < len(data) && data[n] == data[i] {
			n++
		}
		list = append(list, fmt.Sprintf("(%#x, %#x)", n-i, data[i]))
		i = n
	}
	return "fill(" + strings.Join(list, ", ") + ")"
}

func truth(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func protName(p mach.Prot) string {
	switch p {
	case mach.ProtNone:
		return "VM_PROT_NONE"
	case mach.ProtDefault:
		return "VM_PROT_DEFAULT"
	case mach.ProtAll:
		return "VM_PROT_ALL"
	}
	var list []string
	for i, name := range []string{"VM_PROT_READ", "VM_PROT_WRITE", "VM_PROT_EXECUTE"} {
		if p&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, " | ")
}

func inheritName(i mach.Inherit) string {
	return [...]string{mach.InheritShare: "VM_INHERIT_SHARE", mach.InheritCopy: "VM_INHERIT_COPY", mach.InheritNone: "VM_INHERIT_NONE"}[i]
}
