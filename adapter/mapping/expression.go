package mapping

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/message"
)

// Bounds on expressions. The cost is CEL's own measure, about one per step;
// the largest expression of a shipped mapping stays below 500.
const (
	maxCost           = 50_000
	maxExpressionText = 4_000
	maxExpressionDeep = 50
)

// ident is what a name in an expression means.
type ident struct {
	constant bool
	index    int32 // of the constant, or the slot of a let or an $as
}

// expression is a compiled `= ...`.
type expression struct {
	program cel.Program
	fixed   bool // uses constants of the mapping only
	list    bool // gives several values
}

// expressions is the environment of all expressions of a mapping: CEL's
// standard functions, those of celStrings, and what reads the message. src,
// all, has, those of code tables and the plain functions of pipes are macros: they see their
// literal arguments when the mapping is loaded, check them there, and leave an
// index into a table behind.
type expressions struct {
	env  *cel.Env
	at   position // of the expression being compiled
	text string
}

// message variable and calls that only macros can write, because no
// identifier of the language has this form.
const (
	messageVar = "@message"
	callSrc    = "@src"
	callAll    = "@all"
	callHas    = "@has"
	callTable  = "@table"
	callPlain  = "@plain"
)

// tableCalls are the functions of code tables, in pipes and in expressions.
var tableCalls = []string{"code", "display", "system"}

// plainCalls are the functions of pipes that expressions have as well.
var plainCalls = []string{"text", "html", "trim", "upper", "lower", "digits", "nhsNumber", "ods", "date", "dateTime", "instant",
	"familyName", "namePrefix", "postcode", "addressTown", "addressCounty", "addressPostcode", "phone", "contactSystem",
	"contactUse", "snomed", "readCode"}

func (c *compiler) newExpressions() (*expressions, error) {
	x := &expressions{}
	dyn, str, num := cel.DynType, cel.StringType, cel.IntType
	opts := []cel.EnvOption{
		cel.ClearMacros(),
		cel.Macros(cel.AllMacro, cel.ExistsMacro, cel.ExistsOneMacro, cel.MapMacro, cel.MapFilterMacro, cel.FilterMacro),
		cel.ParserExpressionSizeLimit(maxExpressionText),
		cel.ParserRecursionLimit(maxExpressionDeep),
		cel.Variable(messageVar, dyn),
		cel.Function(callSrc, cel.Overload("src_dyn_int", []*cel.Type{dyn, num}, str, cel.BinaryBinding(celSrc))),
		cel.Function(callAll, cel.Overload("all_dyn_int", []*cel.Type{dyn, num}, cel.ListType(str), cel.BinaryBinding(celAll))),
		cel.Function(callHas, cel.Overload("has_dyn_int", []*cel.Type{dyn, num}, cel.BoolType, cel.BinaryBinding(celHas))),
		cel.Function(callTable, cel.Overload("table_dyn_int_int_string", []*cel.Type{dyn, num, num, str}, str, cel.FunctionBinding(celTable))),
		cel.Function(callPlain, cel.Overload("plain_dyn_int_string", []*cel.Type{dyn, num, str}, str, cel.FunctionBinding(celPlain))),
		cel.Macros(
			cel.GlobalMacro("src", 1, c.pathMacro(x, "src", callSrc)),
			cel.GlobalMacro("all", 1, c.pathMacro(x, "all", callAll)),
			cel.GlobalMacro("has", 1, c.pathMacro(x, "has", callHas))),
	}
	opts = append(opts, celStrings()...)
	for i := range tableCalls {
		opts = append(opts, cel.Macros(cel.GlobalMacro(tableCalls[i], 2, c.tableMacro(x, i))))
	}
	for i, name := range plainCalls {
		opts = append(opts, cel.Macros(cel.GlobalMacro(name, 1,
			func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
				return eh.NewCall(callPlain, eh.NewIdent(messageVar), eh.NewLiteral(types.Int(i)), args[0]), nil
			})))
	}
	for name := range c.m.celNames {
		opts = append(opts, cel.Variable(name, str))
	}
	env, err := cel.NewEnv(opts...)
	x.env = env
	return x, err
}

