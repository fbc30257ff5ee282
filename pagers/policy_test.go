package pagers_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/user"
	"machvm/pagers"
)

// counted is a store that counts what is done to its files.
type counted struct {
	*pagers.MemStore
	reads, writes int
}

type countedFile struct {
	pagers.File
	s *counted
}

func (s *counted) Open(name string) (pagers.File, error) {
	f, err := s.MemStore.Open(name)
	return countedFile{f, s}, err
}

func (f countedFile) ReadAt(p []byte, off int64) (int, error) {
	f.s.reads++
	return f.File.ReadAt(p, off)
}

func (f countedFile) WriteAt(p []byte, off int64) (int, error) {
	f.s.writes++
	return f.File.WriteAt(p, off)
}

// archive is a host with a file pager that serves one file.
type archive struct {
	*testing.T
	sim      *kernel.Simulation
	host     *kernel.Host
	pager    *kernel.Task
	client   *kernel.Task
	store    *counted
	files    *pagers.FilePager
	messages map[mach.MsgID]int
	returned []returned // what came back, in the order in which it was handled
	object   mach.Name  // the client's name for it
	pages    int
}

type returned struct {
	off  mach.Offset
	data []byte
}

func newArchive(t *testing.T, pages int, o pagers.FileOptions, kc kernel.Config, hc kernel.HostConfig) *archive {
	a := &archive{T: t, sim: kernel.New(kc), store: &counted{MemStore: pagers.NewMemStore()}, messages: map[mach.MsgID]int{}, pages: pages}
	t.Cleanup(a.sim.Shutdown)
	var err error
	a.host, err = a.sim.Boot(hc)
	require.NoError(t, err)
	var data []byte
	for i := range pages {
		data = append(data, pattern(i, 0)...)
	}
	a.store.Put("file", data)
	a.pager, a.client = a.host.NewTask("pager"), a.host.NewTask("client")
	o.Attributes.CopyStrategy = mach.CopyDelay
	var object mach.Name
	a.pager.Spawn("service", func(th user.Thread) {
		var ret mach.Return
		a.files, ret = pagers.NewFile(th, a.store, o)
		require.Equal(t, mach.KernSuccess, ret)
		object, err = a.files.Open(th, "file")
		require.NoError(t, err)
		a.files.Server().Observe(a.observe)
		a.files.Server().Run(th)
	}).SetDaemon(true)
	a.settle()
	a.object, err = a.client.GiveSend(a.pager, object)
	require.NoError(t, err)
	return a
}

const (
	dataRequest = 2203
	dataReturn  = 2208
)

func (a *archive) observe(c *pagers.Call) {
	a.messages[c.Message.ID]++
	if c.Message.ID == dataReturn {
		data, err := user.LoadBytes(c.Thread, c.Message.Descs[1].Memory)
		require.NoError(a, err)
		off := mach.Offset(mach.Words.Uint64(c.Message.Body))
		a.returned = append(a.returned, returned{off, data})
	}
}

func (a *archive) settle() {
	a.Helper()
	o := a.sim.Run()
	require.Equal(a, kernel.Finished, o.Kind, o.Report())
}

// visit maps the whole file and runs a program.
func (a *archive) visit(body func(th user.Thread, addr mach.Addr)) {
	a.client.Spawn("main", func(th user.Thread) {
		var addr mach.Addr
		size := mach.Size(a.pages) * pageSize
		require.Equal(a, mach.KernSuccess, user.VMMap(th, user.Self(th), &addr, size, 0, true, a.object, 0, false,
			mach.ProtDefault, mach.ProtAll, mach.InheritCopy))
		body(th, addr)
		require.Equal(a, mach.KernSuccess, user.VMDeallocate(th, user.Self(th), addr, size))
	})
}

