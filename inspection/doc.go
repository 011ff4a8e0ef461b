// Package inspection is the domain on one page: what a document is, where it
// may live, how two people's edits of it become one, and the words in which
// failures are told. It is pure: no clock, no I/O, nothing but the standard
// library.
//
// A document is a flat JSON object. Its members belong to the phone, except
// "server", which belongs to the server and is ignored when a client sends it.
// Documents live in areas (streets); each area has one ordered log of entries,
// and the latest entry of a document is its state. A document's revision grows
// by one with each of its entries.
package inspection
