package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"machvm/kernel/mach"

	"github.com/stretchr/testify/require"
)

// rows is a MessageInfo of a few messages.
type rows map[mach.MsgID]struct {
	name   string
	fields []FieldInfo
}

func (r rows) MessageName(id mach.MsgID) string        { return r[id].name }
func (r rows) MessageFields(id mach.MsgID) []FieldInfo { return r[id].fields }

var sampleRows = rows{
	2201: {"memory_object_terminate", []FieldInfo{{"memory_object", FieldDest}, {"memory_control", FieldPort}}},
	2203: {"memory_object_data_request", []FieldInfo{{"memory_object", FieldDest}, {"memory_control", FieldPort},
		{"offset", FieldWord64}, {"length", FieldWord64}, {"desired_access", FieldProt}}},
	2208: {"memory_object_data_return", []FieldInfo{{"memory_object", FieldDest}, {"memory_control", FieldPort},
		{"offset", FieldWord64}, {"data", FieldMemory}, {"dirty", FieldBool}, {"kernel_copy", FieldBool}}},
	2189: {"vm_map reply", []FieldInfo{{"", FieldRet}, {"address", FieldWord64}}},
	3000: {"everything", []FieldInfo{{"word", FieldWord32}, {"int", FieldInt32}, {"inherit", FieldInherit},
		{"strategy", FieldCopyStrategy}, {"return", FieldShouldReturn}, {"behavior", FieldBehavior}, {"sync", FieldSync},
		{"flavor", FieldFlavor}, {"name", FieldName}, {"right", FieldRight}, {"type", FieldType}, {"id", FieldMsgID},
		{"disp", FieldDisp}}},
	3001: {"arrays", []FieldInfo{{"rights", FieldPorts}, {"text", FieldBytes}, {"raw", FieldBytes}, {"words", FieldWords},
		{"reply", FieldReply}}},
}

func sampleNames() *Names {
	n := NewNames()
	n.SetMessages(sampleRows)
	n.Label(ClassPort, 10, "hello.txt")
	n.Label(ClassPort, 11, "control#1")
	n.Label(ClassPort, 12, "reply#1")
	n.Label(ClassObject, 5, "hello.txt")
	n.Label(ClassThread, 1, "main")
	n.Label(ClassThread, 2, "pager")
	n.Label(ClassTask, 1, "client")
	n.Label(ClassTask, 2, "server")
	return n
}

func words(vs ...any) []byte {
	var b []byte
	for _, v := range vs {
		switch v := v.(type) {
		case int:
			b = binary.LittleEndian.AppendUint32(b, uint32(int32(v)))
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, v)
		case string:
			b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
			for len(b)%4 != 0 {
				b = append(b, 0)
			}
		}
	}
	return b
}

func message(op MessageOp, id mach.MsgID, body []byte, descs ...MessageDesc) Message {
	m := Message{Op: op, ID: id, Dest: 10, DestKind: mach.PortSend, Kmsg: 77}
	m.SetBody(body)
	for _, d := range descs {
		m.AddDesc(d)
	}
	return m
}

func port(d mach.Disposition, id uint64) MessageDesc {
	return MessageDesc{Kind: mach.DescPort, Disp: d, Value: id}
}

