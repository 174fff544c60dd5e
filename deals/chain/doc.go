// Package chain asks a Filecoin chain what making and watching deals needs to
// know, over the part of Lotus' JSON-RPC API that public gateways offer too.
//
// A Client holds no key: what it sends is messages that were signed elsewhere. Its
// answers are of the newest tipset, which a fork may take back; nothing is
// remembered from one question to the next.
//
// A Client has one endpoint or several. One that gives no answer is asked last
// for a while, longer each time; one that asks to be left alone is. What is
// news of a deal, and could end it or make it active, is taken from two
// endpoints that agree (Witnessed), and the head from the majority: with three
// endpoints one may lie, with two one may fail.
//
// A node that refuses a question answers a CallError. ErrUnavailable means that
// there was no answer that can be taken for one: no connection, a busy gateway,
// something that is not JSON-RPC, or less in it than every node knows. Only the
// words with which Lotus denies a deal mean ErrNotOnChain.
//
// PublishedID and Differs tell which deal on chain is the one that was
// proposed: whoever names its number is not to be trusted for it.
//
// Neither the URL nor the token of an endpoint, which may both be secrets, is
// in an error, nor can an Endpoint be printed.
package chain
