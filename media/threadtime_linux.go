package media

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the processor time that the calling thread has had.
func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0 // it fails for no thread that asks about itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
