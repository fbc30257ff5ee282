package mach_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"machvm/kernel/mach"
)

func TestReturnSpelling(t *testing.T) {
	for code, want := range map[mach.Return]string{
		mach.KernSuccess:    "KERN_SUCCESS",
		mach.KernNoSpace:    "KERN_NO_SPACE",
		mach.SendTimedOut:   "MACH_SEND_TIMED_OUT",
		mach.RcvPortChanged: "MACH_RCV_PORT_CHANGED",
		mach.MigBadID:       "MIG_BAD_ID",
		mach.RcvBodyError | mach.MsgVMSpace | mach.MsgIPCSpace: "MACH_RCV_BODY_ERROR|MACH_MSG_IPC_SPACE|MACH_MSG_VM_SPACE",
		mach.Return(0x4000123):                                 "kern_return(0x4000123)",
	} {
		require.Equal(t, want, code.String())
		if code.String() == code.Base().String() && code != mach.Return(0x4000123) {
			back, ok := mach.ParseReturn(want)
			require.True(t, ok)
			require.Equal(t, code, back)
		}
	}
}

func TestReturnAsError(t *testing.T) {
	require.NoError(t, mach.KernSuccess.Err())
	wrapped := fmt.Errorf("mapping hello.txt: %w", mach.KernNoSpace.Err())
	require.ErrorIs(t, wrapped, mach.KernNoSpace)
	require.NotErrorIs(t, wrapped, mach.KernFailure)
	require.Equal(t, mach.KernNoSpace, mach.Code(wrapped))
	require.Equal(t, mach.KernSuccess, mach.Code(nil))
	require.Equal(t, mach.KernFailure, mach.Code(errors.New("no code inside")))

	detailed := (mach.RcvBodyError | mach.MsgVMSpace).Err()
	require.ErrorIs(t, detailed, mach.RcvBodyError)
	require.NotErrorIs(t, mach.RcvBodyError.Err(), mach.RcvBodyError|mach.MsgVMSpace)
}

func TestErrorSystem(t *testing.T) {
	require.Zero(t, mach.KernMemoryError.ErrorSystem())
	require.Zero(t, mach.Return(0x3ffffff).ErrorSystem())
	require.EqualValues(t, 1, mach.Return(0x4000000).ErrorSystem())
	require.NotZero(t, mach.MigBadID.ErrorSystem(), "negative codes are of another system")
}

func TestPageArithmetic(t *testing.T) {
	const page = mach.DefaultPageSize
	require.Equal(t, mach.Addr(0x1000), mach.Addr(0x1fff).Trunc(page))
	require.Equal(t, mach.Addr(0x2000), mach.Addr(0x1001).Round(page))
	require.Equal(t, mach.Addr(0), mach.Addr(0xffff_ffff_ffff_f001).Round(page), "wraps at the top")
	require.Equal(t, mach.Size(0x2000), mach.Size(0x1001).Round(page))
	require.True(t, mach.Offset(0x3000).Aligned(page))
	require.False(t, mach.ValidPageSize(3000))
	require.True(t, mach.ValidPageSize(8192))
}

func TestProtSpelling(t *testing.T) {
	require.Equal(t, "rw-", mach.ProtDefault.String())
	require.Equal(t, "no-change", mach.ProtNoChange.String())
	require.Equal(t, "r--+wants-copy", (mach.ProtRead | mach.ProtWantsCopy).String())
	require.Equal(t, "---+0x20", mach.Prot(0x20).String())
	require.False(t, mach.ProtNoChange.Valid())
	require.True(t, mach.ProtAll.Allows(mach.ProtWrite))
	require.False(t, mach.ProtRead.Allows(mach.ProtDefault))
}

func TestHeaderWire(t *testing.T) {
	in := mach.UserMessage{ID: 2201, Remote: 0x103, RemoteDisp: mach.MoveSend, Local: 0x203, LocalDisp: mach.MakeSendOnce, Complex: true}
	var b [mach.HeaderSize]byte
	mach.PutHeader(b[:], &in, 40)
	var out mach.UserMessage
	require.Equal(t, mach.Size(40), mach.GetHeader(b[:], &out))
	require.Equal(t, in, out)
	require.Equal(t, byte(0x80), b[3], "the complex bit is the top bit of the first word")
}

func TestDescriptorWire(t *testing.T) {
	for _, d := range []mach.Desc[mach.Name, mach.Region]{
		{Kind: mach.DescPort, Port: 0x507, Disp: mach.MoveReceive},
		{Kind: mach.DescMemory, Memory: mach.Region{Address: 0x5000, Size: 17}, Copy: mach.CopyVirtual, Deallocate: true},
		{Kind: mach.DescPorts, Memory: mach.Region{Address: 0x5000, Size: 12}, Disp: mach.CopySend, Copy: mach.CopyPhysical},
	} {
		var b [mach.DescriptorSize]byte
		mach.PutDescriptor(b[:], &d)
		require.Equal(t, d, mach.GetDescriptor(b[:]))
	}
}

func TestMessageReset(t *testing.T) {
	m := mach.UserMessage{ID: 1, Complex: true, Descs: make([]mach.Desc[mach.Name, mach.Region], 2, 4), Body: make([]byte, 8, 64)}
	require.Equal(t, mach.Size(24+4+2*12+8), m.WireSize())
	m.Reset()
	require.Equal(t, mach.HeaderSize, m.WireSize())
	require.Equal(t, 4, cap(m.Descs))
	require.Equal(t, 64, cap(m.Body))
}

func TestTrailerSize(t *testing.T) {
	require.Equal(t, mach.Size(8), mach.RcvMsg.TrailerSize())
	require.Equal(t, mach.Size(12), (mach.RcvMsg | mach.RcvTrailerSeqno).TrailerSize())
	require.Equal(t, mach.Size(20), (mach.RcvMsg | mach.RcvTrailerSender).TrailerSize())
	require.Equal(t, -1, mach.Option(3<<24).TrailerElements())
}
