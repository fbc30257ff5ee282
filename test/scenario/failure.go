package scenario

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// Error makes a Failure an error that a builtin can return: it travels up through the script's frames and
// comes out with its kind.
var _ error = (*Failure)(nil)

// failf is a failure of the given kind; its place is found when it has left the script.
func failf(kind Kind, format string, args ...any) error {
	return &Failure{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// failureOf turns an error that came out of a script into a failure with the line it happened on.
func (p *play) failureOf(err error) *Failure {
	f := &Failure{Kind: ScriptError}
	var inner *Failure
	if errors.As(err, &inner) {
		*f = *inner
	}
	var eval *starlark.EvalError
	if errors.As(err, &eval) {
		if f.At == "" {
			f.At = frameOf(eval.CallStack)
		}
		if inner == nil {
			f.Text = strings.TrimPrefix(eval.Msg, "Starlark computation cancelled: ")
		}
	} else if inner == nil {
		f.Text = err.Error()
	}
	if f.Text == tooLong {
		f.Kind, f.At = StepLimit, p.endless
		f.Text = fmt.Sprintf("more than %d steps of Starlark without blocking: an endless loop? (--step-limit)", p.limit)
	}
	if f.At == "" {
		f.At = p.script.Path
	}
	return f
}

// frameOf is the innermost place in the script.
func frameOf(stack starlark.CallStack) string {
	for i := range stack {
		if f := stack.At(i); f.Pos.Line > 0 && f.Pos.Filename() != "<builtin>" {
			return position(f.Pos)
		}
	}
	return ""
}

// here is where the script stands that calls a builtin.
func here(th *starlark.Thread) (at string, line int) {
	for i := 1; i < th.CallStackDepth(); i++ {
		if f := th.CallFrame(i); f.Pos.Line > 0 && f.Pos.Filename() != "<builtin>" {
			return position(f.Pos), int(f.Pos.Line)
		}
	}
	return "", 0
}

// overLimit is what happens at the step limit: the script takes a few more steps, so that the place that
// is reported lies inside the loop and not before its first turn, and is stopped.
func (p *play) overLimit() func(*starlark.Thread) {
	const more = 64
	var taken, last uint64
	var line int32
	at := ""
	return func(th *starlark.Thread) {
		now := th.ExecutionSteps()
		if now != last+1 {
			taken, line, at = 0, 0, ""
		}
		last = now
		if f := th.CallFrame(0); f.Pos.Line > line {
			line, at = f.Pos.Line, position(f.Pos)
		}
		if taken++; taken < more {
			th.SetMaxExecutionSteps(now + 1)
			return
		}
		p.endless = at
		th.Cancel(tooLong)
	}
}

// tooLong is why Starlark stops a script at its step limit.
const tooLong = "too many steps"

// fail notes the first failure and stops the simulation.
func (p *play) fail(f *Failure) {
	if p.failure == nil {
		p.failure = f
	}
	if p.running {
		p.sim.Sched().Stop(f)
	}
}
