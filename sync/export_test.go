package sync

// MutationOf is what a client with numbers would have sent for the edit.
func MutationOf(e *Edit) Mutation { return e.mutation() }
