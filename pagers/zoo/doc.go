// Package zoo keeps the documented mistakes of memory managers, each alive: a small manager that makes the mistake,
// and beside it the same manager without it. They are for learning what a manager has to think of, and for trying
// tests: a test worth its name tells one from the other.
//
//	zoo.go                     Specimen, Manager; All
//	shelf.go                   the manager without mistakes that the specimens are built on
//	owner.go                   one that takes its page back from the kernel, for programs that ask
//	z01_store_on_its_way.go    Z1: reads the store while the evicted page is on its way there
//	z02_swapped_messages.go    Z2: two threads swap a return and the request behind it
//	z03_supplies_twice.go      Z3: supplies a page twice
//	z04_drops_request.go       Z4: drops a request that comes during a lock sequence
//	z05_forgets_unlock.go      Z5: forgets an unlock that comes during a clean
//	z06_one_control_port.go    Z6: confuses the next init with the last terminate
//	z07_undrained_port.go      Z7: loses a precious page in the control port
package zoo
