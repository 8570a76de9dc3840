package mapping

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// The string functions of expressions are the house's own, because those of
// CEL's extension make texts of any length: a chain of replace fills the memory
// before its cost is counted. These refuse to make a text longer than maxText,
// and their cost counts the characters they read and write.

var errLong = types.NewErr("the text becomes too long")

func celStrings() []cel.EnvOption {
	str, num, list := cel.StringType, cel.IntType, cel.ListType(cel.StringType)
	member := func(name string, args []*cel.Type, result *cel.Type, f func(args []ref.Val) ref.Val) cel.EnvOption {
		id := "text_" + name
		for _, a := range args[1:] {
			id += "_" + a.String()
		}
		return cel.Function(name, cel.MemberOverload(id, args, result, cel.FunctionBinding(func(vs ...ref.Val) ref.Val { return f(vs) })))
	}
	one := func(name string, f func(string) string) cel.EnvOption {
		return member(name, []*cel.Type{str}, str, func(vs []ref.Val) ref.Val { return types.String(f(celText(vs[0]))) })
	}
	return []cel.EnvOption{
		one("trim", strings.TrimSpace),
		one("lowerAscii", strings.ToLower),
		one("upperAscii", strings.ToUpper),
		member("replace", []*cel.Type{str, str, str}, str, func(vs []ref.Val) ref.Val {
			s, ok := replaced(celText(vs[0]), celText(vs[1]), celText(vs[2]))
			if !ok {
				return errLong
			}
			return types.String(s)
		}),
		member("split", []*cel.Type{str, str}, list, func(vs []ref.Val) ref.Val {
			return types.NewStringList(types.DefaultTypeAdapter, strings.SplitN(celText(vs[0]), celText(vs[1]), maxRepetitions))
		}),
		member("indexOf", []*cel.Type{str, str}, num, func(vs []ref.Val) ref.Val {
			before, _, ok := strings.Cut(celText(vs[0]), celText(vs[1]))
			if !ok {
				return types.Int(-1)
			}
			return types.Int(len([]rune(before)))
		}),
		member("substring", []*cel.Type{str, num}, str, func(vs []ref.Val) ref.Val { return celSubstring(vs[0], vs[1], nil) }),
		member("substring", []*cel.Type{str, num, num}, str, func(vs []ref.Val) ref.Val { return celSubstring(vs[0], vs[1], vs[2]) }),
		member("join", []*cel.Type{list}, str, func(vs []ref.Val) ref.Val { return celJoin(vs[0], "") }),
		member("join", []*cel.Type{list, str}, str, func(vs []ref.Val) ref.Val { return celJoin(vs[0], celText(vs[1])) }),
	}
}

func celText(v ref.Val) string {
	s, _ := v.(types.String)
	return string(s)
}

// celSubstring counts characters, as CEL does; a place outside is an error.
func celSubstring(text, from, to ref.Val) ref.Val {
	runes := []rune(celText(text))
	start, _ := from.(types.Int)
	end := types.Int(len(runes))
	if to != nil {
		end, _ = to.(types.Int)
	}
	if start < 0 || end < start || int(end) > len(runes) {
		return types.NewErr("the text is not that long")
	}
	return types.String(runes[start:end])
}

func celJoin(v ref.Val, between string) ref.Val {
	list, ok := v.(traits.Lister)
	if !ok {
		return types.NewErr("join takes a list")
	}
	var b strings.Builder
	for it := list.Iterator(); it.HasNext() == types.True; {
		s, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("join takes a list of texts")
		}
		if b.Len()+len(between)+len(s) > maxText {
			return errLong
		}
		if b.Len() > 0 {
			b.WriteString(between)
		}
		b.WriteString(string(s))
	}
	return types.String(b.String())
}

// replaced is strings.ReplaceAll for results that are not too long.
func replaced(s, from, to string) (string, bool) {
	if len(to) > len(from) && len(s)+strings.Count(s, from)*(len(to)-len(from)) > maxText {
		return "", false
	}
	return strings.ReplaceAll(s, from, to), true
}

// textCost counts the characters that functions of texts read and write.
type textCost struct{}

func (textCost) CallCost(function, overload string, args []ref.Val, result ref.Val) *uint64 {
	if !strings.HasPrefix(overload, "text_") && !strings.HasPrefix(function, "@") {
		return nil
	}
	n := uint64(1)
	for _, v := range append([]ref.Val{result}, args...) {
		switch x := v.(type) {
		case types.String:
			n += uint64(len(x)) / 100
		case traits.Sizer:
			if size, ok := x.Size().(types.Int); ok {
				n += uint64(size)
			}
		}
	}
	return &n
}
