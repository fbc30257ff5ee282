// Package choice answers one question: who decides when several things could happen next?
//
// Wherever Mach leaves the next step open (which thread runs, which message crosses to another host
// first, which of two timers with one deadline fires first) the kernel describes the situation as a Point
// and asks a Chooser. A run is a pure function of its scenario and of the answers, so a list of the answers, a
// Schedule, repeats the run exactly. The chooser named First answers 0 everywhere: first in, first out,
// which is classroom Mach.
//
//	choice.go    kinds, points, the Chooser interface, First, Ask
//	schedule.go  a list of choices and its text form
//	record.go    Recorder: writes down what another chooser decided
//	replay.go    Replayer: repeats a schedule and says where a run departs from it
//	script.go    Script: rules such as "at T1-broken run the thread named pager"
//	random.go    Random: seeded choices, and the generator behind them
//
// A question with one answer is never asked. Labels exist for people and for checking a replay; they are made
// only when somebody asks for them, so the default chooser costs no allocation.
package choice
