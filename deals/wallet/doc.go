// Package wallet keeps the key that signs and pays for deals.
//
// A Wallet has one secp256k1 key. It is made when it is first asked for, and
// from then on the same also after a restart, and for every process on the
// store: it is sealed, stored, and only then used. Who loses the store or its
// master key loses the key, and with it what the address owns.
//
// A Key signs as Filecoin does, and nothing prints it.
package wallet
