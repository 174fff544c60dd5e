package postpolicy

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// add reads one member of the list of conditions.
func (p *Policy) add(raw json.RawMessage) error {
	switch raw = bytes.TrimSpace(raw); raw[0] { // of valid JSON, so not empty
	case '{':
		return p.addSimple(raw)
	case '[':
		return p.addList(raw)
	}
	return malformed("Invalid condition: must be a List or Object.")
}

// addSimple reads {"field": "value"}.
func (p *Policy) addSimple(raw json.RawMessage) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil || len(object) != 1 {
		return malformed("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	for name, raw := range object {
		value, ok := text(raw)
		if !ok {
			return malformed("Invalid Simple-Condition: value must be a string.")
		}
		p.conditions = append(p.conditions, condition{field: strings.ToLower(name), value: value})
	}
	return nil
}

// addList reads ["eq", "$field", "value"], ["starts-with", "$field", "value"]
// and ["content-length-range", min, max].
func (p *Policy) addList(raw json.RawMessage) error {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return malformed("Invalid Condition: missing operation identifier.")
	}
	name, ok := text(list[0])
	operator := strings.ToLower(name)
	switch {
	case !ok || operator != "eq" && operator != "starts-with" && operator != "content-length-range":
		return malformed("Invalid Condition: unknown operation '%s'.", name)
	case len(list) != 3:
		return malformed("Invalid %s: wrong number of arguments.", operator)
	case operator == "content-length-range":
		return p.addRange(list[1], list[2])
	}
	field, ok := text(list[1])
	if !ok || len(field) < 2 || field[0] != '$' {
		return malformed("Invalid %s: the first argument must name a field with a leading '$'.", operator)
	}
	value, ok := text(list[2])
	if !ok {
		return malformed("Invalid %s: the second argument must be a string.", operator)
	}
	p.conditions = append(p.conditions, condition{
		prefix: operator == "starts-with", field: strings.ToLower(field[1:]), value: value,
	})
	return nil
}

// addRange narrows the sizes; of several ranges all hold.
func (p *Policy) addRange(low, high json.RawMessage) error {
	least, ok := size(low)
	most, ok2 := size(high)
	if !ok || !ok2 || least > most {
		return malformed("Invalid content-length-range: arguments must be lengths in ascending order.")
	}
	p.MinSize, p.MaxSize = max(p.MinSize, least), min(p.MaxSize, most)
	return nil
}

// text decodes a string, and nothing else: null would decode as well.
func text(raw json.RawMessage) (s string, ok bool) {
	raw = bytes.TrimSpace(raw)
	return s, len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil
}

// size reads a number of bytes. Some clients write it as a string.
func size(raw json.RawMessage) (int64, bool) {
	digits, ok := text(raw)
	if !ok {
		digits = string(bytes.TrimSpace(raw))
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), err == nil
}
