package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
	"machvm/kernel/user"
)

// eachDetecting runs a test with every sort of port that can tell when its senders are gone: those of
// mach_port_allocate_full, and with PlainPortsNoNMS off those of mach_port_allocate.
func eachDetecting(t *testing.T, test func(t *testing.T, s *stage, newPort func(a *actor) mach.Name)) {
	t.Run("mach_port_allocate_full", func(t *testing.T) { test(t, newStage(t), (*actor).fullPort) })
	t.Run("PlainPortsNoNMS=false", func(t *testing.T) {
		test(t, newStage(t, withField("PlainPortsNoNMS", "false")), (*actor).port)
	})
}

// requestFor registers a request whose notification goes to a port of another task, of which the actor
// has a send-once right.
func (a *actor) requestFor(name mach.Name, id mach.MsgID, once mach.Name) {
	a.t.Helper()
	_, ret := user.MachPortRequestNotification(a, a.target(), name, id, 0, once, mach.MoveSendOnce)
	a.ok(ret)
}

// TestIPC166_NoSendersAtOnce: no-senders with srights 0 and sync <= mscount fires at once with the current
// mscount.
func TestIPC166_NoSendersAtOnce(t *testing.T) {
	eachDetecting(t, func(t *testing.T, s *stage, newPort func(a *actor) mach.Name) {
		s.Do(s.Task("program"), func(a *actor) {
			p, notify := newPort(a), a.port()
			for mscount := range uint32(4) {
				if mscount > 0 {
					a.makeSend(p)
					a.ok(a.deallocate(p))
				}
				for sync := range mscount + 1 {
					require.Equal(t, mach.NameNull, a.request(p, mach.NotifyNoSenders, sync, notify))
					require.Equal(t, []note{{mach.NotifyNoSenders, mscount}}, a.notes(notify))
					require.False(t, a.status(p).NSRequest, "nothing stays armed")
				}
			}
			// While there are senders it waits, whatever sync says.
			a.makeSend(p)
			a.request(p, mach.NotifyNoSenders, 0, notify)
			require.Empty(t, a.notes(notify))
			require.True(t, a.status(p).NSRequest)
		})
	})
}

// TestIPC167_NoSendersLater: no-senders with srights 0 and sync > mscount stays armed.
func TestIPC167_NoSendersLater(t *testing.T) {
	eachDetecting(t, func(t *testing.T, s *stage, newPort func(a *actor) mach.Name) {
		s.Do(s.Task("program"), func(a *actor) {
			notify := a.port()
			for made := range uint32(3) {
				for _, sync := range []uint32{made + 1, made + 5, 0xffffffff} {
					p := newPort(a)
					for range made {
						a.makeSend(p)
						a.ok(a.deallocate(p))
					}
					a.request(p, mach.NotifyNoSenders, sync, notify)
					require.Empty(t, a.notes(notify))
					require.True(t, a.status(p).NSRequest)
					a.makeSend(p)
					require.Empty(t, a.notes(notify))
					a.ok(a.deallocate(p))
					require.Equal(t, []note{{mach.NotifyNoSenders, made + 1}}, a.notes(notify), "the next time senders go, it fires")
				}
			}
		})
	})
}

