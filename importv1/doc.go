// Package importv1 brings what an Estuary V1 node knew into this one.
//
// A Source is read from V1's database, SQLite or PostgreSQL, or from what V1's
// /user/export answered. An Importer stores it: users with their ids, passwords
// and the hashes of their tokens, invites, contents, collections, and deals.
//
// V1's database holds no data, so a content becomes a pin with the content's id:
// it is fetched from V1's node, or whoever else has it, and its state can be
// seen. Members of an aggregate are contents like all others; the aggregates
// themselves are not taken, as this node makes its own pieces. V1's deals stay on
// record, are looked for on chain, and count for none of these pieces.
//
// To import again changes nothing of what is here, and adds what is new: an
// import that was cut, by whatever, goes on when it is begun again. What cannot
// be taken is told row by row, and stops nothing else. The source is only read.
package importv1
