package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// fileLimit bounds the configuration file, in bytes.
const fileLimit = 1 << 20

// keyDelimiter cannot stand in a key of ours, so that viper never splits one.
const keyDelimiter = "::"

// Options say where settings come from.
type Options struct {
	File string   // path of the YAML file; empty: LINKLOOP_CONFIG of Env, or no file
	Env  []string // as of os.Environ; nil: no environment
}

// Load reads the file and the environment over Default and checks the result.
// The error is of type Problems and lists everything that is wrong.
func Load(o Options) (Config, error) {
	file := o.File
	if file == "" {
		file, _ = lookup(o.Env, EnvFile)
	}
	if file == "" {
		return Parse("", nil, o.Env)
	}
	body, err := readBounded(file, fileLimit)
	if err != nil {
		p := Problem{File: file, Text: "the configuration file " + err.Error(),
			Advice: "give the right path with --config or " + EnvFile}
		return Config{}, Problems{p}
	}
	return Parse(file, body, o.Env)
}

// Parse is Load with the content of the file at hand; name is used in problems
// only. Secret files are read from disk.
func Parse(name string, body []byte, env []string) (Config, error) {
	if len(body) > fileLimit {
		return Config{}, Problems{{File: name, Text: "is larger than " + Size(fileLimit).String()}}
	}
	r := &reader{file: name, places: places{}}
	fromFile := r.document(body)
	problems := r.problems

	// The list of records may itself come from the environment, so what it
	// names is known only after a first reading.
	first, _ := environment(env, places{}, nil)
	fromEnv, envProblems := environment(env, r.places, secretNames(fromFile, first))
	problems = append(problems, envProblems...)

	c, err := merge(fromFile, fromEnv)
	if err != nil {
		// The readers give every value its type, so this means that the schema
		// and the struct disagree.
		problems = append(problems, Problem{File: name, Text: "cannot be decoded: " + printable(err.Error())})
		return Config{}, problems.err()
	}
	c.places = r.places
	for i, s := range c.Senders {
		if s.Mapping == "" {
			c.Senders[i].Mapping = s.Name
		}
	}
	problems = append(problems, c.readSecrets(env, problems)...)
	problems = append(problems, c.check(problems)...)
	if err := problems.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// merge puts layers over the defaults, later ones first. It uses a viper of its
// own, never the global one; viper's guessing of types is off.
func merge(layers ...map[string]any) (Config, error) {
	v := viper.NewWithOptions(viper.KeyDelimiter(keyDelimiter))
	def := Default()
	for _, l := range schema.leaves("") {
		v.SetDefault(strings.ReplaceAll(l.key, ".", keyDelimiter), def.at(l))
	}
	for _, layer := range layers {
		if err := v.MergeConfigMap(layer); err != nil {
			return Config{}, err
		}
	}
	var c Config
	err := v.UnmarshalExact(&c, func(d *mapstructure.DecoderConfig) {
		d.WeaklyTypedInput = false
		d.DecodeHook = nil
	})
	return c, err
}

// readSecrets fills the tokens of the records and the password of the database.
func (c *Config) readSecrets(env []string, before Problems) Problems {
	var out Problems
	read := func(into *Secret, key, file, variable, what string) {
		switch {
		case before.about(key+"_file") || before.about(key+"_env") || file != "" && variable != "":
		case file != "":
			secret, err := readSecretFile(file)
			if err != nil {
				out = append(out, c.problem(key+"_file", "the file "+err.Error(), "put the "+what+" alone into the file"))
			}
			*into = secret
		case variable != "":
			words, ok := lookup(env, variable)
			if err := checkSecret(words); !ok {
				out = append(out, c.problem(key+"_env", "names an environment variable that is not set", ""))
			} else if err != nil {
				out = append(out, c.problem(key+"_env", "the variable "+err.Error(), ""))
			} else {
				*into = NewSecret(words)
			}
		}
	}
	for i := range c.Records {
		r := &c.Records[i]
		read(&r.Token, fmt.Sprintf("records[%d].token", i+1), r.TokenFile, r.TokenEnv, "token")
	}
	for i := range c.Senders {
		x := &c.Senders[i]
		read(&x.AnswerToken, fmt.Sprintf("senders[%d].answer_token", i+1), x.AnswerTokenFile, x.AnswerTokenEnv, "token")
	}
	for i := range c.Channels {
		x := &c.Channels[i]
		read(&x.Secret, fmt.Sprintf("channels[%d].secret", i+1), x.SecretFile, x.SecretEnv, "secret")
	}
	d := &c.Data
	read(&d.PostgresPassword, "data.postgres_password", d.PostgresPasswordFile, d.PostgresPasswordEnv, "password")
	return out
}

// problem is a Problem at the place where key was set.
func (c *Config) problem(key, text, advice string) Problem {
	at := c.places.of(key)
	return Problem{Key: key, File: at.file, Line: at.line, Column: at.column, Env: at.env, Text: text, Advice: advice}
}

// Changed compares two configurations: the keys that a reload applies and
// those that take effect only after a restart. A list counts as one key. The
// content of secrets counts as well.
func Changed(from, to Config) (reload, restart []string) {
	reloadable := map[string]bool{}
	for _, s := range settings {
		reloadable[s.Key] = s.Reload
	}
	for _, l := range schema.leaves("") {
		if reflect.DeepEqual(from.at(l), to.at(l)) {
			continue
		}
		if reloadable[l.key] {
			reload = append(reload, l.key)
		} else {
			restart = append(restart, l.key)
		}
	}
	return reload, restart
}
