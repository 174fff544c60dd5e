// Package accounts keeps users, their bearer tokens and their S3 access keys.
//
// A user has a name, unique whatever its case, a level, and perhaps a password.
// A token EST<uuid>ARY stands for a user until it expires, with the user's level
// or a lower one. An access key stands for a user without end until it is deleted.
//
// What a change returned from is true at once for every later call: nothing is
// cached. Passwords are kept as argon2id hashes and tokens as SHA-256 sums, so
// neither can be read back; S3 secrets must be, because signatures are checked
// with them, so they are encrypted with the key file of internal/seal. Tokens
// and secrets are returned in the clear once, when they are made (a secret also
// to who checks a signature), and appear in no error, log or listing.
//
// Estuary V1 took a token's hash wherever it took the token. Here the hash only
// names a token, to revoke it: if it were a credential, hashing would protect
// nothing.
//
// Who may do what with a bucket is not decided here.
package accounts