func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// pathMacro checks the path of src("PID-5.1") when the mapping is loaded.
func (c *compiler) pathMacro(x *expressions, name, call string) cel.MacroFactory {
	return func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		path, ok := literalText(args[0])
		if !ok {
			return nil, eh.NewError(args[0].ID(), name+` takes a path in quotes: `+name+`("PID-5.1")`)
		}
		at := x.where(eh.OffsetLocation(args[0].ID())).plus(1) // behind the quote
		s, ok := c.source(at, path)
		if !ok { // reported; any source will do to go on
			s = source{}
		}
		c.m.celSource = append(c.m.celSource, s)
		return eh.NewCall(call, eh.NewIdent(messageVar), eh.NewLiteral(types.Int(len(c.m.celSource)-1))), nil
	}
}

// tableMacro checks the table of code("sex", text) when the mapping is loaded.
func (c *compiler) tableMacro(x *expressions, which int) cel.MacroFactory {
	call := tableCalls[which]
	return func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		name, ok := literalText(args[0])
		if !ok {
			return nil, eh.NewError(args[0].ID(), call+` takes a table in quotes: `+call+`("sex", src("PID-8"))`)
		}
		t := c.table(x.where(eh.OffsetLocation(args[0].ID())), name)
		i := max(slices.Index(c.m.tableList, t), 0) // an unknown one is reported; any will do to go on
		return eh.NewCall(callTable, eh.NewIdent(messageVar), eh.NewLiteral(types.Int(which)), eh.NewLiteral(types.Int(i)), args[1]), nil
	}
}

// where turns a place in the expression into one in the file.
func (x *expressions) where(loc common.Location) position {
	at := x.at
	if at.folded || loc.Line() > 1 {
		if loc.Line() > 0 {
			at.line += loc.Line() - 1
		}
		return at
	}
	return at.plus(1 + loc.Column()) // 1: the equals sign
}

func (c *compiler) expression(at position, s string) *expression {
	if c.cel == nil {
		x, err := c.newExpressions()
		if err != nil {
			c.problem(at, "", "expressions cannot be set up: %s", err)
			return nil
		}
		c.cel = x
	}
	x := c.cel
	x.at, x.text = at, s[1:]
	before := len(c.problems)
	checked, issues := x.env.Compile(x.text)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			c.celProblem(x.where(e.Location), e)
		}
		return nil
	}
	out := &expression{fixed: true}
	switch t := checked.OutputType(); t.Kind() {
	case types.StringKind, types.BoolKind, types.IntKind, types.UintKind, types.DoubleKind, types.DynKind:
	case types.ListKind:
		out.list = true
	default:
		c.problem(at, "", "an expression gives a text, a number, true or false, or a list of texts; this gives %s", t)
	}
	c.celNamesUsed(out, checked)
	if len(c.problems) > before {
		return nil
	}
	var err error
	out.program, err = x.env.Program(checked, cel.CostLimit(maxCost), cel.CostTracking(textCost{}))
	if err != nil {
		c.problem(at, "", "%s", firstLine(err.Error()))
		return nil
	}
	return out
}

// celNamesUsed notes whether the expression reads the message, and reports
// names that have no meaning where it stands.
func (c *compiler) celNamesUsed(out *expression, checked *cel.Ast) {
	info := checked.NativeRep().SourceInfo()
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		word := e.AsIdent()
		if word == messageVar {
			out.fixed = false
			return
		}
		id, declared := c.m.celNames[word]
		if declared {
			c.touch("let", word)
			c.touch("$as", word)
			c.touch("constant", word)
		}
		if declared && id.constant {
			c.early(c.cel.at, id.index)
		}
		if !declared || id.constant {
			return
		}
		out.fixed = false
		if !slices.ContainsFunc(c.scope, func(n name) bool { return n.text == word }) {
			at := c.cel.at
			if offset, ok := info.GetOffsetRange(e.ID()); ok {
				at = at.plus(1 + int(offset.Start))
			}
			c.problem(at, "", "%s cannot be used here: it is made further down, or inside another $each", word)
		}
	}))
}

