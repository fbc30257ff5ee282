package rows

import (
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// taskBatch is how many tasks a batch makes.
const taskBatch = 16

// taskRows are the rows about making and ending tasks.
func taskRows() []Row {
	nothing := func(*Bench, int) {}
	endEach := func(b *Bench, n int) { b.each(n, (*Bench).endTask) }
	row := func(name string, pages int, before, op, after func(*Bench, int)) Row {
		return Row{Name: "task/" + name, batch: taskBatch, before: before, op: op, after: after, setup: func(b *Bench) {
			b.names = make([]mach.Name, taskBatch)
			if pages > 0 {
				b.addr = b.allocate(pages)
			}
			for i := range pages {
				b.access(b.t.Store64(b.addr+b.pages(i), uint64(i)))
			}
		}}
	}
	create := func(inherit bool) func(*Bench, int) {
		return func(b *Bench, i int) {
			var ret mach.Return
			b.names[i], ret = user.TaskCreate(b.t, b.self, inherit)
			b.need(ret)
		}
	}
	createEach := func(b *Bench, n int) { b.each(n, create(false)) }
	rows := []Row{
		row("create", 0, nothing, create(false), endEach),
		row("create_inherit", 1, nothing, create(true), endEach),
		row("terminate", 0, createEach, (*Bench).endTask, nothing),
		row("fork_256k", 64, nothing, create(true), endEach),
	}
	rows[3].Note = "256 KB in pages of 4 KB, all written: Rashid et al. 1987"
	return rows
}

func (b *Bench) endTask(i int) {
	b.need(user.TaskTerminate(b.t, b.names[i]))
	b.need(user.MachPortDeallocate(b.t, b.self, b.names[i]))
}
