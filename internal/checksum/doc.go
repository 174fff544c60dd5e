// Package checksum is the table of object checksums that S3 knows: their
// names, headers, hash functions and how the sums of the parts of a multipart
// upload become the sum of the object.
//
// Sums are written as S3 writes them: standard base64 of the big-endian
// digest. A composite sum is the sum of the parts' raw sums followed by "-N",
// and says nothing about the object's bytes alone; a full object sum is that of
// the bytes, which for the CRCs is computed from the sums and lengths of the
// parts without reading them again.
//
// Nothing here keeps state or touches I/O. An algorithm outside the table is
// an error, never ignored: a checksum that a client sent and nobody compared
// would be a promise broken in silence.
package checksum