// celProblem words an error of the CEL compiler for readers of mappings.
func (c *compiler) celProblem(at position, e *cel.Error) {
	msg := firstLine(e.Message)
	hint := ""
	if _, rest, ok := strings.Cut(msg, "undeclared reference to '"); ok {
		word, _, _ := strings.Cut(rest, "'")
		msg = "unknown name " + word
		// CEL places an unknown function at its bracket; readers look for its name.
		if end := e.Location.Column(); end <= len(c.cel.text) && strings.HasSuffix(c.cel.text[:end], word) {
			at = at.plus(-len(word))
		}
		names := append(slices.Concat(plainCalls, tableCalls), "src", "all", "has", "size")
		for n := range c.m.celNames {
			names = append(names, n)
		}
		hint = nearest(word, names)
	}
	c.problem(at, hint, "%s", strings.TrimPrefix(msg, "Syntax error: "))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// The functions behind the macros. Their first argument is the evaluation.

func celSrc(m, index ref.Val) ref.Val {
	e, s := sourceOf(m, index)
	if s == nil {
		return types.String("")
	}
	if text, n, ok := e.held(s); ok {
		e.touched(n, text)
		return types.String(text)
	}
	e.passes(s)
	n := e.place(s)
	v := e.textOf(n)
	if v == "" {
		e.asks(s)
	}
	e.touched(n, v)
	return types.String(v)
}

func celHas(m, index ref.Val) ref.Val {
	e, s := sourceOf(m, index)
	if s == nil {
		return types.False
	}
	if _, n, ok := e.held(s); ok {
		e.readBelow(n)
		e.celReads(n)
		return types.True
	}
	n := e.place(s)
	if e.blank(n) {
		e.asks(s)
		return types.False
	}
	e.readBelow(n)
	e.celReads(n)
	return types.True
}

func celAll(m, index ref.Val) ref.Val {
	e, s := sourceOf(m, index)
	out := []string{}
	if s != nil {
		if text, n, ok := e.held(s); ok {
			e.touched(n, text)
			out = append(out, text)
		}
		e.places(s, func(n message.Node) bool {
			if v := e.textOf(n); v != "" {
				e.touched(n, v)
				out = append(out, v)
			}
			return len(out) < maxRepetitions
		})
		if len(out) == 0 {
			e.asks(s)
		}
	}
	return types.NewStringList(types.DefaultTypeAdapter, out)
}

func celTable(args ...ref.Val) ref.Val {
	h, _ := args[0].(*handle)
	which, _ := args[1].(types.Int)
	i, _ := args[2].(types.Int)
	s, ok := args[3].(types.String)
	if h == nil || !ok {
		return types.NewErr("a code table takes a text")
	}
	v := val{text: string(s), node: h.e.readAs(string(s))}
	return types.String(functions[tableCalls[which]].one(h.e, &call{table: h.e.m.tableList[i]}, v).text)
}

func celPlain(args ...ref.Val) ref.Val {
	h, _ := args[0].(*handle)
	i, _ := args[1].(types.Int)
	s, ok := args[2].(types.String)
	if h == nil || !ok {
		return types.NewErr("the function takes a text")
	}
	v := val{text: string(s), node: h.e.readAs(string(s))}
	return types.String(functions[plainCalls[i]].one(h.e, &call{}, v).text)
}

func sourceOf(m, index ref.Val) (*eval, *source) {
	h, _ := m.(*handle)
	i, _ := index.(types.Int)
	if h == nil || int(i) >= len(h.e.m.celSource) {
		return nil, nil
	}
	return h.e, &h.e.m.celSource[i]
}

// held is the text that a source stands for, where it is one of $each over
// values, and the place it came from.
func (e *eval) held(s *source) (string, message.Node, bool) {
	if s.from != fromSlot || e.slots[s.slot].text == "" {
		return "", message.Node{}, false
	}
	sl := &e.slots[s.slot]
	return sl.text, nodeOf(e.tree, sl.from), true
}

// touched remembers a place an expression took a value from; the first is the
// origin of its result.
func (e *eval) touched(n message.Node, v string) {
	if v == "" {
		return
	}
	e.readNode(n)
	e.celReads(n)
	if e.celNode == 0 {
		e.celNode = n.ID() + 1
	}
}

// maxCelPlaces bounds the places that a finding of an expression names.
const maxCelPlaces = 8

// celReads notes a place that the expression at work took something from.
func (e *eval) celReads(n message.Node) {
	if id := n.ID() + 1; n.Ok() && len(e.celNodes) < maxCelPlaces && !slices.Contains(e.celNodes, id) {
		e.celNodes = append(e.celNodes, id)
	}
}

// asks notes a path at which the expression at work found nothing.
func (e *eval) asks(s *source) {
	if len(e.celEmpty) < maxCelPlaces && !slices.Contains(e.celEmpty, s) {
		e.celEmpty = append(e.celEmpty, s)
	}
}

// readAs is the place, as 1 + id, of the last value that the expression read
// and that is the text; 0: it put the text together.
func (e *eval) readAs(text string) int32 {
	for _, id := range slices.Backward(e.celNodes) {
		if e.textOf(nodeOf(e.tree, id)) == text {
			return id
		}
	}
	return 0
}

// nothingThere stands behind the path of a place at which there is nothing.
const nothingThere = " (nothing there)"

// celPlaces are the places that the expression at work read, in the words of
// addresses, and the paths at which it found nothing.
func (e *eval) celPlaces() string {
	var out []string
	for _, id := range e.celNodes {
		out = append(out, e.address(id))
	}
	for _, s := range e.celEmpty {
		out = append(out, s.says+nothingThere)
	}
	return strings.Join(out, ", ")
}

// handle carries the evaluation through CEL; no expression can look inside.
type handle struct{ e *eval }

var handleType = types.NewOpaqueType("message")

func (*handle) Type() ref.Type            { return handleType }
func (h *handle) Value() any              { return h }
func (h *handle) Equal(o ref.Val) ref.Val { return types.Bool(o == ref.Val(h)) }
func (*handle) ConvertToNative(reflect.Type) (any, error) {
	return nil, errExpression
}
func (*handle) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("the message as a whole is no value")
}

