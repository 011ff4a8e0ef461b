package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	gosync "sync"
	"testing"

	"gridpatrol/seeds/photo"
)

// peakMemory is the most memory that the process ever held, in bytes.
func (s *server) peakMemory() int64 {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		s.t.Skip("the system doesn't tell a process's peak memory")
	}
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		s.t.Skip("the system doesn't tell a process's peak memory")
	}
	kb, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return kb << 10
}

// TestFiftyUploadsAtOnce: fifty photos of 12 megapixels come at the same
// moment, from phones of all streets. All are kept, and the process stays
// within 400 MB.
func TestFiftyUploadsAtOnce(t *testing.T) {
	const uploads, limit = 50, 400_000_000
	s := startDemo(t)
	before := s.peakMemory()
	var base [][]byte
	for seed := range uint64(3) {
		base = append(base, photo.Draw(photo.Shot{Field: "scene_photo", Seed: seed, Width: 4000, Quality: 92}))
	}
	var phones []*account
	for i := range 9 {
		phones = append(phones, s.signIn(fmt.Sprint("inspector", i+1)))
	}
	var group gosync.WaitGroup
	for i := range uploads {
		group.Go(func() {
			// Bytes behind the picture make it another file.
			data := append(bytes.Clone(base[i%len(base)]), fmt.Sprint("another ", i)...)
			a := phones[i%len(phones)]
			if status := a.patch(a.begin(data), 0, data); status != http.StatusNoContent {
				t.Errorf("upload %d: %d", i, status)
			}
		})
	}
	group.Wait()
	peak := s.peakMemory()
	t.Logf("peak memory: %d MB before, %d MB after %d uploads at once", before/1e6, peak/1e6, uploads)
	if peak > limit {
		t.Errorf("the process held %d MB", peak/1e6)
	}
}
