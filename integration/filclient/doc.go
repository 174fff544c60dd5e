// Command whypfs-filclient makes Filecoin deals with filclient, Estuary's deal
// client, unmodified and at the versions it was written for.
//
// filclient and today's libp2p cannot be part of one build, so it runs as a
// process of its own, with a module of its own. It reads requests from its
// standard input and writes answers to its standard output, each one JSON
// object on one line:
//
//	{"id":1,"method":"ask","params":{"provider":"f01000"},"timeout_ms":20000}
//	{"id":1,"result":{"price":"50000000", …}}
//	{"id":2,"error":{"code":"unreached","message":"…"}}
//
// The first request is "start": it names the chain's RPC and hands over the
// key, so that the key is on no command line and in no environment. Then come,
// in any order and several at once, requests with the verbs of the table in
// verbs.go. The process ends when its input does.
//
// The process holds no data and keeps none: providers pull pieces from the URL
// in a deal. Its libp2p host listens nowhere, has a new identity at each start,
// and answers no protocol but identify and ping: filclient would serve every
// block that it is given to whoever asks.
package main
