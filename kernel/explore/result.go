package explore

import "fmt"

// Result is what became of one execution.
type Result struct {
	Failure *Failure // nil: it passed
	// State is a fingerprint of the final state; 0 if there is none to compare.
	State uint64
	// Sometimes says of every property that is to hold in some execution whether it held in this one.
	Sometimes []Observation
	Steps     uint64 // of the scheduler
	// Complete says of an execution that failed that it came to its end all the same: nothing could run any more.
	Complete bool
	// Proved says of a livelock that it does not depend on whether the schedule was fair.
	Proved bool
}

// Observation is whether a property was seen to hold.
type Observation struct {
	Name string `json:"name"`
	Held bool   `json:"held"`
}

// FailureKind is what sort of failure an execution ended with.
type FailureKind uint8

const (
	Property       FailureKind = iota // something that was to hold did not
	Deadlock                          // nothing can run and programs wait
	Livelock                          // the step limit came, and the last choices were fair
	Crash                             // a program panicked
	Invariant                         // an audit of the kernel failed, or the kernel panicked
	Harness                           // the execution could not be set up
	LostWakeup                        // nothing can run, and a program waits for what has come
	Unreproducible                    // the same choices did not lead to the same run
	failureKindCount
)

var failureNames = [failureKindCount]string{"property", "deadlock", "livelock", "crash", "broken invariant",
	"bad setup", "lost wake-up", "unreproducible"}

func (k FailureKind) String() string {
	if k < failureKindCount {
		return failureNames[k]
	}
	return fmt.Sprintf("failure(%d)", uint8(k))
}

// MarshalText is the name of the kind.
func (k FailureKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Failure is why an execution failed. Two failures are the same if kind and name are: that is what
// shrinking preserves.
type Failure struct {
	Kind   FailureKind `json:"kind"`
	Name   string      `json:"name"`             // the property, the panic, who is stuck: one line, without numbers that change from run to run
	Report string      `json:"report,omitempty"` // everything there is to say
}

func (f *Failure) Error() string { return f.Kind.String() + ": " + f.Name }

// same reports whether two executions failed alike.
func (f *Failure) same(g *Failure) bool {
	return f != nil && g != nil && f.Kind == g.Kind && f.Name == g.Name
}