func TestMessageText(t *testing.T) {
	request := words(uint64(0x2000), uint64(0x1000), 3)
	deliver := message(MessageDeliver, 2201, nil, port(mach.MoveReceive, 11))
	deliver.Seqno = 4
	refused := message(MessageRefuse, 2203, request, port(mach.MakeSend, 11))
	refused.Code = mach.SendTimedOut
	reply := message(MessageSend, 2189, words(3, uint64(0)))
	reply.Dest, reply.DestKind = 12, mach.PortSendOnce
	withReply := message(MessageKernel, 4444, words(1, 2), port(mach.MoveSendOnce, 12), MessageDesc{Kind: mach.DescMemory, Value: 0x3000})
	withReply.Reply, withReply.ReplyKind = 12, mach.PortSendOnce
	arrays := message(MessageSend, 3001, words("hi\n", "\xff\xfe", 2, 7, 9),
		MessageDesc{Kind: mach.DescPorts, Disp: mach.CopySend, Value: 3})
	arrays.Reply, arrays.ReplyKind = 12, mach.PortSendOnce
	long := message(MessageSend, 2203, bytes.Repeat([]byte{1}, 65), port(mach.MakeSend, 11))
	many := message(MessageSend, 1, nil)
	for i := range 6 {
		many.AddDesc(port(mach.MoveSend, uint64(20+i)))
	}
	many.Dest = PortNull
	for want, m := range map[string]Message{
		"<- memory_object_terminate(memory_object=hello.txt, memory_control=receive right control#1) seqno 4": deliver,
		"-> memory_object_data_request(memory_object=hello.txt, memory_control=control#1, offset=0x2000, length=0x1000, " +
			"desired_access=rw-)": message(MessageSend, 2203, request, port(mach.MakeSend, 11)),
		"x> memory_object_data_request(memory_object=hello.txt, memory_control=control#1, offset=0x2000, length=0x1000, " +
			"desired_access=rw-): MACH_SEND_TIMED_OUT": refused,
		"-> memory_object_data_return(memory_object=hello.txt, memory_control=MACH_PORT_NULL, offset=0x0, " +
			"data=0x1000 bytes, dirty=TRUE, kernel_copy=FALSE)": message(MessageSend, 2208, words(uint64(0), 1, 0),
			port(mach.MoveSend, PortNull), MessageDesc{Kind: mach.DescMemory, Value: 0x1000}),
		"xx memory_object_terminate(memory_object=hello.txt, memory_control=MACH_PORT_DEAD) destroyed": message(MessageDestroy, 2201, nil,
			port(mach.MoveReceive, PortDead)),
		"-> vm_map reply(KERN_NO_SPACE, address=0x0) to send-once right reply#1": reply,
		"-> vm_map reply(KERN_NO_SPACE) to hello.txt":                            message(MessageSend, 2189, words(int(mach.KernNoSpace))),
		"=> message 4444(send-once right reply#1, 0x3000 bytes, body 0100000002000000) to hello.txt " +
			"reply to send-once right reply#1": withReply,
		"-> everything(word=4294967295, int=-1, inherit=copy, strategy=delay, return=all, behavior=random, " +
			"sync=synchronous+invalidate, flavor=BEHAVIOR, name=0x103, right=SEND_ONCE, type=SEND+RECEIVE, " +
			"id=memory_object_terminate, disp=MAKE_SEND) to hello.txt": message(MessageSend, 3000,
			words(-1, -1, 1, 2, 2, 1, 6, 15, 0x103, 2, 0x30000, 2201, 20)),
		`-> arrays(rights=3 x MOVE_SEND, text="hi\n", raw=fffe, words=[7 9], reply=send-once right reply#1) to hello.txt`: arrays,
		"-> memory_object_data_request(memory_object=hello.txt, memory_control=missing, offset=0x2000, " +
			"length=missing, desired_access=missing)": message(MessageSend, 2203, words(uint64(0x2000), 1)),
		"-> arrays(rights=missing, text=missing, raw=missing, words=missing, reply=MACH_PORT_NULL) to hello.txt": message(MessageSend, 3001,
			words(1000)),
		"-> message 1(port#20, port#21, port#22, port#23, ..., ...)": many,
		"-> memory_object_data_request(memory_object=hello.txt, memory_control=control#1, offset=0x101010101010101, " +
			"length=0x101010101010101, desired_access=r--+0x1010100, body " + strings.Repeat("01", 44) + "...)": long,
	} {
		tr := New()
		Emit(tr, m)
		require.Equal(t, want, tr.Last(1)[0].Describe(sampleNames()))
	}
}

func TestMessagesOfAnotherHost(t *testing.T) {
	n := sampleNames()
	n.SetMessages(rows{2201: {"other_terminate", nil}}, 1)
	require.Equal(t, "memory_object_terminate", n.Message(0, 2201))
	require.Equal(t, "other_terminate", n.Message(1, 2201))
	require.Equal(t, "message 2203", n.Message(1, 2203))
}

