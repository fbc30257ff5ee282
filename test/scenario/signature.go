package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"machvm/ipc/mig"
)

// signatures are the calls whose arguments a script may give by position, and what it may leave out. A
// call that is not here takes its arguments by name. Destinations need no word where they are the caller's
// own task, or its host; a right left out is null; an argument "anywhere" is true unless an address is
// given.
var signatures = parseSignatures(`
task_create                         inherit_memory=True ledger_ports=[]
task_terminate                      target_task
task_suspend                        target_task
task_resume                         target_task
task_threads                        target_task
thread_terminate                    target_thread
thread_abort                        target_thread
thread_suspend                      target_thread
thread_resume                       target_thread

vm_allocate                         size address=0 anywhere
vm_deallocate                       address size
vm_map                              memory_object size address=0 mask=0 anywhere offset=0 copy=False cur_protection=VM_PROT_DEFAULT max_protection=VM_PROT_ALL inheritance=VM_INHERIT_COPY
vm_remap                            src_address size src_task target_address=0 mask=0 anywhere copy=False inheritance=VM_INHERIT_COPY
vm_protect                          address size new_protection set_maximum=False
vm_inherit                          address size new_inheritance
vm_behavior_set                     address size new_behavior
vm_read                             address size
vm_write                            address data
vm_copy                             source_address size dest_address
vm_region                           address flavor=VM_REGION_BASIC_INFO info_count=9
vm_wire                             address size access=VM_PROT_READ task
vm_msync                            address size sync_flags=VM_SYNC_SYNCHRONOUS
vm_machine_attribute                address size attribute value

mach_port_allocate                  right=RECEIVE
mach_port_allocate_name             right name
mach_port_allocate_full             right=RECEIVE subs qos_name=False qos_rt=False name=0
mach_port_destroy                   name
mach_port_deallocate                name
mach_port_get_refs                  name right
mach_port_mod_refs                  name right delta
mach_port_type                      name
mach_port_rename                    old_name new_name
mach_port_move_member               member after
mach_port_insert_member             name pset
mach_port_extract_member            name pset
mach_port_get_set_status            name
mach_port_insert_right              name poly
mach_port_extract_right             name msgt_name
mach_port_request_notification      name id sync notify
mach_port_set_mscount               name mscount
mach_port_set_seqno                 name seqno
mach_port_get_attributes            name flavor=MACH_PORT_RECEIVE_STATUS port_info_out_count=10
mach_port_set_attributes            name flavor=MACH_PORT_LIMITS_INFO port_info

memory_object_get_attributes        memory_control flavor=MEMORY_OBJECT_ATTRIBUTE_INFO attributes_count=6
memory_object_change_attributes     memory_control flavor=MEMORY_OBJECT_ATTRIBUTE_INFO attributes may_cache=False copy_strategy=MEMORY_OBJECT_COPY_DELAY reply_to cluster_size=0 temporary=False
memory_object_ready                 memory_control may_cache=False copy_strategy=MEMORY_OBJECT_COPY_DELAY
memory_object_set_attributes        memory_control object_ready=True may_cache=False copy_strategy=MEMORY_OBJECT_COPY_DELAY
memory_object_data_supply           memory_control offset data lock_value=VM_PROT_NONE precious=False reply_to
memory_object_data_provided         memory_control offset data lock_value=VM_PROT_NONE
memory_object_data_unavailable      memory_control offset size
memory_object_data_error            memory_control offset size error_value=KERN_FAILURE
memory_object_lock_request          memory_control offset size should_return=MEMORY_OBJECT_RETURN_NONE should_flush=False lock_value=VM_PROT_NO_CHANGE reply_to
memory_object_synchronize_completed memory_control offset length
memory_object_destroy               memory_control reason=KERN_SUCCESS
netmem_put                          netmem_object offset value
netmem_get                          netmem_object offset=0

memory_object_discard_reply         memory_control requested_offset requested_size discard_offset discard_size should_return=MEMORY_OBJECT_RETURN_ALL reply_to
`)

// signature is one line of the table.
type signature struct {
	order    []string
	defaults starlark.StringDict
}

func parseSignatures(table string) map[string]signature {
	all := map[string]signature{}
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		s := signature{defaults: starlark.StringDict{}}
		for _, w := range words[1:] {
			name, value, has := strings.Cut(w, "=")
			s.order = append(s.order, name)
			if has {
				s.defaults[name] = constant(value)
			}
		}
		all[words[0]] = s
	}
	return all
}

// constant is a default value of the table.
func constant(s string) starlark.Value {
	switch s {
	case "True":
		return starlark.True
	case "False":
		return starlark.False
	case "0":
		return starlark.MakeInt(0)
	case "9":
		return starlark.MakeInt(9)
	case "10":
		return starlark.MakeInt(10)
	case "6":
		return starlark.MakeInt(6)
	case "[]":
		return starlark.Tuple{}
	}
	if v, ok := constants[s]; ok {
		return v
	}
	panic("scenario: no constant is called " + s)
}

// bind gives every argument of a call a value: by position, by name, by default.
func bind(row *mig.Row, args starlark.Tuple, kwargs []starlark.Tuple, self func(server string) starlark.Value) (starlark.StringDict, error) {
	sig := signatures[row.Name]
	if len(args) > len(sig.order) {
		if len(sig.order) == 0 {
			return nil, fmt.Errorf("%s takes its arguments by name: %s", row, argNames(row))
		}
		return nil, fmt.Errorf("%s takes at most %d arguments by position: %s", row, len(sig.order), strings.Join(sig.order, ", "))
	}
	fields := starlark.StringDict{}
	for i, v := range args {
		fields[sig.order[i]] = v
	}
	known := map[string]bool{}
	for _, name := range sig.order {
		known[name] = true
	}
	for _, a := range row.Args(mig.Request) {
		known[a.Name] = a.Kind != mig.ArgSeqno
	}
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		if !known[name] {
			return nil, fmt.Errorf("%s has no argument %s; it has %s", row, name, argNames(row))
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("%s: argument %s is given twice", row, name)
		}
		fields[name] = kv[1]
	}
	_, placed := fields["address"]
	if _, target := fields["target_address"]; target {
		placed = true
	}
	for _, a := range row.Args(mig.Request) {
		if _, ok := fields[a.Name]; ok {
			continue
		}
		switch v, ok := sig.defaults[a.Name]; {
		case ok:
			fields[a.Name] = v
		case a.Name == "anywhere":
			fields[a.Name] = starlark.Bool(!placed)
		case a.Kind == mig.ArgDest:
			if v := self(a.Server); v != nil {
				fields[a.Name] = v
			}
		case a.Kind == mig.ArgPort && (a.Name == "task" || a.Name == "src_task"):
			fields[a.Name] = self("task")
		case a.Kind == mig.ArgPort:
			fields[a.Name] = starlark.None
		}
	}
	for name, v := range sig.defaults { // unordered: into a map
		if _, ok := fields[name]; !ok {
			fields[name] = v
		}
	}
	return fields, nil
}

func argNames(row *mig.Row) string {
	var names []string
	for _, a := range row.Args(mig.Request) {
		if a.Kind != mig.ArgSeqno {
			names = append(names, a.Name)
		}
	}
	return strings.Join(names, ", ")
}
