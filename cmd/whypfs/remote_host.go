package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/whypfs/whypfs/client"
)

func (c *cli) loginCommand() *cobra.Command {
	var name string
	cmd, _ := c.remoteCommand("login URL [TOKEN]", "keep a host and a token of its API; without TOKEN it is read from standard input", maxArgs(1, 2),
		func(ctx context.Context, r *remote, args []string) error {
			token, err := loginToken(args)
			if err != nil {
				return err
			}
			book, err := openBook()
			if err != nil {
				return err
			}
			h, err := client.Login(ctx, args[0], name, token, r.options())
			if err != nil {
				return err
			}
			if err := book.Put(h); err != nil {
				return err
			}
			return r.show(h, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%s is %s at %s\n", h.Name, h.User, h.URL)
				if err == nil && !h.Expiry.IsZero() && time.Until(h.Expiry) < year {
					_, err = fmt.Fprintf(w, "the token is good until %s\n", stamp(h.Expiry))
				}
				return err
			})
		})
	cmd.Flags().StringVar(&name, "name", "", "what the host is to be called here; default: its address")
	return cmd
}

// loginToken is the second argument, or what standard input has: a command
// line can be read by everyone on the machine.
func loginToken(args []string) (client.Token, error) {
	text := ""
	if len(args) == 2 && args[1] != "-" {
		text = args[1]
	} else {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return client.Token{}, fmt.Errorf("read the token: %w", err)
		}
		text = line
	}
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text, " \t\r\n") {
		return client.Token{}, usageError{fmt.Errorf("a token is one word, EST…ARY")}
	}
	return client.NewToken(text), nil
}

func (c *cli) logoutCommand() *cobra.Command {
	cmd, _ := c.remoteCommand("logout [NAME]", "forget a host and its token", maxArgs(0, 1),
		func(_ context.Context, r *remote, args []string) error {
			book, err := openBook()
			if err != nil {
				return err
			}
			return book.Remove(append(args, r.host)[0])
		})
	return cmd
}

// hostRow is a host in a list.
type hostRow struct {
	client.Host
	Default bool `json:"default"`
}

func (c *cli) hostCommand() *cobra.Command {
	ls, _ := c.remoteCommand("ls", "list the hosts of `whypfs login`", noArgs,
		func(_ context.Context, r *remote, _ []string) error {
			book, err := openBook()
			if err != nil {
				return err
			}
			hosts, def := book.Hosts()
			var rows []hostRow
			for _, h := range hosts {
				rows = append(rows, hostRow{h, h.Name == def})
			}
			return showList(r, rows, []string{"name", "url", "user", "token expires", "default"}, func(h hostRow) []any {
				mark := ""
				if h.Default {
					mark = "*"
				}
				return []any{h.Name, h.URL, h.User, stamp(h.Expiry), mark}
			})
		})
	use, _ := c.remoteCommand("use NAME", "make a host the default", nArgs(1),
		func(_ context.Context, _ *remote, args []string) error {
			book, err := openBook()
			if err != nil {
				return err
			}
			return book.Use(args[0])
		})
	return group("host", "the hosts that were logged in to", ls, use)
}
