// Package estuaryapi is Estuary V1's HTTP API over this node's buckets, zones
// and deals, so that V1's clients work by changing one URL.
//
// Answers and errors have V1's shapes: {"error":{"code","reason","details"}},
// with V1's reasons. Where V1 answered 500 to a client's mistake (a malformed
// id, somebody else's content) the status here is the right 4xx.
//
// A V1 "content" is a content of buckets; a V1 "staging zone" is a zone; an
// upload that names no collection goes into the user's global bucket. The
// package holds no rule of its own about storage: it translates.
//
// Every route is a row of one table, routes.go. A handler gets its parameters
// parsed into a struct, whose tags say where they come from, and returns its
// answer; the OpenAPI document is made from the same rows and types, so it tells
// what is parsed and what is answered. What streams writes for itself.
//
// An upload is stored when its whole form has come, up to the closing boundary,
// and is acknowledged when it is durable; a form that breaks off anywhere
// leaves nothing. Besides its file a form may have 1 MiB, and its sender may
// not fall silent. A CAR may come without its length. What is too large, or has
// no room, is refused before any of it is read. An upload into a collection is
// one transaction with its reference, and one that names a bucket is an object
// there. How many deals it gets it may say itself, else its bucket's policy does.
//
// The routes below /pinning are the IPFS Pinning Service API, whose errors have
// no code. A pin is buckets', and any content's id is taken as a pin's.
//
// Content is served by CID to anyone, from the address that has the dashboard:
// every page of it gets an origin of its own. What is not published is not served.
package estuaryapi
