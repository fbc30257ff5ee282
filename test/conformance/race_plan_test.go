package conformance

import (
	"fmt"
	"slices"
	"strings"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/trace"
)

// plan is a chooser that forces an order. Its text is steps with semicolons between them:
//
//	unmap to association-broken   thread unmap runs until it is at that preemption point
//	map to wait                   thread map runs until it waits
//	supply                        thread supply runs until it ends, or waits for those that later steps name
//
// A thread that a later step names does not run before. All others run when the thread of the step cannot, and
// whenever they like after the last step.
type plan struct {
	steps []planStep
	at    int // the step under way
	err   error

	sim  *kernel.Simulation
	ids  []uint32 // of the threads of the steps
	seen uint64   // the last event before the step
}

type planStep struct{ thread, to string }

func newPlan(text string) *plan {
	p := new(plan)
	for _, step := range strings.Split(text, ";") {
		thread, to, _ := strings.Cut(strings.TrimSpace(step), " to ")
		p.steps = append(p.steps, planStep{thread, to})
	}
	return p
}

// cast finds the threads that the steps name.
func (p *plan) cast(sim *kernel.Simulation) error {
	p.sim = sim
	for _, s := range p.steps {
		id := uint32(0)
		for th := range sim.Sched().Threads() {
			if called(th.Name(), s.thread) {
				id = th.ID()
			}
		}
		if id == 0 {
			return fmt.Errorf("nobody is called %s", s.thread)
		}
		p.ids = append(p.ids, id)
	}
	p.seen = sim.Tracer().Seq()
	return nil
}

// Choose is the thread of the step under way, or somebody it may wait for.
func (p *plan) Choose(q choice.Point) int {
	if q.Kind != choice.KindThread && q.Kind != choice.KindPreempt {
		return 0
	}
	arrived := false // the point has ended a step, and cannot end another
	for p.at < len(p.steps) {
		step, i := p.steps[p.at], -1
		for n := range q.Width {
			if called(q.Label(n), step.thread) {
				i = n
			}
		}
		switch {
		case i == 0 && q.Name == step.to && !arrived:
			arrived = true
			p.next()
		case step.to == "wait" && p.waited():
			p.at++
		case i >= 0:
			return i
		default:
			if n := p.helper(q); n >= 0 {
				return n
			}
			if step.to != "" && p.err == nil {
				p.err = fmt.Errorf("%s never came to %s", step.thread, step.to)
			}
			p.next()
		}
	}
	return 0
}

// next begins the next step, which the events from now on belong to.
func (p *plan) next() {
	p.at++
	p.seen = p.sim.Tracer().Seq()
}

// waited reports whether the thread of the step has begun to wait in it. What happened since then, where there was
// nothing to choose, belongs to the next step.
func (p *plan) waited() bool {
	for r := range p.sim.Tracer().Records() {
		if t, ok := trace.As[trace.Thread](r); ok && r.Seq > p.seen && t.Op == trace.ThreadBlock && t.Subject == p.ids[p.at] {
			p.seen = r.Seq
			return true
		}
	}
	return false
}

// helper is somebody who may run although it is not his step, -1 if all are held back.
func (p *plan) helper(q choice.Point) int {
	for n := range q.Width {
		if !slices.ContainsFunc(p.steps[p.at+1:], func(s planStep) bool { return called(q.Label(n), s.thread) }) {
			return n
		}
	}
	return -1
}

// called reports whether a thread has a name, with its task's name before it or not.
func called(label, name string) bool { return label == name || strings.HasSuffix(label, "/"+name) }

// followed is nil if the order was forced: every step was reached, and the trace shows every point.
func (p *plan) followed(tr *trace.Tracer) error {
	if p.err != nil {
		return p.err
	}
	met := map[string]int{}
	for r := range tr.Records() {
		if c, ok := trace.As[trace.Choice](r); ok {
			met[c.Point.String()]++
		}
	}
	for i, s := range p.steps {
		switch {
		case s.to == "" || i < p.at && s.to == "wait" || i == p.at && s.to == "wait" && p.waited():
		case i >= p.at:
			return fmt.Errorf("%s never came to %s", s.thread, s.to)
		case met[s.to] == 0:
			return fmt.Errorf("the trace has no point %s", s.to)
		default:
			met[s.to]--
		}
	}
	return nil
}
