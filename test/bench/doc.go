// Package bench times the rows of package rows with go test -bench. Nothing here gates by time.
//
//	rows_test.go   every row, under its own name
//	trace_test.go  a fault through a pager under each way to trace
package bench