// readAll reads every page, in order, and compares.
func (a *archive) readAll(th user.Thread, addr mach.Addr, round func(page int) int) {
	buf := make([]byte, pageSize)
	for i := range a.pages {
		require.NoError(a, th.Load(addr+mach.Addr(i)*pageAddr, buf))
		require.True(a, bytes.Equal(pattern(i, round(i)), buf), "page %d", i)
	}
}

// TestReadAhead: with read-ahead a file is read with fewer messages and fewer reads of the store. A kernel that refuses
// data it has not asked for is asked once, and then left alone.
func TestReadAhead(t *testing.T) {
	for _, c := range []struct {
		kernel   personality.Personality
		ahead    int
		requests int
		reads    int
		stats    pagers.Stats
	}{
		{personality.Mach(), 0, 64, 64, pagers.Stats{Objects: 1, Supplied: 64}},
		{personality.Mach(), 7, 8, 8, pagers.Stats{Objects: 1, Supplied: 8, Ahead: 56}},
		{personality.GNUMach(), 7, 8, 8, pagers.Stats{Objects: 1, Supplied: 8, Ahead: 56}},
		{personality.CMU30(), 100, 1, 1, pagers.Stats{Objects: 1, Supplied: 1, Ahead: 63}},
		{personality.OSFManual(), 7, 64, 64, pagers.Stats{Objects: 1, Supplied: 64, Ahead: 7}},
	} {
		t.Run(fmt.Sprint(c.kernel.String(), " ", c.ahead), func(t *testing.T) {
			a := newArchive(t, 64, pagers.FileOptions{ReadAhead: c.ahead}, kernel.Config{Checked: true}, kernel.HostConfig{Personality: c.kernel})
			a.visit(func(th user.Thread, addr mach.Addr) { a.readAll(th, addr, func(int) int { return 0 }) })
			a.settle()
			require.Equal(t, []int{c.requests, c.reads, 0}, []int{a.messages[dataRequest], a.store.reads, a.store.writes})
			require.Equal(t, c.stats, a.files.Stats())
		})
	}
}

// TestReadAheadKeepsChanges: pages that were changed are on their way back when the pages before them are asked for.
// What is supplied ahead never takes their place.
func TestReadAheadKeepsChanges(t *testing.T) {
	ahead := 0
	for seed := range uint64(30) {
		const pages = 160
		a := newArchive(t, pages, pagers.FileOptions{ReadAhead: 6, WriteBack: int(seed % 3 * 5)},
			kernel.Config{Chooser: choice.NewRandom(seed)}, kernel.HostConfig{Frames: 110})
		rounds := [pages]int{}
		a.visit(func(th user.Thread, addr mach.Addr) {
			random := choice.Rand(seed)
			buf := make([]byte, pageSize)
			for step := range 1000 {
				page := random.Intn(pages)
				at := addr + mach.Addr(page)*pageAddr
				if random.Intn(2) == 0 {
					rounds[page] = step + 1
					require.NoError(t, th.Store(at, pattern(page, step+1)))
				} else {
					require.NoError(t, th.Load(at, buf))
					require.True(t, bytes.Equal(pattern(page, rounds[page]), buf), "seed %d step %d page %d", seed, step, page)
				}
			}
		})
		a.settle()
		require.NoError(t, a.sim.Check())
		a.visit(func(th user.Thread, addr mach.Addr) { a.readAll(th, addr, func(page int) int { return rounds[page] }) })
		a.settle()
		ahead += a.files.Stats().Ahead
	}
	require.Greater(t, ahead, 1000)
}

// TestWriteBack: what comes back is stored later, in fewer and larger writes, and all of it before the last use of the
// file has ended.
func TestWriteBack(t *testing.T) {
	for limit, writes := range map[int]int{0: 64, 1: 32, 16: 4, 100: 1} {
		a := newArchive(t, 64, pagers.FileOptions{WriteBack: limit}, kernel.Config{Checked: true}, kernel.HostConfig{})
		a.visit(func(th user.Thread, addr mach.Addr) {
			for i := range 64 {
				require.NoError(t, th.Store(addr+mach.Addr(i)*pageAddr, pattern(i, 1)))
			}
		})
		a.settle()
		require.Equal(t, writes, a.store.writes, "limit %d", limit)
		require.Equal(t, 64, a.messages[dataReturn])
		a.stored(64)
	}
}

