package monitor

// The manager's view of one page, as the Server Writer's Guide draws it.

var storeMachine = &Machine{
	Name:   MachineStore,
	Title:  "page-in and page-out path of a manager",
	Source: "Server Writer's Guide chapter 7, figure 1",
	States: []State{
		{"backing-store", "the manager's store has the page"},
		{"being-read", "asked of the store"},
		{"manager-memory", "in the manager's memory"},
		{"in-kernel", "supplied"},
		{"being-written", "on its way to the store"},
	},
	Arcs: []Arc{
		{"SWG-1.1", "backing-store", "RR: manager asks its store for the page", "", "being-read", "", nil},
		{"SWG-1.2", "being-read", "R: store delivers", "", "manager-memory", "", nil},
		{"SWG-1.3", "manager-memory", "DS: manager supplies the page", "", "in-kernel", "data_supply", rules("EMM-121")},
		{"SWG-1.4", "in-kernel", "DR: page returned", "", "manager-memory", "", rules("EMM-154")},
		{"SWG-1.5", "manager-memory", "WR: manager asks its store to write", "", "being-written", "", nil},
		{"SWG-1.6", "being-written", "W: store confirms", "", "backing-store", "", nil},
	},
}

var ownershipMachine = &Machine{
	Name:   MachineOwnership,
	Title:  "ownership of one page under strict consistency, one kernel",
	Source: "Server Writer's Guide chapter 7, figure 2",
	States: []State{
		{"manager", "only the manager has a valid copy"},
		{"both", "manager and perhaps the kernel; nobody may modify"},
		{"kernel", "the kernel may modify"},
		{"kernel-locking", "as kernel, unlock not yet confirmed"},
		{"kernel-cleaning", "clean not yet confirmed"},
		{"kernel-flushing", "flush not yet confirmed"},
		{"both-flushing", "flush not yet confirmed"},
	},
	Arcs: []Arc{
		{"SWG-2.1", "manager", "Sr: supply read-only, copy kept", "", "both", "data_supply", rules("EMM-121")},
		{"SWG-2.2", "manager", "Sw: supply with write access, or precious, or data_unavailable", "", "kernel", "data_supply", rules("EMM-121", "EMM-138")},
		{"SWG-2.3", "both", "U: lock_request giving write access", "", "kernel-locking", "lock_request", rules("EMM-173")},
		{"SWG-2.4", "kernel-locking", "OK: lock_completed", "", "kernel", "", rules("EMM-170")},
		{"SWG-2.5", "kernel", "C: lock_request clean, remove write", "", "kernel-cleaning", "lock_request", rules("EMM-166")},
		{"SWG-2.6", "kernel-cleaning", "OK: lock_completed", "", "both", "", rules("EMM-169", "EMM-170")},
		{"SWG-2.7", "kernel", "F: lock_request clean and flush", "", "kernel-flushing", "lock_request", rules("EMM-168")},
		{"SWG-2.8", "kernel-flushing", "OK: lock_completed", "", "manager", "", rules("EMM-169", "EMM-170")},
		{"SWG-2.9", "both", "F: lock_request clean and flush", "", "both-flushing", "lock_request", rules("EMM-168")},
		{"SWG-2.10", "both-flushing", "OK: lock_completed", "", "manager", "", rules("EMM-170")},
	},
}

var netmemMachine = &Machine{
	Name:   MachineNetmem,
	Title:  "states of a page in the netmem sample pager",
	Source: "Server Writer's Guide chapter 7, figure 3",
	States: []State{
		{"NONE", "the page was never written"},
		{"SERVER_WRITE", "only the manager has it"},
		{"READ", "the kernel may read it"},
		{"KERNEL_WRITE", "the kernel may write it"},
		{"CLEANING", "clean not yet confirmed"},
		{"FLUSHING", "flush not yet confirmed"},
	},
	Arcs: []Arc{
		{"SWG-3.1", "NONE", "I: created by a client message", "", "SERVER_WRITE", "", nil},
		{"SWG-3.2", "NONE", "I: data_request answered with data_unavailable", "", "KERNEL_WRITE", "data_unavailable", rules("EMM-138")},
		{"SWG-3.3", "SERVER_WRITE", "Sr", "", "READ", "data_supply", rules("EMM-121")},
		{"SWG-3.4", "SERVER_WRITE", "Sw", "", "KERNEL_WRITE", "data_supply", rules("EMM-121")},
		{"SWG-3.5", "READ", "U", "no reply asked", "KERNEL_WRITE", "lock_request", rules("EMM-173")},
		{"SWG-3.6", "READ", "F", "", "FLUSHING", "lock_request", rules("EMM-168")},
		{"SWG-3.7", "KERNEL_WRITE", "F", "", "FLUSHING", "lock_request", rules("EMM-168")},
		{"SWG-3.8", "KERNEL_WRITE", "C", "", "CLEANING", "lock_request", rules("EMM-166")},
		{"SWG-3.9", "CLEANING", "OK", "", "READ", "", rules("EMM-170")},
		{"SWG-3.10", "FLUSHING", "OK", "", "SERVER_WRITE", "", rules("EMM-170")},
	},
}
