package monitor

import "slices"

// Machine is a published or specified state machine, as data: what a coverage meter counts against.
type Machine struct {
	Name   string // short, for commands and files: "kernel-page"
	Title  string
	Source string // where it was published
	States []State
	Arcs   []Arc
}

// State is a state of a machine.
type State struct {
	Name    string
	Meaning string
}

// Arc is a directed transition of a machine. To names the target; an arc that stays where it is, or that may
// begin in several states, has "any of" names in From, separated by blanks.
type Arc struct {
	ID    string // "KP-6.1"
	From  string
	Event string
	Guard string // the condition, "" for none
	To    string
	Emits string   // what the kernel or the manager sends, "" for nothing
	Rules []string // ids of the rule table
}

// Names of the machines.
const (
	MachineAssociation = "association"
	MachineManager     = "manager"
	MachineKernelPage  = "kernel-page"
	MachineStore       = "manager-store"
	MachineOwnership   = "manager-ownership"
	MachineNetmem      = "netmem"
)

var machines = []*Machine{associationMachine, managerMachine, kernelPageMachine(), storeMachine, ownershipMachine, netmemMachine}

// Machines are all machines, in a fixed order. They must not be changed.
func Machines() []*Machine { return slices.Clone(machines) }

// MachineByName finds a machine, nil if there is none of the name.
func MachineByName(name string) *Machine {
	for _, m := range machines {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// State finds the number of a state, -1 if the machine has none of the name.
func (m *Machine) State(name string) int {
	return slices.IndexFunc(m.States, func(s State) bool { return s.Name == name })
}

// Arc finds the number of an arc, -1 if the machine has none of the id.
func (m *Machine) Arc(id string) int {
	return slices.IndexFunc(m.Arcs, func(a Arc) bool { return a.ID == id })
}