// TestIPC168_LastSenderGoes: no-senders fires when the last send right goes, whatever send-once rights exist.
func TestIPC168_LastSenderGoes(t *testing.T) {
	for _, way := range []struct {
		name string
		last func(s *stage, client *task, send mach.Name)
	}{
		{"deallocate", func(s *stage, client *task, send mach.Name) {
			s.Do(client, func(a *actor) { a.ok(a.deallocate(send)) })
		}},
		{"mod_refs", func(s *stage, client *task, send mach.Name) {
			s.Do(client, func(a *actor) {
				a.ok(a.modRefs(send, mach.RightSend, 9))
				a.ok(a.modRefs(send, mach.RightSend, -10))
			})
		}},
		{"destroy", func(s *stage, client *task, send mach.Name) {
			s.Do(client, func(a *actor) { a.ok(a.destroy(send)) })
		}},
		{"task death", func(s *stage, client *task, send mach.Name) { s.Kill(client) }},
		{"failed call", func(s *stage, client *task, send mach.Name) {
			s.Do(client, func(a *actor) { a.is(mach.KernInvalidValue, a.insertRight(mach.NameNull, send, mach.MoveSend)) })
		}},
		{"failed send", func(s *stage, client *task, send mach.Name) {
			s.Do(client, func(a *actor) {
				a.is(mach.SendInvalidRight, a.trySend(carrying(a.port(), mach.MakeSend, 1, right(send, mach.MoveSend), right(0x7701, mach.CopySend))))
			})
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			eachDetecting(t, func(t *testing.T, s *stage, newPort func(a *actor) mach.Name) {
				server, first, last := s.Task("server"), s.Task("first"), s.Task("last")
				var p, notify mach.Name
				s.Do(server, func(a *actor) {
					p, notify = a.withSend(newPort(a)), a.port()
					a.request(p, mach.NotifyNoSenders, 0, notify)
				})
				sends := []mach.Name{s.GiveSend(server, p, first), s.GiveSend(server, p, last)}
				once := s.GiveSendOnce(server, p, s.Task("bystander"))
				s.Do(server, func(a *actor) {
					a.sendOnce(p)
					a.ok(a.deallocate(p))
				})
				way.last(s, first, sends[0])
				s.Do(server, func(a *actor) {
					require.Empty(t, a.notes(notify))
					require.True(t, a.status(p).Srights)
				})
				way.last(s, last, sends[1])
				s.Do(server, func(a *actor) {
					require.Equal(t, []note{{mach.NotifyNoSenders, 3}}, a.notes(notify))
					require.EqualValues(t, 2, a.status(p).Sorights)
				})
				s.Do(s.Task("bystander"), func(a *actor) { a.post(simple(once, mach.MoveSendOnce, 7)) })
				s.Do(server, func(a *actor) {
					require.Equal(t, ids(7), a.drain(p))
					require.Empty(t, a.notes(notify))
				})
			})
		})
	}
}

// TestIPC169_MessageHoldsSender: a send right inside a queued message, or used as its destination, holds
// no-senders back until the message is received or destroyed.
func TestIPC169_MessageHoldsSender(t *testing.T) {
	for _, how := range []string{"body", "array", "reply", "destination"} {
		for _, received := range []bool{true, false} {
			eachDetecting(t, func(t *testing.T, s *stage, newPort func(a *actor) mach.Name) {
				server, client := s.Task("server"), s.Task("client")
				var p, notify, inbox mach.Name
				s.Do(server, func(a *actor) {
					p, notify, inbox = a.withSend(newPort(a)), a.port(), a.withSend(a.port())
					a.request(p, mach.NotifyNoSenders, 0, notify)
				})
				send, out := s.GiveSend(server, p, client), s.GiveSend(server, inbox, client)
				s.Do(server, func(a *actor) { a.ok(a.deallocate(p)) })
				s.Do(client, func(a *actor) {
					switch how {
					case "body":
						a.post(carrying(out, mach.CopySend, 1, right(send, mach.MoveSend)))
					case "array":
						a.post(carrying(out, mach.CopySend, 1, a.array(mach.MoveSend, mach.NameNull, send)))
					case "reply":
						a.post(withReply(simple(out, mach.CopySend, 1), send, mach.MoveSend))
					case "destination":
						a.post(simple(send, mach.MoveSend, 1, 2, 3, 4))
						inbox = p
					}
					a.unknown(send)
				})
				s.Do(server, func(a *actor) {
					require.Empty(t, a.notes(notify))
					require.True(t, a.status(p).Srights)
					if received {
						a.take(inbox)
					} else {
						a.is(mach.RcvTooLarge, a.message(new(message), msgArgs{Option: mach.RcvMsg, RcvName: inbox, RcvLimit: 30}))
					}
					if received && how != "destination" {
						require.Empty(t, a.notes(notify))
						a.ok(a.deallocate(p))
					}
					require.Equal(t, []note{{mach.NotifyNoSenders, 2}}, a.notes(notify))
				})
			})
		}
	}
}

