package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"machvm/kernel/explore"
)

// progressBar is one line on a terminal that is written over and over.
type progressBar struct {
	w     io.Writer // nil: nobody sees it
	start time.Time
	last  time.Time
}

// newProgressBar shows progress on w if that is a terminal.
func newProgressBar(w io.Writer) *progressBar {
	b := &progressBar{start: time.Now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			b.w = w
		}
	}
	return b
}

// show writes the line again, some times a second.
func (b *progressBar) show(p explore.Progress) {
	now := time.Now()
	if b.w == nil || now.Sub(b.last) < 200*time.Millisecond {
		return
	}
	b.last = now
	rate := float64(p.Executions) / now.Sub(b.start).Seconds()
	fmt.Fprintf(b.w, "\r\x1b[K%d executions, %.0f/s, %d final states, at most %d choices, %d failures",
		p.Executions, rate, p.States, p.Depth, p.Failures)
}

// clear takes the line away.
func (b *progressBar) clear() {
	if b.w != nil {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
