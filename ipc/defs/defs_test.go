package defs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/ipc/defs"
	"machvm/ipc/mig"
	"machvm/kernel/mach"
)

// numbers is the id table of the specification, written by hand: OSF MK, CMU Mach 3.0, GNU Mach; 0 where
// the set lacks the call.
var numbers = map[string][3]mach.MsgID{
	"memory_object_init": {2200, 2200, 2200}, "memory_object_terminate": {2201, 2201, 2201},
	"memory_object_copy": {0, 2202, 2202}, "memory_object_data_request": {2203, 2203, 2203},
	"memory_object_data_unlock": {2204, 2204, 2204}, "memory_object_data_write": {0, 2205, 0},
	"memory_object_lock_completed": {2206, 2206, 2206}, "memory_object_supply_completed": {2207, 2207, 2207},
	"memory_object_data_return": {2208, 2208, 2208}, "memory_object_change_completed": {2213, 2209, 2209},
	"memory_object_synchronize": {2210, 0, 0}, "memory_object_discard_request": {2214, 0, 0},
	"memory_object_create": {2250, 2250, 2250}, "memory_object_data_initialize": {2251, 2251, 2251},

	"memory_object_get_attributes": {2002, 2040, 2040}, "memory_object_change_attributes": {2003, 2095, 2095},
	"memory_object_synchronize_completed": {2032, 0, 0}, "memory_object_data_provided": {0, 2038, 0},
	"memory_object_data_unavailable": {2039, 2039, 2039}, "vm_set_default_memory_manager": {2041, 2041, 2041},
	"xxx_memory_object_lock_request": {0, 2043, 0}, "memory_object_lock_request": {2044, 2044, 2044},
	"vm_map": {2089, 2089, 2089}, "memory_object_data_error": {2090, 2090, 2090},
	"memory_object_set_attributes": {0, 2091, 0}, "memory_object_destroy": {2092, 2092, 2092},
	"memory_object_data_supply": {2093, 2093, 2093}, "memory_object_ready": {0, 2094, 2094},
	"memory_object_discard_reply": {2660, 0, 0}, "host_default_memory_manager": {2601, 0, 0},
	"memory_object_create_proxy": {0, 0, 4010}, "vm_object_sync": {0, 0, 4208}, "vm_msync": {2031, 0, 4209},

	"default_pager_object_create": {2275, 2275, 2275}, "default_pager_info": {2276, 2276, 2276},
	"default_pager_objects": {2277, 2277, 2277}, "default_pager_object_pages": {2278, 2278, 2278},
	"default_pager_paging_file": {0, 2279, 2279}, "default_pager_register_fileserver": {0, 2280, 2280},
	"default_pager_backing_store_create": {2280, 0, 0}, "default_pager_backing_store_delete": {2281, 0, 0},
	"default_pager_add_segment": {2282, 0, 0}, "default_pager_backing_store_info": {2283, 0, 0},

	"mach_port_names": {3200, 3200, 3200}, "mach_port_type": {3201, 3201, 3201},
	"mach_port_rename": {3202, 3202, 3202}, "mach_port_allocate_name": {3203, 3203, 3203},
	"mach_port_allocate": {3204, 3204, 3204}, "mach_port_destroy": {3205, 3205, 3205},
	"mach_port_deallocate": {3206, 3206, 3206}, "mach_port_get_refs": {3207, 3207, 3207},
	"mach_port_mod_refs": {3208, 3208, 3208}, "mach_port_allocate_subsystem": {3209, 0, 0},
	"mach_port_set_qlimit": {0, 3210, 3210}, "mach_port_set_mscount": {3211, 3211, 3211},
	"mach_port_get_set_status": {3212, 3212, 3212}, "mach_port_move_member": {3213, 3213, 3213},
	"mach_port_request_notification": {3214, 3214, 3214}, "mach_port_insert_right": {3215, 3215, 3215},
	"mach_port_extract_right": {3216, 3216, 3216}, "mach_port_get_receive_status": {0, 3217, 3217},
	"mach_port_set_seqno": {3218, 3218, 3218}, "mach_port_get_attributes": {3219, 0, 0},
	"mach_port_set_attributes": {3220, 0, 0}, "mach_port_allocate_qos": {3229, 0, 0},
	"mach_port_allocate_full": {3230, 0, 0},

	"mach_notify_port_deleted": {65, 65, 65}, "mach_notify_msg_accepted": {0, 66, 66},
	"mach_notify_port_destroyed": {69, 69, 69}, "mach_notify_no_senders": {70, 70, 70},
	"mach_notify_send_once": {71, 71, 71}, "mach_notify_dead_name": {72, 72, 72},

	"task_wire": {2000, 0, 0}, "task_create": {2001, 2007, 2007}, "vm_region": {2004, 2029, 2029},
	"task_terminate": {2008, 2008, 2008}, "task_threads": {2011, 2011, 2011},
	"thread_terminate": {2016, 2016, 2016}, "vm_allocate": {2021, 2021, 2021},
	"vm_deallocate": {2023, 2023, 2023}, "vm_protect": {2024, 2024, 2024}, "vm_inherit": {2025, 2025, 2025},
	"vm_read": {2026, 2026, 2026}, "vm_write": {2027, 2027, 2027}, "vm_copy": {2028, 2028, 2028},
	"vm_statistics": {0, 2030, 2030}, "mach_ports_register": {2033, 2033, 2033},
	"mach_ports_lookup": {2034, 2034, 2034}, "vm_behavior_set": {2036, 0, 0},
	"task_suspend": {2056, 2056, 2056}, "task_resume": {2057, 2057, 2057},
	"task_get_special_port": {2058, 2058, 2058}, "task_set_special_port": {2059, 2059, 2059},
	"thread_suspend": {2062, 2062, 2062}, "thread_resume": {2063, 2063, 2063},
	"thread_abort": {2064, 2064, 2064}, "thread_get_special_port": {2067, 2067, 2067},
	"thread_set_special_port": {2068, 2068, 2068}, "vm_machine_attribute": {2099, 2099, 2099},

	"exception_raise": {2401, 2400, 2400},
	"vm_wire":         {2636, 2636, 2636}, "thread_wire": {2637, 2637, 2637}, "host_statistics": {2643, 0, 0},
	"host_page_size": {2644, 0, 0}, "vm_remap": {2679, 0, 0}, "thread_set_exception_ports": {2680, 0, 0},
	"task_set_exception_ports": {2681, 0, 0},

	"vm_region_create_proxy": {0, 0, 4011}, "vm_cache_statistics": {0, 0, 4200}, "vm_wire_all": {0, 0, 4207},
	"vm_pages_phys": {0, 0, 4212}, "vm_set_size_limit": {0, 0, 4215}, "vm_get_size_limit": {0, 0, 4216},

	"mach_vm_allocate": {4800, 4800, 4800}, "mach_vm_map": {4801, 4801, 4801},
	"mach_vm_remap": {4802, 4802, 4802}, "mach_make_memory_entry_64": {4803, 4803, 4803},
	"vm_read_overwrite": {4804, 4804, 4804}, "mach_port_insert_member": {4805, 4805, 4805},
	"mach_port_extract_member": {4806, 4806, 4806},

	"netmem_put": {4900, 4900, 4900}, "netmem_get": {4901, 4901, 4901},
	"coherent_replicate": {5100, 5100, 5100}, "coherent_request": {5101, 5101, 5101},
	"coherent_provide": {5102, 5102, 5102}, "coherent_grant": {5103, 5103, 5103},
	"coherent_invalidate": {5104, 5104, 5104}, "coherent_invalidated": {5105, 5105, 5105},
	"coherent_lost": {5106, 5106, 5106}, "coherent_join": {5107, 5107, 5107},
}

