package monitor

// associationMachine is the life cycle of one pair of a memory object and a kernel.
var associationMachine = &Machine{
	Name:   MachineAssociation,
	Title:  "life cycle of one (memory object, kernel) pair",
	Source: "OSF MK vm_object.c, memory_object_init, memory_object_terminate, memory_object_destroy",
	States: []State{
		{"NONE", "not associated"},
		{"INITING", "init is being queued by one thread; others wait"},
		{"UNREADY", "waiting for the manager's attributes"},
		{"ACTIVE", "normal"},
		{"CACHED", "no user; pages kept"},
		{"TERM-A", "association broken, terminate not yet queued"},
		{"TERM-B", "terminate queued, not yet received"},
		{"GONE", "the manager has the control receive right"},
		{"DEAD", "the object port died while associated"},
	},
	Arcs: []Arc{
		{"A-01", "NONE", "vm_map", "live port", "INITING", "", rules("EMM-027", "EMM-007")},
		{"A-02", "INITING", "initialising thread", "", "UNREADY", "init", rules("EMM-027", "EMM-029")},
		{"A-03", "INITING", "another vm_map", "", "INITING", "", rules("EMM-028")},
		{"A-04", "UNREADY", "change_attributes or ready", "valid values", "ACTIVE", "change_completed if asked", rules("EMM-033")},
		{"A-05", "UNREADY", "last reference dropped", "", "TERM-A", "", rules("EMM-038", "EMM-039")},
		{"A-06", "UNREADY", "destroy", "", "TERM-A", "", rules("EMM-041")},
		{"A-07", "ACTIVE", "vm_map", "", "ACTIVE", "", rules("EMM-035")},
		{"A-08", "ACTIVE", "last reference dropped", "may_cache and not temporary", "CACHED", "", rules("EMM-074")},
		{"A-09", "ACTIVE", "last reference dropped", "otherwise", "TERM-A", "", rules("EMM-043")},
		{"A-10", "CACHED", "vm_map", "", "ACTIVE", "", rules("EMM-075")},
		{"A-11", "CACHED", "control call", "", "CACHED", "", rules("EMM-083")},
		{"A-12", "CACHED", "attribute change clearing may_cache or setting temporary", "", "TERM-A", "", rules("EMM-079", "EMM-084")},
		{"A-13", "CACHED", "cache overflow", "oldest first", "TERM-A", "", rules("EMM-077")},
		{"A-14", "CACHED", "destroy", "", "TERM-A", "", rules("EMM-100")},
		{"A-15", "TERM-A", "pages returned, paging ended", "", "TERM-B", "terminate", rules("EMM-004", "EMM-054")},
		{"A-16", "TERM-A", "vm_map of the same port", "", "TERM-A", "", rules("EMM-070")},
		{"A-17", "TERM-B", "manager receives terminate", "", "GONE", "", rules("EMM-004", "EMM-005")},
		{"A-18", "TERM-B GONE", "vm_map", "", "INITING", "", rules("EMM-072", "EMM-007")},
		{"A-19", "INITING UNREADY ACTIVE CACHED", "object port dies", "", "DEAD", "", rules("EMM-104", "EMM-105")},
		{"A-20", "TERM-A", "object port dies", "", "DEAD", "terminate, destroyed", rules("EMM-111")},
		{"A-21", "TERM-B", "object port dies before receipt", "", "DEAD", "", rules("EMM-110")},
		{"A-22", "ACTIVE", "destroy", "", "TERM-A", "", rules("EMM-086")},
		{"A-23", "DEAD TERM-B GONE", "last reference to the orphan dropped", "orphan with references", "NONE", "", rules("EMM-098")},
		{"A-24", "GONE", "manager destroys the control port", "", "NONE", "", rules("EMM-010")},
	},
}

// managerMachine is what a manager knows of one control port.
var managerMachine = &Machine{
	Name:   MachineManager,
	Title:  "a manager's view of one control port",
	Source: "CMU Mach 3.0 Server Writer's Guide, Hurd libpager",
	States: []State{
		{"UNKNOWN", "the control port was never seen"},
		{"KNOWN", "init received"},
		{"READY", "readiness declared"},
		{"TERMINATED", "terminate received, control receive right in hand"},
		{"CLEAN", "control port destroyed"},
	},
	Arcs: []Arc{
		{"M-01", "UNKNOWN", "init", "", "KNOWN", "", rules("EMM-002")},
		{"M-02", "KNOWN", "readiness declared", "", "READY", "change_attributes or ready", rules("EMM-033")},
		{"M-03", "KNOWN", "terminate", "", "TERMINATED", "", rules("EMM-038")},
		{"M-04", "READY", "data_request", "", "READY", "supply, unavailable or error", rules("EMM-121")},
		{"M-05", "READY", "data_return", "", "READY", "", rules("EMM-157")},
		{"M-06", "READY", "data_unlock", "", "READY", "lock_request", rules("EMM-180")},
		{"M-07", "READY", "init of another control port", "", "READY", "", rules("EMM-238")},
		{"M-08", "READY", "synchronize", "", "READY", "synchronize_completed", rules("EMM-207")},
		{"M-09", "READY", "a completion", "", "READY", "", rules("EMM-170", "EMM-130")},
		{"M-10", "READY", "terminate", "", "TERMINATED", "", rules("EMM-004")},
		{"M-11", "TERMINATED", "control port destroyed", "", "CLEAN", "", rules("EMM-010")},
	},
}

func rules(ids ...string) []string { return ids }
