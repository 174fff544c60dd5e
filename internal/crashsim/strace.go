package crashsim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Never is when a call ends that had not returned when the trace ended.
const Never = math.MaxInt

// A Call is one system call of a traced process.
type Call struct {
	Thread     int
	Name       string
	Args       []string // as strace prints them; see text and number
	Result     int64    // negative: it failed
	Errno      string   // then: its name
	Injected   bool     // strace made it fail, and the kernel did not run it
	Begin, End int      // places in the trace
}

// Done says whether the call returned.
func (c Call) Done() bool { return c.End != Never }

// Parse reads the output of strace -f -xx, with strings in full. Calls are in
// the order in which they ended; those that never did come last.
func Parse(r io.Reader) ([]Call, error) {
	p := parser{open: map[int]begun{}}
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		// A trace that was cut off ends in half a line.
		if err == io.EOF {
			break
		}
		p.line++
		if err := p.add(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("trace line %d: %w", p.line, err)
		}
	}
	return p.finish()
}

type begun struct {
	text  string
	begin int
}

type parser struct {
	line  int
	calls []Call
	open  map[int]begun // by thread
}

var errSyntax = errors.New("not a line of strace")

func (p *parser) add(line string) error {
	id, rest, ok := strings.Cut(line, " ")
	thread, err := strconv.Atoi(id)
	if !ok || err != nil {
		return errSyntax
	}
	rest = strings.TrimLeft(rest, " ")
	begin := 2 * p.line
	switch {
	case strings.HasPrefix(rest, "---"), strings.HasPrefix(rest, "+++"):
		return nil // a signal, or an end: a call under way stays so
	case strings.HasPrefix(rest, "<... "):
		_, tail, ok := strings.Cut(rest, " resumed>")
		b, known := p.open[thread]
		if !ok || !known {
			return errSyntax
		}
		delete(p.open, thread)
		rest, begin = b.text+tail, b.begin
	default:
		if _, twice := p.open[thread]; twice {
			return fmt.Errorf("thread %d makes two calls at once: %w", thread, errSyntax)
		}
	}
	if text, ok := strings.CutSuffix(rest, "<unfinished ...>"); ok {
		p.open[thread] = begun{text, begin}
		return nil
	}
	c, err := parseCall(rest)
	if err != nil {
		return err
	}
	c.Thread, c.Begin = thread, begin
	if c.End != Never {
		c.End = 2*p.line + 1
	}
	p.calls = append(p.calls, c)
	return nil
}

// finish adds the calls that were under way when the trace ended.
func (p *parser) finish() ([]Call, error) {
	var last []Call
	for _, c := range p.calls {
		if !c.Done() {
			last = append(last, c)
		}
	}
	for thread, b := range p.open {
		c, err := parseCall(b.text + ") = ?")
		if err != nil {
			return nil, err
		}
		c.Thread, c.Begin = thread, b.begin
		last = append(last, c)
	}
	ended := p.calls[:0]
	for _, c := range p.calls {
		if c.Done() {
			ended = append(ended, c)
		}
	}
	return append(ended, byBegin(last)...), nil
}

// parseCall reads "name(args) = result". Only the end may be Never.
func parseCall(s string) (c Call, err error) {
	name, rest, ok := strings.Cut(s, "(")
	if !ok || name == "" {
		return c, errSyntax
	}
	c.Name = name
	n, err := c.takeArgs(rest)
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest[n:], " "), "= ")
	if !ok {
		return c, fmt.Errorf("%s: %w", name, errSyntax)
	}
	words := strings.Fields(rest)
	if len(words) == 0 {
		return c, fmt.Errorf("%s: %w", name, errSyntax)
	}
	if words[0] == "?" {
		c.End = Never
		return c, nil
	}
	// Base 0: mmap answers an address.
	u, err := strconv.ParseInt(words[0], 0, 64)
	if err != nil && !strings.HasPrefix(words[0], "0x") {
		return c, fmt.Errorf("%s: result %q: %w", name, words[0], errSyntax)
	}
	if c.Result = u; u < 0 && len(words) > 1 {
		c.Errno = words[1]
	}
	c.Injected = strings.Contains(rest, "(INJECTED)")
	return c, nil
}

// takeArgs splits arguments at their commas, and says where the closing bracket ends.
func (c *Call) takeArgs(s string) (n int, err error) {
	depth, start, quoted := 0, 0, false
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"':
			quoted = !quoted
			if !quoted && strings.HasPrefix(s[i+1:], "...") {
				return 0, errors.New("a string was cut short")
			}
		case quoted: // -xx prints nothing else that would need care
		case b == '[' || b == '{' || b == '(':
			depth++
		case depth > 0 && (b == ']' || b == '}' || b == ')'):
			depth--
		case depth == 0 && (b == ',' || b == ')'):
			if arg := strings.TrimSpace(s[start:i]); arg != "" {
				c.Args = append(c.Args, arg)
			}
			if start = i + 1; b == ')' {
				return i + 1, nil
			}
		}
	}
	return 0, errSyntax
}

// arg returns an argument, or nothing.
func (c Call) arg(i int) string {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return ""
}

// number reads an argument in any base; a file descriptor may be AT_FDCWD.
func (c Call) number(i int) (int64, error) {
	s := c.arg(i)
	if s == "AT_FDCWD" {
		return atCwd, nil
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: argument %d is %q, want a number", c.Name, i+1, s)
	}
	return n, nil
}

// text decodes a string of hexadecimal escapes.
func (c Call) text(i int) ([]byte, error) {
	b, err := unescape(c.arg(i))
	if err != nil {
		return nil, fmt.Errorf("%s: argument %d: %w", c.Name, i+1, err)
	}
	return b, nil
}

// vectors decodes the buffers of writev and its kin.
func (c Call) vectors(i int) ([]byte, error) {
	var all []byte
	rest := c.arg(i)
	for {
		_, tail, ok := strings.Cut(rest, "iov_base=")
		if !ok {
			return all, nil
		}
		end := strings.IndexByte(tail[min(1, len(tail)):], '"')
		if end < 0 {
			return nil, fmt.Errorf("%s: argument %d: %w", c.Name, i+1, errSyntax)
		}
		b, err := unescape(tail[:end+2])
		if err != nil {
			return nil, err
		}
		all, rest = append(all, b...), tail[end+2:]
	}
}

func unescape(s string) ([]byte, error) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' || (len(s)-2)%4 != 0 {
		return nil, errSyntax
	}
	s = s[1 : len(s)-1]
	b := make([]byte, 0, len(s)/4)
	for ; len(s) > 0; s = s[4:] {
		hi, lo := nibble(s[2]), nibble(s[3])
		if s[0] != '\\' || s[1] != 'x' || hi > 15 || lo > 15 {
			return nil, errSyntax
		}
		b = append(b, hi<<4|lo)
	}
	return b, nil
}

func nibble(b byte) byte {
	switch {
	case '0' <= b && b <= '9':
		return b - '0'
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10
	}
	return 0xff
}
