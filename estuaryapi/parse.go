package estuaryapi

import (
	"cmp"
	"encoding"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
)

// given is a parameter of which V1 asks only whether it is there.
type given bool

// rules are what a parameter's tags say of its values.
type rules struct {
	def      string
	required bool
	enum     []string
	min, max float64 // of a number
	layout   string  // of a time
	reason   string  // of the error, if V1 has one of its own
}

func rulesOf(tag reflect.StructTag, t reflect.Type) rules {
	r := rules{def: tag.Get("default"), required: tag.Get("required") == "true", layout: tag.Get("layout"),
		reason: cmp.Or(tag.Get("reason"), "ERR_INVALID_INPUT"), max: math.MaxInt64}
	if e := tag.Get("enum"); e != "" {
		r.enum = strings.Split(e, ",")
	}
	if r.layout == "" {
		r.layout = time.RFC3339
	}
	if isUnsigned(t) {
		r.max = math.MaxUint64
	}
	for name, into := range map[string]*float64{"min": &r.min, "max": &r.max} {
		v := tag.Get(name)
		if v == "" {
			continue
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			panic(fmt.Sprintf("tag %s:%q is no number", name, v))
		}
		*into = n
	}
	return r
}

func isUnsigned(t reflect.Type) bool { return t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64 }

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	cidType      = reflect.TypeFor[cid.Cid]()
	givenType    = reflect.TypeFor[given]()
)

// set parses values into v: all of them, by commas, if it is a list, else the first.
func (f *param) set(v reflect.Value, values []string) error {
	if f.kind.Kind() != reflect.Slice {
		return f.setOne(v, f.kind, values[0])
	}
	elem := f.kind.Elem()
	for _, list := range values {
		for _, one := range strings.Split(list, ",") {
			e := reflect.New(elem).Elem()
			if err := f.setOne(e, elem, one); err != nil {
				return err
			}
			v.Set(reflect.Append(v, e))
		}
	}
	return nil
}

func (f *param) setOne(v reflect.Value, t reflect.Type, s string) error {
	if f.rules.enum != nil && !slices.Contains(f.rules.enum, s) {
		return f.wrong(s, "one of "+strings.Join(f.rules.enum, ", "))
	}
	switch {
	case t == givenType:
		v.SetBool(true)
		return nil
	case t == timeType:
		at, err := time.Parse(f.rules.layout, s)
		if err != nil {
			return f.wrong(s, "a time like "+f.rules.layout)
		}
		v.Set(reflect.ValueOf(at))
		return nil
	case t == durationType:
		d, err := time.ParseDuration(s)
		if err != nil {
			return f.wrong(s, "a duration like 24h")
		}
		v.SetInt(int64(d))
		return nil
	case t == cidType:
		c, err := cid.Decode(s)
		if err != nil {
			return f.wrong(s, "a CID")
		}
		v.Set(reflect.ValueOf(c))
		return nil
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			return f.wrong(s, err.Error())
		}
		return nil
	}
	return f.setBasic(v, s)
}

func (f *param) setBasic(v reflect.Value, s string) error {
	switch v.Kind() {
	case reflect.String:
		if !utf8.ValidString(s) {
			return f.wrong(s, "UTF-8")
		}
		v.SetString(s)
	case reflect.Bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return f.wrong(s, "true or false")
		}
		v.SetBool(b)
	case reflect.Uint64, reflect.Uint32:
		n, err := strconv.ParseUint(s, 10, v.Type().Bits())
		if err != nil || float64(n) > f.rules.max {
			return f.wrong(s, "an id")
		}
		v.SetUint(n)
	case reflect.Int, reflect.Int64, reflect.Int32:
		n, err := strconv.ParseInt(s, 10, v.Type().Bits())
		if err != nil || float64(n) < f.rules.min || float64(n) > f.rules.max {
			return f.wrong(s, f.rules.numbers())
		}
		v.SetInt(n)
	default:
		panic(fmt.Sprintf("parameter %s: no values of type %s", f.names[0], v.Type()))
	}
	return nil
}

// numbers says in words which are allowed.
func (r rules) numbers() string {
	if r.max >= math.MaxInt64 {
		return fmt.Sprintf("a number, at least %.0f", r.min)
	}
	return fmt.Sprintf("a number from %.0f to %.0f", r.min, r.max)
}

// wrong is the answer to a malformed value. What stands in a path needs no name.
func (f *param) wrong(value, want string) error {
	text := quoted(value) + " is not " + want
	if f.in != "path" {
		text = f.names[0] + ": " + text
	}
	return apiError{http.StatusBadRequest, f.rules.reason, text}
}

// quoted is what a client sent, for a message, as far as that is bearable.
func quoted(value string) string {
	const most = 200
	if len(value) > most {
		value = value[:most] + "…"
	}
	return strconv.Quote(value)
}
