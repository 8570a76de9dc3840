package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvPrefix begins the name of every environment variable that is read.
const EnvPrefix = "LINKLOOP_"

// EnvFile names the configuration file when no file is given otherwise.
const EnvFile = EnvPrefix + "CONFIG"

// EnvName is the environment variable of a setting.
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// lookup finds a variable; the first of equals counts, as in os.Getenv.
func lookup(env []string, name string) (string, bool) {
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// environment reads every LINKLOOP_ variable into a tree of values. Variables
// that nobody knows are problems, except the secrets in allowed, which the
// configuration names itself.
//
// The lookup is ours and not viper's, because viper sees only keys it was
// asked for: a misspelt variable would be ignored in silence.
func environment(env []string, known places, allowed []string) (map[string]any, Problems) {
	byName := map[string]leaf{}
	var names []string
	for _, l := range schema.leaves("") {
		byName[EnvName(l.key)] = l
		names = append(names, EnvName(l.key))
	}
	out := map[string]any{}
	var problems Problems
	done := map[string]bool{}
	for _, e := range env {
		name, words, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, EnvPrefix) || name == EnvFile || done[name] || slices.Contains(allowed, name) {
			continue
		}
		done[name] = true
		l, ok := byName[name]
		if !ok {
			problems = append(problems, Problem{Env: printable(name), Text: "is not a known setting",
				Advice: "did you mean " + nearest(name, names) + "?"})
			continue
		}
		r := &reader{env: name, places: known}
		if v, ok := r.variable(l, words); ok {
			put(out, l.key, v)
		}
		problems = append(problems, r.problems...)
	}
	return out, problems
}

// variable reads one environment variable. Scalars are taken as they are;
// lists are YAML.
func (r *reader) variable(l leaf, words string) (any, bool) {
	if l.field.kind != entries && l.field.kind != texts {
		r.places[l.key] = place{env: r.env}
		return r.words(&yaml.Node{}, l.field, l.key, words)
	}
	if len(words) > fileLimit {
		r.add(&yaml.Node{}, l.key, "is larger than "+Size(fileLimit).String(), "")
		return nil, false
	}
	n, ok := r.parse([]byte(words), l.key)
	if !ok {
		return nil, false
	}
	if n == nil {
		r.add(&yaml.Node{}, l.key, "has no value", "write [] for an empty list")
		return nil, false
	}
	// A variable replaces the list of the file, and the places of its entries.
	for key := range r.places {
		if within(key, l.key) {
			delete(r.places, key)
		}
	}
	return r.value(n, l.field, l.key)
}

// put stores a value below the sections of a dotted key.
func put(tree map[string]any, key string, v any) {
	parts := strings.Split(key, ".")
	for _, p := range parts[:len(parts)-1] {
		sub, ok := tree[p].(map[string]any)
		if !ok {
			sub = map[string]any{}
			tree[p] = sub
		}
		tree = sub
	}
	tree[parts[len(parts)-1]] = v
}

// secretNames lists the variables that records name in token_env, and senders
// in answer_token_env and channels in secret_env, so that a secret may have a LINKLOOP_ name too. It looks at raw layers, before they are
// merged.
func secretNames(trees ...map[string]any) []string {
	var out []string
	for _, tree := range trees {
		for list, key := range map[string]string{"records": "token_env", "senders": "answer_token_env", "channels": "secret_env"} {
			entries, _ := tree[list].([]any)
			for _, e := range entries {
				if m, ok := e.(map[string]any); ok {
					if name, ok := m[key].(string); ok {
						out = append(out, name)
					}
				}
			}
		}
	}
	return out
}
