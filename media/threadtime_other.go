//go:build !linux

package media

import "time"

var loaded = time.Now()

// threadTime stands for the processor time that the calling thread has had, which
// can't be asked for here: it is time of the clock.
func threadTime() time.Duration { return time.Since(loaded) }