// story emits one event of each kind and more.
func story(tr *Tracer) {
	tr.SetContext(0, 1)
	Emit(tr, TaskEvent{Task: 2, Parent: 1})
	Emit(tr, Thread{Subject: 2, Task: 2, Op: ThreadSpawn})
	Emit(tr, Trap{Name: TrapMsg, Task: 1, ID: 2203})
	Emit(tr, Mapping{Task: 1, Object: 5, Offset: 0x1000, Start: 0x10000, End: 0x12000, Prot: mach.ProtRead, Max: mach.ProtDefault, Mappings: 1})
	Emit(tr, Trap{Name: TrapMsg, Task: 1, Exit: true, Code: mach.RcvTimedOut})
	Emit(tr, Trap{Name: TrapLoad, Addr: 0x10004, Size: 4, Task: 1})
	fault := Fault{Task: 1, Addr: 0x10004, Access: mach.ProtRead}
	Emit(tr, fault)
	fault.Object, fault.Offset, fault.Stage = 5, 0x1000, FaultAsk
	Emit(tr, PageState{Object: 5, Offset: 0x1000, To: PagePlaceholder, Wanted: mach.ProtRead})
	Emit(tr, Preempt{Object: 5, Point: ShortOf("placeholder")})
	Emit(tr, Choice{Sort: ShortOf("preempt"), Point: ShortOf("placeholder"), Index: 0, Width: 2})
	Emit(tr, fault)
	m := message(MessageSend, 2203, words(uint64(0x1000), uint64(0x1000), 1), port(mach.MakeSend, 11))
	m.FromKernel = true
	Emit(tr, m)
	Emit(tr, Thread{Subject: 1, Op: ThreadBlock, Reason: WaitPage, What: 5})
	tr.SetTime(1_500_000)
	tr.SetContext(0, 2)
	m.Op, m.Task, m.Seqno = MessageDeliver, 2, 1
	Emit(tr, m)
	Emit(tr, PageState{Object: 5, Offset: 0x1000, From: PagePlaceholder, To: PageResident, Cause: PageSupply,
		Lock: mach.ProtWrite, Dirty: true, Precious: true, Wired: true})
	Emit(tr, PageState{Object: 5, From: PageResident, To: PageResident, Cause: PageClean})
	Emit(tr, Thread{Subject: 1, Op: ThreadWake})
	tr.SetContext(0, 1)
	fault.Stage, fault.How = FaultEnd, FaultPagedIn
	Emit(tr, fault)
	fault.Access, fault.How = mach.ProtWrite, FaultResident
	Emit(tr, fault)
	fault.Access, fault.Code = mach.ProtExecute, mach.KernMemoryError
	Emit(tr, fault)
	Emit(tr, Exception{Task: 1, Type: ExcBadAccess, Code: mach.KernMemoryError, Addr: 0x10004})
	Emit(tr, Mapping{Task: 1, Object: 5, Offset: 0x1000, Start: 0x10000, End: 0x12000, Op: MappingRemove})
	Emit(tr, Mapping{Task: 1, Start: 0x20000, End: 0x21000, Op: MappingProtect, Prot: mach.ProtNone, Max: mach.ProtAll, Copy: true})
	Emit(tr, Association{Object: 5, ObjectPort: 10, ControlPort: 11, Step: StepT1})
	Emit(tr, ObjectPhase{Object: 5, Port: 10, From: PhaseActive, To: PhaseTerminating})
	Emit(tr, PortEvent{Port: 11, Op: PortClose})
	Emit(tr, PortEvent{Port: 10, Op: PortCreate, Task: 2, Name: 0x103})
	Emit(tr, PortEvent{Port: 10, Op: PortJoin, Other: 30})
	Emit(tr, RightEvent{Port: 10, Task: 1, Name: 0x203, Right: mach.RightSend, Delta: -1, Urefs: 2, Op: RightRelease})
	tr.SetContext(1, 0)
	Emit(tr, TaskEvent{Task: 1, Op: TaskTerminate})
	Emit(tr, Thread{Subject: 1, Op: ThreadExit})
	Emit(tr, Thread{Subject: 2, Op: ThreadAbort, Reason: WaitTime, Code: mach.RcvInterrupted})
	tr.Note(NoteInfo, "hello")
	tr.Note(NotePass, "the page is there")
	tr.Note(NoteFail, "no terminate")
	tr.Boot(0, 0x1000, "mach TermWindow=reject")
}

