package explore

import (
	"sync"
	"sync/atomic"
)

// sideBySide calls work(worker, i) for every i below n, on as many goroutines as there are workers; each
// i once, and no worker twice at a time. It returns when all are done, and panics with the panic of the lowest
// i that had one. What work leaves behind must be kept by i, so that nothing depends on who was faster.
func sideBySide(workers, n int, work func(worker, i int)) {
	panics := make([]any, n)
	var next atomic.Int64
	var group sync.WaitGroup
	for worker := range min(workers, n) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				func() {
					defer func() { panics[i] = recover() }()
					work(worker, i)
				}()
			}
		})
	}
	group.Wait()
	for _, p := range panics {
		if p != nil {
			panic(p)
		}
	}
}
