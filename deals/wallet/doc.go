// Package wallet keeps the keys that sign deals and pay for them.
//
// A Wallet has secp256k1 keys (addresses f1…) and delegated ones (f410f…, which
// Ethereum writes 0x…): made here, or imported from Lotus. BLS keys (f3…) are
// refused. One key is the default: it pays for new deals. It is made when it is
// first asked for and there is none. A deal is signed and asked after with the
// key whose address it names, whatever the default is by then, so no key is
// ever removed.
//
// A key is sealed, stored, and only then used; it is the same after a restart,
// and for every process on the store. Who loses the store or its master key
// loses the keys, and with them what their addresses own. Nothing prints a Key:
// only Export gives its secret away, in Lotus's format.
package wallet
