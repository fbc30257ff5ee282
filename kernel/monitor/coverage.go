package monitor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"machvm/kernel/trace"
)

// Coverage counts which states and arcs of the machines a set of runs has reached.
type Coverage struct {
	states [][]uint64 // by machine, in the order of Machines
	arcs   [][]uint64
}

// NewCoverage is an empty coverage.
func NewCoverage() *Coverage {
	c := &Coverage{}
	for _, m := range machines {
		c.states = append(c.states, make([]uint64, len(m.States)))
		c.arcs = append(c.arcs, make([]uint64, len(m.Arcs)))
	}
	return c
}

// arcRef names an arc of a machine.
type arcRef struct{ machine, arc int }

// arcOf finds an arc of any machine. It panics if there is none: such a slip shows when the program starts.
func arcOf(id string) arcRef {
	for i, m := range machines {
		if n := m.Arc(id); n >= 0 {
			return arcRef{i, n}
		}
	}
	panic("monitor: no arc " + id)
}

// arcEnds are the states an arc connects; the first is -1 if there are several.
var arcEnds = findEnds()

func findEnds() (all [][][2]int) {
	for _, m := range machines {
		var ends [][2]int
		for _, a := range m.Arcs {
			ends = append(ends, [2]int{m.State(a.From), m.State(a.To)})
		}
		all = append(all, ends)
	}
	return all
}

// reach counts an arc, and the states at its ends.
func (c *Coverage) reach(r arcRef) {
	c.arcs[r.machine][r.arc]++
	ends := arcEnds[r.machine][r.arc]
	if ends[0] >= 0 {
		c.states[r.machine][ends[0]]++
	}
	c.states[r.machine][ends[1]]++
}

// announce counts the arc with whose id a note begins.
func (c *Coverage) announce(text string) {
	if !strings.HasPrefix(text, "SWG-") {
		return
	}
	id, _, _ := strings.Cut(text, " ")
	id = strings.TrimSuffix(id, ":")
	for i, m := range machines {
		if n := m.Arc(id); n >= 0 {
			c.reach(arcRef{i, n})
		}
	}
}

// Merge adds what other runs have reached.
func (c *Coverage) Merge(o *Coverage) {
	for i := range c.states {
		for j := range c.states[i] {
			c.states[i][j] += o.states[i][j]
		}
		for j := range c.arcs[i] {
			c.arcs[i][j] += o.arcs[i][j]
		}
	}
}

// Table is the coverage of one machine.
type Table struct {
	Machine *Machine
	States  []uint64 // how often each state was reached
	Arcs    []uint64
}

// Tables lists the coverage of every machine.
func (c *Coverage) Tables() (out []Table) {
	for i, m := range machines {
		out = append(out, Table{m, append([]uint64(nil), c.states[i]...), append([]uint64(nil), c.arcs[i]...)})
	}
	return out
}

// Table is the coverage of the machine with the given name. It fails for a name that no machine has.
func (c *Coverage) Table(name string) (Table, error) {
	for i, m := range machines {
		if m.Name == name {
			return c.Tables()[i], nil
		}
	}
	return Table{}, fmt.Errorf("monitor: no machine is named %q", name)
}

// Reached is how many states and arcs were reached.
func (t Table) Reached() (states, arcs int) { return positive(t.States), positive(t.Arcs) }

func positive(counts []uint64) (n int) {
	for _, v := range counts {
		if v > 0 {
			n++
		}
	}
	return n
}

// Gaps lists the states and the arcs that were not reached.
func (t Table) Gaps() (states []State, arcs []Arc) {
	for i, s := range t.Machine.States {
		if t.States[i] == 0 {
			states = append(states, s)
		}
	}
	for i, a := range t.Machine.Arcs {
		if t.Arcs[i] == 0 {
			arcs = append(arcs, a)
		}
	}
	return states, arcs
}

// jsonTable is the saved form of a table: counts by name, so that a file outlives a change of the tables.
type jsonTable struct {
	Machine string            `json:"machine"`
	States  map[string]uint64 `json:"states"`
	Arcs    map[string]uint64 `json:"arcs"`
	Reached string            `json:"reached"`
}

