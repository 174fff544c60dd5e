package crashsim

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// traced are the calls that change files, or make it known that they did.
const traced = "trace=open,openat,creat,close,dup,dup2,dup3,fcntl," +
	"write,pwrite64,writev,pwritev,pwritev2,lseek,truncate,ftruncate,fallocate," +
	"fsync,fdatasync,sync,syncfs,msync,mmap,copy_file_range,sendfile,splice," +
	"rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,symlink,symlinkat"

// Command is cmd under strace, its trace going to the file at trace. More are
// options of strace: what to inject, or which calls to trace besides.
func Command(ctx context.Context, trace string, more []string, cmd ...string) *exec.Cmd {
	args := []string{"-f", "--seccomp-bpf", "-q", "-xx", "-s", "67108864", "-e", "signal=none", "-o", trace, "-e", traced}
	args = append(append(args, more...), "--")
	return exec.CommandContext(ctx, "strace", append(args, cmd...)...)
}

// Traced is what Command traces, with these calls too.
func Traced(calls string) []string { return []string{"-e", traced + "," + calls} }

// ParseFile is Parse of a file.
func ParseFile(name string) ([]Call, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	calls, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return calls, nil
}

func byBegin(calls []Call) []Call {
	slices.SortFunc(calls, func(a, b Call) int { return cmp.Compare(a.Begin, b.Begin) })
	return calls
}
