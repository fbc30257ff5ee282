package rows

import "fmt"

// TraceFigure replays a trace and holds the result against what others counted.
func TraceFigure(t *Trace, p PublishedCount) (Figure, error) {
	c, err := t.Replay(p.Policy, p.Frames)
	if err != nil {
		return Figure{}, fmt.Errorf("%s, %s, %d frames: %w", p.File, p.Policy, p.Frames, err)
	}
	f := Figure{ID: "trace", Source: p.File, Kind: Exact, Quantity: fmt.Sprintf("page reads / dirty writes, %s, %d frames", p.Policy, p.Frames),
		Published: fmt.Sprintf("%d / %d", p.Reads, p.Writes), Measured: fmt.Sprintf("%d / %d", c.Pageins, c.DirtyPageouts)}
	if p.Writes < 0 { // nobody has counted those
		f.Published, f.Measured = fmt.Sprint(p.Reads), fmt.Sprint(c.Pageins)
		f.Quantity = fmt.Sprintf("page reads, %s, %d frames", p.Policy, p.Frames)
	}
	f.Equal = f.Published == f.Measured
	return f, nil
}
