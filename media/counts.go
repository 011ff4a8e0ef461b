package media

import (
	"sync/atomic"

	"gridpatrol/inspection"
)

// counts are what happened since the start, without anyone's data.
type counts struct {
	created, received, finished, judged atomic.Int64

	mismatch, notPicture, pixels, storage atomic.Int64
}

func (c *counts) refuse(code inspection.Code) {
	switch code {
	case inspection.CodeChecksumMismatch:
		c.mismatch.Add(1)
	case inspection.CodeNotAPicture:
		c.notPicture.Add(1)
	case inspection.CodeTooManyPixels:
		c.pixels.Add(1)
	case inspection.CodeInsufficientStorage:
		c.storage.Add(1)
	}
}

// Counts is a snapshot of what happened since the service was made.
type Counts struct {
	UploadsCreated, UploadsFinished int64
	BytesReceived                   int64
	PicturesDecoded                 int64
	EvidenceEntries                 int64
	// Refused counts by code.
	Refused map[inspection.Code]int64
}

// Counts returns the numbers for metrics.
func (s *Service) Counts() Counts {
	c := &s.counts
	return Counts{
		UploadsCreated: c.created.Load(), UploadsFinished: c.finished.Load(), BytesReceived: c.received.Load(),
		PicturesDecoded: s.decoder.count.Load(), EvidenceEntries: c.judged.Load(),
		Refused: map[inspection.Code]int64{
			inspection.CodeChecksumMismatch: c.mismatch.Load(), inspection.CodeNotAPicture: c.notPicture.Load(),
			inspection.CodeTooManyPixels: c.pixels.Load(), inspection.CodeInsufficientStorage: c.storage.Load(),
		},
	}
}