// TestIPC170_PortDiesArmed: destroying a port with mod_refs(RECEIVE,-1) answers an armed no-senders request
// with send-once.
func TestIPC170_PortDiesArmed(t *testing.T) {
	for _, holder := range []string{"own", "other", "message", "nobody"} {
		eachDetecting(t, func(t *testing.T, s *stage, newPort func(a *actor) mach.Name) {
			server := s.Task("server")
			var p, notify mach.Name
			s.Do(server, func(a *actor) {
				p, notify = newPort(a), a.port()
				if holder == "own" {
					a.makeSend(p)
				}
			})
			if holder == "other" {
				s.GiveSend(server, p, s.Task("client"))
			}
			s.Do(server, func(a *actor) {
				if holder == "message" {
					a.post(simple(p, mach.MakeSend, 1))
				}
				a.request(p, mach.NotifyNoSenders, 9, notify)
				require.Empty(t, a.notes(notify))
				a.ok(a.modRefs(p, mach.RightReceive, -1))
				require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(notify))
				if holder == "own" {
					require.Equal(t, mach.TypeDeadName, a.typeOf(p))
					a.ok(a.deallocate(p))
				}
				require.Empty(t, a.notes(notify))
			})
		})
	}
}

// TestIPC171_DestroyWithLastSender: mach_port_destroy on SEND+RECEIVE holding the last send right produces
// no-senders, not send-once, for the armed request.
func TestIPC171_DestroyWithLastSender(t *testing.T) {
	eachDetecting(t, func(t *testing.T, s *stage, newPort func(a *actor) mach.Name) {
		server := s.Task("server")
		s.Do(server, func(a *actor) {
			p, notify := newPort(a), a.port()
			for range 3 {
				a.makeSend(p)
			}
			a.request(p, mach.NotifyNoSenders, 0, notify)
			a.request(p, mach.NotifyDeadName, 0, notify)
			a.ok(a.destroy(p))
			require.Equal(t, []note{{mach.NotifyNoSenders, 3}, {mach.NotifyPortDeleted, uint32(p)}}, a.notes(notify))
		})
		// If somebody else has a send right, the port dies under the request.
		var p, notify mach.Name
		s.Do(server, func(a *actor) {
			p, notify = a.withSend(newPort(a)), a.port()
			a.request(p, mach.NotifyNoSenders, 0, notify)
		})
		s.GiveSend(server, p, s.Task("client"))
		s.Do(server, func(a *actor) {
			a.ok(a.destroy(p))
			require.Equal(t, []note{{ID: mach.NotifySendOnce}}, a.notes(notify))
		})
	})
}

