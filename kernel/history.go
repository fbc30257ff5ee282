package kernel

import (
	"machvm/ipc"
	"machvm/kernel/mach"
	"machvm/kernel/sched"
)

// What programs know, for those who tell states of a run apart. A program is a function of what its traps and accesses
// have told it, in the order in which they did, and so are the variables that threads of one task share. What a thread
// knows in the middle of a trap is a function of that and of the states in which the machine was when it went on;
// who looks on keeps those (sched.Thread.Seen), and they are forgotten when the trap is over.

// know notes what a trap or an access has told the program of t.
func (t *Thread) know(code mach.Return, words ...uint64) {
	if h := t.history(); h != nil {
		h.Words(uint64(t.th.ID()), uint64(uint32(code)))
		h.Words(words...)
		t.th.Seen = 0
	}
}

// knowMessage notes a message that was received, or came back.
func (t *Thread) knowMessage(m *mach.UserMessage) {
	if h := t.history(); h != nil && m != nil {
		ipc.DigestMessage(h, m)
	}
}

// knowBytes notes memory that was read.
func (t *Thread) knowBytes(p []byte) {
	if h := t.history(); h != nil {
		h.Bytes(p)
	}
}

// history is where what t learns is kept; nil if nobody wants to know.
func (t *Thread) history() *sched.Digest {
	switch s := t.task.host.sim; s.config.Histories {
	case HistoriesOfTasks:
		return &t.task.history
	case HistoryOfAll:
		return &s.history
	}
	return nil
}

// Histories says whether it is noted what programs learn.
type Histories uint8

const (
	NoHistories      Histories = iota
	HistoriesOfTasks           // programs of different tasks share nothing but what the kernel gives them
	HistoryOfAll               // all programs may share variables
)

// DigestPrograms adds all that programs know. With Digest it is the whole state of a run that notes Histories.
func (s *Simulation) DigestPrograms(d *sched.Digest) {
	d.Word(uint64(s.history))
	for _, h := range s.hosts {
		for t := h.tasks.first; t != nil; t = t.next {
			d.Words(uint64(t.id), uint64(t.history))
		}
	}
	for t := range s.sched.Threads() {
		d.Words(uint64(t.ID()), uint64(t.Seen))
	}
}
