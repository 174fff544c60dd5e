// Package deals keeps the pieces of every zone stored with enough Filecoin
// providers, and brings data back from them.
//
// It is built of rooms, which know nothing of deals: piece lays the contents of
// a zone out as pieces and makes their bytes, mk12 and
// filclient talk with providers, chain asks the chain, wallet holds the keys,
// retrieve brings blocks back, and proof shows to others what is stored. What
// stays here is what is decided: which provider is asked, what is signed, what a
// deal is worth.
//
// A deal is one replica of one piece with one provider. It moves from proposed
// through accepted and published to active, or ends as rejected, failed or
// expired. It is stored, with its UUID, token and signed proposal, before the
// provider hears of it; a crash at any point repeats the last step with the
// same UUID. Two kinds of queue jobs do the work: "replicate", one per piece,
// chooses providers until enough deals are under way; "deal", one per deal,
// sends it and then follows it. A deal that ends wakes its piece's replicate job.
//
// The chain decides what a deal is worth. What a provider says is a hint: a
// deal counts as published only when the chain holds it with our client,
// provider, piece and epochs, and as active only when the chain saw its sector.
//
// Bytes from providers are used only after they were checked against the CID
// that was asked for. Pieces are served to holders of the token of a deal that
// is not published yet, and to nobody else. Deals never deletes blocks. Money is
// moved only into the escrow of our own keys, when the operator asks for
// top-ups, and never beyond the day's limit.
package deals
