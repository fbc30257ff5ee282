//go:build linux && (amd64 || arm64)

package anchor

import (
	"fmt"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What linux/userfaultfd.h says. The numbers of the calls hold the sizes of the structures.
const (
	uffdAPI          = 0xaa
	uffdioAPI        = 0xc018aa3f
	uffdioRegister   = 0xc020aa00
	uffdioCopy       = 0xc028aa03
	registerMissing  = 1
	featureUnmap     = 1 << 6
	userModeOnly     = 1
	eventPagefault   = 0x12
	eventMessageSize = 32
)

type apiArgs struct{ api, features, ioctls uint64 }

type registerArgs struct{ start, length, mode, ioctls uint64 }

type copyArgs struct {
	dst, src, length, mode uint64
	copied                 int64
}

func ioctl(fd int, call uintptr, args unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), call, uintptr(args)); errno != 0 {
		return errno
	}
	return nil
}

// userfault is a userfaultfd of this process and the other process that answers its faults. The other process has a
// runtime of its own: the collector of this one can stop the thread that faults, but never the one that answers.
type userfault struct {
	fd      int
	handler *exec.Cmd
	socket  *os.File
}

// newUserfault opens a userfaultfd and starts the process that answers.
//
// It fails where the system has no userfaultfd, where the user may not use it, and where it tells nothing of
// unmapping.
func newUserfault() (*userfault, error) {
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno == unix.EPERM {
		// Faults of the kernel itself may be what the user must not serve.
		fd, _, errno = unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|userModeOnly, 0, 0)
	}
	switch errno {
	case 0:
	case unix.ENOSYS:
		return nil, fmt.Errorf("this kernel has no userfaultfd")
	case unix.EPERM:
		return nil, fmt.Errorf("this user may not use userfaultfd (see vm.unprivileged_userfaultfd)")
	default:
		return nil, fmt.Errorf("userfaultfd: %w", errno)
	}
	u := &userfault{fd: int(fd)}
	api := apiArgs{api: uffdAPI, features: featureUnmap}
	if err := ioctl(u.fd, uffdioAPI, unsafe.Pointer(&api)); err != nil {
		unix.Close(u.fd)
		return nil, fmt.Errorf("userfaultfd tells nothing of unmapping: %w", err)
	}
	if err := u.startHandler(); err != nil {
		unix.Close(u.fd)
		return nil, err
	}
	return u, nil
}

// register has the other process answer the faults of memory.
func (u *userfault) register(p []byte) {
	r := registerArgs{start: uint64(uintptr(unsafe.Pointer(&p[0]))), length: uint64(len(p)), mode: registerMissing}
	if err := ioctl(u.fd, uffdioRegister, unsafe.Pointer(&r)); err != nil {
		panic(fmt.Sprintf("anchor: userfaultfd: register: %v", err))
	}
}

// startHandler starts this program again as the process that answers, and passes it the descriptor.
func (u *userfault) startHandler() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("userfaultfd: socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "userfault"), os.NewFile(uintptr(pair[1]), "userfault handler")
	defer theirs.Close()
	self, err := os.Executable()
	if err != nil {
		ours.Close()
		return fmt.Errorf("userfaultfd: this program cannot be started again: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), handlerVariable+"=1")
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		ours.Close()
		return fmt.Errorf("userfaultfd: the process that answers does not start: %w", err)
	}
	u.handler, u.socket = cmd, ours
	answer := make([]byte, 1)
	if err := unix.Sendmsg(int(ours.Fd()), []byte{'f'}, unix.UnixRights(u.fd), nil, 0); err != nil {
		u.close()
		return fmt.Errorf("userfaultfd: passing the descriptor: %w", err)
	}
	if n, err := ours.Read(answer); n != 1 || err != nil {
		u.close()
		return fmt.Errorf("userfaultfd: the process that answers is not ready: %v", err)
	}
	return nil
}

// close ends the other process. It must not be called while memory is registered whose faults are to come.
func (u *userfault) close() {
	u.socket.Close()
	_ = u.handler.Process.Kill()
	_ = u.handler.Wait()
	unix.Close(u.fd)
}