// ResolveName gives an expression its variables.
func (e *eval) ResolveName(name string) (any, bool) {
	if name == messageVar {
		return &e.handle, true
	}
	id, ok := e.m.celNames[name]
	if !ok {
		return nil, false
	}
	if id.constant {
		return types.String(e.constant(id.index)), true
	}
	s := &e.slots[id.index]
	v := s.text
	if s.node.Ok() {
		v = e.textOf(s.node)
	}
	if v != "" {
		e.readNode(nodeOf(e.tree, s.origin()))
		e.celReads(nodeOf(e.tree, s.origin()))
		if e.celNode == 0 {
			e.celNode = s.origin()
		}
	}
	return types.String(v), true
}

// Parent is nil: an evaluation is the only scope.
func (e *eval) Parent() cel.Activation { return nil }

var errExpression = errors.New("expression failed")

// run evaluates an expression and gives its values to each, in order. The
// error says only that it failed: CEL's own words may quote the message.
func (e *eval) run(x *expression, each func(val)) error {
	e.celNode = 0
	out, details, err := x.program.Eval(cel.Activation(e))
	if cost := details.ActualCost(); cost != nil {
		e.spend(int(min(*cost, maxCost)))
	}
	if err != nil || types.IsError(out) {
		return errExpression
	}
	if list, ok := out.(traits.Lister); ok {
		for it := list.Iterator(); it.HasNext() == types.True; {
			if v, ok := e.native(it.Next()); ok {
				each(v)
			}
		}
		return nil
	}
	if v, ok := e.native(out); ok {
		each(v)
	}
	return nil
}

// native turns a scalar of CEL into a value; null and "" are none.
func (e *eval) native(v ref.Val) (val, bool) {
	out := val{node: e.celNode}
	switch x := v.(type) {
	case types.String:
		out.text, out.kind = string(x), element.String
	case types.Bool:
		out.text, out.kind = "false", element.Bool
		if x {
			out.text = "true"
		}
	case types.Int, types.Uint, types.Double:
		s, ok := x.ConvertToType(types.StringType).(types.String)
		if !ok {
			return out, false
		}
		out.text, out.kind = string(s), element.Number
		if strings.ContainsAny(out.text, "nI") { // NaN, Inf: no JSON numbers
			return out, false
		}
	}
	return out, out.text != ""
}
