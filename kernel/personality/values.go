package personality

import (
	"fmt"
	"strings"
)

// TermWindow is what happens to control messages sent between the break of an association and its
// terminate message (E-01).
type TermWindow uint8

const (
	TermQueue  TermWindow = iota // they stay in the control port and travel with its receive right
	TermReject                   // they run against no object and are destroyed
)

// TemporaryCache is the fate of a temporary and cachable object at its last unmap (E-06, VD-19).
type TemporaryCache uint8

const (
	TemporaryNever   TemporaryCache = iota // never cached, nothing returned
	TemporaryReturn                        // cached; modified pages are returned when it is trimmed
	TemporaryDiscard                       // cached; pages are discarded when it is trimmed
)

// SupplyPartial is what data_supply does with a last page that is not whole (E-08).
type SupplyPartial uint8

const (
	PartialDrop   SupplyPartial = iota // leave that page out
	PartialReject                      // refuse the call
)

// LockLength is the length that lock_completed reports (E-14).
type LockLength uint8

const (
	LengthGiven   LockLength = iota // as the request gave it
	LengthRounded                   // rounded to whole pages
)

// ErrorWakes is who gets the code of a data_error (E-18).
type ErrorWakes uint8

const (
	WakesAll   ErrorWakes = iota // every thread waiting for the page
	WakesFirst                   // the first; the others ask the manager again
)

// ErrorPass is which reasons of a data_error reach the client unchanged (E-19, VD-15).
type ErrorPass uint8

const (
	PassSystem ErrorPass = iota // those with an error system other than the kernel's
	PassMax                     // those above KERN_RETURN_MAX; KERN_MEMORY_DATA_MOVED restarts the faults
	PassNever                   // none
)

// MessageSet is a numbering of the messages between kernel and manager, with the calls that exist only
// in it (E-26).
type MessageSet uint8

const (
	OSF MessageSet = iota
	CMU            // has ready, set_attributes, data_write, data_provided and the old lock_request; no synchronize
	GNU            // CMU's without data_write, data_provided, set_attributes and the old lock_request
)

// MoveRequest is the fate of the no-senders request of a receive right that moves (E-30, ID-01).
type MoveRequest uint8

const (
	MoveCancel MoveRequest = iota
	MoveKeep
)

// DyingSend is the result of a send that is blocked when its port dies (ID-05).
type DyingSend uint8

const (
	DyingSuccess DyingSend = iota
	DyingInvalid           // MACH_SEND_INVALID_DEST
)

// CopyField is what the copy field of a received region says (ID-13).
type CopyField uint8

const (
	FieldCopy      CopyField = iota // how the memory was copied
	FieldPlacement                  // how it was placed
)

// TooLarge is the trailer behind the bare header of a message destroyed for its size (ID-25).
type TooLarge uint8

const (
	TrailerEmpty TooLarge = iota
	TrailerRequested
)

// WireCodes are the codes of vm_wire for holes and missing access (VD-09).
type WireCodes uint8

const (
	WireOSF WireCodes = iota // KERN_INVALID_ADDRESS, KERN_PROTECTION_FAILURE
	WireCMU                  // KERN_FAILURE; unwiring what is not wired is KERN_INVALID_ARGUMENT
	WireGNU                  // KERN_NO_SPACE
)

// Msync is how much of vm_msync exists (VD-13).
type Msync uint8

const (
	MsyncFull   Msync = iota
	MsyncAbsent       // the number is nobody's: MIG_BAD_ID
	MsyncFails        // KERN_INVALID_ARGUMENT for every size but 0
)

// Coalescing is which neighbours a new map entry may merge with (VD-14).
type Coalescing uint8

const (
	CoalesceForward Coalescing = iota // the entry before it grows
	CoalesceBoth                      // both, also after protect and inherit
)

var (
	termWindowNames     = []string{"queue", "reject"}
	temporaryCacheNames = []string{"never", "return", "discard"}
	supplyPartialNames  = []string{"drop", "reject"}
	lockLengthNames     = []string{"given", "rounded"}
	errorWakesNames     = []string{"all", "first"}
	errorPassNames      = []string{"system", "max", "never"}
	messageSetNames     = []string{"osf", "cmu", "gnu"}
	moveRequestNames    = []string{"cancel", "keep"}
	dyingSendNames      = []string{"success", "invalid"}
	copyFieldNames      = []string{"copy", "placement"}
	tooLargeNames       = []string{"empty", "requested"}
	wireCodesNames      = []string{"osf", "cmu", "gnu"}
	msyncNames          = []string{"full", "absent", "fails"}
	coalescingNames     = []string{"forward", "both"}
)

func (v TermWindow) String() string     { return spell(v, termWindowNames) }
func (v TemporaryCache) String() string { return spell(v, temporaryCacheNames) }
func (v SupplyPartial) String() string  { return spell(v, supplyPartialNames) }
func (v LockLength) String() string     { return spell(v, lockLengthNames) }
func (v ErrorWakes) String() string     { return spell(v, errorWakesNames) }
func (v ErrorPass) String() string      { return spell(v, errorPassNames) }
func (v MessageSet) String() string     { return spell(v, messageSetNames) }
func (v MoveRequest) String() string    { return spell(v, moveRequestNames) }
func (v DyingSend) String() string      { return spell(v, dyingSendNames) }
func (v CopyField) String() string      { return spell(v, copyFieldNames) }
func (v TooLarge) String() string       { return spell(v, tooLargeNames) }
func (v WireCodes) String() string      { return spell(v, wireCodesNames) }
func (v Msync) String() string          { return spell(v, msyncNames) }
func (v Coalescing) String() string     { return spell(v, coalescingNames) }

// Parse gives v the value that is spelled s. It fails, and leaves v alone, if there is none.

func (v *TermWindow) Parse(s string) error     { return parse(v, s, termWindowNames) }
func (v *TemporaryCache) Parse(s string) error { return parse(v, s, temporaryCacheNames) }
func (v *SupplyPartial) Parse(s string) error  { return parse(v, s, supplyPartialNames) }
func (v *LockLength) Parse(s string) error     { return parse(v, s, lockLengthNames) }
func (v *ErrorWakes) Parse(s string) error     { return parse(v, s, errorWakesNames) }
func (v *ErrorPass) Parse(s string) error      { return parse(v, s, errorPassNames) }
func (v *MessageSet) Parse(s string) error     { return parse(v, s, messageSetNames) }
func (v *MoveRequest) Parse(s string) error    { return parse(v, s, moveRequestNames) }
func (v *DyingSend) Parse(s string) error      { return parse(v, s, dyingSendNames) }
func (v *CopyField) Parse(s string) error      { return parse(v, s, copyFieldNames) }
func (v *TooLarge) Parse(s string) error       { return parse(v, s, tooLargeNames) }
func (v *WireCodes) Parse(s string) error      { return parse(v, s, wireCodesNames) }
func (v *Msync) Parse(s string) error          { return parse(v, s, msyncNames) }
func (v *Coalescing) Parse(s string) error     { return parse(v, s, coalescingNames) }

func spell[V ~uint8](v V, names []string) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("invalid(%d)", uint8(v))
}

func parse[V ~uint8](v *V, s string, names []string) error {
	for i, name := range names {
		if name == s {
			*v = V(i)
			return nil
		}
	}
	return oneOf(s, names)
}

func oneOf(s string, values []string) error {
	return fmt.Errorf("%q is none of %s", s, strings.Join(values, ", "))
}
