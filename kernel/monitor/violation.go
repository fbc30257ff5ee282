package monitor

import (
	"fmt"
	"strings"

	"machvm/kernel/mach"
	"machvm/kernel/trace"
)

// Violation is a breach of a rule: what somebody did, and which sentence it breaks.
type Violation struct {
	Step     uint64 // number of the record, from 1
	Time     mach.Time
	Rule     Rule
	ByKernel bool   // a kernel broke the rule: a bug. Otherwise a task did, which a kernel has to survive
	Culprit  string // the kernel's host, or the task
	Port     string // the port it is about, "" if none
	Message  string // the offending message or event, as the timeline shows it
	Text     string // what is wrong with it
}

// Who says who broke the rule, in words.
func (v Violation) Who() string {
	if v.ByKernel {
		return "kernel " + v.Culprit
	}
	return "manager " + v.Culprit
}

// String cites the rule, says who broke it and at which record, and shows the offending message.
func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s at record %d: %s", v.Rule, v.Who(), v.Step, v.Text)
	if v.Message != "" {
		fmt.Fprintf(&b, "\n  %s", v.Message)
	}
	return b.String()
}

// kernelBroke records a breach by a kernel.
func (m *Monitor) kernelBroke(rule string, host uint16, port uint64, format string, args ...any) {
	m.broke(rule, true, trace.ClassHost, uint64(host), port, format, args...)
}

// taskBroke records a breach by a task: as a rule the manager of a memory object.
func (m *Monitor) taskBroke(rule string, task uint32, port uint64, format string, args ...any) {
	m.broke(rule, false, trace.ClassTask, uint64(task), port, format, args...)
}

func (m *Monitor) broke(rule string, kernel bool, class trace.Class, who, port uint64, format string, args ...any) {
	row, ok := ByID(rule)
	if _, watched := watched[rule]; !ok || !watched {
		panic("monitor: a check cites " + rule + ", which is not in the table of watched rules")
	}
	if len(m.list) >= maxViolations {
		m.more++
		return
	}
	v := Violation{Rule: row, ByKernel: kernel, Culprit: m.names.Name(class, who), Text: fmt.Sprintf(format, args...)}
	if r := m.now; r != nil {
		v.Step, v.Time = r.Seq, r.Time
		v.Message = strings.TrimSpace(r.Describe(m.names))
	}
	if port != trace.PortNull {
		v.Port = m.names.Name(trace.ClassPort, port)
	}
	m.list = append(m.list, v)
	if m.onViolation != nil {
		m.onViolation(v)
	}
}

// maxViolations is how many breaches are kept; more are counted.
const maxViolations = 1000

// Violations lists the breaches so far, in the order they were seen.
func (m *Monitor) Violations() []Violation { return append([]Violation(nil), m.list...) }

// More is the number of breaches beyond those that are kept.
func (m *Monitor) More() int { return m.more }

// KernelViolations lists the breaches by kernels.
func (m *Monitor) KernelViolations() []Violation { return m.by(true) }

// TaskViolations lists the breaches by tasks.
func (m *Monitor) TaskViolations() []Violation { return m.by(false) }

func (m *Monitor) by(kernel bool) (out []Violation) {
	for _, v := range m.list {
		if v.ByKernel == kernel {
			out = append(out, v)
		}
	}
	return out
}

// Err is the first breach by a kernel as an error, nil if there is none.
func (m *Monitor) Err() error {
	for _, v := range m.list {
		if v.ByKernel {
			return fmt.Errorf("monitor: %s", v)
		}
	}
	return nil
}

// OnViolation calls f at each breach, as it happens. It must not emit events.
func (m *Monitor) OnViolation(f func(Violation)) { m.onViolation = f }
