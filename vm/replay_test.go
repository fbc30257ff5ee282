package vm

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
)

func policyFor(t testing.TB, name string, trace []Reference) Policy {
	if name == "opt" {
		return NewOPT(trace)
	}
	pol, ok := PolicyNamed(name)
	require.True(t, ok, name)
	require.Equal(t, name, pol.String())
	return pol
}

// The example that every textbook has: with FIFO more frames make more faults.
func TestBeladysAnomaly(t *testing.T) {
	var trace []Reference
	for _, page := range []uint64{1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5} {
		trace = append(trace, Reference{Page: page, Write: page == 1})
	}
	for _, c := range []struct {
		policy        string
		frames        int
		reads, writes int
	}{
		{"fifo", 3, 9, 2}, {"fifo", 4, 10, 2},
		{"lru", 3, 10, 2}, {"lru", 4, 8, 1},
		{"opt", 3, 7, 1}, {"opt", 4, 6, 1},
		{"segmented-fifo-0", 3, 9, 2}, {"segmented-fifo-100", 3, 10, 2},
	} {
		got := Replay(policyFor(t, c.policy, trace), c.frames, slices.Values(trace))
		require.Equal(t, c.reads, got.Reads, "%s with %d frames", c.policy, c.frames)
		require.Equal(t, c.writes, got.Writes, "%s with %d frames", c.policy, c.frames)
	}
}

// oracle counts the faults of a policy that is written down as simply as it can be: pages in a slice, the one
// to go found by its rule.
func oracle(trace []Reference, frames int, worst func(pages []uint64, now int) int) (c ReplayCounts) {
	var pages []uint64
	dirty := map[uint64]bool{}
	for now, r := range trace {
		c.References++
		if !slices.Contains(pages, r.Page) {
			c.Reads++
			if len(pages) == frames {
				i := worst(pages, now)
				if dirty[pages[i]] {
					c.Writes++
				}
				delete(dirty, pages[i])
				pages = slices.Delete(pages, i, i+1)
			}
			pages = append(pages, r.Page)
		}
		dirty[r.Page] = dirty[r.Page] || r.Write
	}
	return c
}

// Random traces cost what the simplest programs for the same policies say. Segmented FIFO lies between its
// ends by construction, OPT below everything, and Mach's own is a legal policy.
func TestPoliciesAgainstOracles(t *testing.T) {
	random := choice.Rand(7)
	for range 60 {
		frames := 1 + random.Intn(9)
		trace := make([]Reference, 300)
		for i := range trace {
			trace[i] = Reference{Page: uint64(random.Intn(1 + random.Intn(20))), Write: random.Intn(3) == 0}
		}
		play := func(name string) ReplayCounts {
			return Replay(policyFor(t, name, trace), frames, slices.Values(trace))
		}
		require.Equal(t, oracle(trace, frames, func([]uint64, int) int { return 0 }), play("fifo"))
		lru := oracle(trace, frames, func(pages []uint64, now int) int {
			best, oldest := 0, now
			for i, page := range pages {
				last := now - 1
				for trace[last].Page != page {
					last--
				}
				if last < oldest {
					best, oldest = i, last
				}
			}
			return best
		})
		require.Equal(t, lru, play("lru"))
		require.Equal(t, lru, play("segmented-fifo-100"))
		opt := oracle(trace, frames, func(pages []uint64, now int) int {
			best, latest := 0, now
			for i, page := range pages {
				next := slices.IndexFunc(trace[now:], func(r Reference) bool { return r.Page == page })
				if next < 0 {
					return i
				}
				if now+next > latest {
					best, latest = i, now+next
				}
			}
			return best
		})
		require.Equal(t, opt.Reads, play("opt").Reads)
		for _, name := range []string{"mach", "clock", "clock-clear", "segmented-fifo-50"} {
			require.GreaterOrEqual(t, play(name).Reads, opt.Reads, name)
		}
	}
}

// A page used while inactive is not thrown out by Mach's policy, and is by FIFO.
func TestMachPolicyGivesASecondChance(t *testing.T) {
	var trace []Reference
	for i := range uint64(300) {
		trace = append(trace, Reference{Page: 1000}, Reference{Page: i})
	}
	// Once it goes: the first victim has just been made inactive, and nobody has had the time to use it.
	require.Equal(t, 302, Replay(MachPolicy{}, 6, slices.Values(trace)).Reads)
	require.Greater(t, Replay(FIFO{}, 6, slices.Values(trace)).Reads, 340)
}

func TestPolicyNames(t *testing.T) {
	for _, name := range []string{"", "opt", "segmented-fifo-", "segmented-fifo-101", "segmented-fifo-7x", "LRU"} {
		_, ok := PolicyNamed(name)
		require.False(t, ok, name)
	}
}
