package features

import (
	"slices"
	"strings"

	"github.com/timeseam/timeseam/features/event"
)

// CompileService is Compile of one of the definition's services, as it is asked online:
// a query has the instant, called event_timestamp, the columns that key the entities
// in the types that events have there, and the request fields. Its digest is that of
// a training set of the same service which adds no labels.
func CompileService(def *Definition, cat Catalog, service string) (*Plan, error) {
	if _, err := Compile(def, cat, ""); err != nil {
		return nil, err
	}
	s := slices.IndexFunc(def.Services, func(s Service) bool { return s.Name.Value == service })
	if s < 0 {
		var names []string
		for _, s := range def.Services {
			names = append(names, s.Name.Value)
		}
		mend := "add one under feature_services"
		if len(names) > 0 {
			mend = "the definition has " + strings.Join(names, ", ")
		}
		if n := event.Nearest(service, names); n != "" {
			mend = "did you mean " + n + "?"
		}
		return nil, event.Faults{{File: def.File, Words: service, Problem: "no feature service is called " + service, Mend: mend}}
	}
	c := newCompiler(def, cat)
	c.emit(c.serviceColumns(&def.Services[s]))
	c.queries(nil)
	c.readSoFar()
	c.placings()
	c.planCopies()
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	return c.finish(), nil
}
