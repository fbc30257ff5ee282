package zoo_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel"
	"machvm/kernel/mach"
	"machvm/kernel/user"
	"machvm/pagers/zoo"
)

// TestAll: the list is in order, says what each specimen is about, and both forms of each can be made and served; a
// client that does nothing but read a page sees no difference.
func TestAll(t *testing.T) {
	for i, s := range zoo.All() {
		require.Equal(t, "Z"+strconv.Itoa(i+1), s.ID)
		require.NotEmpty(t, s.Title)
		require.NotEmpty(t, s.Mistake)
		require.NotEmpty(t, s.Remedy)
		found, ok := zoo.Find(s.ID)
		require.True(t, ok)
		require.Equal(t, s.Title, found.Title)
		want := uint64(1)
		if s.ID == "Z16" {
			want = 0 // it keeps what kernels have given it, and for others there is nothing
		}
		for name, make := range map[string]zoo.Maker{"wrong": s.Wrong, "right": s.Right} { // unordered: each on its own
			t.Run(s.ID+" "+name, func(t *testing.T) { readPage(t, make, want) })
		}
	}
	require.Len(t, zoo.All(), 16)
	_, ok := zoo.Find("Z17")
	require.False(t, ok)
}

func readPage(t *testing.T, make zoo.Maker, want uint64) {
	sim := kernel.New(kernel.Config{Checked: true, StepLimit: 10_000})
	defer sim.Shutdown()
	host, err := sim.Boot(kernel.HostConfig{WithoutPageout: true})
	require.NoError(t, err)
	task := host.NewTask("pager")
	priv, err := task.GiveHostPriv()
	require.NoError(t, err)
	var m *zoo.Manager
	task.Spawn("service", func(th user.Thread) {
		var ret mach.Return
		m, ret = make(th, priv)
		require.Equal(t, mach.KernSuccess, ret)
		m.Run(th)
	}).SetDaemon(true)
	require.True(t, sim.Run().OK())
	client := host.NewTask("client")
	object, err := client.GiveSend(task, m.Object)
	require.NoError(t, err)
	read := uint64(0)
	client.Spawn("main", func(th user.Thread) {
		var addr mach.Addr
		require.Equal(t, mach.KernSuccess, user.VMMap(th, user.Self(th), &addr, th.PageSize(), 0, true, object, 0, false,
			mach.ProtRead, mach.ProtAll, mach.InheritShare))
		read, err = th.Load64(addr)
	})
	out := sim.Run()
	require.True(t, out.OK(), out.Report())
	require.NoError(t, err)
	require.Equal(t, want, read)
}
