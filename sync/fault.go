package sync

import (
	"errors"

	"gridpatrol/inspection"
)

// asFault stores the Error in err's chain, if there is one.
func asFault(err error, fault **inspection.Error) bool { return errors.As(err, fault) }

// notYours is what a phone is told of a document that it may not write. The
// words are the same whether the document is unknown, lies in another area or
// is of another collection: they must not tell which ids exist.
func notYours() *inspection.Error {
	return inspection.Errorf(inspection.CodeAreaForbidden,
		"You may not write this document here: its area is not yours, or it lies in another area or collection. It is kept aside; ask your supervisor.")
}

func nReused(n int64) *inspection.Error {
	return inspection.Errorf(inspection.CodeNReused,
		"This device used the number %d before, with other content. Give every edit a number of its own.", n)
}
