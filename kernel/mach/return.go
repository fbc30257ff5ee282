package mach

import "fmt"

// Return is the one kind of result code: small positive kernel codes, message codes 0x1000xxxx with
// detail bits or-ed in, and MIG's negative codes, all in one number space as in Mach. It is an error
// that compares by value, so errors.Is(err, mach.KernNoSpace) works through wrapping.
//
// KernSuccess is not an error: turn a Return into an error with Err, never by plain conversion.
type Return int32

// Err is nil for success and r otherwise.
func (r Return) Err() error {
	if r == KernSuccess {
		return nil
	}
	return r
}

// OK reports success.
func (r Return) OK() bool { return r == KernSuccess }

// Code is the Return inside err: KernSuccess for nil, KernFailure for an error that holds none.
func Code(err error) Return {
	for err != nil {
		if r, ok := err.(Return); ok {
			return r
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return KernFailure
		}
		err = u.Unwrap()
	}
	return KernSuccess
}

// Base is r without the detail bits that message codes may carry.
func (r Return) Base() Return {
	if r&^0xffff == 0x1000_0000 {
		return r &^ Return(MsgMask)
	}
	return r
}

// Is makes errors.Is hold between a message code with detail bits and the bare code.
func (r Return) Is(target error) bool {
	t, ok := target.(Return)
	return ok && (t == r || t == r.Base())
}

// Error is the historic spelling, with detail bits named behind the code.
func (r Return) Error() string { return r.String() }

func (r Return) String() string {
	if s, ok := codeNames[r]; ok {
		return s
	}
	base := r.Base()
	s, ok := codeNames[base]
	if !ok {
		return fmt.Sprintf("kern_return(%#x)", uint32(r))
	}
	for _, b := range detailBits {
		if r&b.bit != 0 {
			s += "|" + b.name
		}
	}
	return s
}

// ErrorSystem is the error-system field of a code: its top six bits, 0 for the kernel's own codes.
// Historic err_get_system.
func (r Return) ErrorSystem() uint32 { return uint32(r) >> 26 }

// ParseReturn finds the code with the given historic spelling, such as "KERN_NO_SPACE".
func ParseReturn(name string) (Return, bool) {
	for r, s := range codeNames { // unordered: spellings are unique
		if s == name {
			return r, true
		}
	}
	return KernFailure, false
}
