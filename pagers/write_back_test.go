package pagers

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"machvm/kernel/mach"
)

// moody is a file that refuses writes when told to, and counts.
type moody struct {
	memFile
	refuses bool
	writes  int
}

func (f *moody) WriteAt(p []byte, off int64) (int, error) {
	f.writes++
	if f.refuses {
		return 0, errors.New("disk full")
	}
	return f.memFile.WriteAt(p, off)
}

// TestDelayedFile: what was written is read, whatever of it has reached the file below; and the file below is at any
// time what the first so many writes have made of it. What it refuses is told, unless something newer is there.
func TestDelayedFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		below := &moody{memFile: memFile{data: []byte("what was there before")}}
		var lost lostRanges
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		f := &delayedFile{below: below, limit: limit, refused: func(off mach.Offset, size mach.Size) { lost.add(off, size) }}
		past := [][]byte{bytes.Clone(below.data)} // after so many writes
		model := &memFile{data: bytes.Clone(below.data)}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			off := int64(rapid.IntRange(0, 60).Draw(t, "offset"))
			switch size := rapid.IntRange(1, 12).Draw(t, "size"); rapid.IntRange(0, 8).Draw(t, "step") {
			case 0:
				f.Flush()
				require.Empty(t, f.runs)
			case 1:
				got, want := make([]byte, 80), make([]byte, 80)
				n, err := f.ReadAt(got, off)
				m, merr := model.ReadAt(want, off)
				size, _ := f.Size()
				if len(lost) > 0 {
					continue // what was refused can be anything
				}
				require.Equal(t, int64(len(model.data)), size)
				require.Equal(t, want[:m], got[:n])
				require.Equal(t, merr, err)
			case 2:
				below.refuses = rapid.IntRange(0, 9).Draw(t, "mood") == 0
			default:
				data := bytes.Repeat([]byte{byte(rapid.IntRange(1, 255).Draw(t, "byte"))}, size)
				lost.remove(mach.Offset(off), mach.Size(size))
				n, err := f.WriteAt(data, off)
				require.Equal(t, size, n)
				require.NoError(t, err)
				_, err = model.WriteAt(data, off)
				require.NoError(t, err)
				past = append(past, bytes.Clone(model.data))
			}
			require.LessOrEqual(t, f.pending, limit)
			if len(lost) == 0 && !below.refuses {
				require.True(t, contains(past, below.data), "the file below is as it was after some write")
			}
			if len(lost) > 0 {
				return
			}
		}
		below.refuses = false
		f.Flush()
		require.Equal(t, model.data, below.data)
		require.Zero(t, f.pending)
	})
}

func contains(list [][]byte, x []byte) bool {
	for _, y := range list {
		if bytes.Equal(x, y) {
			return true
		}
	}
	return false
}

// TestDelayedRefusal: a write that the file below refuses is told as far as no newer one covers it.
func TestDelayedRefusal(t *testing.T) {
	below := &moody{refuses: true}
	var lost lostRanges
	f := &delayedFile{below: below, limit: 100, refused: func(off mach.Offset, size mach.Size) { lost.add(off, size) }}
	for _, off := range []int64{0, 50, 4} {
		_, err := f.WriteAt([]byte("0123456789"), off)
		require.NoError(t, err)
	}
	below.refuses = true
	f.writeOldest()
	require.Equal(t, lostRanges{{0, 4}}, lost, "bytes 4 to 9 are still to be written")
	f.Flush()
	require.Equal(t, lostRanges{{0, 4}, {50, 60}, {4, 14}}, lost)
	require.Equal(t, 3, below.writes)
	_, err := f.ReadAt(make([]byte, 1), 0)
	require.Equal(t, io.EOF, err)
	lost.remove(2, 50)
	require.Equal(t, lostRanges{{0, 2}, {52, 60}}, lost)
}

// TestDelayedNeighbours: neighbours are written as one.
func TestDelayedNeighbours(t *testing.T) {
	below := &moody{}
	f := &delayedFile{below: below, limit: 100}
	for _, off := range []int64{0, 10, 20, 25, 60, 40, 50} {
		_, err := f.WriteAt([]byte("0123456789"), off)
		require.NoError(t, err)
	}
	require.Zero(t, below.writes)
	f.Flush()
	require.Equal(t, 3, below.writes, "0 to 35, 60 to 70, 40 to 60")
	require.Len(t, below.data, 70)
}
