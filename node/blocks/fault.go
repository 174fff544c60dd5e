package blocks

// A Fault is something that is wrong with what is stored.
type Fault struct {
	Where string `json:"where"`
	What  string `json:"what"`
	Risk  bool   `json:"risk"` // content may be lost; else it costs room or time only
	Do    string `json:"do"`
}

// String is the fault in one line.
func (f Fault) String() string {
	bad := "room only"
	if f.Risk {
		bad = "data at risk"
	}
	return f.Where + ": " + f.What + " [" + bad + "]: " + f.Do
}
