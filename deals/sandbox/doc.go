// Package sandbox is a Filecoin network on loopback: a chain that speaks the
// Lotus JSON-RPC methods a client needs, and storage providers that take real
// deals. A client talks to it exactly as to mainnet; nothing in it is mocked
// away. Proposals are CBOR over libp2p (mk 1.2.x) with verified signatures,
// data is pulled over HTTP, piece commitments are recomputed by an
// implementation independent of ours, deals are published by real
// PublishStorageDeals messages, money is locked in escrow, and pieces are
// served back. Messages of others pass the rules of Lotus's pool. What fails
// outside can be made to fail here: providers (Modes), the chain's endpoints
// (RPCModes), the chain itself (Reorg). docs/sandbox.md lists it all.
//
// What is left out is what costs hours or hardware: sealing and proofs are a
// matter of waiting a few epochs, and there is one block producer. The clock
// is an ordinary ticker that Advance can push forward.
//
// # A provider's deal
//
//	accepted → transferred → publishing → published → active → expired
//	                                                        ↘ slashed
//	any step before active → failed
//
// Steps only move forward, unless a reorganisation takes the chain back. An
// offline deal stays accepted until its data is imported. A provider with a
// fault stays where the fault holds it and goes on when it is healed.
//
// # Promises
//
// Whatever was answered to a client survives a kill: the answer is given after
// the change is on disk (with NoSync: in the hands of the system). After a
// restart the chain goes on at the same or a later height, never an earlier
// one, under the same ports and peer identities where they are still free;
// transfers under way start again.
//
// Half the providers speak Boost's vocabulary and half Curio's, with each
// one's own wording and quirks, because clients must cope with both.
//
// Network is safe for concurrent use. It listens on loopback only, imports
// nothing of the product but what stands below it, and holds no real money:
// its keys lie in Dir unprotected.
package sandbox
