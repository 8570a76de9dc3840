package worklist

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// adopted takes _profile out of a search where it names the profile that every
// resource of the type is held against here: all of them meet it, whether they
// say so in meta.profile or not. Tools that poll for Tasks of a guide ask so,
// and would see none of those that came from a GP system.
func (s *Service) adopted(typ string, params url.Values) (rest url.Values, dropped []string) {
	source := s.cfg.Rules.Source(typ)
	if !strings.HasPrefix(source, "http") {
		return params, nil
	}
	var kept []string
	for _, v := range params["_profile"] {
		if slices.ContainsFunc(strings.Split(v, ","), func(one string) bool {
			url, _, _ := strings.Cut(one, "|")
			return url == source
		}) {
			dropped = append(dropped, v)
		} else {
			kept = append(kept, v)
		}
	}
	if len(dropped) == 0 {
		return params, nil
	}
	rest = maps.Clone(params)
	delete(rest, "_profile")
	if len(kept) > 0 {
		rest["_profile"] = kept
	}
	return rest, dropped
}
