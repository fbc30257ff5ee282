package user_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// Every typed function sends the message of its row with its arguments in the right places, and returns
// what comes back. Each case is a call, in which message set, what was sent, and what was returned.
func TestCalls(t *testing.T) {
	const anyAddr mach.Addr = 0x5000
	addr, size, name := anyAddr, mach.Size(0x800), mach.Name(31)
	reply := user.ReplyPort{Name: 90}
	region := mach.Region{Address: 0x7000, Size: 64}
	names := []mach.Name{33, 34}
	covered := map[string]bool{}
	for _, c := range []struct {
		set  mig.Set
		call func(user.Thread) []any
		sent string
		back string
	}{
		{mig.OSF, func(t user.Thread) []any { r := user.VMAllocate(t, 7, &addr, 0x2000, false); return list(r, addr) },
			"vm_allocate(7, 0x5000, 0x2000, false)", "KERN_SUCCESS 0x1000"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMDeallocate(t, 7, 0x1000, 0x2000)) },
			"vm_deallocate(7, 0x1000, 0x2000)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			r := user.VMMap(t, 7, &addr, 0x2000, 0xfff, true, 30, 0x3000, true, mach.ProtRead, mach.ProtAll, mach.InheritNone)
			return list(r, addr)
		},
			"vm_map(7, 30 COPY_SEND, 0x5000, 0x2000, 0xfff, true, 0x3000, true, r--, rwx, none)", "KERN_SUCCESS 0x9000"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMProtect(t, 7, 0x1000, 0x2000, true, mach.ProtRead)) },
			"vm_protect(7, 0x1000, 0x2000, true, r--)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMInherit(t, 7, 0x1000, 0x2000, mach.InheritShare)) },
			"vm_inherit(7, 0x1000, 0x2000, share)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMRead(t, 7, 0x1000, 0x2000)) },
			"vm_read(7, 0x1000, 0x2000)", "{0x1000 0x10} KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMReadOverwrite(t, 7, 0x1000, 0x2000, 0x8000)) },
			"vm_read_overwrite(7, 0x1000, 0x2000, 0x8000)", "0x9000 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMWrite(t, 7, 0x1000, region)) },
			"vm_write(7, 0x7000+64, 0x1000)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMCopy(t, 7, 0x1000, 0x2000, 0x8000)) },
			"vm_copy(7, 0x1000, 0x2000, 0x8000)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMRegion(t, 7, 0x1000)) },
			"vm_region(7, 0x1000, 10, 9)", "{0x9000 0x9000 {r-- -w- 3 true true 0x700000006 8 9} 0x32} KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.VMRegion(t, 7, 0x1000)) },
			"vm_region(7, 0x1000)", "{0x9000 0x9000 {r-- r-- copy true false 0x9000 default 0} 0x32} KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMMsync(t, 7, 0x1000, 0x2000, mach.SyncInvalidate)) },
			"vm_msync(7, 0x1000, 0x2000, invalidate)", "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMMsync(t, 7, 0x1000, 0x2000, mach.SyncSynchronous)) },
			"vm_msync(7, 0x1000, 0x2000, synchronous)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMBehaviorSet(t, 7, 0x1000, 0x2000, mach.BehaviorRandom)) },
			"vm_behavior_set(7, 0x1000, 0x2000, random)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.VMRemap(t, 7, &addr, 0x2000, 0xff, true, 70, 0x8000, false, mach.InheritCopy))
		},
			"vm_remap(7, 70 COPY_SEND, 0x5000, 0x2000, 0xff, true, 0x8000, false, copy)", "r-- r-- KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.VMMachineAttribute(t, 7, 0x1000, 0x2000, defs.MattrCache, defs.MattrValCacheFlush))
		},
			"vm_machine_attribute(7, 0x1000, 0x2000, 1, 6)", "1 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			r := user.MachVMAllocate(t, 7, &addr, 0x2000, defs.VMFlagsAnywhere)
			return list(r, addr)
		},
			"mach_vm_allocate(7, 0x5000, 0x2000, 1)", "KERN_SUCCESS 0x9000"},
		{mig.OSF, func(t user.Thread) []any {
			r := user.MachVMMap(t, 7, &addr, 0x2000, 0xfff, defs.VMFlagsOverwrite, 30, 0x3000, true, mach.ProtRead, mach.ProtAll, mach.InheritNone)
			return list(r, addr)
		},
			"mach_vm_map(7, 30 COPY_SEND, 0x5000, 0x2000, 0xfff, 16384, 0x3000, true, r--, rwx, none)", "KERN_SUCCESS 0x9000"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MachVMRemap(t, 7, &addr, 0x2000, 0xff, 1, 70, 0x8000, false, mach.InheritCopy))
		},
			"mach_vm_remap(7, 70 COPY_SEND, 0x5000, 0x2000, 0xff, 1, 0x8000, false, copy)", "r-- r-- KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MachMakeMemoryEntry(t, 7, &size, 0x3000, defs.MapMemVMCopy|3, 30))
		},
			"mach_make_memory_entry_64(7, 30 COPY_SEND, 0x800, 0x3000, 2097155)", "0x32 KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any {
			return list(user.MemoryObjectCreateProxy(t, 7, mach.ProtRead, names, []mach.Offset{0, 1}, []mach.Offset{2, 3}, []mach.Size{4, 5}))
		},
			"memory_object_create_proxy(7, 0x1000+8 COPY_SEND, r--, [0x0 0x1], [0x2 0x3], [0x4 0x5])", "0x32 KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMRegionCreateProxy(t, 7, 0x1000, mach.ProtRead, 0x2000)) },
			"vm_region_create_proxy(7, 0x1000, r--, 0x2000)", "0x32 KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMCacheStatistics(t, 7)) },
			"vm_cache_statistics(7)", "{1 1} KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMWireAll(t, 9, 7, defs.WireFuture)) },
			"vm_wire_all(9, 7 COPY_SEND, 2)", "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMObjectSync(t, 40, 0x3000, 0x2000, true, false, true)) },
			"vm_object_sync(40, 0x3000, 0x2000, true, false, true)", "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMPagesPhys(t, 9, 7, 0x1000, 0x2000)) },
			"vm_pages_phys(9, 7 COPY_SEND, 0x1000, 0x2000)", "[261993005116 270582939710] KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMSetSizeLimit(t, 9, 7, 0x10000, 0x20000)) },
			"vm_set_size_limit(9, 7 COPY_SEND, 0x10000, 0x20000)", "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.VMGetSizeLimit(t, 7)) },
			"vm_get_size_limit(7)", "0x9000 0x9000 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskWire(t, 7, true)) },
			"task_wire(7, true)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskCreate(t, 7, true)) },
			"task_create(7, 0x0+0 COPY_SEND, true)", "0x32 KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.TaskCreate(t, 7, true)) },
			"task_create(7, true)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskTerminate(t, 7)) },
			"task_terminate(7)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskThreads(t, 7)) },
			"task_threads(7)", "[0x3c 0x3d] KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskSuspend(t, 7)) },
			"task_suspend(7)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskResume(t, 7)) },
			"task_resume(7)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskGetSpecialPort(t, 7, defs.TaskBootstrapPort)) },
			"task_get_special_port(7, 4)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.TaskSetSpecialPort(t, 7, defs.TaskBootstrapPort, 31)) },
			"task_set_special_port(7, 31 COPY_SEND, 4)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.TaskSetExceptionPorts(t, 7, 2, 31, defs.ExceptionDefault, 0))
		},
			"task_set_exception_ports(7, 31 COPY_SEND, 2, 1, 0)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortsRegister(t, 7, names)) },
			"mach_ports_register(7, 0x1000+8 COPY_SEND)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortsLookup(t, 7)) },
			"mach_ports_lookup(7)", "[0x3c 0x3d] KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.ThreadTerminate(t, 8)) },
			"thread_terminate(8)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.ThreadSuspend(t, 8)) },
			"thread_suspend(8)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.ThreadResume(t, 8)) },
			"thread_resume(8)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.ThreadAbort(t, 8)) },
			"thread_abort(8)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.ThreadGetSpecialPort(t, 8, defs.ThreadKernelPort)) },
			"thread_get_special_port(8, 1)", "0x32 KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.ThreadSetSpecialPort(t, 8, defs.ThreadExceptionPort, 31)) },
			"thread_set_special_port(8, 31 COPY_SEND, 3)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.ThreadSetExceptionPorts(t, 8, 2, 31, defs.ExceptionDefault, 0))
		},
			"thread_set_exception_ports(8, 31 COPY_SEND, 2, 1, 0)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.HostDefaultMemoryManager(t, 9, 31, 0x4000)) },
			"host_default_memory_manager(9, 31 MAKE_SEND, 0x4000)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMSetDefaultMemoryManager(t, 9, 31)) },
			"vm_set_default_memory_manager(9, 31 MOVE_SEND)", "0x32 KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.VMSetDefaultMemoryManager(t, 9, 31)) },
			"vm_set_default_memory_manager(9, 31 MAKE_SEND)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.VMWire(t, 9, 7, 0x1000, 0x2000, mach.ProtRead)) },
			"vm_wire(9, 7 COPY_SEND, 0x1000, 0x2000, r--)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.ThreadWire(t, 9, 8, true)) },
			"thread_wire(9, 8 COPY_SEND, true)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.HostStatistics(t, 9)) },
			"host_statistics(9, 2, 12)", "{1 2 3 4 5 6 7 8 9 10 11 12} KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.VMStatistics(t, 7)) },
			"vm_statistics(7)", "{1 1 1 1 1 1 1 1 1 1 1 1 1} KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.HostPageSize(t, 9)) },
			"host_page_size(9)", "0x9000 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortNames(t, 7)) },
			"mach_port_names(7)", "[0x3c 0x3d 0x3e 0x3f] [0x3c 0x3d 0x3e 0x3f] KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortType(t, 7, 31)) },
			"mach_port_type(7, 0x1f)", "0x1 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortRename(t, 7, 31, 32)) },
			"mach_port_rename(7, 0x1f, 0x20)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortAllocateName(t, 7, mach.RightPortSet, 31)) },
			"mach_port_allocate_name(7, PORT_SET, 0x1f)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortAllocate(t, 7, mach.RightReceive)) },
			"mach_port_allocate(7, RECEIVE)", "0x1 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortAllocateSubsystem(t, 7, 30)) },
			"mach_port_allocate_subsystem(7, 30 COPY_SEND)", "0x1 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			r := user.MachPortAllocateQos(t, 7, mach.RightReceive, user.Qos{Name: true}, &name)
			return list(r, name)
		},
			"mach_port_allocate_qos(7, RECEIVE, true, false, 0x1f)", "KERN_SUCCESS 0x1"},
		{mig.OSF, func(t user.Thread) []any {
			r := user.MachPortAllocateFull(t, 7, mach.RightReceive, 30, user.Qos{RealTime: true}, &name)
			return list(r, name)
		},
			"mach_port_allocate_full(7, 30 COPY_SEND, RECEIVE, false, true, 0x1f)", "KERN_SUCCESS 0x1"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortDestroy(t, 7, 31)) },
			"mach_port_destroy(7, 0x1f)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortDeallocate(t, 7, 31)) },
			"mach_port_deallocate(7, 0x1f)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortGetRefs(t, 7, 31, mach.RightSend)) },
			"mach_port_get_refs(7, 0x1f, SEND)", "1 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortModRefs(t, 7, 31, mach.RightSend, -2)) },
			"mach_port_mod_refs(7, 0x1f, SEND, -2)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MachPortRequestNotification(t, 7, 31, mach.NotifyNoSenders, 5, 32, 0))
		},
			"mach_port_request_notification(7, 32 MAKE_SEND_ONCE, 0x1f, 70, 5)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MachPortRequestNotification(t, 7, 31, mach.NotifyDeadName, 5, 32, mach.MoveSendOnce))
		},
			"mach_port_request_notification(7, 32 MOVE_SEND_ONCE, 0x1f, 72, 5)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortInsertRight(t, 7, 31, 32, mach.MoveReceive)) },
			"mach_port_insert_right(7, 32 MOVE_RECEIVE, 0x1f)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortExtractRight(t, 7, 31, mach.MakeSend)) },
			"mach_port_extract_right(7, 0x1f, MAKE_SEND)", "0x32 MOVE_SEND KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortSetQlimit(t, 7, 31, 9)) },
			"mach_port_set_attributes(7, 0x1f, 1, [9])", "KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.MachPortSetQlimit(t, 7, 31, 9)) },
			"mach_port_set_qlimit(7, 0x1f, 9)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortSetMscount(t, 7, 31, 9)) },
			"mach_port_set_mscount(7, 0x1f, 9)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortSetSeqno(t, 7, 31, 9)) },
			"mach_port_set_seqno(7, 0x1f, 9)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortGetReceiveStatus(t, 7, 31)) },
			"mach_port_get_attributes(7, 0x1f, 2, 10)", "{{0x1 2 3 4 5 6 true true true} 10} KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.MachPortGetReceiveStatus(t, 7, 31)) },
			"mach_port_get_receive_status(7, 0x1f)", "{{0x1 1 1 1 1 1 true true true} 0} KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortGetAttributes(t, 7, 31, mach.PortLimitsInfo, 1)) },
			"mach_port_get_attributes(7, 0x1f, 1, 1)", "[1 2 3 4 5 6 7 8 9 10] KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MachPortSetAttributes(t, 7, 31, mach.PortDNRequestsSize, []int32{4}))
		},
			"mach_port_set_attributes(7, 0x1f, 3, [4])", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortGetSetStatus(t, 7, 31)) },
			"mach_port_get_set_status(7, 0x1f)", "[0x3c 0x3d 0x3e 0x3f] KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortMoveMember(t, 7, 31, 32)) },
			"mach_port_move_member(7, 0x1f, 0x20)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortInsertMember(t, 7, 31, 32)) },
			"mach_port_insert_member(7, 0x1f, 0x20)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MachPortExtractMember(t, 7, 31, 32)) },
			"mach_port_extract_member(7, 0x1f, 0x20)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MemoryObjectDataSupply(t, 20, 0x3000, region, true, mach.ProtWrite, true, reply))
		},
			"memory_object_data_supply(20, 0x7000+64 deallocate, 90 MAKE_SEND, 0x3000, -w-, true)", "KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any {
			return list(user.MemoryObjectDataSupply(t, 20, 0x3000, region, false, mach.ProtWrite, false, reply))
		},
			"memory_object_data_supply(20, 0x7000+64, 90 MAKE_SEND_ONCE, 0x3000, -w-, false)", "KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any {
			return list(user.MemoryObjectDataProvided(t, 20, 0x3000, region, mach.ProtWrite))
		},
			"memory_object_data_provided(20, 0x7000+64, 0x3000, -w-)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MemoryObjectDataUnavailable(t, 20, 0x3000, 0x2000)) },
			"memory_object_data_unavailable(20, 0x3000, 0x2000)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MemoryObjectDataError(t, 20, 0x3000, 0x2000, mach.KernFailure))
		},
			"memory_object_data_error(20, 0x3000, 0x2000, KERN_FAILURE)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MemoryObjectLockRequest(t, 20, 0x3000, 0x2000, mach.ReturnAll, true, mach.ProtNoChange, user.ReplyPort{Name: 90, Disp: mach.MakeSendOnce}))
		},
			"memory_object_lock_request(20, 90 MAKE_SEND_ONCE, 0x3000, 0x2000, all, true, no-change)", "KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any {
			return list(user.MemoryObjectLockRequestOld(t, 20, 0x3000, 0x2000, true, false, mach.ProtNone, reply))
		},
			"xxx_memory_object_lock_request(20, 90 MAKE_SEND_ONCE, 0x3000, 0x2000, true, false, ---)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MemoryObjectChangeAttributes(t, 20, mach.FlavorPerformance, []int32{4096, 1}, reply))
		},
			"memory_object_change_attributes(20, 90 MAKE_SEND, PERFORMANCE, [4096 1])", "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any {
			return list(user.MemoryObjectChangeAttributesCMU(t, 20, true, mach.CopyDelay, reply))
		},
			"memory_object_change_attributes(20, 90 MAKE_SEND_ONCE, true, delay)", "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.MemoryObjectReady(t, 20, true, mach.CopyDelay)) },
			"memory_object_ready(20, true, delay)", "KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any {
			return list(user.MemoryObjectSetAttributes(t, 20, true, false, mach.CopyNone))
		},
			"memory_object_set_attributes(20, true, false, none)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MakeReady(t, 20, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, MayCache: true}))
		},
			"memory_object_change_attributes(20, 0 MAKE_SEND, ATTRIBUTE, [2 0 1 0])", "KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any {
			return list(user.MakeReady(t, 20, defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, MayCache: true}))
		},
			"memory_object_ready(20, true, delay)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MemoryObjectGetAttributes(t, 20, mach.FlavorAttribute, 4)) },
			"memory_object_get_attributes(20, ATTRIBUTE, 4)", "[1 2 3 4 5 6] KERN_SUCCESS"},
		{mig.CMU, func(t user.Thread) []any { return list(user.MemoryObjectGetAttributesCMU(t, 20)) },
			"memory_object_get_attributes(20)", "{true true call} KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MemoryObjectDestroy(t, 20, mach.KernFailure)) },
			"memory_object_destroy(20, KERN_FAILURE)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.MemoryObjectSynchronizeCompleted(t, 20, 0x3000, 0x2000)) },
			"memory_object_synchronize_completed(20, 0x3000, 0x2000)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.MemoryObjectDiscardReply(t, 20, user.Discard{RequestedOffset: 1, RequestedSize: 2, Offset: 3, Size: 4}, mach.ReturnDirty, reply))
		},
			"memory_object_discard_reply(20, 90 MAKE_SEND, 0x1, 0x2, 0x3, 0x4, dirty)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.DefaultPagerObjectCreate(t, 25, 0x2000)) },
			"default_pager_object_create(25, 0x2000)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.DefaultPagerInfo(t, 25)) },
			"default_pager_info(25)", "{0x9000 0x9000 0x9000} KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.DefaultPagerObjects(t, 25)) },
			"default_pager_objects(25)", "[{261993005116 0x3f0000003e 0x3c}] KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.DefaultPagerObjectPages(t, 25, 30)) },
			"default_pager_object_pages(25, 30 COPY_SEND)", "[0x3d0000003c 0x3f0000003e] KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.DefaultPagerPagingFile(t, 25, 30, "swap", true)) },
			`default_pager_paging_file(25, 30 COPY_SEND, "swap", true)`, "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.DefaultPagerRegisterFileserver(t, 25, 30)) },
			"default_pager_register_fileserver(25, 30 COPY_SEND)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.DefaultPagerBackingStoreCreate(t, 25, 3, 8)) },
			"default_pager_backing_store_create(25, 3, 8)", "0x32 KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.DefaultPagerBackingStoreDelete(t, 26)) },
			"default_pager_backing_store_delete(26)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.DefaultPagerAddSegment(t, 26, 30, 5, 6, 512)) },
			"default_pager_add_segment(26, 30 COPY_SEND, 5, 6, 512)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.DefaultPagerBackingStoreInfo(t, 26, defs.BackingStoreBasicInfo, defs.BackingStoreBasicInfoWords))
		},
			"default_pager_backing_store_info(26, 1, 15)", "[1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20] KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any { return list(user.ExceptionRaise(t, 27, 8, 7, defs.ExcBadAccess, 1, 1<<40)) },
			"exception_raise(27, 8 COPY_SEND, 7 COPY_SEND, 1, [1 1099511627776])", "KERN_SUCCESS"},
		{mig.GNU, func(t user.Thread) []any { return list(user.ExceptionRaise(t, 27, 8, 7, defs.ExcBadAccess, 1, 1<<40)) },
			"exception_raise(27, 8 COPY_SEND, 7 COPY_SEND, 1, 1, 1099511627776)", "KERN_SUCCESS"},
		{mig.OSF, func(t user.Thread) []any {
			return list(user.Send(t, user.TerminateCodec, &defs.MemoryObjectTerminate[mach.Name]{MemoryObject: 28, MemoryControl: 29}))
		},
			"memory_object_terminate(28 MOVE_SEND, 29 MOVE_RECEIVE)", "KERN_SUCCESS"},
	} {
		addr, size, name = anyAddr, 0x800, 31
		f := newFake(c.set)
		back := strings.TrimSuffix(fmt.Sprintln(c.call(f)...), "\n")
		if len(f.log) == 0 {
			f.log = f.tidy // the call under test is one that the library makes itself elsewhere
		}
		require.Equal(t, []string{c.sent}, f.log)
		require.Equal(t, c.back, back, c.sent)
		routine, _, _ := strings.Cut(c.sent, "(")
		covered[c.set.String()+" "+routine] = true
	}
	// Every call that a program can make of a kernel has a function; what kernels tell managers has codecs, and
	// what managers are told by others they say themselves.
	elsewhere := []*mig.Subsystem{defs.MemoryObject, defs.MemoryObjectDefault, defs.Notify, defs.Netmem, defs.Coherent}
	for _, s := range defs.All() {
		for _, row := range s.Rows() {
			if slices.Contains(elsewhere, s) {
				continue
			}
			ok := false
			for set := range mig.Set(mig.Sets) {
				ok = ok || row.ID(set) != 0 && covered[set.String()+" "+row.Name]
			}
			require.True(t, ok, row)
		}
	}
}

func list(v ...any) []any { return v }