func TestNumbers(t *testing.T) {
	for set := range mig.Set(mig.Sets) {
		got, want := map[string]mach.MsgID{}, map[string]mach.MsgID{}
		for _, row := range defs.Registry(set).Rows() {
			got[row.Name] = row.ID(set)
		}
		for name, ids := range numbers {
			if ids[set] != 0 {
				want[name] = ids[set]
			}
		}
		require.Equal(t, want, got, set)
	}
}

// Who expects an answer: the one routine of the object interface, and everything clients ask.
func TestKinds(t *testing.T) {
	for _, s := range defs.All() {
		for _, row := range s.Rows() {
			object := strings.Contains(row.Name, "memory_object_") && s != defs.Mach4 &&
				row.Name != "vm_set_default_memory_manager"
			simple := s == defs.Notify || object && row.Name != "memory_object_get_attributes" ||
				s == defs.Coherent && row != defs.CoherentReplicateRow
			require.Equal(t, simple, row.Kind == mig.Simple, row)
			if row.Kind == mig.Simple {
				require.Zero(t, row.ReplyID(mig.OSF), row)
			}
		}
	}
}

// Dispositions of the rights between kernel and manager.
func TestDispositions(t *testing.T) {
	for _, c := range []struct {
		row  *mig.Row
		want string
	}{
		{defs.MemoryObjectInitRow, "COPY_SEND MAKE_SEND MAKE_SEND"},
		{defs.MemoryObjectTerminateRow, "MOVE_SEND MOVE_RECEIVE MOVE_RECEIVE"},
		{defs.MemoryObjectCopyRow, "COPY_SEND MAKE_SEND MOVE_RECEIVE"},
		{defs.MemoryObjectDataRequestRow, "COPY_SEND MAKE_SEND"},
		{defs.MemoryObjectDataUnlockRow, "COPY_SEND MAKE_SEND"},
		{defs.MemoryObjectDataReturnRow, "COPY_SEND MAKE_SEND"},
		{defs.MemoryObjectDataWriteRow, "COPY_SEND MAKE_SEND"},
		{defs.MemoryObjectSynchronizeRow, "COPY_SEND MAKE_SEND"},
		{defs.MemoryObjectDiscardRequestRow, "COPY_SEND MAKE_SEND"},
		{defs.MemoryObjectLockCompletedRow, "MOVE_SEND_ONCE* MAKE_SEND"},
		{defs.MemoryObjectSupplyCompletedRow, "MOVE_SEND_ONCE* MAKE_SEND"},
		{defs.MemoryObjectChangeCompletedRow, "MOVE_SEND_ONCE* MAKE_SEND"},
		{defs.MemoryObjectChangeCompletedCMURow, "MOVE_SEND_ONCE*"},
		{defs.MemoryObjectCreateRow, "MOVE_SEND MOVE_RECEIVE MAKE_SEND MAKE_SEND"},
		{defs.MemoryObjectDataInitializeRow, "COPY_SEND MAKE_SEND"},
		{defs.MemoryObjectDataSupplyRow, "COPY_SEND MAKE_SEND/MAKE_SEND_ONCE*"},
		{defs.MemoryObjectLockRequestRow, "COPY_SEND MAKE_SEND/MAKE_SEND_ONCE*"},
		{defs.MemoryObjectChangeAttributesRow, "COPY_SEND MAKE_SEND*"},
		{defs.MemoryObjectChangeAttributesCMURow, "COPY_SEND MAKE_SEND_ONCE*"},
		{defs.MemoryObjectDiscardReplyRow, "COPY_SEND MAKE_SEND*"},
		{defs.VMSetDefaultMemoryManagerRow, "COPY_SEND MOVE_SEND/MAKE_SEND"},
		{defs.HostDefaultMemoryManagerRow, "COPY_SEND MAKE_SEND"},
		{defs.MachPortRequestNotificationRow, "COPY_SEND MAKE_SEND_ONCE*"},
	} {
		var got []string
		for _, a := range c.row.Args(mig.Request) {
			if d := a.Disposition; d[0] != mach.DispNone {
				s := d[mig.OSF].String()
				if d[mig.CMU] != d[mig.OSF] {
					s += "/" + d[mig.CMU].String()
				}
				if a.Poly {
					s += "*"
				}
				got = append(got, s)
			}
		}
		require.Equal(t, c.want, strings.Join(got, " "), c.row)
	}
}

