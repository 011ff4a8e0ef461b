package sqlite

import (
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A connection empties its page cache whenever another one has committed, and
// the engine gives the memory back to the system page by page, to ask for it
// again with the next query. So the pages of all connections come from one
// area instead, for as long as the process lives. It bounds all caches together:
// what was used longest ago makes room, whoever used it.
const (
	slotBytes = 8192 + 512 // a page and the 272 bytes that the engine notes of it
	slots     = 2000
)

// setUpEngine must run before the first database of the process is opened. If
// somebody else was first, the engine refuses, and works with its own ways.
var setUpEngine = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	area := libc.Xmalloc(tls, slots*slotBytes)
	if area == 0 {
		return
	}
	values := libc.NewVaList(area, int32(slotBytes), int32(slots))
	defer libc.Xfree(tls, values)
	sqlite3.Xsqlite3_config(tls, sqlite3.SQLITE_CONFIG_PAGECACHE, values)
})