// TestIPC172_OneMessageEach: each send-once right yields exactly one message while its port lives: the message
// sent to it or a send-once notification; exempt are only a replaced request returned as previous,
// SEND_CANCEL, a surplus RCV_NOTIFY right and a kernel port used as destination.
func TestIPC172_OneMessageEach(t *testing.T) {
	unused := ids(mach.NotifySendOnce)
	for _, c := range []struct {
		name string
		want []mach.MsgID
		use  func(a *actor, once mach.Name)
	}{
		{"sent to", ids(3), func(a *actor, once mach.Name) { a.post(simple(once, mach.MoveSendOnce, 3)) }},
		{"deallocated", unused, func(a *actor, once mach.Name) { a.ok(a.deallocate(once)) }},
		{"destroyed", unused, func(a *actor, once mach.Name) { a.ok(a.destroy(once)) }},
		{"mod_refs", unused, func(a *actor, once mach.Name) { a.ok(a.modRefs(once, mach.RightSendOnce, -1)) }},
		{"in a destroyed message", unused, func(a *actor, once mach.Name) {
			inbox := a.port()
			a.post(carrying(inbox, mach.MakeSend, 1, right(once, mach.MoveSendOnce)))
			a.ok(a.destroy(inbox))
		}},
		{"reply of a destroyed message", unused, func(a *actor, once mach.Name) {
			inbox := a.port()
			a.post(withReply(simple(inbox, mach.MakeSend, 1), once, mach.MoveSendOnce))
			a.ok(a.destroy(inbox))
		}},
		{"in a failed send", unused, func(a *actor, once mach.Name) {
			a.is(mach.SendInvalidRight, a.trySend(carrying(a.port(), mach.MakeSend, 1, right(once, mach.MoveSendOnce), right(0x7701, mach.CopySend))))
		}},
		{"destination of a failed send", unused, func(a *actor, once mach.Name) {
			a.is(mach.SendInvalidRight, a.trySend(carrying(once, mach.MoveSendOnce, 1, right(0x7701, mach.CopySend))))
		}},
		{"in a message received", ids(4), func(a *actor, once mach.Name) {
			inbox := a.port()
			a.post(carrying(inbox, mach.MakeSend, 1, a.array(mach.MoveSendOnce, once)))
			a.post(simple(a.names(a.take(inbox).Descs[0].Memory)[0], mach.MoveSendOnce, 4))
		}},
		{"of a failed call", unused, func(a *actor, once mach.Name) {
			a.is(mach.KernInvalidValue, a.insertRight(mach.NameNull, once, mach.MoveSendOnce))
		}},
		{"request that fires", ids(mach.NotifyNoSenders), func(a *actor, once mach.Name) {
			p := a.withSend(a.fullPort())
			a.requestFor(p, mach.NotifyNoSenders, once)
			a.ok(a.deallocate(p))
		}},
		{"request of a dying port", unused, func(a *actor, once mach.Name) {
			p := a.withSend(a.fullPort())
			a.requestFor(p, mach.NotifyNoSenders, once)
			a.ok(a.modRefs(p, mach.RightReceive, -1))
		}},
		{"request that is cancelled and given up", unused, func(a *actor, once mach.Name) {
			p := a.port()
			a.requestFor(p, mach.NotifyDeadName, once)
			a.ok(a.deallocate(a.request(p, mach.NotifyDeadName, 0, mach.NameNull)))
		}},
		{"request for a name that goes", ids(mach.NotifyPortDeleted), func(a *actor, once mach.Name) {
			p := a.port()
			a.requestFor(p, mach.NotifyDeadName, once)
			a.ok(a.destroy(p))
		}},
		{"reply of a call", ids(3301), func(a *actor, once mach.Name) {
			a.post(withReply(a.typeRequest(0x7701), once, mach.MoveSendOnce))
		}},
		{"quiet: the previous right", nil, func(a *actor, once mach.Name) {
			p := a.port()
			a.requestFor(p, mach.NotifyDeadName, once)
			require.Equal(a.t, mach.TypeSendOnce, a.typeOf(a.request(p, mach.NotifyDeadName, 0, mach.NameNull)))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			server, client := s.Task("server"), s.Task("client")
			p := s.portOf(server)
			once := s.GiveSendOnce(server, p, client)
			s.Do(client, func(a *actor) { c.use(a, once) })
			s.Do(server, func(a *actor) { require.Equal(t, c.want, a.drain(p)) })
			s.Kill(client)
			s.Do(server, func(a *actor) {
				if c.want == nil {
					require.Equal(t, unused, a.drain(p), "now the holder of the right is gone")
				}
				require.Empty(t, a.drain(p))
				require.Zero(t, a.status(p).Sorights)
			})
		})
	}
	// SEND_CANCEL, and RCV_NOTIFY for a right that needs none, give one up without a word. (No program can have a
	// send-once right for a kernel port.)
	s := newStage(t)
	client := s.Task("client")
	server, p, send := far(s, client)
	known := s.GiveSend(server, p, client)
	s.Do(client, func(a *actor) {
		notify, inbox := a.port(), a.port()
		a.post(withReply(simple(inbox, mach.MakeSend, 1), known, mach.CopySend))
		_, ret := a.receiveNotify(inbox, notify)
		a.ok(ret)
		a.ok(a.modRefs(send, mach.RightSend, -2))
		a.request(send, mach.NotifyDeadName, 0, notify)
		a.ok(a.message(simple(send, mach.MoveSend, 2), msgArgs{Option: mach.SendMsg | mach.SendCancel, Notify: notify}))
		a.unknown(send)
		require.Empty(t, a.notes(notify))
		require.Zero(t, a.status(notify).Sorights)
	})
}