const fullText = `    1 k0 main     -- server created from client
    2 k0 main     -- pager starts in server
    3 k0 main     >> mach_msg memory_object_data_request
    4 k0 main     ## client maps 0x10000-0x12000 hello.txt+0x1000 r--/rw-, 1 mapping
    5 k0 main     << mach_msg: MACH_RCV_TIMED_OUT
    6 k0 main     >> load 0x4 bytes at 0x10004
    7 k0 main     ** read fault at 0x10004 of client
    8 k0 main     -- page hello.txt+0x1000 empty to placeholder (fault) wanted r--
    9 k0 main     ?? may switch at placeholder of hello.txt
   10 k0 main     ?? preempt placeholder 0/2
   11 k0 main     ** read fault at 0x10004 of client, page hello.txt+0x1000, needs the manager
   12 k0 kernel   -> memory_object_data_request(memory_object=hello.txt, memory_control=control#1, offset=0x1000, length=0x1000, desired_access=r--) msg 77 in main
   13 k0 main     -- main blocks: a page of hello.txt
   14 k0 pager    <- memory_object_data_request(memory_object=hello.txt, memory_control=control#1, offset=0x1000, length=0x1000, desired_access=r--) seqno 1 msg 77 @1.5ms
   15 k0 pager    -- page hello.txt+0x1000 placeholder to resident (supply) dirty precious wired lock -w- @1.5ms
   16 k0 pager    -- page hello.txt+0x0 resident (clean) @1.5ms
   17 k0 pager    -- main wakes @1.5ms
   18 k0 main     ** read fault at 0x10004 of client, page hello.txt+0x1000: paged in @1.5ms
   19 k0 main     ** write fault at 0x10004 of client, page hello.txt+0x1000: resident @1.5ms
   20 k0 main     ** execute fault at 0x10004 of client, page hello.txt+0x1000: KERN_MEMORY_ERROR @1.5ms
   21 k0 main     !! EXC_BAD_ACCESS KERN_MEMORY_ERROR at 0x10004 of client @1.5ms
   22 k0 main     ## client unmaps 0x10000-0x12000 hello.txt+0x1000, 0 mappings @1.5ms
   23 k0 main     ## client protects 0x20000-0x21000 zero-filled ---/rwx copy @1.5ms
   24 k0 main     -- T1 hello.txt with control#1: association broken (hello.txt) @1.5ms
   25 k0 main     -- object hello.txt active to terminating (hello.txt) @1.5ms
   26 k0 main     -- control#1 closed @1.5ms
   27 k0 main     -- hello.txt created in server as 0x103 @1.5ms
   28 k0 main     -- hello.txt joins set port#30 @1.5ms
   29 k0 main     -- client 0x203 SEND -1 = 2 (release) of hello.txt @1.5ms
   30 k1 kernel   -- client terminated @1.5ms
   31 k1 kernel   -- main exits @1.5ms
   32 k1 kernel   -- pager is aborted: the clock: MACH_RCV_INTERRUPTED @1.5ms
   33 k1 kernel   // hello @1.5ms
   34 k1 kernel   ok the page is there @1.5ms
   35 k1 kernel   !! no terminate @1.5ms
   36 k1 kernel   -- k0 starts with pages of 0x1000 bytes: mach TermWindow=reject @1.5ms
`

const studentText = `    1 k0 main     ## client maps 0x10000-0x12000 hello.txt+0x1000 r--/rw-, 1 mapping
    2 k0 main     ** read fault at 0x10004 of client, page hello.txt+0x1000, needs the manager
    3 k0 kernel   -> memory_object_data_request(memory_object=hello.txt, memory_control=control#1, offset=0x1000, length=0x1000, desired_access=r--)
    4 k0 pager    <- memory_object_data_request(memory_object=hello.txt, memory_control=control#1, offset=0x1000, length=0x1000, desired_access=r--) seqno 1 @1.5ms
    5 k0 main     ** read fault at 0x10004 of client, page hello.txt+0x1000: paged in @1.5ms
    6 k0 main     ** execute fault at 0x10004 of client, page hello.txt+0x1000: KERN_MEMORY_ERROR @1.5ms
    7 k0 main     !! EXC_BAD_ACCESS KERN_MEMORY_ERROR at 0x10004 of client @1.5ms
    8 k0 main     ## client unmaps 0x10000-0x12000 hello.txt+0x1000, 0 mappings @1.5ms
    9 k1 kernel   -- client terminated @1.5ms
   10 k1 kernel   -- main exits @1.5ms
   11 k1 kernel   // hello @1.5ms
   12 k1 kernel   ok the page is there @1.5ms
   13 k1 kernel   !! no terminate @1.5ms
`