func TestProse(t *testing.T) {
	for _, s := range defs.All() {
		require.NotEmpty(t, s.Doc, s.Name)
		for _, row := range s.Rows() {
			doc := row.Doc()
			require.True(t, strings.HasSuffix(doc, ".\n"), "%s: %q", row, doc)
			require.NotEmpty(t, row.Server(), row)
		}
	}
	require.Contains(t, defs.MemoryObjectTerminateRow.Doc(), "last message of the association")
	require.Equal(t, "manager", defs.MemoryObjectTerminateRow.Server())
	require.Equal(t, "control", defs.MemoryObjectDataSupplyRow.Server())
}

func TestMessageNames(t *testing.T) {
	osf := defs.Registry(mig.OSF)
	require.Equal(t, "memory_object_terminate", osf.MessageName(2201))
	require.Equal(t, "vm_map_reply", osf.MessageName(2189))
	require.Equal(t, "mach_notify_no_senders", osf.MessageName(70))
	require.Empty(t, osf.MessageName(2202))
	require.Equal(t, "memory_object_copy", defs.Registry(mig.CMU).MessageName(2202))
	require.Nil(t, osf.MessageFields(12345))
	require.Equal(t, "[address]", fmt.Sprint(names(osf.MessageFields(2189))))
	require.Equal(t, "[memory_object seqno memory_control offset length desired_access]",
		fmt.Sprint(names(osf.MessageFields(2203))))
}

func names(args []mig.Arg) (n []string) {
	for _, a := range args {
		n = append(n, a.Name)
	}
	return n
}

