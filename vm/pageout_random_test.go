package vm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/choice"
	"machvm/kernel/mach"
	"machvm/kernel/personality"
	"machvm/kernel/sched"
)

// Random traffic, of which at any moment a page may be thrown out: no invariant breaks, nobody waits for ever,
// every init has its terminate, and nothing is left behind.
func TestRandomTrafficWithPageouts(t *testing.T) {
	presets := []string{"osf-manual", "mach", "osf-source"}
	pageouts := uint64(0)
	for seed := range *protocolRuns {
		preset := presets[seed%len(presets)]
		random := choice.Rand(seed)
		ok := t.Run("", func(t *testing.T) {
			r := newProtocolRig(t, withChooser(choice.NewRandom(uint64(seed))), withFrames(512),
				withPersonality(func(p *personality.Personality) {
					q, err := personality.ByName(preset)
					require.NoError(t, err)
					*p = q
					p.ObjectCacheMax = random.Intn(4) - 1
					p.PageoutCluster = 1 << random.Intn(3)
				}))
			tr := &traffic{protocolRig: r, random: &random, associations: map[mach.Name]bool{}}
			tr.start()
			tr.spawn("evictor", func(th *sched.Thread) {
				for tr.clients > 0 {
					r.host.EvictOne(th)
					th.Drain()
					for range tr.random.Intn(4) {
						th.Yield()
					}
				}
			})
			r.run()
			require.Equal(t, tr.inits, tr.terminates)
			require.Nil(t, r.host.firstAssociation)
			r.spawn("end", func(th *sched.Thread) { r.manager.m.Destroy(th) })
			r.run()
			require.NoError(t, r.host.CheckIdle())
			require.Zero(t, r.host.objects)
			require.Equal(t, 512, r.host.Stats().Free)
			pageouts += r.host.stats.Pageouts
		})
		if !ok {
			t.Fatalf("seed %d", seed)
		}
	}
	require.NotZero(t, pageouts)
}
