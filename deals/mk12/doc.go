// Package mk12 talks with storage providers in Filecoin's deal protocol 1.2,
// as Boost and Curio speak it: asks, proposals, the status of deals, and where
// pieces are served, each one question and its answer, over a libp2p stream or,
// where a provider has that as Curio does, over HTTP.
//
// A Client says what a provider said. It decides nothing, keeps nothing but
// where providers were reached lately, and retries nothing: whether a deal is
// made twice is its caller's business. To help with that, an error that came
// after a provider may have read the request is ErrReached; after any other it
// has certainly read nothing.
//
// Every question has a time limit, dialling included, and every answer a size
// limit. Answers are foreign bytes: no length in them makes a Client allocate
// more than they are long.
package mk12