// WriteJSON writes the coverage for ReadCoverage and for tools.
func (c *Coverage) WriteJSON(w io.Writer) error {
	var out []jsonTable
	for _, t := range c.Tables() {
		states, arcs := t.Reached()
		j := jsonTable{t.Machine.Name, map[string]uint64{}, map[string]uint64{},
			fmt.Sprintf("%d/%d states, %d/%d arcs", states, len(t.States), arcs, len(t.Arcs))}
		for i, s := range t.Machine.States {
			j.States[s.Name] = t.States[i]
		}
		for i, a := range t.Machine.Arcs {
			j.Arcs[a.ID] = t.Arcs[i]
		}
		out = append(out, j)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// ReadCoverage reads what WriteJSON wrote. It fails for a machine, a state or an arc that there is not.
func ReadCoverage(r io.Reader) (*Coverage, error) {
	var in []jsonTable
	if err := json.NewDecoder(r).Decode(&in); err != nil {
		return nil, fmt.Errorf("coverage: %w", err)
	}
	c := NewCoverage()
	for _, j := range in {
		m := MachineByName(j.Machine)
		if m == nil {
			return nil, fmt.Errorf("coverage: no machine is named %q", j.Machine)
		}
		i := 0
		for machines[i] != m {
			i++
		}
		for name, n := range j.States { // unordered: each goes to its own place
			at := m.State(name)
			if at < 0 {
				return nil, fmt.Errorf("coverage: %s has no state %q", m.Name, name)
			}
			c.states[i][at] += n
		}
		for id, n := range j.Arcs { // unordered: each goes to its own place
			at := m.Arc(id)
			if at < 0 {
				return nil, fmt.Errorf("coverage: %s has no arc %q", m.Name, id)
			}
			c.arcs[i][at] += n
		}
	}
	return c, nil
}

// String lists each table: how much of it was reached, and every gap by name.
func (c *Coverage) String() string {
	var b strings.Builder
	for _, t := range c.Tables() {
		states, arcs := t.Reached()
		fmt.Fprintf(&b, "%s: %s [%s]\n  %d of %d states, %d of %d arcs\n", t.Machine.Name, t.Machine.Title, t.Machine.Source,
			states, len(t.States), arcs, len(t.Arcs))
		missingStates, missingArcs := t.Gaps()
		for _, s := range missingStates {
			fmt.Fprintf(&b, "  not reached: state %s: %s\n", s.Name, s.Meaning)
		}
		for _, a := range missingArcs {
			fmt.Fprintf(&b, "  not reached: arc %s: %s to %s by %s\n", a.ID, a.From, a.To, a.Event)
		}
	}
	return b.String()
}

// The life cycle of associations, and what managers know.

var (
	arcMap, arcInit, arcMapIniting, arcReady                     = arcOf("A-01"), arcOf("A-02"), arcOf("A-03"), arcOf("A-04")
	arcUnreadyUnmap, arcUnreadyDestroy, arcMapActive             = arcOf("A-05"), arcOf("A-06"), arcOf("A-07")
	arcCache, arcUnmap, arcMapCached, arcCachedCall              = arcOf("A-08"), arcOf("A-09"), arcOf("A-10"), arcOf("A-11")
	arcUncache, arcTrim, arcCachedDestroy, arcTerminate          = arcOf("A-12"), arcOf("A-13"), arcOf("A-14"), arcOf("A-15")
	arcMapTerminating, arcReceive, arcRemap, arcDeath            = arcOf("A-16"), arcOf("A-17"), arcOf("A-18"), arcOf("A-19")
	arcDeathTerminating, arcUnreceived, arcDestroy               = arcOf("A-20"), arcOf("A-21"), arcOf("A-22")
	arcOrphan, arcControlDestroyed                               = arcOf("A-23"), arcOf("A-24")
	managerInit, managerReady, managerEarly, managerRequest      = arcOf("M-01"), arcOf("M-02"), arcOf("M-03"), arcOf("M-04")
	managerReturn, managerUnlock, managerOther, managerSync      = arcOf("M-05"), arcOf("M-06"), arcOf("M-07"), arcOf("M-08")
	managerCompletion, managerTerminate, managerControlDestroyed = arcOf("M-09"), arcOf("M-10"), arcOf("M-11")
)

// managerState is what a manager knows of a control port.
type managerState uint8

const (
	managerUnknown managerState = iota
	managerKnown
	managerIsReady
	managerTerminated
)

func (c *Coverage) begun(m *Monitor, a *pair) {
	p := m.ports[a.port]
	if n := len(p.pairs); n > 1 && p.pairs[n-2].host == a.host && p.pairs[n-2].terminated {
		c.reach(arcRemap)
	} else {
		c.reach(arcMap)
	}
	c.reach(arcInit)
}

// mapped: a program maps the object of a, which another mapping has made.
func (c *Coverage) mapped(m *Monitor, a *pair) {
	if a.live() && a.phase == trace.PhaseActive {
		c.reach(arcMapActive)
	}
}

func (c *Coverage) phase(m *Monitor, a *pair, e *trace.ObjectPhase, by *call) {
	switch {
	case e.From == trace.PhaseUnready && e.To == trace.PhaseActive:
		c.reach(arcReady)
	case e.From == trace.PhaseActive && e.To == trace.PhaseCached && (by == nil || by.pair != a):
		c.reach(arcCache)
	case e.From == trace.PhaseCached && e.To == trace.PhaseActive && by != nil && by.kind == msgMap:
		c.reach(arcMapCached)
	case e.From == trace.PhaseOrphan:
		c.reach(arcOrphan)
	}
}

func (c *Coverage) broken(m *Monitor, a *pair, by *call, how ending) {
	called := by != nil && by.pair == a
	switch cached := called && by.cached; {
	case how == byDeath:
		c.reach(arcDeath)
	case how == byDestroy && !a.kernelSays:
		c.reach(arcUnreadyDestroy)
	case how == byDestroy && cached:
		c.reach(arcCachedDestroy)
	case how == byDestroy:
		c.reach(arcDestroy)
	case !a.kernelSays:
		c.reach(arcUnreadyUnmap)
	case cached && by.attributes():
		c.reach(arcUncache)
	case a.wasCached:
		c.reach(arcTrim)
	default:
		c.reach(arcUnmap)
	}
}

func (c *Coverage) terminated(a *pair, queued bool) {
	if a.internal {
		return
	}
	if queued {
		c.reach(arcTerminate)
	} else {
		c.reach(arcDeathTerminating)
	}
}

func (c *Coverage) controlDestroyed(a *pair) {
	if a.internal {
		return
	}
	c.reach(arcControlDestroyed)
	c.reach(managerControlDestroyed)
}

// received: a manager has received a message about a.
func (c *Coverage) received(m *Monitor, a *pair, e *message) {
	if a.internal {
		return
	}
	was := a.manager
	ready := was == managerIsReady
	switch e.kind {
	case msgInit:
		a.manager = managerKnown
		c.reach(managerInit)
		for _, b := range m.ports[a.port].pairs {
			if b != a && b.manager == managerIsReady {
				c.reach(managerOther)
				break
			}
		}
	case msgTerminate:
		a.manager = managerTerminated
		if c.reach(arcReceive); ready {
			c.reach(managerTerminate)
		} else {
			c.reach(managerEarly)
		}
		m.ports[a.port].terminatedPages()
	case msgDataRequest:
		c.when(ready, managerRequest)
	case msgDataReturn, msgDataWrite:
		c.when(ready, managerReturn)
		c.returned(m, a, e)
	case msgDataUnlock:
		c.when(ready, managerUnlock)
	case msgSynchronize:
		c.when(ready, managerSync)
	case msgLockCompleted, msgSupplyCompleted, msgChangeCompleted:
		c.when(ready, managerCompletion)
		if e.kind == msgLockCompleted {
			c.confirmed(m.ports[a.port], e.start(), e.size())
		}
	}
}

func (c *Coverage) when(holds bool, r arcRef) {
	if holds {
		c.reach(r)
	}
}

// called: a manager makes a control call.
func (c *Coverage) called(m *Monitor, by *call) {
	a := by.pair
	if a.internal {
		return
	}
	if by.attributes() && by.valid && a.manager == managerKnown {
		a.manager = managerIsReady
		c.reach(managerReady)
	}
	c.guide(m, by)
}
