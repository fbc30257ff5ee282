package choice

// Recorder asks another chooser and writes down its choices. Its Schedule may be read at any time; the
// header fields are the caller's to fill in.
type Recorder struct {
	Schedule Schedule
	Chooser  Chooser
	// NoLabels leaves labels out: steps cost less and a replay then compares kind, point and width only.
	NoLabels bool
}

// NewRecorder records the choices of c.
func NewRecorder(c Chooser) *Recorder { return &Recorder{Chooser: c} }

// Choose asks the recorder's chooser and records its answer.
func (r *Recorder) Choose(p Point) int {
	i := Ask(r.Chooser, p)
	step := Step{Kind: p.Kind, Name: p.Name, Index: i, Width: p.Width}
	if !r.NoLabels {
		step.Label = p.Label(i)
	}
	r.Schedule.Steps = append(r.Schedule.Steps, step)
	return i
}

// Failed is the failure of the recorder's chooser.
func (r *Recorder) Failed() error { return Failed(r.Chooser) }
