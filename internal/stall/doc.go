// Package stall ends HTTP requests whose client has stopped.
//
// A client that sends no byte of a body for a while, or takes none of an
// answer, loses its connection, or over HTTP/2 its stream. One that is slow but
// goes on never does, so uploads and downloads may last as long as they need.
// net/http has limits for whole requests only, and none at all for a body that
// no handler wants: before it answers it waits for the rest of one, however
// long, so that a refused client could hold a connection for ever.
//
// Time that a handler spends between its reads and writes does not count.
package stall