// The values in a body can be read by the rows alone.
func TestBodyText(t *testing.T) {
	c := mig.For[defs.MemoryObjectDataRequest[mach.Name], mach.Name, mach.Region](defs.MemoryObjectDataRequestRow, mig.Request)
	var m mach.UserMessage
	require.Equal(t, mach.KernSuccess, c.Encode(&defs.MemoryObjectDataRequest[mach.Name]{
		Offset: 0x2000, Length: 0x1000, DesiredAccess: mach.ProtRead | mach.ProtWrite}, &m, mig.Form{}))
	var got []string
	body := m.Body
	for _, a := range c.Row().Args(mig.Request) {
		var text string
		if text, body = a.Text(body); text != "" {
			got = append(got, a.Name+"="+text)
		}
	}
	require.Empty(t, body)
	require.Equal(t, []string{"offset=0x2000", "length=0x1000", "desired_access=rw-"}, got)
}

func TestInfoWords(t *testing.T) {
	r := defs.RegionInfo{Protection: 3, MaxProtection: 7, Inheritance: mach.InheritCopy, Shared: true,
		Offset: 0x1234567890, Behavior: mach.BehaviorRandom, UserWiredCount: 2}
	require.Len(t, r.Words(), defs.RegionBasicInfoWords)
	got, ok := defs.ParseRegionInfo(r.Words())
	require.True(t, ok)
	require.Equal(t, r, got)
	_, ok = defs.ParseRegionInfo(r.Words()[1:])
	require.False(t, ok)

	c := defs.VMCounters{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1 << 31}
	require.Len(t, c.Words(), defs.HostVMInfoWords)
	counters, ok := defs.ParseVMCounters(c.Words())
	require.True(t, ok)
	require.Equal(t, c, counters)
	_, ok = defs.ParseVMCounters(nil)
	require.False(t, ok)

	all := defs.ObjectAttributes{CopyStrategy: mach.CopyDelay, ClusterSize: 8192, MayCache: true, Temporary: true,
		Invalidate: true, SilentOverwrite: true, AdvisoryPageout: true, Ready: true}
	for f := mach.Flavor(9); f < 17; f++ {
		w := all.Words(f)
		require.Len(t, w, f.Words())
		var a defs.ObjectAttributes
		require.Equal(t, f.Words() > 0, a.Parse(f, w))
		require.Equal(t, w, a.Words(f))
		require.False(t, a.Parse(f, append(w, 0)))
	}
}

// The page fault path must not allocate.
func TestNoAllocation(t *testing.T) {
	request := mig.For[defs.MemoryObjectDataRequest[right], right, memory](defs.MemoryObjectDataRequestRow, mig.Request)
	supply := mig.For[defs.MemoryObjectDataSupply[mach.Name, mach.Region], mach.Name, mach.Region](defs.MemoryObjectDataSupplyRow, mig.Request)
	var km kernelMessage
	var um mach.UserMessage
	require.Zero(t, testing.AllocsPerRun(100, func() {
		q := defs.MemoryObjectDataRequest[right]{MemoryObject: right{port: 1}, Offset: 4096, Length: 4096}
		request.Encode(&q, &km, mig.Form{})
		request.Decode(&km, &q, mig.Form{})
		s := defs.MemoryObjectDataSupply[mach.Name, mach.Region]{MemoryControl: 5, Offset: 4096}
		supply.Encode(&s, &um, mig.Form{})
		supply.Decode(&um, &s, mig.Form{})
	}))
}

func BenchmarkEncode(b *testing.B) {
	c := mig.For[defs.MemoryObjectDataSupply[mach.Name, mach.Region], mach.Name, mach.Region](defs.MemoryObjectDataSupplyRow, mig.Request)
	s := defs.MemoryObjectDataSupply[mach.Name, mach.Region]{MemoryControl: 5, Offset: 4096}
	var m mach.UserMessage
	b.ReportAllocs()
	for b.Loop() {
		c.Encode(&s, &m, mig.Form{})
	}
}

func BenchmarkDecode(b *testing.B) {
	c := mig.For[defs.MemoryObjectDataSupply[mach.Name, mach.Region], mach.Name, mach.Region](defs.MemoryObjectDataSupplyRow, mig.Request)
	s := defs.MemoryObjectDataSupply[mach.Name, mach.Region]{MemoryControl: 5, Offset: 4096}
	var m mach.UserMessage
	c.Encode(&s, &m, mig.Form{})
	b.ReportAllocs()
	for b.Loop() {
		c.Decode(&m, &s, mig.Form{})
	}
}
