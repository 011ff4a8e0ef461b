package sqlite

import (
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A connection empties its page cache whenever another one has committed, and
// the engine gives the memory back to the system page by page, to ask for it
// again with the next query. So the pages of all connections come from one
// area instead, for as long as the process lives.
const (
	slotBytes = 8192 + 512 // a page and what the engine notes of it
	slots     = 2000       // beyond them, the pages that were used longest ago make room
)

// setUpEngine must run before the first database of the process is opened. If
// somebody else was first, the engine refuses, and works with its own ways.
var setUpEngine = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	defer tls.Close()
	if area := libc.Xmalloc(tls, slots*slotBytes); area != 0 {
		configure(tls, sqlite3.SQLITE_CONFIG_PAGECACHE, area, int32(slotBytes), int32(slots))
	}
	// Nobody reads the statistics for which each allocation takes a lock.
	configure(tls, sqlite3.SQLITE_CONFIG_MEMSTATUS, int32(0))
})

func configure(tls *libc.TLS, option int32, values ...any) {
	list := libc.NewVaList(values...)
	defer libc.Xfree(tls, list)
	sqlite3.Xsqlite3_config(tls, option, list)
}
