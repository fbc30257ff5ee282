//go:build linux && (amd64 || arm64)

package anchor

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// handlerVariable tells a process that it is to answer faults.
const handlerVariable = "MACHVM_USERFAULT_HANDLER"

// Handler answers the faults of the process that started this one, until that ends, and then reports true. In every
// other process it reports false at once. Programs that use the anchors call it first.
func Handler() (bool, error) {
	if os.Getenv(handlerVariable) == "" {
		return false, nil
	}
	runtime.LockOSThread()
	if _, err := pin(0); err != nil {
		return true, fmt.Errorf("userfaultfd handler: pin: %w", err)
	}
	fd, err := receive(3)
	if err != nil {
		return true, fmt.Errorf("userfaultfd handler: %w", err)
	}
	if _, err := unix.Write(3, []byte{'r'}); err != nil {
		return true, fmt.Errorf("userfaultfd handler: %w", err)
	}
	return true, answer(fd)
}

// receive takes a descriptor from a socket.
func receive(socket int) (int, error) {
	data, control := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, data, control, 0)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return 0, fmt.Errorf("no descriptor came: %v", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return 0, fmt.Errorf("no descriptor came: %v", err)
	}
	return fds[0], nil
}

// answer copies one page into every page that is missing, and reads every other event.
func answer(fd int) error {
	page := uint64(os.Getpagesize())
	source := anonymous(1)
	for i := range source {
		source[i] = 0x5a
	}
	event := make([]byte, eventMessageSize)
	for {
		n, err := unix.Read(fd, event)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err != nil:
			return fmt.Errorf("userfaultfd handler: %w", err)
		case n == 0:
			return nil
		}
		if event[0] != eventPagefault {
			continue
		}
		c := copyArgs{dst: binary.NativeEndian.Uint64(event[16:]) &^ (page - 1), src: uint64(uintptr(unsafe.Pointer(&source[0]))), length: page}
		for {
			err := ioctl(fd, uffdioCopy, unsafe.Pointer(&c))
			if err == nil || err == unix.EEXIST {
				break
			}
			if err != unix.EAGAIN {
				return fmt.Errorf("userfaultfd handler: copy: %w", err)
			}
		}
	}
}
