// Package rxdb is the wire of RxDB's own server: the one room that knows clients
// with RxDB. It knows no HTTP, and decides nothing.
package rxdb