// TestIPC173_UsedSendOnceName: using a send-once right as a destination on a name with a dead-name request
// generates port-deleted.
func TestIPC173_UsedSendOnceName(t *testing.T) {
	s := newStage(t)
	client := s.Task("client")
	server, p, _ := far(s, client)
	once := s.GiveSendOnce(server, p, client)
	s.Do(client, func(a *actor) {
		notify := a.port()
		a.request(once, mach.NotifyDeadName, 0, notify)
		a.post(simple(once, mach.MoveSendOnce, 6))
		a.unknown(once)
		require.Equal(t, []note{{mach.NotifyPortDeleted, uint32(once)}}, a.notes(notify))
	})
	s.Do(server, func(a *actor) { require.Equal(t, ids(6), a.drain(p)) })
}

// TestIPC174_SendOnceGoes: deallocating a send-once right sends send-once first and port-deleted second.
func TestIPC174_SendOnceGoes(t *testing.T) {
	s := newStage(t)
	s.Do(s.Task("program"), func(a *actor) {
		p := a.port()
		for _, give := range []func(once mach.Name) mach.Return{
			a.deallocate, a.destroy,
			func(once mach.Name) mach.Return { return a.modRefs(once, mach.RightSendOnce, -1) },
		} {
			once := a.sendOnce(p)
			a.request(once, mach.NotifyDeadName, 0, p)
			a.ok(give(once))
			require.Equal(t, []note{{ID: mach.NotifySendOnce}, {mach.NotifyPortDeleted, uint32(once)}}, a.notes(p))
		}
	})
}

// TestIPC175_LastReferenceGoes: deallocating the last send reference sends no-senders first and port-deleted
// second.
func TestIPC175_LastReferenceGoes(t *testing.T) {
	for _, give := range []func(a *actor, send mach.Name) mach.Return{
		(*actor).deallocate, (*actor).destroy,
		func(a *actor, send mach.Name) mach.Return { return a.modRefs(send, mach.RightSend, -1) },
	} {
		eachDetecting(t, func(t *testing.T, s *stage, newPort func(a *actor) mach.Name) {
			server, client := s.Task("server"), s.Task("client")
			var p mach.Name
			s.Do(server, func(a *actor) { p = newPort(a) })
			send := s.GiveSend(server, p, client)
			notify := s.portOf(client)
			once := s.GiveSendOnce(client, notify, server)
			s.Do(server, func(a *actor) { a.requestFor(p, mach.NotifyNoSenders, once) })
			s.Do(client, func(a *actor) {
				a.request(send, mach.NotifyDeadName, 0, notify)
				a.ok(give(a, send))
				require.Equal(t, []note{{mach.NotifyNoSenders, 1}, {mach.NotifyPortDeleted, uint32(send)}}, a.notes(notify))
			})
		})
	}
}
