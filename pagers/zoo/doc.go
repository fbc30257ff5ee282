// Package zoo keeps the documented mistakes of memory managers, each alive: a small manager that makes the mistake,
// and beside it the same manager without it. They are for learning what a manager has to think of, and for trying
// tests: a test worth its name tells one from the other.
//
//	zoo.go                     Specimen, Manager; All
//	shelf.go                   the manager without mistakes that the specimens are built on
//	owner.go                   one that takes its page back from the kernel, for programs that ask
//	sharer.go                  one that gives its page to one kernel at a time
//	z01_store_on_its_way.go    Z1: reads the store while the evicted page is on its way there
//	z02_swapped_messages.go    Z2: two threads swap a return and the request behind it
//	z03_supplies_twice.go      Z3: supplies a page twice
//	z04_drops_request.go       Z4: drops a request that comes during a lock sequence
//	z05_forgets_unlock.go      Z5: forgets an unlock that comes during a clean
//	z06_one_control_port.go    Z6: confuses the next init with the last terminate
//	z07_undrained_port.go      Z7: loses a precious page in the control port
//	z08_own_object.go          Z8: touches its own object
//	z09_early_owner.go         Z9: takes ownership at the wrong moment of a lock sequence
//	z10_delayed_copy.go        Z10: allows delayed copies of an object that is written elsewhere
//	z11_twice_initialized.go   Z11: accepts data_initialize for a page that it has
//	z12_no_flow_control.go     Z12: pageout without flow control eats the reserve
//	z13_one_pool.go            Z13: one pool of threads for pageable and wired requests
//	z14_takes_back.go          Z14: takes a page back before it was used, for ever
//	z15_nobody_holds.go        Z15: takes one kernel's "not resident" for "nobody holds it"
//	z16_paged_out.go           Z16: a default pager that can itself be paged out
package zoo
