package estuaryapi

const maxPage = 10_000 // entries of one answer

// page asks for a part of a list. Sums of the two stay small.
type page struct {
	Limit  int `query:"limit" default:"500" max:"10000" doc:"most entries to answer"`
	Offset int `query:"offset" max:"1073741824" doc:"entries to pass over"`
}
