//go:build !linux || !(amd64 || arm64)

package anchor

import (
	"errors"
	"runtime"
)

// Handler is the process that answers faults; here there is none.
func Handler() (bool, error) { return false, nil }

func system() []Anchor {
	lacking := func() (func(int), func(), error) {
		return nil, nil, errors.New("only Linux has it, and this is " + runtime.GOOS + "/" + runtime.GOARCH)
	}
	return []Anchor{
		{ZeroFill, "first write to a page of anonymous memory", lacking, 1},
		{UserFault, "page fault answered by another process with a page of 4 KiB", lacking, 1},
		{UserCycle, "map, register, fault, unmap with its event, 1 page", lacking, 1},
		{UserCycle16, "the same with 16 pages", lacking, 1},
	}
}