// stored requires that the store holds what the first n of the pages that came back have made of the file.
func (a *archive) stored(n int) {
	a.Helper()
	require.Equal(a, a.after(n), a.contents())
}

func (a *archive) contents() []byte {
	file, err := a.store.MemStore.Open("file")
	require.NoError(a, err)
	data, err := pagers.ReadAll(file)
	require.NoError(a, err)
	return data
}

func (a *archive) after(n int) []byte {
	var data []byte
	for i := range a.pages {
		data = append(data, pattern(i, 0)...)
	}
	for _, r := range a.returned[:n] {
		copy(data[r.off:], r.data)
	}
	return data
}

// TestWriteBackSynchronize: when vm_msync returns the store has what was written, and so it has after Flush.
func TestWriteBackSynchronize(t *testing.T) {
	a := newArchive(t, 4, pagers.FileOptions{WriteBack: 100}, kernel.Config{Checked: true}, kernel.HostConfig{})
	a.visit(func(th user.Thread, addr mach.Addr) {
		for i := range 4 {
			require.NoError(t, th.Store(addr+mach.Addr(i)*pageAddr, pattern(i, 1)))
		}
		require.Equal(t, mach.KernSuccess, user.VMMsync(th, user.Self(th), addr, 4*pageSize, mach.SyncSynchronous))
		a.stored(len(a.returned))
		require.NotEmpty(t, a.returned)
		require.Equal(t, 1, a.store.writes)
		th.Sleep(10)
	})
	a.settle()
}

// TestWriteBackCrash: a pager that dies leaves a file as some first part of what came back has made it, and no more
// is missing than the limit allows.
func TestWriteBackCrash(t *testing.T) {
	partly := 0
	for seed := range uint64(20) {
		const pages, limit = 160, 9
		a := newArchive(t, pages, pagers.FileOptions{WriteBack: limit}, kernel.Config{Chooser: choice.NewRandom(seed)}, kernel.HostConfig{Frames: 110})
		a.visit(func(th user.Thread, addr mach.Addr) {
			random := choice.Rand(seed)
			for step := range 400 + 30*int(seed) {
				page := random.Intn(pages)
				require.NoError(t, th.Store(addr+mach.Addr(page)*pageAddr, pattern(page, step+1)))
			}
			a.pager.Terminate()
		})
		a.sim.Run()
		n := len(a.returned)
		for n > 0 && !bytes.Equal(a.after(n), a.contents()) {
			n--
		}
		a.stored(n)
		require.LessOrEqual(t, len(a.returned)-n, limit+1, "the last may have been on its way")
		if n > 0 && n < len(a.returned) {
			partly++
		}
	}
	require.Greater(t, partly, 10)
}

// TestFilePolicies: the policies in a script.
func TestFilePolicies(t *testing.T) {
	play(t, `
k = host("k0")
files = file_pager(k, "pager", root = "../test/scripts/data", read_ahead = 4, write_back = True)
obj = files.open("hello.txt")
app = k.task("app")
app.give(obj)

def client(t):
    before = files.contents("hello.txt")
    a = t.vm_map(obj, size = PAGE)
    t.write(a, b"J")
    expect_equal(files.contents("hello.txt"), before)
    t.vm_msync(a, PAGE)
    expect_equal(files.contents("hello.txt"), b"J" + before[1:])
    t.write(a, b"K")
    t.vm_deallocate(a, PAGE)

app.thread(client)
run()
expect_equal(files.contents("hello.txt")[:1], b"K")
expect_equal(files.stats().written > 0, True)
`)
}
