package rows

import (
	"fmt"
	"strings"
)

// FigureKind says how a published figure can be met.
type FigureKind string

const (
	Exact FigureKind = "exact" // a count: it comes out or it does not
	Shape FigureKind = "shape" // a measurement on real machines: it comes near
	Part  FigureKind = "part"  // how much of something is reached
)

// Figure is a published figure beside what the simulator measures.
type Figure struct {
	ID        string     `json:"id"` // "PF-07"
	Source    string     `json:"source"`
	Quantity  string     `json:"quantity"`
	Kind      FigureKind `json:"kind"`
	Published string     `json:"published"`
	Measured  string     `json:"measured"`
	Equal     bool       `json:"equal"`
	Note      string     `json:"note,omitempty"`
}

// figure is a published figure, and how to measure it. near, if there is one, judges a measured value that need
// not be the published one.
type figure struct {
	id, source, quantity string
	kind                 FigureKind
	published            string
	measure              func() (measured string, err error)
	near                 func(published, measured string) bool
	note                 string
}

// Sources of published figures.
const (
	sourceGuide   = "Server Writer's Guide 7"
	sourceServer  = "Forin and others 1988, "
	sourceMachine = "Rashid and others 1987, "
)

// figures are the published figures that are measured, in order. Published values are data of this table; every
// measured one comes from a run.
func figures() []figure {
	var all []figure
	for _, group := range [][]figure{protocolFigures(), sharingFigures(), loopFigures(), memoryFigures()} {
		all = append(all, group...)
	}
	return all
}

// Differs reports whether a figure that has to come out does not.
func (f Figure) Differs() bool { return f.Kind == Exact && !f.Equal }

// Figures measures all published figures. It fails if one cannot be measured at all, not if it differs.
func Figures() ([]Figure, error) {
	var all []Figure
	for _, f := range figures() {
		measured, err := f.measure()
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", f.id, f.quantity, err)
		}
		equal := measured == f.published
		if f.near != nil {
			equal = f.near(f.published, measured)
		}
		all = append(all, Figure{ID: f.id, Source: f.source, Quantity: f.quantity, Kind: f.kind, Published: f.published,
			Measured: measured, Equal: equal, Note: f.note})
	}
	return all, nil
}

// list is numbers as a figure shows them.
func list(n []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(n), " ", ", "), "[]")
}
