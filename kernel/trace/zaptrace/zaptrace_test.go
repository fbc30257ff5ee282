package zaptrace

import (
	"bytes"
	"testing"

	"machvm/kernel/mach"
	"machvm/kernel/trace"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestSink(t *testing.T) {
	var b bytes.Buffer
	tr := trace.New()
	tr.Names().Label(trace.ClassTask, 2, "client")
	tr.AddSink(New(NewLogger(&b, zap.InfoLevel), tr.Names()), trace.All)
	tr.SetContext(0, 3)
	tr.SetTime(7)
	trace.Emit(tr, trace.TaskEvent{Task: 2}) // below the level
	trace.Emit(tr, trace.TaskEvent{Task: 2, Op: trace.TaskTerminate})
	trace.Emit(tr, trace.Exception{Task: 2, Type: trace.ExcBadAccess, Code: mach.KernMemoryError, Addr: 0x1000})
	tr.Note(trace.NoteFail, "no")
	require.Equal(t, `{"level":"info","msg":"-- client terminated","seq":2,"time":7,"host":"k0","thread":"thread#3",`+
		`"kind":"task","task":2,"task_name":"client","parent":0,"parent_name":"kernel","op":1,"op_name":"terminate"}
{"level":"warn","msg":"!! EXC_BAD_ACCESS KERN_MEMORY_ERROR at 0x1000 of client","seq":3,"time":7,"host":"k0",`+
		`"thread":"thread#3","kind":"exception","addr":4096,"task":2,"task_name":"client","code":10,`+
		`"code_name":"KERN_MEMORY_ERROR","type":1,"type_name":"EXC_BAD_ACCESS"}
{"level":"warn","msg":"!! no","seq":4,"time":7,"host":"k0","thread":"thread#3","kind":"note","text":"no",`+
		`"op":2,"op_name":"fail"}
`, b.String())
}

func TestSinkBelowItsLevelDoesNotAllocate(t *testing.T) {
	tr := trace.New()
	tr.AddSink(New(zap.NewNop(), tr.Names()), trace.All)
	require.Zero(t, testing.AllocsPerRun(100, func() { trace.Emit(tr, trace.Fault{}) }))
}

func TestSignedAndFlagFields(t *testing.T) {
	var b bytes.Buffer
	tr := trace.New()
	tr.AddSink(New(NewLogger(&b, zap.DebugLevel), nil), trace.MaskOf(trace.KindRight, trace.KindTrap))
	trace.Emit(tr, trace.RightEvent{Delta: -1})
	trace.Emit(tr, trace.Trap{Exit: true})
	require.Contains(t, b.String(), `"delta":-1`)
	require.Contains(t, b.String(), `"exit":true`)
}
