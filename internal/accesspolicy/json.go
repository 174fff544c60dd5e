package accesspolicy

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

const maxNesting = 8 // a policy needs six

type jsonKind int

const (
	jsonString jsonKind = iota
	jsonNumber
	jsonBool
	jsonList
	jsonObject
)

// A node is a JSON value that keeps what encoding/json would lose: members in
// their order, exact names, numbers as they are written.
type node struct {
	kind    jsonKind
	text    string // of a string, number or bool
	list    []node
	members []member
}

type member struct {
	name  string
	value node
}

var errJSON = malformed("This policy contains invalid Json")

// readJSON reads a document. A name given twice is an error: which of the two
// counts would depend on the reader.
func readJSON(data []byte) (node, error) {
	if len(data) > MaxSize {
		return node{}, malformed("The policy must not be longer than 20 KB")
	}
	data = bytes.Trim(data, " \t\r\n") // what JSON takes for white space, and no more
	if len(data) == 0 || data[0] != '{' {
		return node{}, malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	// The decoder would replace what is not UTF-8, and nest without end.
	if !utf8.Valid(data) || !json.Valid(data) {
		return node{}, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := readNode(d, 0)
	if err != nil {
		return node{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return node{}, errJSON
	}
	return n, nil
}

func readNode(d *json.Decoder, depth int) (node, error) {
	t, err := d.Token()
	if err != nil || depth > maxNesting {
		return node{}, errJSON
	}
	switch t := t.(type) {
	case string:
		return node{kind: jsonString, text: t}, nil
	case json.Number:
		return node{kind: jsonNumber, text: t.String()}, nil
	case bool:
		if t {
			return node{kind: jsonBool, text: "true"}, nil
		}
		return node{kind: jsonBool, text: "false"}, nil
	case json.Delim:
		n := node{kind: jsonObject}
		if t == '[' {
			n.kind = jsonList
		}
		for d.More() {
			if err := n.grow(d, depth); err != nil {
				return node{}, err
			}
		}
		if _, err := d.Token(); err != nil {
			return node{}, errJSON
		}
		return n, nil
	}
	return node{}, errJSON // null
}

// grow reads a further element of a list, or member of an object.
func (n *node) grow(d *json.Decoder, depth int) error {
	name := ""
	if n.kind == jsonObject {
		t, err := d.Token()
		if err != nil {
			return errJSON
		}
		name = t.(string) // a valid document has nothing else here
		for _, m := range n.members {
			if m.name == name {
				return malformed("The policy has the element " + name + " twice")
			}
		}
	}
	child, err := readNode(d, depth+1)
	if err != nil {
		return err
	}
	if n.kind == jsonObject {
		n.members = append(n.members, member{name, child})
	} else {
		n.list = append(n.list, child)
	}
	return nil
}

// strings returns a string, or a list of them.
func (n node) strings() ([]string, bool) {
	if n.kind == jsonString {
		return []string{n.text}, true
	}
	var out []string
	for _, e := range n.list {
		if e.kind != jsonString {
			return nil, false
		}
		out = append(out, e.text)
	}
	return out, n.kind == jsonList
}

// scalars is the same with numbers and bools as they are written.
func (n node) scalars() ([]string, bool) {
	if n.kind < jsonList {
		return []string{n.text}, true
	}
	var out []string
	for _, e := range n.list {
		if e.kind >= jsonList {
			return nil, false
		}
		out = append(out, e.text)
	}
	return out, n.kind == jsonList
}
