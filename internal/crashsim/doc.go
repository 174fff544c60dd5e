// Package crashsim makes the states that a power cut may leave of a directory,
// out of a record of what a real process did to it.
//
// Record runs a command under strace, Parse reads the trace, and a Log is what
// it says about one directory: for each file its writes, truncations and syncs,
// for each directory its entries and syncs, each with the time it began and the
// time it ended. Log.Crash then gives the directory as the next start of the
// machine may find it after a cut at some time.
//
// # What is certain after a cut
//
// A write is on the disk if it ended before a sync of its file began that ended
// before the cut; so is a size, and with a sync of the directory so is an entry.
// A sync of a file does not make its name durable. A sync that failed makes
// nothing durable, and what was written to a file before it will not be by a
// later one: the kernel may have dropped it. sync_file_range promises nothing. A
// write through O_DSYNC is on the disk when it has ended, alone.
//
// # What else may be there
//
// Of a file, each sector of 512 or 4096 bytes has the content it had after any
// of the later writes to it, and the file has any of its later sizes: so writes
// are torn, reordered and dropped, and a file may be longer than its data, with
// zeros. Of a directory each name has any of its later meanings, except that
// what is renamed is never without a name; see also Log.InOrder. A write that was under way counts
// like one that ended. Nothing of what began after the cut is there.
//
// Times are places in the trace. Calls of threads overlap: strace prints the
// begin of a call before the kernel runs it, and its end before the process
// goes on. So what the process knew to be done, and in which order, the trace
// says too; what overlaps in the trace counts as unordered.
package crashsim
