// Package seal encrypts secrets at rest with one key file.
//
// A sealed value opens only with the same key and the same context: the name of
// the place it is kept in. So a value that someone copies to another row, or
// changes, does not open there. The key file is made once, readable by its owner
// alone; whoever loses it loses what was sealed, and whoever has it and the
// store reads everything. Nothing here prints or logs a secret.
package seal
