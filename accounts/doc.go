// Package accounts keeps users, their passwords, bearer tokens and S3 access
// keys, the invites with which new ones register, and the log of what admins do.
//
// A user has a name, unique whatever its case, a level, a quota, and perhaps a
// password and an address on Filecoin. A token EST<uuid>ARY stands for a user
// until it expires, with the user's level or a lower one. An access key stands
// for a user without end until it is deleted. Nobody gets in as a user who is
// suspended, by any of the three.
//
// What a change returned from is true at once for every later call: nothing is
// cached. Passwords are kept as argon2id hashes and tokens as SHA-256 sums, so
// neither can be read back; S3 secrets must be, because signatures are checked
// with them, so they are encrypted with the key file of internal/seal. Tokens
// and secrets are returned in the clear once, when they are made (a secret also
// to who checks a signature), and appear in no error, log or listing.
//
// A password may be given as it is, or as the hash that V1's web client makes
// of it, whenever one is set or checked: both are the same password. Users of V1
// are imported with the sums that V1 kept, which become hashes of ours at the
// first good login. Logins that fail are counted per name and address, in the
// store, so that all processes on it count together.
//
// Changes through By are recorded in the audit log, in the same transaction as
// the change: one is never without the other.
//
// Estuary V1 took a token's hash wherever it took the token. Here the hash only
// names a token, to revoke it: if it were a credential, hashing would protect
// nothing.
//
// All that accounts can be asked is one table of operations with plain arguments
// and results. They run on a store, or are taken to accounts elsewhere by a
// Caller, as accounts/remote is: a node and an authorization service have the
// same code. Where a node's accounts are is settled once, see Place.
//
// Who may do what with a bucket is not decided here, nor is a quota kept here:
// buckets does that, where contents are committed.
package accounts
