package vm

import "machvm/kernel/trace"

// traceMapping records what happened to the range of e, with its state afterwards.
func (m *Map) traceMapping(e *Entry, op trace.MappingOp) {
	t := m.host.tracer
	if !t.On(trace.KindMapping) {
		return
	}
	ev := trace.Mapping{
		Start: e.start, End: e.end, Task: m.task, Prot: e.prot, Max: e.maxProt, Op: op, Copy: e.needsCopy,
	}
	if o := e.object; o != nil {
		ev.Object, ev.Offset, ev.Mappings = o.id, e.offset, uint32(o.mappings.count)
	}
	trace.Emit(t, ev)
}
