package store

import "encoding/binary"

// PackSeqs encodes seqs, each as its distance from the one before: a byte or
// two for most of a record's revisions.
func PackSeqs(seqs []int64) []byte {
	dst := make([]byte, 0, 2*len(seqs)+8)
	last := int64(0)
	for _, seq := range seqs {
		dst = binary.AppendVarint(dst, seq-last)
		last = seq
	}
	return dst
}

// UnpackSeqs decodes what PackSeqs made. Any other bytes give ErrDamaged or
// some seqs.
func UnpackSeqs(src []byte) ([]int64, error) {
	seqs := make([]int64, 0, len(src))
	last := int64(0)
	for len(src) > 0 {
		step, n := binary.Varint(src)
		if n <= 0 {
			return nil, ErrDamaged
		}
		last += step
		seqs, src = append(seqs, last), src[n:]
	}
	return seqs, nil
}