func TestTimeline(t *testing.T) {
	var full, student, messages bytes.Buffer
	tr := New()
	names := sampleNames()
	tr.AddSink(NewText(&full, &Timeline{Names: names, Level: Full}), All)
	tr.AddSink(NewText(&student, &Timeline{Names: names, Renumber: true}), All)
	tr.AddSink(NewText(&messages, &Timeline{Names: names, Mask: MaskOf(KindMessage)}), All)
	story(tr)
	require.Equal(t, fullText, full.String())
	require.Equal(t, studentText, student.String())
	require.Equal(t, 2, strings.Count(messages.String(), "\n"))
	require.True(t, strings.HasPrefix(messages.String(), "   12 k0 kernel   -> "), "the record's own number")

	seen := Mask(0)
	for r := range tr.Records() {
		seen |= MaskOf(r.Kind)
	}
	require.Equal(t, All, seen, "the story shows every kind")
}

// Every value of every enumeration has a word, and one beyond them says its number.
func TestEnumerations(t *testing.T) {
	require.Len(t, messageMarks, len(messageOpNames))
	require.Len(t, mappingTexts, len(mappingOpNames))
	require.Len(t, threadTexts, len(threadOpNames))
	require.Len(t, waitTexts, len(waitNames))
	require.Len(t, taskTexts, len(taskOpNames))
	require.Len(t, stepTexts, len(stepNames))
	require.Len(t, noteMarks, len(noteOpNames))
	require.Len(t, fieldKindNames, int(fieldKinds))
	for want, got := range map[string]interface{ String() string }{
		"refuse": MessageRefuse, "op(5)": MessageOp(5), "end": FaultEnd, "unlocked": FaultUnlocked, "error": PageError,
		"terminate": PageTerminate, "freed": PhaseFreed, "P6": StepP6, "step(99)": AssociationStep(99),
		"replace": MappingReplace, "no_senders": PortNoSenders, "harness": RightHarness, "resume": ThreadResume,
		"suspend": WaitSuspend, "exit": TrapExit, "EXC_BREAKPOINT": ExceptionType(6), "fail": NoteFail,
		"words": FieldWords, "object": ClassObject,
	} {
		require.Equal(t, want, got.String())
	}
	tr := New()
	Emit(tr, Mapping{Op: 99, Object: 1})
	require.Equal(t, "## kernel op(99) 0x0-0x0 object#1+0x0 ---/---, 0 mappings", tr.Last(1)[0].Describe(nil))
}

func TestLevels(t *testing.T) {
	for _, l := range []Level{Student, Full} {
		back, err := ParseLevel(l.String())
		require.NoError(t, err)
		require.Equal(t, l, back)
	}
	_, err := ParseLevel("loud")
	require.EqualError(t, err, `trace: no level is named "loud"; there are student, full`)
}

func TestFormatTime(t *testing.T) {
	for want, v := range map[string]mach.Time{
		"0": 0, "1ns": 1, "1us": 1000, "1.001us": 1001, "1.5ms": 1_500_000, "2s": 2_000_000_000,
		"1.000000001s": 1_000_000_001, "1.0005ms": 1_000_500,
	} {
		require.Equal(t, want, FormatTime(v))
	}
}

type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("disk full")
}

func TestSinksStopAtTheFirstError(t *testing.T) {
	w := &broken{}
	tr := New()
	text, js := NewText(w, &Timeline{Level: Full}), NewJSON(w, nil)
	tr.AddSink(text, All)
	tr.AddSink(js, All)
	Emit(tr, TaskEvent{})
	Emit(tr, TaskEvent{})
	require.EqualError(t, text.Err(), "disk full")
	require.EqualError(t, js.Err(), "disk full")
	require.Equal(t, 2, w.writes)
	require.Error(t, tr.Dump(w, &Timeline{Level: Full}, 5))
}

// TestBootSplitsHabits: habits that do not fit one event continue in the next, between words.
func TestBootSplitsHabits(t *testing.T) {
	tr := New()
	habits := "mach"
	for i := range 30 {
		habits += fmt.Sprintf(" Field%d=true", i)
	}
	tr.Boot(3, 4096, habits)
	var back []string
	for r := range tr.Records() {
		h, ok := As[HostEvent](r)
		require.True(t, ok)
		require.EqualValues(t, len(back), h.Part)
		back = append(back, h.Habits.String())
		require.Equal(t, len(strings.Join(back, " ")) == len(habits), h.Last)
	}
	require.Greater(t, len(back), 1)
	require.Equal(t, habits, strings.Join(back, " "))
}
