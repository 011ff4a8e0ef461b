package simulate

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// purpose keeps apart what chance is asked for, so that one more question of
// one kind changes no answer of another.
type purpose uint64

const (
	forCharacter purpose = iota
	forEdits
	forRound
	forFaults
	forKills
	forOffice
	forPhotos
)

// chance is where all that happens by the seed comes from.
type chance uint64

// of returns the source for one purpose, phone and round. Each is its own: what
// a phone meets in one round doesn't depend on how the last one went.
func (c chance) of(p purpose, phone, round int) *rand.Rand {
	h := fnv.New64a()
	var b []byte
	for _, v := range []uint64{uint64(p), uint64(phone), uint64(round)} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	h.Write(b)
	return rand.New(rand.NewPCG(uint64(c), h.Sum64()))
}

// oneIn reports true once in n times.
func oneIn(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

// ids makes ids that are new in every run, as phones do.
type ids struct{ random io.Reader }

func (i ids) document() string {
	id, err := uuid.NewV7FromReader(i.random)
	if err != nil {
		panic(err) // the system's source of randomness doesn't fail
	}
	return id.String()
}

// china is the zone of all work days.
var china = time.FixedZone("", 8*60*60)
