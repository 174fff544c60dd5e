// Package client talks to a host that has Estuary V1's API: WhyPFS, V1 itself,
// or another that is compatible. It uploads files and directories, mirrors a
// directory, fetches and verifies, lists and removes.
//
// What it promises:
//   - A host is not trusted with bytes. What was uploaded has the CID that is
//     computed here, and what is fetched has the CID that was asked for, or the
//     call fails with ErrVerify.
//   - What breaks off goes on. A request is tried again when that may help; a
//     directory's upload has a Journal of what the host has acknowledged, and a
//     fetch has the part that was verified. A kill at any moment costs no more
//     than the file that was on its way.
//   - Nothing is uploaded twice that the host is known to have: a file that was
//     renamed or touched is found by its CID.
//   - The token goes to the host it belongs to, and into no message.
//
// Old hosts are served by V1's earlier routes and shapes of errors, found out by
// asking. It prints nothing, and knows neither flags nor terminals.
package client
