package rows

import (
	"strings"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// protocol are the numbers of the messages of the pager protocol, replies too, in any message set.
var protocol = map[mach.MsgID]bool{}

func init() {
	for set := range mig.Set(mig.Sets) {
		for _, row := range defs.Registry(set).Rows() {
			if strings.HasPrefix(row.Name, "memory_object_") {
				protocol[row.ID(set)] = true
				if id := row.ReplyID(set); id != 0 {
					protocol[id] = true
				}
			}
		}
	}
}

// messageCount counts the messages between kernels and managers: what a kernel has queued for a manager, and
// what of a manager a kernel has served or queued.
type messageCount struct{ n int }

// Record counts r if it is one.
func (c *messageCount) Record(r *trace.Record) {
	m, ok := trace.As[trace.Message](r)
	if ok && protocol[m.ID] && (m.Op == trace.MessageSend && m.FromKernel || m.Op == trace.MessageKernel) {
		c.n++
	}
}
