package pagers_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
	"machvm/pagers"
)

const pageSize = mach.DefaultPageSize

// machine is a host with little memory and a default pager.
type machine struct {
	*testing.T
	sim   *kernel.Simulation
	host  *kernel.Host
	pager *pagers.DefaultPager
	task  *kernel.Task // the pager's
}

// boot starts a host with so many frames. The pager runs as soon as the simulation does.
func boot(t *testing.T, frames int, o pagers.DefaultOptions, change ...func(*kernel.Config, *kernel.HostConfig)) *machine {
	c, h := kernel.Config{Checked: true, StepLimit: 5_000_000}, kernel.HostConfig{Frames: frames, Personality: personality.OSFManual()}
	for _, f := range change {
		f(&c, &h)
	}
	m := &machine{T: t, sim: kernel.New(c)}
	t.Cleanup(m.sim.Shutdown)
	var err error
	m.host, err = m.sim.Boot(h)
	require.NoError(t, err)
	m.task = m.host.NewTask("default-pager")
	priv, err := m.task.GiveHostPriv()
	require.NoError(t, err)
	m.task.Spawn("main", func(th user.Thread) {
		var ret mach.Return
		m.pager, ret = pagers.NewDefault(th, o)
		require.Equal(t, mach.KernSuccess, ret)
		previous, ret := m.pager.Register(th, priv, 4*pageSize)
		require.Equal(t, mach.KernSuccess, ret)
		require.Equal(t, mach.NameNull, previous)
		m.pager.Run(th)
	}).SetDaemon(true)
	m.settle()
	return m
}

// pagingFile is a real file for the paging space.
func pagingFile(t *testing.T) (pagers.File, string) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "paging"), nil, 0o600))
	store, err := pagers.OpenDir(dir, true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	file, err := store.Open("paging")
	require.NoError(t, err)
	return file, filepath.Join(dir, "paging")
}

// run runs a program to its end, and ends its task.
func (m *machine) run(body func(th user.Thread)) {
	m.Helper()
	ended := false
	task := m.host.NewTask("program")
	task.Spawn("main", func(th user.Thread) {
		body(th)
		ended = true
	})
	m.settle()
	require.True(m, ended)
	task.Terminate()
	m.settle()
}

func (m *machine) settle() {
	m.Helper()
	o := m.sim.Run()
	require.Equal(m, kernel.Finished, o.Kind, o.Report())
	require.NoError(m, m.sim.Check())
}

// pattern is the contents of page n in a round.
func pattern(n, round int) []byte {
	random := choice.Rand(uint64(n)<<20 + uint64(round))
	p := make([]byte, pageSize)
	for i := 0; i < len(p); i += 8 {
		mach.Words.PutUint64(p[i:], random.Uint64())
	}
	return p
}

func allocate(t *testing.T, th user.Thread, pages int) mach.Addr {
	var addr mach.Addr
	require.Equal(t, mach.KernSuccess, user.VMAllocate(th, user.Self(th), &addr, mach.Size(pages)*pageSize, true))
	return addr
}

// Memory that does not fit comes back bit by bit as it was, again and again, and the space is free when its
// owner is gone.
func TestDefaultPagerRoundTrip(t *testing.T) {
	file, _ := pagingFile(t)
	m := boot(t, 128, pagers.DefaultOptions{File: file, Pages: 400})
	const pages = 300
	m.run(func(th user.Thread) {
		addr := allocate(t, th, pages)
		buf := make([]byte, pageSize)
		for round := range 3 {
			for i := range pages {
				if (i+round)%3 != 0 || round == 0 {
					require.NoError(t, th.Store(addr+mach.Addr(i)*pageAddr, pattern(i, round)))
				}
			}
			for i := range pages {
				want := round
				for want > 0 && (i+want)%3 == 0 {
					want--
				}
				require.NoError(t, th.Load(addr+mach.Addr(i)*pageAddr, buf))
				require.True(t, bytes.Equal(pattern(i, want), buf), "page %d in round %d", i, round)
			}
		}
	})
	s := m.pager.Stats()
	require.Equal(t, 1, s.Created)
	require.Greater(t, s.Returned, pages)
	require.Greater(t, s.Supplied, pages)
	require.Zero(t, s.Lost+s.Damaged+s.Errors+s.Ignored)
	require.Zero(t, s.Objects, "terminate ends the object")
	v := m.host.VM().Stats()
	require.Greater(t, v.Pageouts, uint64(s.Returned/4-1), "clusters of four pages at most")
	require.Less(t, v.Pageouts, uint64(s.Returned), "and of more than one on the whole")
}

const pageAddr = mach.Addr(pageSize)

// A paging file that was cut off or scribbled on is not served: the pages concerned are errors, and no others.
func TestDefaultPagerDetectsDamage(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"cut off": func(path string) error { return os.Truncate(path, 40*int64(pageSize)+100) },
		"torn": func(path string) error {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteAt([]byte("torn"), 50*int64(pageSize)+2000)
			return errors.Join(err, file.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, path := pagingFile(t)
			m := boot(t, 128, pagers.DefaultOptions{File: file, Pages: 400})
			const pages = 300
			m.run(func(th user.Thread) {
				addr := allocate(t, th, pages)
				for i := range pages {
					require.NoError(t, th.Store(addr+mach.Addr(i)*pageAddr, pattern(i, 0)))
				}
				require.NoError(t, damage(path))
				buf := make([]byte, pageSize)
				bad := 0
				for i := range pages {
					if err := th.Load(addr+mach.Addr(i)*pageAddr, buf); err != nil {
						require.ErrorIs(t, err, mach.KernMemoryError)
						bad++
						continue
					}
					require.True(t, bytes.Equal(pattern(i, 0), buf), "page %d", i)
				}
				require.NotZero(t, bad)
				if name == "torn" {
					require.Equal(t, 1, bad)
				}
				require.GreaterOrEqual(t, m.pager.Stats().Damaged, bad, "neighbours are asked for more than once")
			})
		})
	}
}

// When the space is full, the pages that did not fit are errors, everything else is what it was, and the host
// goes on. A page is whole again once it could be stored.
func TestDefaultPagerExhaustion(t *testing.T) {
	for _, emergency := range []int{0, 30} {
		file, _ := pagingFile(t)
		m := boot(t, 128, pagers.DefaultOptions{File: file, Pages: 100, Emergency: emergency})
		const pages = 300
		m.run(func(th user.Thread) {
			addr := allocate(t, th, pages)
			for i := range pages {
				require.NoError(t, th.Store(addr+mach.Addr(i)*pageAddr, pattern(i, 0)))
			}
			buf := make([]byte, pageSize)
			lost := []int{}
			for i := range pages {
				if err := th.Load(addr+mach.Addr(i)*pageAddr, buf); err != nil {
					require.ErrorIs(t, err, mach.KernMemoryError)
					lost = append(lost, i)
					continue
				}
				require.True(t, bytes.Equal(pattern(i, 0), buf), "page %d", i)
			}
			require.NotEmpty(t, lost)
			require.LessOrEqual(t, len(lost), pages-100-emergency, "what there is room for is kept")
			require.NotZero(t, m.pager.Stats().Lost)
		})
		require.Zero(t, m.pager.Stats().Objects)
		m.run(func(th user.Thread) { // the space is free again
			addr := allocate(t, th, 100)
			for i := range 100 {
				require.NoError(t, th.Store(addr+mach.Addr(i)*pageAddr, pattern(i, 1)))
			}
			buf := make([]byte, pageSize)
			for i := range 100 {
				require.NoError(t, th.Load(addr+mach.Addr(i)*pageAddr, buf))
				require.True(t, bytes.Equal(pattern(i, 1), buf), "page %d", i)
			}
		})
	}
}
